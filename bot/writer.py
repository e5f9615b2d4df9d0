"""Who writes for agents: the interface, and the one who never does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Writer(Protocol):
    """Writes text from a prompt; slow, and asked for help at the desk only."""

    async def write(self, messages: Sequence[dict[str, str]], *, max_tokens: int, timeout_s: float) -> str:
        """Return what is written for chat messages of {role, content}; raise ModelError if nothing came in time."""

    def close(self) -> None:
        """Let go of the model."""


class NoWriter:
    """Has nothing to say: drafts and summaries are extractive."""

    async def write(self, messages: Sequence[dict[str, str]], *, max_tokens: int, timeout_s: float) -> str:
        """Return the empty text."""
        del messages, max_tokens, timeout_s
        return ""

    def close(self) -> None:
        """Nothing to let go of."""
