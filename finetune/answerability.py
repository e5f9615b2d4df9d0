"""Fit how likely a passage answers, on labelled questions; thresholds come from questions of sources left out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.answerability import SCORED, Answerability, TokenVectors, features
from bot.head import Array
from bot.presentable import shown_text
from finetune.judge import Judge
from finetune.labelled import Question
from retrieval.types import Hit

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3)
FOLDS = 10
LEAST_RIGHT = 20
"""Right pairs below which nothing is fitted: the cosine's threshold serves on."""


@dataclass(frozen=True)
class Pairs:
    """Questions beside the passages found for them.

    features float32 (N, F), right bool (N,), question int (N,): the question's number; shown bool (N,): whether a
    customer could be shown the passage; groups (N,): what is left out together.
    """

    features: Array
    right: NDArray[np.bool_]
    question: NDArray[np.int64]
    shown: NDArray[np.bool_]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Fitted:
    """The model on all pairs, what models said of pairs they never saw, and how strongly it was regularised."""

    model: Answerability
    out_of_fold: Array
    strength: float

    def best(self, pairs: Pairs, questions: int) -> list[tuple[float, bool]]:
        """Return (probability, right) of the passage each question would be answered with; (0, False) for none."""
        found = [(0.0, False)] * questions
        for row in np.flatnonzero(pairs.shown):
            number, chance = int(pairs.question[row]), float(self.out_of_fold[row])
            if chance > found[number][0]:
                found[number] = (chance, bool(pairs.right[row]))
        return found


def pair_up(
    questions: Sequence[Question],
    texts: Sequence[str],
    hits: Sequence[Sequence[Hit]],
    judge: Judge,
    tokens: TokenVectors,
) -> Pairs:
    """Lay each question beside its first hits. `texts` are the masked questions that were searched."""
    blocks, right, numbers, shown, groups = [], [], [], [], []
    for number, (question, found) in enumerate(zip(questions, hits, strict=True)):
        near = [hit for hit in found if hit.cosine is not None]
        if not near:
            continue
        blocks.append(features(texts[number], near, tokens))
        for hit in near[:SCORED]:
            right.append(judge.right(hit.passage, question.sources))
            numbers.append(number)
            shown.append(shown_text(hit.passage) is not None)
            groups.append(question.source or f"none {number}")
    stacked = np.vstack(blocks) if blocks else np.zeros((0, 0), np.float32)
    return Pairs(stacked, np.array(right, bool), np.array(numbers, np.int64), np.array(shown, bool), tuple(groups))


def fit_answerability(pairs: Pairs, seed: int) -> Fitted | None:
    """Fit a logistic regression; None if there is too little to learn from.

    Questions of one source are left out together, so that a fold's passages are new to it. The strength is picked by
    cross-validated log-likelihood.
    """
    if pairs.right.sum() < LEAST_RIGHT or (~pairs.right).sum() < LEAST_RIGHT or len(set(pairs.groups)) < FOLDS:
        return None
    names = sorted(set(pairs.groups))
    folds = dict(zip(names, np.random.default_rng(seed).permutation(len(names)) % FOLDS, strict=True))
    fold_of = np.asarray([folds[group] for group in pairs.groups])
    views = {strength: _out_of_fold(pairs, fold_of, strength) for strength in STRENGTHS}
    chosen = min(STRENGTHS, key=lambda strength: _log_loss(views[strength], pairs.right))
    return Fitted(_fit(pairs.features, pairs.right, chosen), views[chosen], chosen)


def _out_of_fold(pairs: Pairs, fold_of: NDArray[np.int64], strength: float) -> Array:
    chances = np.zeros(len(pairs.right), np.float32)
    for fold in np.unique(fold_of):
        held_out = fold_of == fold
        model = _fit(pairs.features[~held_out], pairs.right[~held_out], strength)
        chances[held_out] = model.probabilities(pairs.features[held_out])
    return chances


def _fit(rows: Array, right: NDArray[np.bool_], strength: float) -> Answerability:
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    mean, scale = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-6)
    with threadpool_limits(1), warnings.catch_warnings():
        fitted = LogisticRegression(C=strength, max_iter=2000).fit((rows - mean) / scale, right)
    return Answerability(mean, scale, fitted.coef_[0].astype(np.float32), float(fitted.intercept_[0]))


def _log_loss(chances: Array, right: NDArray[np.bool_]) -> float:
    likely = np.clip(np.where(right, chances, 1 - chances), 1e-6, 1)
    return float(-np.log(likely).mean())
