"""Who writes for agents: the interface, and the one who never does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol


class Writer(Protocol):
    """Writes text from a prompt; slow, and asked for help at the desk only."""

    async def write(self, messages: Sequence[dict[str, str]], *, max_tokens: int, timeout_s: float) -> str:
        """Return what is written for chat messages of {role, content}; raise ModelError if nothing came in time."""

    def stream(self, messages: Sequence[dict[str, str]], *, max_tokens: int, timeout_s: float) -> AsyncIterator[str]:
        """Yield the same text in pieces as they are written, the sentence that the token limit cut off included.

        Closing the iterator stops the writing. Raises ModelError where `write` does, pieces may have come before.
        """

    def close(self) -> None:
        """Let go of the model."""


class NoWriter:
    """Has nothing to say: drafts and summaries are extractive."""

    async def write(self, messages: Sequence[dict[str, str]], *, max_tokens: int, timeout_s: float) -> str:
        """Return the empty text."""
        del messages, max_tokens, timeout_s
        return ""

    async def stream(
        self, messages: Sequence[dict[str, str]], *, max_tokens: int, timeout_s: float
    ) -> AsyncIterator[str]:
        """Yield nothing."""
        del messages, max_tokens, timeout_s
        nothing: tuple[str, ...] = ()
        for piece in nothing:
            yield piece

    def close(self) -> None:
        """Nothing to let go of."""
