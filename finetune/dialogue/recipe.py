"""How the next action is learnt: every number in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """Cross-entropy over the actions at each point where the agent acted.

    part: width of each of the four parts of an event; state: of what is remembered. word_dropout: share of the words
    of an event that training leaves out. patience: epochs without a better held-out likelihood after which training
    stops, the best epoch's weights being kept. held_out: share of the training dialogues, chosen by dialogue, by
    which epochs, temperature and threshold are chosen.
    """

    epochs: int = 30
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    clip: float = 1.0
    part: int = 96
    state: int = 256
    dropout: float = 0.3
    word_dropout: float = 0.1
    patience: int = 2
    held_out: float = 0.1
    seed: int = 13
