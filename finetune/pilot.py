"""What a pilot teaches: an encoder tuned without some utterances shows on them what the next one will be worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.catalogue import Handle, IntentEntry
from bot.head import Array, IntentHead, ScopeWeights
from finetune.heads import OutOfFold, best_temperature, exemplars_of, fit_scope, regression

STRENGTHS = (3.0, 10.0, 30.0)
PROXIES = 0.0
"""Stands for the tuned proxies themselves where another head is a regression of some strength."""
FOLDS = 5
SEEN = "seen.json"
"""Beside a tuned model's folder, "<folder>-seen.json": the texts it was tuned on, which must not judge it."""


@dataclass(frozen=True)
class Verdict:
    """What was chosen on utterances that neither encoder nor head had seen, and what they said of them."""

    strength: float
    temperature: float
    scope: ScopeWeights
    accuracy: float
    view: OutOfFold


@dataclass(frozen=True)
class Rows:
    """Vectors float32 (N, D) of unit length with the numbers int (N,) of their intents."""

    vectors: Array
    gold: NDArray[np.int64]


def judge_pilot(
    labels: Sequence[str], seen: Rows, unseen: Rows, outside: Array, *, proxies: Array | None, seed: int
) -> Verdict:
    """Choose the head, its temperature and its out-of-scope score on the unseen rows.

    All vectors are the pilot's. outside: (M, D), utterances out of scope, which no tuning sees; M may be 0.
    proxies: (C, D), the tuned ones, already scaled; None leaves them out of the choice.
    """
    found = []
    for strength in (PROXIES, *STRENGTHS) if proxies is not None else STRENGTHS:
        weight, bias = linear(seen, strength, proxies)
        logits = unseen.vectors @ weight.T + bias
        found.append((float((logits.argmax(1) == unseen.gold).mean()), best_temperature(logits, unseen.gold), strength))
    accuracy, temperature, strength = max(found, key=lambda row: row[0])  # of equals the plainest, which comes first
    head = made_head(labels, seen, strength, proxies, temperature)
    rows = np.vstack([unseen.vectors, outside])
    probabilities = head.probabilities(rows)
    scope, scores = fit_scope(head.scope_features(rows, probabilities), len(unseen.gold), FOLDS, seed)
    gold = np.concatenate([unseen.gold, np.full(len(outside), -1)])
    view = OutOfFold(tuple(labels), probabilities, scores, gold)
    return Verdict(strength, temperature, scope, accuracy, view)


def made_head(
    labels: Sequence[str],
    rows: Rows,
    strength: float,
    proxies: Array | None,
    temperature: float,
    scope: ScopeWeights | None = None,
) -> IntentHead:
    """Return the head of that strength fitted on these rows; its catalogue says no more than the labels."""
    weight, bias = linear(rows, strength, proxies)
    catalogue = {label: IntentEntry(label.replace("_", " "), Handle.SEARCH) for label in labels}
    exemplars = exemplars_of(rows.vectors, rows.gold)
    return IntentHead(tuple(labels), weight, bias, exemplars, temperature, scope or ScopeWeights(), catalogue)


def linear(rows: Rows, strength: float, proxies: Array | None) -> tuple[Array, Array]:
    """Return weight float32 (C, D) and bias (C,): the proxies themselves, or a regression of that strength."""
    if strength != PROXIES or proxies is None:
        return regression(rows.vectors, rows.gold, strength)
    return proxies, np.zeros(len(proxies), np.float32)
