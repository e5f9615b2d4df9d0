"""Fit an intent head on embeddings; every choice is made on folds of the training utterances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bot.catalogue import IntentEntry
from bot.head import MAX_EXEMPLARS, Array, IntentHead, ScopeWeights, softmax
from bot.surface import Surface, SurfaceModel, read_surface
from finetune.errors import BadLabels
from finetune.linear import Linear, best_temperature, regression_over
from finetune.utterances import Utterances
from finetune.words import Words, learn_words, pick_share

REGULARISATION = (3.0, 10.0, 30.0)


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
    utterances: Utterances,
    intents: Sequence[str],
    outside: Utterances,
    catalogue: Mapping[str, IntentEntry],
    *,
    folds: int,
    seed: int,
) -> tuple[IntentHead, OutOfFold, dict[str, float]]:
    """Fit a multinomial logistic regression, its temperature and its out-of-scope score.

    utterances: N of them; outside: M out of scope, M may be 0. The head reads middle layers if they are there, and
    words if they are and make it better. Returns the head fitted on all rows, the out-of-fold view of the same rows,
    and what was chosen. C is picked by cross-validated accuracy, temperature and the words' share by cross-validated
    log-likelihood.
    """
    labels = tuple(sorted(set(intents)))
    gold = np.asarray([labels.index(intent) for intent in intents], dtype=np.int64)
    _refuse_too_little(labels, gold, folds)
    fold_of = _folds(gold, folds, seed)
    outside_fold = np.random.default_rng(seed).integers(0, folds, len(outside.vectors))

    tried = {c: _out_of_fold(utterances, gold, fold_of, len(labels), c) for c in REGULARISATION}
    accuracy = {c: float((logits.argmax(1) == gold).mean()) for c, (logits, _) in tried.items()}
    best = max(accuracy.values())
    chosen = next(c for c in REGULARISATION if accuracy[c] >= best - 0.002)  # the plainest of the equally good
    logits, fitted = tried[chosen]
    words, surfaces = _OutOfFoldWords(np.zeros_like(logits)), [read_surface(text) for text in utterances.texts]
    if surfaces:
        words = _OutOfFoldWords.fit(surfaces, gold, fold_of, logits)
    logits = logits + np.float32(words.share) * words.said
    temperature = best_temperature(logits, gold)

    counts = len(gold), len(outside.vectors)
    features, outside_features = [np.zeros((count, 4), np.float32) for count in counts]
    probabilities, outside_probabilities = [np.zeros((count, len(labels)), np.float32) for count in counts]
    for fold in range(folds):
        seen = fold_of != fold
        exemplars = exemplars_of(utterances.vectors[seen], gold[seen])
        known_outside = outside.vectors[outside_fold != fold]
        head = built_head(labels, fitted[fold], exemplars, known_outside, temperature, catalogue, words.of(fold))
        for rows, mine, into, into_features in (
            (utterances, ~seen, probabilities, features),
            (outside, outside_fold == fold, outside_probabilities, outside_features),
        ):
            if mine.any():
                asked = rows.only(mine)
                found = head.logits(*asked)
                into[mine] = softmax(found)
                into_features[mine] = head.scope_features(asked.vectors, found)

    scope, scores = fit_scope(np.vstack([features, outside_features]), len(features), folds, seed)
    view = OutOfFold(
        labels,
        np.vstack([probabilities, outside_probabilities]),
        scores,
        np.concatenate([gold, np.full(counts[1], -1)]),
    )
    everywhere = Words(learn_words(surfaces, gold), words.share) if words.share else None
    everything = regression_over(utterances, gold, chosen)
    exemplars = exemplars_of(utterances.vectors, gold)
    head = built_head(labels, everything, exemplars, outside.vectors, temperature, catalogue, everywhere)
    right = float((logits.argmax(1) == gold).mean())
    figures = {"C": chosen, "words": words.share, "temperature": temperature, "cross_validated_accuracy": right}
    return replace(head, scope=scope), view, figures


@dataclass(frozen=True)
class _OutOfFoldWords:
    """What words say of utterances that they were not learnt from: said (N, C), the share chosen, a model a fold."""

    said: Array
    share: float = 0.0
    models: Sequence[SurfaceModel] = ()

    @classmethod
    def fit(
        cls, read: Sequence[Surface], gold: NDArray[np.int64], fold_of: NDArray[np.int64], logits: Array
    ) -> _OutOfFoldWords:
        said, models = np.zeros_like(logits), []
        for fold in range(int(fold_of.max()) + 1):
            seen, unseen = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
            models.append(learn_words([read[row] for row in seen.tolist()], gold[seen]))
            said[unseen] = models[-1].logits([read[row] for row in unseen.tolist()])
        return cls(said, pick_share(logits, said, gold), models)

    def of(self, fold: int) -> Words | None:
        return Words(self.models[fold], self.share) if self.share else None


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


def _out_of_fold(
    utterances: Utterances, gold: NDArray[np.int64], fold_of: NDArray[np.int64], classes: int, c: float
) -> tuple[Array, list[Linear]]:
    """Return logits (N, C) by regressions that never saw the row, and the regression of each fold's others."""
    logits, fitted = np.zeros((len(gold), classes), np.float32), []
    for fold in range(int(fold_of.max()) + 1):
        held_out = fold_of == fold
        fitted.append(regression_over(utterances.only(~held_out), gold[~held_out], c))
        logits[held_out] = fitted[fold].logits(utterances.only(held_out))
    return logits, fitted


