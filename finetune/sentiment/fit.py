"""Fit a sentiment head; every choice is made on folds of the texts it learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bot.head import Array, softmax
from bot.sentiment import SentimentHead
from bot.surface import read_surface
from finetune.errors import BadLabels
from finetune.linear import best_temperature, regression
from finetune.surface import matrix, vocabularies

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

Labels = NDArray[np.int64]

SURFACE_C = (1.0, 4.0)
STATES_C = (0.0003, 0.001, 0.003, 0.01)
PREFERENCES = np.linspace(0, 1, 11)
UNSEEN = -12.0
"""Logit of a label that a fold has no example of."""


@dataclass(frozen=True)
class HeldOut:
    """What heads that never saw a text said of it: probabilities float32 (N, C), calibrated, and gold (N,)."""

    labels: tuple[str, ...]
    probabilities: Array
    gold: Labels


@dataclass(frozen=True)
class _Half:
    """One of the two models, as a matrix and its bias: logits = x · weight + bias."""

    weight: Array
    bias: Array


def fit_sentiment(
    texts: Sequence[str], labels: Sequence[str], states: Array, *, folds: int, seed: int
) -> tuple[SentimentHead, HeldOut, dict[str, float]]:
    """Return a head fitted on all texts, the out-of-fold view of the same texts, and what was chosen.

    states float32 (N, W): the encoder's middle layers, W may be 0. Both C are picked by cross-validated
    log-likelihood, so are the two models' shares and each label's bias; how far rare labels are preferred is picked
    by cross-validated macro F1. Raises BadLabels below two labels, or as many texts of the commonest as folds.
    """
    known = tuple(sorted(set(labels)))
    gold = np.asarray([known.index(label) for label in labels], dtype=np.int64)
    _refuse_too_little(known, gold, folds)
    fold_of = deal(gold, folds, seed)
    read = [read_surface(text) for text in texts]

    surfaces = {c: np.zeros((len(gold), len(known)), np.float32) for c in SURFACE_C}
    minds = {c: np.zeros_like(surfaces[SURFACE_C[0]]) for c in STATES_C} if states.shape[1] else {}
    for fold in range(folds):
        seen = fold_of != fold
        words, characters = vocabularies([read[i] for i in np.flatnonzero(seen)])
        x = matrix(read, words, characters)
        for c, logits in surfaces.items():
            half = _regress(x[seen], gold[seen], len(known), c)
            logits[~seen] = x[~seen] @ half.weight + half.bias
        for c, logits in minds.items():
            half = _states_half(states[seen], gold[seen], len(known), c)
            logits[~seen] = states[~seen] @ half.weight + half.bias

    surface_c = _likeliest(surfaces, gold)
    states_c = _likeliest(minds, gold) if minds else STATES_C[0]
    heard = [surfaces[surface_c], minds[states_c] if minds else np.zeros_like(surfaces[surface_c])]
    mix, bias = _mix(heard[0], heard[1], gold)
    held_out = HeldOut(known, softmax(mix[0] * heard[0] + mix[1] * heard[1] + bias), gold)
    preference, macro_f1 = _preference(held_out)

    words, characters = vocabularies(read)
    surface = _regress(matrix(read, words, characters), gold, len(known), surface_c)
    mind = _states_half(states, gold, len(known), states_c)
    head = SentimentHead(
        labels=known,
        words=words,
        characters=characters,
        surface_weight=surface.weight,
        surface_bias=surface.bias,
        states_weight=np.ascontiguousarray(mind.weight.T),
        states_bias=mind.bias,
        mix=mix,
        bias=bias,
        prefer=_prefer(gold, len(known), preference),
    )
    chosen = {
        "surface_C": surface_c,
        "states_C": states_c,
        "surface_share": round(mix[0], 3),
        "states_share": round(mix[1], 3),
        "preference": preference,
        "cross_validated_macro_f1": round(macro_f1, 4),
    }
    return head, held_out, chosen


def _refuse_too_little(labels: Sequence[str], gold: Labels, folds: int) -> None:
    if len(labels) < 2:
        raise BadLabels(f"every text has the label {labels[0]!r}; a sentiment head needs at least two labels")
    if (most := int(np.bincount(gold).max())) < folds:
        raise BadLabels(f"no label has more than {most} texts; {folds} folds need one with at least {folds}")


def deal(gold: Labels, folds: int, seed: int) -> Labels:
    """Each text's fold; every label is dealt out evenly, however rare."""
    fold_of = np.zeros(len(gold), np.int64)
    random = np.random.default_rng(seed)
    dealt = 0
    for label in np.unique(gold):
        rows = random.permutation(np.flatnonzero(gold == label))
        fold_of[rows] = (np.arange(len(rows)) + dealt) % folds
        dealt += len(rows)
    return fold_of


