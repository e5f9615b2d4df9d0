"""`nightdesk bench retrieval`: choose the answer an agent gave among others, by words, untuned and tuned vectors."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from finetune.bench.ranking import encoder_scores, figures, joined, made_selection, read_selection, word_scores
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
CANDIDATES = 100
SHARES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 10.0)


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

    Ours: cosines by an encoder tuned on the transcripts' exchanges, with a share of BM25's score, as search joins
    vectors and words; the share is chosen on the newest exchanges, which tuning does not see. exclude_last: threads at
    the end of `train` to leave out, where the bench's queries were taken from them. The bench file is opened after
    both. work: a folder that lets a killed run go on.
    """
    settings = retrieval or RetrievalSettings()
    masker = Masker.from_settings(settings)
    with TemporaryDirectory(prefix="nightdesk-bench-") as scratch:
        ours: dict[str, float] | None = None
        sealed = _learn(base, train, exclude_last, masker, settings, recipe, work or Path(scratch), told)
        selection = read_selection(bench, lambda text: masker.mask(join_turns([plain_turn(text)])[0]))
        by_words = word_scores(selection)
        if sealed:
            cosines = encoder_scores(SentenceEncoder(sealed.folder, threads=1), selection)
            ours = figures(selection, joined(cosines, by_words, sealed.share)) | {"words": sealed.share}
    zero_shot = figures(selection, encoder_scores(SentenceEncoder(base, threads=1), selection))
    return {"ours": ours, "zero_shot": zero_shot, "bm25": figures(selection, by_words)}


@dataclass(frozen=True)
class _Sealed:
    """The tuned encoder's folder, and the share of BM25's score that goes with its cosines."""

    folder: Path
    share: float


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
    return _Sealed(work / "model", _share(SentenceEncoder(work / "model", threads=1), newest, recipe.seed))


def _share(encoder: SentenceEncoder, newest: Sequence[tuple[str, str]], seed: int) -> float:
    """Return the share of BM25 with which the newest exchanges rank best; 0 without enough of them."""
    if len(newest) < FEWEST:
        return 0.0
    selection = made_selection(newest, CANDIDATES, seed)
    cosines, by_words = encoder_scores(encoder, selection), word_scores(selection)
    return max(SHARES, key=lambda share: (figures(selection, joined(cosines, by_words, share))["mrr"], -share))


def _threads(path: Path, exclude_last: int) -> Iterator[Transcript]:
    """The threads that can be read, without the last ones of the file."""
    readable = [row for row in read_transcripts(path) if not isinstance(row, BadRow)]
    return islice(readable, max(0, len(readable) - exclude_last))