def built_head(
    labels: Sequence[str],
    fitted: Linear,
    exemplars: Array,
    outside: Array,
    temperature: float,
    catalogue: Mapping[str, IntentEntry],
    words: Words | None,
    scope: ScopeWeights | None = None,
) -> IntentHead:
    """Return the head that weighs as fitted, with its words beside it if it has any; outside (M, D), M may be 0."""
    head = IntentHead(
        tuple(labels), fitted.weight, fitted.bias, exemplars, temperature, scope or ScopeWeights(), catalogue,
        layers=fitted.layers, outside=outside[:MAX_EXEMPLARS] if len(outside) else None,
    )  # fmt: skip
    return words.beside(head) if words else head


def exemplars_of(embeddings: Array, gold: NDArray[np.int64]) -> Array:
    """All training rows while they fit, else each intent's mean, of unit length."""
    if len(embeddings) <= MAX_EXEMPLARS:
        return embeddings
    means = np.stack([embeddings[gold == label].mean(axis=0) for label in np.unique(gold)])
    result: Array = (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)
    return result


def fit_scope(features: Array, inside: int, folds: int, seed: int) -> tuple[ScopeWeights, Array]:
    """Fit the out-of-scope logistic on features of utterances that the head did not see; return it and their scores.

    features: (N, 4), the `inside` first ones in scope. The scores are cross-validated once more. With fewer than
    `folds` rows out of scope the score is the energy alone: .5 where 2 of 100 in scope have less, .05 at their median.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    outside = np.arange(len(features)) >= inside
    folds = min(folds, inside)
    if folds < 2 or outside.sum() < folds:
        weights = _by_energy(features[:inside, 2])
        raw = features[:, 2] * weights.energy + weights.intercept
        return weights, (1 / (1 + np.exp(-raw))).astype(np.float32)
    model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    scores = cross_val_predict(model, features, outside, cv=splitter, method="predict_proba")[:, 1]
    model.fit(features, outside)
    weights = ScopeWeights(float(model.intercept_[0]), *map(float, model.coef_[0]))
    return weights, scores.astype(np.float32)


def _by_energy(energies: Array) -> ScopeWeights:
    low, median = np.quantile(energies, [0.02, 0.5]) if len(energies) else (0.0, 1.0)
    slope = np.log(19) / max(float(median - low), 1e-3)  # sigmoid(-log 19) = .05
    return ScopeWeights(float(low * slope), 0.0, 0.0, float(-slope), 0.0)
