"""What `train` puts into a bundle for composed answers: the checker, and whether customers may read what passes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.answerability import TokenVectors
from bot.composed.checker import FILE, Judge
from finetune.checker.fit import fit_checker, tabulate
from finetune.checker.labels import Standing, read_answers, stand
from finetune.checker.pairs import pairs_by_hand, pairs_by_rule, read_written
from retrieval.encoder import TokenEncoder

LEAST_ANSWERS = 100
LEAST_SUPPORTED, LEAST_COVERAGE = 0.95, 0.60


@dataclass(frozen=True)
class Support:
    """Files, figures and thresholds for the bundle."""

    files: dict[str, bytes]
    metrics: dict[str, Any]
    thresholds: dict[str, float]


def learn_support(pairs: Path, answers: Path | None, encoder: TokenEncoder, *, folds: int, seed: int) -> Support:
    """Fit the checker on labelled sentences and on what rules make of their passages; about a minute on one core.

    `answers` are composed answers that people labelled. Nothing is learnt from them: they decide whether customers may
    read such answers. Raises BadLabels.
    """
    written = read_written(pairs)
    rows = [
        *pairs_by_hand(written, encoder),
        *pairs_by_rule([(w.source, w.passages[0]) for w in written], encoder, seed),
    ]
    fitted = fit_checker(tabulate(rows, encoder), folds=folds, seed=seed)
    metrics: dict[str, Any] = dict(fitted.figures)
    composed = 0.0
    if answers is not None:
        standing = stand(read_answers(answers), Judge(fitted.checker, TokenVectors(encoder.encode_tokens)))
        metrics["answers"] = standing.figures()
        composed = float(good_enough(standing))
    return Support({FILE: fitted.checker.to_bytes()}, metrics, {"composed": composed})


def good_enough(standing: Standing) -> bool:
    """True where composed answers are proven: enough of them, supported, and answering no less than passages do."""
    return (
        standing.shown >= LEAST_ANSWERS
        and standing.coverage >= LEAST_COVERAGE
        and standing.supported >= LEAST_SUPPORTED
        and standing.answering >= standing.extractive_answering
    )