def _regress(x: Array | csr_matrix, gold: Labels, classes: int, c: float) -> _Half:
    """A logistic regression; a label without a text gets no weight and a logit of UNSEEN."""
    there = np.unique(gold)
    if len(there) == 1:
        found, bias = np.zeros((1, x.shape[1]), np.float32), np.zeros(1, np.float32)
    else:
        found, bias = regression(x, np.searchsorted(there, gold), c)
    weight = np.zeros((x.shape[1], classes), np.float32)
    weight[:, there] = found.T
    all_bias = np.full(classes, UNSEEN, np.float32)
    all_bias[there] = bias
    return _Half(weight, all_bias)


def _states_half(states: Array, gold: Labels, classes: int, c: float) -> _Half:
    """The same over states, each brought to mean 0 and deviation 1 first; the scaling is folded into the weights."""
    if not states.shape[1]:
        return _Half(np.zeros((0, classes), np.float32), np.zeros(classes, np.float32))
    mean, deviation = states.mean(axis=0), states.std(axis=0) + 1e-6
    half = _regress((states - mean) / deviation, gold, classes, c)
    weight = half.weight / deviation[:, None]
    return _Half(weight.astype(np.float32), (half.bias - mean @ weight).astype(np.float32))


def _likeliest(scored: dict[float, Array], gold: Labels) -> float:
    """The C whose logits, brought to their best temperature, make the labels likeliest."""

    def loss(c: float) -> float:
        chances = softmax(scored[c] / best_temperature(scored[c], gold))
        return -float(np.log(np.maximum(chances[np.arange(len(gold)), gold], 1e-12)).mean())

    return min(scored, key=loss)


def _mix(surface: Array, states: Array, gold: Labels) -> tuple[tuple[float, float], Array]:
    """How much each model's logits count, and a bias a label, by the likelihood of held-out labels."""
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    classes = surface.shape[1]
    rows = np.arange(len(gold))
    onehot = np.zeros_like(surface)
    onehot[rows, gold] = 1

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        chances = softmax(at[0] * surface + at[1] * states + at[2:])
        error = (chances - onehot) / len(gold)
        slope = np.concatenate([[(error * surface).sum(), (error * states).sum()], error.sum(axis=0)])
        held = 1e-3 * at[2:]  # a bias is known but for a constant
        value = -np.log(np.maximum(chances[rows, gold], 1e-12)).mean() + 0.5 * (held @ at[2:])
        return float(value), slope + np.concatenate([[0, 0], held])

    bounds = [(0, 10), (0, 10 if states.any() else 0)] + [(-10, 10)] * classes
    best = minimize(loss, [0.5, 0.5] + [0.0] * classes, jac=True, method="L-BFGS-B", bounds=bounds).x
    return (float(best[0]), float(best[1])), best[2:].astype(np.float32)


def _preference(view: HeldOut) -> tuple[float, float]:
    """How far rare labels are preferred, 0 not at all and 1 as if all were as common, and the macro F1 it gives."""
    from sklearn.metrics import f1_score

    logs = np.log(np.maximum(view.probabilities, 1e-12))

    def macro(preference: float) -> float:
        named = (logs + _prefer(view.gold, len(view.labels), preference)).argmax(axis=1)
        return float(f1_score(view.gold, named, average="macro", zero_division=0))

    scores = [macro(float(preference)) for preference in PREFERENCES]
    first = next(i for i, score in enumerate(scores) if score >= max(scores) - 0.001)
    return float(PREFERENCES[first]), scores[first]


def _prefer(gold: Labels, classes: int, preference: float) -> Array:
    share = np.bincount(gold, minlength=classes) / len(gold)
    result: Array = (-preference * np.log(share)).astype(np.float32)
    return result
