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
from bot.surface import SurfaceModel, read_surface
from finetune.linear import best_temperature, log_loss, regression
from finetune.surface import matrix, vocabularies

STRENGTH = 10.0
SHARES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 4.0)
EARNS = 0.003
"""Share of the utterances that words must set right to be worth their place."""


@dataclass(frozen=True)
class Words:
    """A model of surfaces, and how much its logits count beside the embedding's."""

    model: SurfaceModel
    share: float

    def beside(self, head: IntentHead) -> IntentHead:
        """Return the head with the words in it; the head as it is if they count nothing."""
        return replace(head, words=self.model, words_share=self.share) if self.share else head


def learn_words(texts: Sequence[str], gold: NDArray[np.int64]) -> SurfaceModel:
    """Fit a logistic regression on the surfaces of the texts; gold (N,) holds every number from 0 to C - 1."""
    read = [read_surface(text) for text in texts]
    words, characters = vocabularies(read)
    weight, bias = regression(matrix(read, words, characters), gold, STRENGTH)
    return SurfaceModel(words, characters, np.ascontiguousarray(weight.T).astype(np.float16), bias)


def pick_share(logits: Array, said: Array, gold: NDArray[np.int64]) -> float:
    """Return how much the words' logits `said` (N, C) count beside the embeddings' `logits`, of utterances unseen.

    By likelihood, each sum at its own best temperature; 0 unless EARNS more are right with them.
    """

    def loss(share: float) -> float:
        both: Array = logits + share * said
        return log_loss(both / best_temperature(both, gold), gold)

    best = min(SHARES, key=loss)
    gain = _right(logits + best * said, gold) - _right(logits, gold)
    return best if gain >= EARNS else 0.0


def _right(logits: Array, gold: NDArray[np.int64]) -> float:
    return float((logits.argmax(axis=1) == gold).mean())
