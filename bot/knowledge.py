"""What the reader needs of a bundle, whoever provides it: an encoder, an intent head, a search, thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from bot.composed.checker import Judge
from bot.head import Array, IntentHead
from bot.mentions import Mention
from bot.thresholds import Thresholds
from bot.types import Sentiment
from retrieval.related import Related
from retrieval.types import Hit


class Audience(StrEnum):
    """For whom passages are looked up."""

    CUSTOMER = "customers"
    AGENT = "agents"


class Knowledge(Protocol):
    """One bundle, loaded; it does not change."""

    @property
    def bundle(self) -> str:
        """The bundle's id."""

    @property
    def head(self) -> IntentHead | None:
        """The intent head, or None in a bundle that was never trained."""

    @property
    def thresholds(self) -> Thresholds:
        """What is good enough."""

    @property
    def related(self) -> Mapping[str, tuple[Related, ...]]:
        """Which articles go together, by source."""

    @property
    def judge(self) -> Judge | None:
        """What checks composed sentences, or None in a bundle that was trained without."""

    def encode(self, texts: Sequence[str]) -> Array:
        """Return float32 (B, D), rows of unit length."""

    def search(self, texts: Sequence[str], embeddings: Array, audience: Audience, k: int) -> list[list[Hit]]:
        """Return up to k hits of each text, best first, that the audience may see."""

    def mentions(self, texts: Sequence[str]) -> list[list[Mention]]:
        """Return what each text mentions, in order; nothing in a bundle without a tagger."""

    def layers(self, texts: Sequence[str]) -> Array | None:
        """Return the middle layers of texts that were encoded, float32 (B, W); None where nothing reads them."""

    def sentiments(self, texts: Sequence[str], embeddings: Array) -> Sequence[Sentiment | None]:
        """Return how each text sounds, None in a bundle without a sentiment head."""


KnowledgeSource = Callable[[], Knowledge]
"""Returns the bundle that serves; never blocks. Raises NotReady until there is one."""
