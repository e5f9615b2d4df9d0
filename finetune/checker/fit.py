"""Fit the checker; its threshold comes from sentences about articles that were left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.answerability import TokenVectors
from bot.composed.checker import DEPTH, FEATURES, Checker, features
from bot.head import Array
from bot.presentable import sentences
from finetune.checker.pairs import BY_HAND, Pair
from finetune.errors import BadLabels
from retrieval.encoder import TokenEncoder

TOGETHER = 64
TREES, RATE = 200, 0.06
LEAST_PRECISION = 0.98
DRAFTED_SUPPORTED = 0.15
"""What share of a small model's sentences is supported; a sixth to an eighth of SmolLM2's were (November 2026)."""


@dataclass(frozen=True)
class Table:
    """Pairs as numbers: features float32 (N, F), supported bool (N,), weights float32 (N,), sources and kinds (N,)."""

    features: Array
    supported: NDArray[np.bool_]
    weights: Array
    sources: NDArray[np.str_]
    kinds: NDArray[np.str_]


def tabulate(pairs: Sequence[Pair], encoder: TokenEncoder) -> Table:
    """Return the pairs' features; texts are encoded together, 64 pairs at a time."""
    tokens = TokenVectors(encoder.encode_tokens)
    rows: list[Array] = []
    for start in range(0, len(pairs), TOGETHER):
        some = pairs[start : start + TOGETHER]
        texts = [part for pair in some for passage in pair.passages for part in sentences(passage)]
        tokens.of([*(pair.sentence for pair in some), *texts])
        rows.extend(features(pair.sentence, pair.passages, tokens)[0] for pair in some)
    return Table(
        np.asarray(rows, np.float32).reshape(len(pairs), len(FEATURES)),
        np.asarray([pair.supported for pair in pairs], bool),
        np.asarray([pair.weight for pair in pairs], np.float32),
        np.asarray([pair.source for pair in pairs]),
        np.asarray([pair.kind for pair in pairs]),
    )


@dataclass(frozen=True)
class Fitted:
    """The checker on all pairs, and what checkers that had not seen a pair's source said of it."""

    checker: Checker
    out_of_fold: Array
    figures: dict[str, float]


def fit_checker(table: Table, *, folds: int, seed: int) -> Fitted:
    """Fit trees; take as threshold the lowest at which 98% of what passes out of fold is supported.

    Most of what a small model writes is not supported, so unsupported pairs count for more there than there are.
    Sources are left out whole. Raises BadLabels where there are fewer than two sources, or but one kind of label.
    """
    from sklearn.model_selection import GroupKFold

    sources = len(set(table.sources.tolist()))
    if sources < 2 or len(set(table.supported.tolist())) < 2:
        raise BadLabels("the checker needs supported and unsupported sentences about at least two sources")
    unseen = np.zeros(len(table.supported), np.float32)
    splitter = GroupKFold(min(folds, sources), shuffle=True, random_state=seed)
    for seen, left_out in splitter.split(table.features, groups=table.sources):
        if len(set(table.supported[seen].tolist())) == 2:
            unseen[left_out] = _fit(table, seen, seed).probabilities(table.features[left_out])
    threshold = least_threshold(unseen, table.supported, LEAST_PRECISION)
    everything = np.arange(len(table.supported))
    checker = replace(_fit(table, everything, seed), threshold=threshold)
    return Fitted(checker, unseen, _figures(table, unseen, threshold))


def least_threshold(probabilities: Array, supported: NDArray[np.bool_], precision: float) -> float:
    """Return the lowest probability from which on at least that share is supported; 1 where none is.

    Counted as if DRAFTED_SUPPORTED of all were.
    """
    order = np.argsort(-probabilities, kind="stable")
    right, wrong = np.cumsum(supported[order]), np.cumsum(~supported[order])
    right = right / max(right[-1], 1) * DRAFTED_SUPPORTED
    wrong = wrong / max(wrong[-1], 1) * (1 - DRAFTED_SUPPORTED)
    share = right / (right + wrong)
    last_of_its_value = np.append(np.diff(probabilities[order]) != 0, True)
    good = np.flatnonzero((share >= precision) & last_of_its_value)
    return float(np.floor(probabilities[order[good[-1]]] * 1e6) / 1e6) if len(good) else 1.0


def _fit(table: Table, rows: NDArray[np.int64], seed: int) -> Checker:
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(
        n_estimators=TREES, max_depth=DEPTH, learning_rate=RATE, subsample=0.7, random_state=seed
    )
    model.fit(table.features[rows], table.supported[rows], sample_weight=table.weights[rows])
    heaps = [_heap(tree.tree_) for tree in model.estimators_[:, 0]]
    splits, cuts, leaves = (np.stack(part) for part in zip(*heaps, strict=True))
    chance = float(np.average(table.supported[rows], weights=table.weights[rows]))
    return Checker(splits, cuts, RATE * leaves, float(np.log(chance / (1 - chance))), 1.0)


def _heap(tree: Any) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Lay a tree of at most DEPTH out in full; a leaf that comes early is repeated below itself."""
    inner = 2**DEPTH - 1
    splits, cuts = np.zeros(inner, np.int64), np.zeros(inner, np.float64)
    leaves = np.zeros(inner + 1, np.float64)

    def place(node: int, at: int) -> None:
        leaf = tree.children_left[node] < 0
        if at >= inner:
            leaves[at - inner] = tree.value[node][0][0]
            return
        if not leaf:
            splits[at], cuts[at] = tree.feature[node], tree.threshold[node]
        place(node if leaf else tree.children_left[node], 2 * at + 1)
        place(node if leaf else tree.children_right[node], 2 * at + 2)

    place(0, 0)
    return splits, cuts, leaves


def _figures(table: Table, unseen: Array, threshold: float) -> dict[str, float]:
    """Return how the threshold does out of fold, on all pairs and on those that people wrote."""
    from sklearn.metrics import roc_auc_score

    figures: dict[str, float] = {"pairs": len(unseen), "threshold": round(threshold, 4)}
    by_hand = table.weights >= BY_HAND
    for name, rows in (("all", np.ones(len(unseen), bool)), ("by_hand", by_hand)):
        supported, passed = table.supported[rows], unseen[rows] >= threshold
        if len(set(supported.tolist())) < 2:
            continue
        figures[f"auc_{name}"] = round(float(roc_auc_score(supported, unseen[rows])), 4)
        figures[f"precision_{name}"] = round(float(supported[passed].mean()) if passed.any() else 1.0, 4)
        figures[f"recall_{name}"] = round(float(passed[supported].mean()), 4)
    return figures
