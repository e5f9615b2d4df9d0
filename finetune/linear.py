"""Linear models over vectors, and how sure they may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bot.head import Array, unit_layers
from finetune.utterances import Utterances

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

LAYERS_SHARE = np.float32(0.5)
"""How long the middle layers are beside the vector. MiniLM, accuracy with none, .25, .5, 1: the demo company, untuned,
five folds .737, .748, .762, .763; tuned .808, .818, .824, .820; BANKING77, 5 an intent, untuned .807, .812, .817, –."""
TEMPERATURES = np.geomspace(0.05, 5.0, 60)


def regression(embeddings: Array | csr_matrix, gold: NDArray[np.int64], c: float) -> tuple[Array, Array]:
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


@dataclass(frozen=True)
class Linear:
    """What a head weighs: vectors by weight (C, D), middle layers by layers (C, W) where there are any, bias (C,)."""

    weight: Array
    bias: Array
    layers: Array | None = None

    def logits(self, utterances: Utterances) -> Array:
        """Return float32 (N, C)."""
        logits: Array = utterances.vectors @ self.weight.T + self.bias
        if self.layers is not None and utterances.layers is not None:
            logits = logits + unit_layers(utterances.layers, self.weight.shape[1]) @ self.layers.T
        return logits


def regression_over(utterances: Utterances, gold: NDArray[np.int64], c: float) -> Linear:
    """Return a regression over the vectors and, at half their length, the middle layers about their mean."""
    vectors = utterances.vectors
    if utterances.layers is None:
        return Linear(*regression(vectors, gold, c))
    layers = unit_layers(utterances.layers, vectors.shape[1])
    mean = layers.mean(axis=0)
    weight, bias = regression(np.hstack([vectors, LAYERS_SHARE * (layers - mean)]), gold, c)
    beside = np.ascontiguousarray(LAYERS_SHARE * weight[:, vectors.shape[1] :])
    return Linear(np.ascontiguousarray(weight[:, : vectors.shape[1]]), bias - beside @ mean, beside)


def best_temperature(logits: Array, gold: NDArray[np.int64]) -> float:
    """Guo et al. 2017, "On Calibration of Modern Neural Networks": one temperature by negative log-likelihood."""
    return float(min(TEMPERATURES, key=lambda temperature: _losses(logits / temperature, gold).mean()))


def calibrated_losses(logits: Array, gold: NDArray[np.int64]) -> Array:
    """Return each row's negative log-likelihood of gold (N,) under the logits (N, C), these at their best temperature.

    Of few rows it tells more than the share that is right.
    """
    return _losses(logits / best_temperature(logits, gold), gold)


def _losses(logits: Array, gold: NDArray[np.int64]) -> Array:
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses: Array = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(gold)), gold]
    return losses
