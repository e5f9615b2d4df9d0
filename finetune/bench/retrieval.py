"""`nightdesk bench retrieval`: choose the answer an agent gave among others, by words, untuned and tuned vectors."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from finetune.bench.ranking import by_encoder, by_words, read_selection
from finetune.encoder.loop import Examples, Told, tune
from finetune.encoder.recipe import Recipe
from finetune.errors import BadLabels
from retrieval.cleaning import join_turns, plain_turn
from retrieval.encoder import SentenceEncoder
from retrieval.exchanges import cut_exchanges
from retrieval.masking import Masker
from retrieval.readers import BadRow, Transcript, read_transcripts
from retrieval.settings import Settings as RetrievalSettings

PAIRS = Recipe(epochs=1, batch=32)
"""One epoch: pairs of an export are many and noisy."""


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

    exclude_last: threads at the end of `train` to leave out, where the bench's queries were taken from them. The
    bench file is opened after tuning. work: a folder that lets a killed run go on.
    """
    settings = retrieval or RetrievalSettings()
    masker = Masker.from_settings(settings)
    with TemporaryDirectory(prefix="nightdesk-bench-") as scratch:
        folder = _tuned(base, train, exclude_last, masker, settings, recipe, work or Path(scratch), told)
        selection = read_selection(bench, lambda text: masker.mask(join_turns([plain_turn(text)])[0]))
        ours = by_encoder(SentenceEncoder(folder, threads=1), selection) if folder else None
    zero_shot = by_encoder(SentenceEncoder(base, threads=1), selection)
    return {"ours": ours, "zero_shot": zero_shot, "bm25": by_words(selection)}


def _tuned(
    base: Path,
    train: Path | None,
    exclude_last: int,
    masker: Masker,
    settings: RetrievalSettings,
    recipe: Recipe,
    work: Path,
    told: Told | None,
) -> Path | None:
    if train is None:
        return None
    questions, answers = [], []
    for thread in _threads(train, exclude_last):
        for cut in cut_exchanges(thread.turns, masker, settings.language):
            questions.append(cut.question)
            answers.append(cut.answer)
    if len(questions) < 2:
        raise BadLabels(f"{train} holds {len(questions)} exchanges; tuning needs two at least")
    numbers = {answer: number for number, answer in enumerate(dict.fromkeys(answers))}
    examples = Examples([], [], questions, answers, [numbers[answer] for answer in answers])
    tuned = tune(base, examples, recipe, checkpoint=work / "pairs", told=told)
    shutil.rmtree(work / "model", ignore_errors=True)
    tuned.encoder.save(work / "model")
    return work / "model"


def _threads(path: Path, exclude_last: int) -> Iterator[Transcript]:
    """The threads that can be read, without the last ones of the file."""
    readable = [row for row in read_transcripts(path) if not isinstance(row, BadRow)]
    return islice(readable, max(0, len(readable) - exclude_last))
