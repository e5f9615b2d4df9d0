"""The tagger of a bundle: a head over the serving encoder's own states, learnt from the company's sentences."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.entities.conll import OUTSIDE, Sentence, read_conll
from finetune.entities.learn import LEANINGS, Learnt, learn_tagger, scores_of, tags_from
from finetune.entities.parts import Frozen, Part
from finetune.entities.recipe import TaggerRecipe
from finetune.entities.scores import entity_figures
from finetune.errors import BadLabels
from finetune.progress import Told
from retrieval.encoder import TokenEncoder
from retrieval.tagger import FILE, EncoderTagger, Tagger
from retrieval.word_shapes import words_of

FOLDS = 3
STOPS = frozenset(".!?…")
FEWEST = 60
"""Sentences below which a tagger is not worth a place in a bundle: folds of twenty tell nothing."""


@dataclass(frozen=True)
class LearntEntities:
    """What `train` adds to a bundle: files by name, and figures out of fold."""

    files: dict[str, bytes]
    metrics: dict[str, Any]


def learn_entities(
    path: Path,
    encoder: TokenEncoder,
    mask: Callable[[str], str],
    *,
    seed: int,
    recipe: TaggerRecipe | None = None,
    told: Told | None = None,
) -> LearntEntities:
    """Learn a tagger from a CoNLL file over the encoder as it is.

    mask: puts placeholders into a text as it is before it is read; each sentence is learnt both ways. The leaning away
    from O is chosen out of fold, as are the figures; the tagger itself learns from every sentence. Raises BadLabels.
    """
    started = time.perf_counter()
    sentences = read_conll(path)
    if len(sentences) < FEWEST:
        raise BadLabels(f"{path} holds {len(sentences)} sentences; entities need at least {FEWEST}")
    recipe = replace(recipe or TaggerRecipe.light(), seed=seed)
    reads = Frozen(encoder)
    fold_of = np.random.default_rng([seed, 11]).permutation(len(sentences)) % FOLDS
    leaning, metrics = _out_of_fold(reads, sentences, mask, fold_of, recipe)
    everything = learn_tagger(reads, _lessons(sentences, mask, seed), (), recipe, told=told)
    tagger = everything.leaning_to(leaning)
    metrics |= {"sentences": len(sentences), "leaning": leaning, "seconds": round(time.perf_counter() - started, 1)}
    return LearntEntities({FILE: tagger.to_bytes()}, metrics)


def entity_report(tagger: EncoderTagger, path: Path) -> dict[str, Any]:
    """Return the figures of a bundle's tagger on a CoNLL file that nothing was chosen on."""
    sentences = read_conll(path)
    reads = Frozen(tagger.encoder)
    parts = reads.prepare([sentence.words for sentence in sentences])
    words = [sentence.words for sentence in sentences]
    named = tags_from(tagger.tagger, scores_of(reads, tagger.tagger, parts), words)
    return entity_figures([sentence.tags for sentence in sentences], named)


def with_masked(sentences: Sequence[Sentence], mask: Callable[[str], str]) -> list[Sentence]:
    """Return the sentences, and those that masking changes once more with their placeholders, which are O."""
    masked = (masked_sentence(sentence, mask) for sentence in sentences)
    return [*sentences, *(sentence for sentence in masked if sentence is not None)]


def with_joined(sentences: Sequence[Sentence], seed: int) -> list[Sentence]:
    """Return the sentences, and half as many pairs of them as one text.

    Labelled utterances are mostly single sentences; in a letter a capital in the middle begins a sentence as often as
    it begins a name.
    """
    rng = np.random.default_rng([seed, 17])
    pairs = rng.permutation(len(sentences))[: len(sentences) // 2 * 2].reshape(-1, 2)
    return [*sentences, *(_joined(sentences[a], sentences[b]) for a, b in pairs)]


def _joined(one: Sentence, other: Sentence) -> Sentence:
    first = other.words[0]
    stop = () if one.words[-1] in STOPS else (".",)
    words = (*one.words, *stop, first[:1].upper() + first[1:], *other.words[1:])
    return Sentence(words, (*one.tags, *(OUTSIDE for _ in stop), *other.tags))


def masked_sentence(sentence: Sentence, mask: Callable[[str], str]) -> Sentence | None:
    """Return the sentence as it reads masked, or None if masking leaves it as it is."""
    plain = " ".join(sentence.words)
    changed = mask(plain)
    if changed == plain:
        return None
    words = tuple(word.text for word in words_of(changed))
    tags = [OUTSIDE] * len(words)
    for old, new, length in SequenceMatcher(None, sentence.words, words, autojunk=False).get_matching_blocks():
        tags[new : new + length] = sentence.tags[old : old + length]
    return Sentence(words, _begun(tags))


def _lessons(sentences: Sequence[Sentence], mask: Callable[[str], str], seed: int) -> list[Sentence]:
    return with_joined(with_masked(sentences, mask), seed)


def _begun(tags: Sequence[str]) -> tuple[str, ...]:
    """The tags with a B- wherever what an I- went on with is gone."""
    before, found = OUTSIDE, []
    for tag in tags:
        goes_on = tag.startswith("I-") and before[2:] == tag[2:]
        found.append(tag if goes_on or tag == OUTSIDE else f"B-{tag[2:]}")
        before = tag
    return tuple(found)


def _out_of_fold(
    reads: Frozen,
    sentences: Sequence[Sentence],
    mask: Callable[[str], str],
    fold_of: NDArray[np.int64],
    recipe: TaggerRecipe,
) -> tuple[float, dict[str, Any]]:
    """Return the leaning that suits sentences best that their tagger never saw, and the figures with it."""
    asked: list[tuple[Tagger, list[tuple[Part, NDArray[np.float32]]], list[Sentence]]] = []
    for fold in range(FOLDS):
        kept = [sentence for sentence, mine in zip(sentences, fold_of, strict=True) if mine != fold]
        out = [sentence for sentence, mine in zip(sentences, fold_of, strict=True) if mine == fold]
        learnt: Learnt = learn_tagger(reads, _lessons(kept, mask, recipe.seed), (), recipe)
        parts = reads.prepare([sentence.words for sentence in out])
        asked.append((learnt.tagger, scores_of(reads, learnt.tagger, parts), out))
    best: tuple[float, dict[str, Any]] | None = None
    for leaning in LEANINGS:
        gold, named = [], []
        for tagger, scores, out in asked:
            away = tagger.away(leaning)
            named += tags_from(tagger, [(part, rows - away) for part, rows in scores], [s.words for s in out])
            gold += [sentence.tags for sentence in out]
        figures = entity_figures(gold, named)
        if best is None or figures["entity_f1"] > best[1]["entity_f1"]:
            best = leaning, figures
    assert best is not None
    return best
