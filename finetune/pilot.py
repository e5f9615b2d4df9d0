"""What a pilot teaches: an encoder tuned without some utterances shows on them what the next one will be worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.catalogue import Handle, IntentEntry
from bot.head import Array, IntentHead, ScopeWeights, softmax
from bot.surface import read_surface
from finetune.heads import OutOfFold, exemplars_of, fit_scope
from finetune.linear import best_temperature, regression
from finetune.words import Words, learn_words, pick_share

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
    words_share: float
    temperature: float
    scope: ScopeWeights
    accuracy: float
    view: OutOfFold


@dataclass(frozen=True)
class Rows:
    """Vectors float32 (N, D) of unit length with the numbers int (N,) of their intents, and their texts."""

    vectors: Array
    gold: NDArray[np.int64]
    texts: Sequence[str]


def judge_pilot(
    labels: Sequence[str],
    seen: Rows,
    unseen: Rows,
    outside: Array,
    outside_texts: Sequence[str],
    *,
    proxies: Array | None,
    seed: int,
) -> Verdict:
    """Choose the head, what words count in it, its temperature and its out-of-scope score on the unseen rows.

    All vectors are the pilot's. outside: (M, D), utterances out of scope, which no tuning sees; M may be 0.
    proxies: (C, D), the tuned ones, already scaled; None leaves them out of the choice.
    """
    strength, logits = _plainest(seen, unseen, proxies)
    model = learn_words(seen.texts, seen.gold)
    said = model.logits([read_surface(text) for text in unseen.texts])
    share = pick_share(logits, said, unseen.gold)
    logits = logits + share * said
    temperature = best_temperature(logits, unseen.gold)
    accuracy = float((logits.argmax(1) == unseen.gold).mean())
    head = _head(labels, seen, strength, proxies, Words(model, share), temperature)
    rows = np.vstack([unseen.vectors, outside])
    logits = head.logits(rows, [*unseen.texts, *outside_texts])
    scope, scores = fit_scope(head.scope_features(rows, logits), len(unseen.gold), FOLDS, seed)
    gold = np.concatenate([unseen.gold, np.full(len(outside), -1)])
    view = OutOfFold(tuple(labels), softmax(logits), scores, gold)
    return Verdict(strength, share, temperature, scope, accuracy, view)


def _plainest(seen: Rows, unseen: Rows, proxies: Array | None) -> tuple[float, Array]:
    """Return the strength of the head that is right most often on the unseen rows, and its logits (N, C).

    Of equals the plainest. Proxies have to beat the regressions by a standard error: on few rows the choice is a draw,
    and with few examples regressions are the better ones (BANKING77, 5 an intent, three seeds: .821 against .815).
    """

    def tried(strength: float) -> tuple[float, float, Array]:
        weight, bias = linear(seen, strength, proxies)
        logits = unseen.vectors @ weight.T + bias
        return float((logits.argmax(1) == unseen.gold).mean()), strength, logits

    right, strength, logits = max((tried(strength) for strength in STRENGTHS), key=lambda row: row[0])
    if proxies is not None:
        by_proxies = tried(PROXIES)
        error = float(np.sqrt(right * (1 - right) / len(unseen.gold)))
        if by_proxies[0] > right + error:
            return PROXIES, by_proxies[2]
    return strength, logits


def made_head(labels: Sequence[str], rows: Rows, verdict: Verdict, proxies: Array | None) -> IntentHead:
    """Return the head that the verdict asks for, fitted on these rows; its catalogue says no more than the labels."""
    words = Words(learn_words(rows.texts, rows.gold), verdict.words_share) if verdict.words_share else None
    return _head(labels, rows, verdict.strength, proxies, words, verdict.temperature, verdict.scope)


def _head(
    labels: Sequence[str],
    rows: Rows,
    strength: float,
    proxies: Array | None,
    words: Words | None,
    temperature: float,
    scope: ScopeWeights | None = None,
) -> IntentHead:
    weight, bias = linear(rows, strength, proxies)
    catalogue = {label: IntentEntry(label.replace("_", " "), Handle.SEARCH) for label in labels}
    exemplars = exemplars_of(rows.vectors, rows.gold)
    head = IntentHead(tuple(labels), weight, bias, exemplars, temperature, scope or ScopeWeights(), catalogue)
    return words.beside(head) if words else head


def linear(rows: Rows, strength: float, proxies: Array | None) -> tuple[Array, Array]:
    """Return weight float32 (C, D) and bias (C,): the proxies themselves, or a regression of that strength."""
    if strength != PROXIES or proxies is None:
        return regression(rows.vectors, rows.gold, strength)
    return proxies, np.zeros(len(proxies), np.float32)
