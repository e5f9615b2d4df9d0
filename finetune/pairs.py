"""Questions and what answers them, as the corpus has them: what an encoder learns matching from.

Nobody labelled these. An agent's answer that says what an article says tells which article answers the question before
it; a card tells which questions are asked for one answer, so each of them is paired with another, as search meets a
card by its questions; an article's headings tell what it is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval.candidates import sort_exchanges, texts_to_embed
from retrieval.corpus import Corpus
from retrieval.encoder import Embeddings, Encoder
from retrieval.passages import all_passages, routes
from retrieval.settings import Settings
from retrieval.types import Passage, PassageKind
from retrieval.verdicts import read_verdicts

SAYS_THE_SAME = 0.6
"""The cosine from which an agent's answer is taken to say what a piece of an article says."""
LEAST_WORDS = 6
"""Shorter answers ("Done!") answer nothing in particular."""
NEAREST = 20
MOST_NEGATIVES = 4
TOO_ALIKE = 0.8
"""The cosine from which another text is taken to answer as well: no counterexample."""


@dataclass(frozen=True)
class Pairs:
    """Row i: a question, the text that answers it, and the number of its source; wrong answers near it, if mined."""

    questions: Sequence[str] = ()
    answers: Sequence[str] = ()
    sources: Sequence[int] = ()
    negatives: Sequence[Sequence[str]] = ()


NO_PAIRS = Pairs()


def corpus_pairs(home: Path, settings: Settings, encoder: Encoder, *, mined: bool = False) -> Pairs:
    """Return the pairs of the corpus in `home`; the encoder says which answers say what an article says.

    mined: whether wrong answers near each question are looked for as well.
    """
    with Corpus.read(home) as corpus:
        passages = [p for p in all_passages(corpus) if p.language not in settings.words_only_languages]
        led = routes(corpus)
        exchanges = [e for e in corpus.exchanges() if e.language not in settings.words_only_languages]
        approved = {key for key, verdict in read_verdicts(corpus.connection).items() if not verdict.withdrawn}
        sorted_out = sort_exchanges(iter(exchanges), settings.min_customers, approved)
        texts = texts_to_embed(sorted_out, [], settings)
    articles = [p for p in passages if p.kind is PassageKind.ARTICLE]
    rows = [(p.question, _as_indexed(p), p.id) for p in articles]
    cards = {p.id: p for p in passages if p.kind is PassageKind.CARD and not p.superseded}
    asked: dict[int, list[str]] = {}
    for number, led_by in led:
        if number in cards and led_by in texts:
            asked.setdefault(number, []).append(texts[led_by])
    rows += [(one, other, number) for number, group in asked.items() for one, other in _each_with_next(group)]
    said = [(e.leading_text, e.answer) for e in exchanges if len(e.answer.split()) >= LEAST_WORDS]
    rows += _told_by_agents(said, articles, encoder)
    rows = list(dict.fromkeys(rows))
    if not rows:
        return NO_PAIRS
    questions, answers, sources = (list(column) for column in zip(*rows, strict=True))
    return Pairs(questions, answers, sources, mine_negatives(questions, answers, encoder) if mined else ())


def _each_with_next(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return each distinct text with the one after it, the last with the first; nothing for a single one."""
    ring = list(dict.fromkeys(texts))
    return list(zip(ring, ring[1:] + ring[:1], strict=True)) if len(ring) > 1 else []


def _told_by_agents(
    said: Sequence[tuple[str, str]], articles: Sequence[Passage], encoder: Encoder
) -> list[tuple[str, str, int]]:
    """Return (question, article's piece, its id) where the agent's answer says what the piece says."""
    if not (said and articles):
        return []
    cosines = encoder.encode([answer for _, answer in said]) @ encoder.encode([p.text for p in articles]).T
    best = cosines.argmax(axis=1)
    return [
        (question, _as_indexed(articles[piece]), articles[piece].id)
        for (question, _), piece, row in zip(said, best, cosines, strict=True)
        if row[piece] >= SAYS_THE_SAME
    ]


def mine_negatives(questions: Sequence[str], answers: Sequence[str], encoder: Encoder) -> list[tuple[str, ...]]:
    """Return for each question the answers of others that are nearest to it, at most MOST_NEGATIVES.

    One that is nearly the right answer (cosine TOO_ALIKE) is left out: it may be right as well.
    """
    texts = list(dict.fromkeys(answers))
    place = {text: number for number, text in enumerate(texts)}
    vectors, asked = encoder.encode(texts), encoder.encode(questions)
    found = []
    for start in range(0, len(questions), 1024):
        own = vectors[[place[answer] for answer in answers[start : start + 1024]]]
        found += _near_but_wrong(asked[start : start + 1024], own, vectors, texts)
    return found


def _near_but_wrong(
    asked: Embeddings, own: Embeddings, vectors: Embeddings, texts: Sequence[str]
) -> list[tuple[str, ...]]:
    likeness, likeness_to_own = asked @ vectors.T, own @ vectors.T
    likeness[likeness_to_own >= TOO_ALIKE] = -1.0
    most = min(NEAREST, len(texts))
    nearest = np.argpartition(-likeness, most - 1, axis=1)[:, :most]
    rows = []
    for number, columns in enumerate(nearest):
        ordered = columns[np.argsort(-likeness[number, columns])]
        rows.append(tuple(texts[c] for c in ordered if likeness[number, c] > 0)[:MOST_NEGATIVES])
    return rows


def _as_indexed(piece: Passage) -> str:
    """A piece of an article as it is embedded for the index (retrieval.candidates.article_text)."""
    return f"{piece.question}: {piece.text}"
