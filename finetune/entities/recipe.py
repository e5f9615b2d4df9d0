"""How a tagger is learnt: every number in one place."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class TaggerRecipe:
    """The loss is the negative log-likelihood of a linear-chain CRF over the words' tags.

    reads: sentences read in all, from which the number of epochs follows, between least_epochs and most_epochs.
    learning_rate: of the body's highest layer; each layer below learns by layer_decay less. head_learning_rate: of
    all that is new. warm_up: share of the steps in which the rates rise; they fall to zero afterwards.
    dropout: of the body's hidden states; head_dropout: of what the head reads and of its hidden layer.
    frozen_layers: the lowest layers that stay as they are; word embeddings always do. They are run once a sentence.
    word_dropout: share of the words whose pieces are hidden from the body, affix_dropout: from the shapes' tables.
    lower_dropout: share of the sentences that are read without their capitals.
    patience: epochs without a better dev F1 after which tuning stops. held_out: share of the training sentences
    that stands in for a dev file.
    """

    reads: int = 17_000
    least_epochs: int = 3
    most_epochs: int = 10
    batch: int = 16
    learning_rate: float = 1e-4
    layer_decay: float = 0.85
    head_learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warm_up: float = 0.1
    clip: float = 1.0
    hidden: int = 128
    dropout: float = 0.1
    head_dropout: float = 0.3
    word_dropout: float = 0.05
    affix_dropout: float = 0.15
    lower_dropout: float = 0.05
    frozen_layers: int = 2
    max_tokens: int = 128
    patience: int = 3
    held_out: float = 0.1
    seed: int = 13

    @classmethod
    def light(cls) -> TaggerRecipe:
        """Return the recipe of a head over an encoder that stays as it is: an epoch costs next to nothing."""
        return cls(
            reads=15_000, least_epochs=10, most_epochs=40, patience=10, head_learning_rate=3e-3, head_dropout=0.4
        )

    def epochs(self, sentences: int) -> int:
        """Return how often that many sentences are read."""
        return min(self.most_epochs, max(self.least_epochs, round(self.reads / max(1, sentences))))

    def fingerprint(self, *data: object) -> str:
        """Return 12 hex digits of the recipe and of what it is used on: a checkpoint of other work is no checkpoint."""
        made = json.dumps([asdict(self), *data], sort_keys=True, default=str)
        return hashlib.sha256(made.encode()).hexdigest()[:12]
