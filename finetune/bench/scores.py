"""Figures of merit, each from its definition."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 15
RECALL = 0.80

Floats = NDArray[np.floating]
Booleans = NDArray[np.bool_]


def macro_f1(named: NDArray[np.int64], gold: NDArray[np.int64]) -> float:
    """Return the mean over the test file's intents of F1; an intent that training lacks (-1) counts as one of F1 0."""
    from sklearn.metrics import f1_score

    return float(f1_score(gold, named, labels=np.unique(gold), average="macro", zero_division=0))


def calibration_error(confidence: Floats, right: Booleans) -> float:
    """Return the mean gap between confidence and accuracy over 15 equal bins, weighted by their sizes (Guo 2017)."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [abs(confidence[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins)]
    return float(sum(gaps))


def coverage_at(confidence: Floats, right: Booleans, wrong: float) -> float:
    """Return the largest share that can be answered, most confident first, with at most `wrong` of them wrong."""
    order = np.argsort(-confidence, kind="stable")
    shares = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    last_of_ties = np.append(np.diff(confidence[order]) != 0, True)
    good = np.flatnonzero((shares <= wrong) & last_of_ties)
    return float((good[-1] + 1) / len(order)) if len(good) else 0.0


def out_of_scope_figures(inside: Floats, right: Booleans, outside: Floats) -> dict[str, float]:
    """Return `auroc`, and `recall` with `in_scope_accuracy` at the highest threshold whose recall is at least .80.

    inside (N,) and outside (M,): scores, higher means out of scope; right (N,): whether the intent named is right.
    """
    from sklearn.metrics import roc_auc_score

    auroc = roc_auc_score(np.r_[np.zeros(len(inside)), np.ones(len(outside))], np.r_[inside, outside])
    threshold = np.sort(outside)[::-1][int(np.ceil(RECALL * len(outside))) - 1]
    return {
        "auroc": float(auroc),
        "recall": float((outside >= threshold).mean()),
        "in_scope_accuracy": float((right & (inside < threshold)).mean()),
    }
