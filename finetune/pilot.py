"""What a pilot teaches: an encoder tuned without some utterances shows on them what the next one will be worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bot.catalogue import Handle, IntentEntry
from bot.head import MAX_EXEMPLARS, Array, IntentHead, ScopeWeights, softmax
from bot.surface import read_surface
from finetune.heads import OutOfFold, built_head, exemplars_of, fit_scope
from finetune.linear import Linear, best_temperature, calibrated_losses, regression_over
from finetune.utterances import Utterances
from finetune.words import Words, learn_words, pick_share

STRENGTHS = (3.0, 10.0, 30.0)
MANY = 5000
"""Rows from which on a regression of any strength is as good and takes minutes."""
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
    """Utterances with the numbers int (N,) of their intents."""

    utterances: Utterances
    gold: NDArray[np.int64]


def judge_pilot(
    labels: Sequence[str],
    seen: Rows,
    unseen: Rows,
    outside: Utterances,
    *,
    proxies: Array | None,
    seed: int,
) -> Verdict:
    """Choose the head, what words count in it, its temperature and its out-of-scope score on the unseen rows.

    All vectors are the pilot's. outside: M utterances out of scope, which no tuning sees; M may be 0.
    proxies: (C, D), the tuned ones, already scaled; None leaves them out of the choice.
    """
    strength, fitted, logits = _fittest(seen, unseen, proxies)
    model = learn_words([read_surface(text) for text in seen.utterances.texts], seen.gold)
    said = model.logits([read_surface(text) for text in unseen.utterances.texts])
    share = pick_share(logits, said, unseen.gold)
    logits = logits + share * said
    temperature = best_temperature(logits, unseen.gold)
    accuracy = float((logits.argmax(1) == unseen.gold).mean())
    exemplars = exemplars_of(seen.utterances.vectors, seen.gold)
    head = built_head(
        labels, fitted, exemplars, outside.vectors, temperature, catalogue_of(labels), Words(model, share)
    )
    logits = head.logits(*unseen.utterances.and_those(outside))
    features = head.scope_features(unseen.utterances.vectors, logits[: len(unseen.gold)])
    features = np.vstack([features, _features_of(outside.vectors, logits[len(unseen.gold) :], head, seed)])
    scope, scores = fit_scope(features, len(unseen.gold), FOLDS, seed)
    gold = np.concatenate([unseen.gold, np.full(len(outside.vectors), -1)])
    view = OutOfFold(tuple(labels), softmax(logits), scores, gold)
    return Verdict(strength, share, temperature, scope, accuracy, view)


def _features_of(outside: Array, logits: Array, head: IntentHead, seed: int) -> Array:
    """Return scope features (M, 4) of utterances out of scope, each by a head that knows a part without it."""
    features = np.zeros((len(outside), 4), np.float32)
    fold_of = np.random.default_rng(seed).permutation(len(outside)) % FOLDS
    for fold in np.unique(fold_of):
        mine = fold_of == fold
        known = outside[~mine][:MAX_EXEMPLARS]
        features[mine] = replace(head, outside=known if len(known) else None).scope_features(
            outside[mine], logits[mine]
        )
    return features


def _fittest(seen: Rows, unseen: Rows, proxies: Array | None) -> tuple[float, Linear, Array]:
    """Return the strength of the head that suits the unseen rows best, the head, and its logits (N, C).

    Regressions are told apart by likelihood. Proxies have to be right more often than the best of them by a standard
    error: on few rows the choice is a draw, and with few examples regressions are the better ones (BANKING77, 5 an
    intent, three seeds: .821 against .815).
    """

    def tried(strength: float) -> tuple[float, Linear, Array]:
        fitted = linear(seen, strength, proxies)
        return strength, fitted, fitted.logits(unseen.utterances)

    def right(found: tuple[float, Linear, Array]) -> float:
        return float((found[2].argmax(1) == unseen.gold).mean())

    strengths = STRENGTHS if len(seen.gold) < MANY else STRENGTHS[1:2]
    best = min(map(tried, strengths), key=lambda found: calibrated_losses(found[2], unseen.gold).mean())
    if proxies is not None:
        by_proxies, share = tried(PROXIES), right(best)
        if right(by_proxies) > share + np.sqrt(share * (1 - share) / len(unseen.gold)):
            return by_proxies
    return best


def made_head(labels: Sequence[str], rows: Rows, outside: Array, verdict: Verdict, proxies: Array | None) -> IntentHead:
    """Return the head that the verdict asks for, fitted on these rows; its catalogue says no more than the labels.

    outside: (M, D), vectors of what is out of scope; M may be 0.
    """
    words = None
    if verdict.words_share:
        model = learn_words([read_surface(text) for text in rows.utterances.texts], rows.gold)
        words = Words(model, verdict.words_share)
    fitted = linear(rows, verdict.strength, proxies)
    exemplars = exemplars_of(rows.utterances.vectors, rows.gold)
    catalogue = catalogue_of(labels)
    return built_head(labels, fitted, exemplars, outside, verdict.temperature, catalogue, words, verdict.scope)


def catalogue_of(labels: Sequence[str]) -> dict[str, IntentEntry]:
    """Return a catalogue that says no more than the labels' names."""
    return {label: IntentEntry(label.replace("_", " "), Handle.SEARCH) for label in labels}


def linear(rows: Rows, strength: float, proxies: Array | None) -> Linear:
    """Return the proxies themselves, or a regression of that strength."""
    if strength != PROXIES or proxies is None:
        return regression_over(rows.utterances, rows.gold, strength)
    return Linear(proxies, np.zeros(len(proxies), np.float32))
