"""Fit an intent head on embeddings; every choice is made on folds of the training utterances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.catalogue import IntentEntry
from bot.head import MAX_EXEMPLARS, IntentHead, ScopeWeights
from finetune.errors import BadLabels

Array = NDArray[np.float32]

REGULARISATION = (1.0, 3.0, 10.0, 30.0, 100.0)
TEMPERATURES = np.geomspace(0.05, 5.0, 60)


@dataclass(frozen=True)
class OutOfFold:
    """What heads that never saw an utterance said of it: the only honest input for thresholds.

    probabilities float32 (N, C) calibrated, out_of_scope float32 (N,), gold int (N,) with -1 for out of scope.
    """

    labels: tuple[str, ...]
    probabilities: Array
    out_of_scope: Array
    gold: NDArray[np.int64]


def fit_head(
    embeddings: Array,
    intents: Sequence[str],
    outside: Array,
    catalogue: Mapping[str, IntentEntry],
    *,
    folds: int,
    seed: int,
) -> tuple[IntentHead, OutOfFold, dict[str, float]]:
    """Fit a multinomial logistic regression, its temperature and its out-of-scope score.

    embeddings float32 (N, D) and outside float32 (M, D), rows of unit length; M may be 0.
    Returns the head fitted on all rows, the out-of-fold view of the same rows, and what was chosen.
    C is picked by cross-validated accuracy, the temperature by cross-validated log-likelihood.
    """
    labels = tuple(sorted(set(intents)))
    gold = np.asarray([labels.index(intent) for intent in intents], dtype=np.int64)
    _refuse_too_little(labels, gold, folds)
    fold_of = _folds(gold, folds, seed)
    outside_fold = np.random.default_rng(seed).integers(0, folds, len(outside))

    scored = {c: _out_of_fold_logits(embeddings, gold, fold_of, len(labels), c) for c in REGULARISATION}
    accuracy = {c: float((logits.argmax(1) == gold).mean()) for c, logits in scored.items()}
    best = max(accuracy.values())
    chosen = next(c for c in REGULARISATION if accuracy[c] >= best - 0.002)  # the plainest of the equally good
    temperature = best_temperature(scored[chosen], gold)

    features, outside_features = [np.zeros((len(rows), 2), np.float32) for rows in (embeddings, outside)]
    probabilities, outside_probabilities = [
        np.zeros((len(rows), len(labels)), np.float32) for rows in (embeddings, outside)
    ]
    for fold in range(folds):
        seen = fold_of != fold
        head = _head(labels, embeddings[seen], gold[seen], chosen, temperature, ScopeWeights(), catalogue)
        for rows, mine, into, into_features in (
            (embeddings, ~seen, probabilities, features),
            (outside, outside_fold == fold, outside_probabilities, outside_features),
        ):
            if mine.any():
                into[mine] = head.probabilities(rows[mine])
                into_features[mine] = head.scope_features(rows[mine], into[mine])

    scope, scores = fit_scope(np.vstack([features, outside_features]), len(features), folds, seed)
    view = OutOfFold(
        labels,
        np.vstack([probabilities, outside_probabilities]),
        scores,
        np.concatenate([gold, np.full(len(outside), -1)]),
    )
    head = _head(labels, embeddings, gold, chosen, temperature, scope, catalogue)
    return head, view, {"C": chosen, "temperature": temperature, "cross_validated_accuracy": accuracy[chosen]}


def _refuse_too_little(labels: Sequence[str], gold: NDArray[np.int64], folds: int) -> None:
    if len(labels) < 2:
        raise BadLabels(f"there is only the intent {labels[0]!r}; a head needs at least two")
    for index, label in enumerate(labels):
        if (count := int((gold == index).sum())) < folds:
            raise BadLabels(f"the intent {label!r} has {count} utterances; give it at least {folds}")


def _folds(gold: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    from sklearn.model_selection import StratifiedKFold

    fold_of = np.zeros(len(gold), np.int64)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for fold, (_, held_out) in enumerate(splitter.split(np.zeros(len(gold)), gold)):
        fold_of[held_out] = fold
    return fold_of


def regression(embeddings: Array, gold: NDArray[np.int64], c: float) -> tuple[Array, Array]:
    """Return weight float32 (C, D) and bias (C,) of a multinomial logistic regression."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    # On matrices this small BLAS threads only wait for each other: 0.09 s a fit with one, 4.3 s with two busy cores.
    with threadpool_limits(1):
        fitted = LogisticRegression(C=c, max_iter=1000).fit(embeddings, gold)
    weight, bias = fitted.coef_, fitted.intercept_
    if len(weight) == 1:  # two classes: sklearn keeps one row
        weight, bias = np.vstack([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return weight.astype(np.float32), bias.astype(np.float32)


def _out_of_fold_logits(
    embeddings: Array, gold: NDArray[np.int64], fold_of: NDArray[np.int64], classes: int, c: float
) -> Array:
    logits = np.zeros((len(gold), classes), np.float32)
    for fold in np.unique(fold_of):
        held_out = fold_of == fold
        weight, bias = regression(embeddings[~held_out], gold[~held_out], c)
        logits[held_out] = embeddings[held_out] @ weight.T + bias
    return logits


def best_temperature(logits: Array, gold: NDArray[np.int64]) -> float:
    """Guo et al. 2017, "On Calibration of Modern Neural Networks": one temperature by negative log-likelihood."""

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(scaled).sum(axis=1))
        return float((log_sum - scaled[np.arange(len(gold)), gold]).mean())

    return float(min(TEMPERATURES, key=loss))


def _head(
    labels: tuple[str, ...],
    embeddings: Array,
    gold: NDArray[np.int64],
    c: float,
    temperature: float,
    scope: ScopeWeights,
    catalogue: Mapping[str, IntentEntry],
) -> IntentHead:
    weight, bias = regression(embeddings, gold, c)
    return IntentHead(labels, weight, bias, exemplars_of(embeddings, gold), temperature, scope, catalogue)


def exemplars_of(embeddings: Array, gold: NDArray[np.int64]) -> Array:
    """All training rows while they fit, else each intent's mean, of unit length."""
    if len(embeddings) <= MAX_EXEMPLARS:
        return embeddings
    means = np.stack([embeddings[gold == label].mean(axis=0) for label in np.unique(gold)])
    result: Array = (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)
    return result


def fit_scope(features: Array, inside: int, folds: int, seed: int) -> tuple[ScopeWeights, Array]:
    """Fit the out-of-scope logistic on features of utterances that the head did not see; return it and their scores.

    features: (N, 2), the `inside` first ones in scope. The scores are cross-validated once more. With fewer than
    `folds` rows out of scope the logistic is the one that ScopeWeights starts with.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    outside = np.arange(len(features)) >= inside
    folds = min(folds, inside)
    if folds < 2 or outside.sum() < folds:
        weights = ScopeWeights()
        raw = features @ np.asarray([weights.probability, weights.cosine], np.float32) + weights.intercept
        return weights, (1 / (1 + np.exp(-raw))).astype(np.float32)
    model = LogisticRegression(C=10.0, class_weight="balanced")
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    scores = cross_val_predict(model, features, outside, cv=splitter, method="predict_proba")[:, 1]
    model.fit(features, outside)
    (probability, cosine), intercept = model.coef_[0], model.intercept_[0]
    return ScopeWeights(float(intercept), float(probability), float(cosine)), scores.astype(np.float32)
