"""`nightdesk bench retrieval`: choose the answer an agent gave among others, by words, untuned and tuned vectors."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from finetune.bench.memory import Memory, Ranker, features_of
from finetune.bench.ranking import encoder_scores, figures, made_selection, read_selection, word_scores
from finetune.encoder.loop import Examples, tune
from finetune.encoder.recipe import Recipe
from finetune.errors import BadLabels
from finetune.progress import Told
from retrieval.cleaning import join_turns, plain_turn
from retrieval.encoder import SentenceEncoder
from retrieval.exchanges import cut_exchanges
from retrieval.masking import Masker
from retrieval.readers import BadRow, Transcript, read_transcripts
from retrieval.settings import Settings as RetrievalSettings

PAIRS = Recipe(epochs=1, batch=128, learning_rate=2e-4)
"""One epoch: pairs of an export are many and noisy. Large batches: each answer stands against the batch's others."""

HELD = 500
FEWEST = 50
REMEMBERED = 50_000
CANDIDATES = 100


def bench_retrieval(
    base: Path,
    bench: Path,
    train: Path | None = None,
    *,
    exclude_last: int = 0,
    retrieval: RetrievalSettings | None = None,
    recipe: Recipe = PAIRS,
    work: Path | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Return `{"ours", "zero_shot", "bm25"}`, each `{"r1", "r10", "mrr"}`; `ours` is None without `train`.

    Ours: an encoder tuned on the transcripts' exchanges, its cosine joined with BM25 and with what the exchanges say
    of an answer (finetune/bench/memory.py; "weights" tells how), which is learnt on the newest exchanges, unseen by
    tuning. exclude_last: threads at the end of `train` to leave out, where the bench's queries were taken from them.
    The bench file is opened after all that. work: a folder that lets a killed run go on.
    """
    settings = retrieval or RetrievalSettings()
    masker = Masker.from_settings(settings)
    with TemporaryDirectory(prefix="nightdesk-bench-") as scratch:
        ours: dict[str, Any] | None = None
        sealed = _learn(base, train, exclude_last, masker, settings, recipe, work or Path(scratch), told)
        selection = read_selection(bench, lambda text: masker.mask(join_turns([plain_turn(text)])[0]))
        if sealed:
            rows = features_of(selection, sealed.encoder, sealed.memory)
            ours = figures(selection, sealed.ranker.scores(rows)) | {"weights": sealed.ranker.told()}
    zero_shot = figures(selection, encoder_scores(SentenceEncoder(base, threads=1), selection))
    return {"ours": ours, "zero_shot": zero_shot, "bm25": figures(selection, word_scores(selection))}


@dataclass(frozen=True)
class _Sealed:
    """The tuned encoder, the exchanges it was tuned on as it reads them, and how all is weighed."""

    encoder: SentenceEncoder
    memory: Memory
    ranker: Ranker


def _learn(
    base: Path,
    train: Path | None,
    exclude_last: int,
    masker: Masker,
    settings: RetrievalSettings,
    recipe: Recipe,
    work: Path,
    told: Told | None,
) -> _Sealed | None:
    if train is None:
        return None
    cuts = (
        cut
        for thread in _threads(train, exclude_last)
        for cut in cut_exchanges(thread.turns, masker, settings.language)
    )
    rows = [(cut.question, cut.answer) for cut in cuts]
    if len(rows) < 2:
        raise BadLabels(f"{train} holds {len(rows)} exchanges; tuning needs two at least")
    held = min(HELD, len(rows) // 10)
    learnt, newest = rows[: len(rows) - held], rows[len(rows) - held :]
    numbers = {answer: number for number, answer in enumerate(dict.fromkeys(answer for _, answer in learnt))}
    questions, answers = zip(*learnt, strict=True)
    examples = Examples([], [], questions, answers, [numbers[answer] for answer in answers])
    tuned = tune(base, examples, recipe, checkpoint=work / "pairs", told=told)
    shutil.rmtree(work / "model", ignore_errors=True)
    tuned.encoder.save(work / "model")
    encoder = SentenceEncoder(work / "model", threads=1)
    memory = Memory.read(encoder, learnt[-REMEMBERED:])
    return _Sealed(encoder, memory, _ranker(encoder, memory, newest, recipe.seed))


def _ranker(encoder: SentenceEncoder, memory: Memory, newest: Sequence[tuple[str, str]], seed: int) -> Ranker:
    """Return the ranker that the newest exchanges teach; cosines alone without enough of them."""
    if len(newest) < FEWEST:
        return Ranker.by_cosine()
    selection = made_selection(newest, CANDIDATES, seed)
    return Ranker.fit(features_of(selection, encoder, memory), [choice.gold for choice in selection.choices])


def _threads(path: Path, exclude_last: int) -> Iterator[Transcript]:
    """The threads that can be read, without the last ones of the file."""
    readable = [row for row in read_transcripts(path) if not isinstance(row, BadRow)]
    return islice(readable, max(0, len(readable) - exclude_last))
