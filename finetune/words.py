"""What an utterance's own words say of its intent, beside its embedding: kept where they set more of them right.

An encoder knows little of a company's products and nothing of a language it never read; counted words and runs of
characters do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bot.head import Array, IntentHead
from bot.surface import Surface, SurfaceModel
from finetune.linear import calibrated_losses, regression
from finetune.surface import matrix, vocabularies

STRENGTH = 10.0
SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Words:
    """A model of surfaces, and how much its logits count beside the embedding's."""

    model: SurfaceModel
    share: float

    def beside(self, head: IntentHead) -> IntentHead:
        """Return the head with the words in it; the head as it is if they count nothing."""
        return replace(head, words=self.model, words_share=self.share) if self.share else head


def learn_words(read: Sequence[Surface], gold: NDArray[np.int64]) -> SurfaceModel:
    """Fit a logistic regression on N surfaces; gold (N,) holds every number from 0 to C - 1."""
    words, characters = vocabularies(read)
    weight, bias = regression(matrix(read, words, characters), gold, STRENGTH)
    return SurfaceModel(words, characters, np.ascontiguousarray(weight.T).astype(np.float16), bias)


def pick_share(logits: Array, said: Array, gold: NDArray[np.int64]) -> float:
    """Return how much the words' logits `said` (N, C) count beside the embeddings' `logits`, of utterances unseen.

    The share whose gain in log-likelihood, less its standard error, is largest; 0 if none is above 0.
    """
    without = calibrated_losses(logits, gold)

    def sure_gain(share: float) -> float:
        gains = without - calibrated_losses(logits + np.float32(share) * said, gold)
        return float(gains.mean() - gains.std() / np.sqrt(len(gains)))

    return max(SHARES, key=sure_gain)
