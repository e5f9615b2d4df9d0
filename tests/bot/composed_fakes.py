"""What composing needs in tests: a checker made by hand over the hashing encoder, and a writer that can be watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import numpy as np
from bot_fakes import WORD, encode

from bot.answerability import TokenVectors
from bot.composed.checker import FEATURES, Checker, Judge
from bot.errors import ModelError
from bot.head import Array


def encode_tokens(texts: Sequence[str]) -> tuple[Array, list[Array]]:
    """Each word is a token; equal words are equal vectors."""
    return encode(texts), [encode(WORD.findall(text.lower()) or ["nothing"]) for text in texts]


def all_words_known() -> Checker:
    """Supports a sentence all of whose meaning words, and whose denials, are those of the source."""
    splits, cuts, leaves = np.zeros((1, 7), np.int64), np.zeros((1, 7)), np.zeros((1, 8))
    splits[0, 0], cuts[0, 0] = FEATURES.index("words"), 0.99
    splits[0, 2], cuts[0, 2] = FEATURES.index("denies_other_sentence"), 0.5
    leaves[0] = [-5, -5, -5, -5, 5, 5, -5, -5]
    return Checker(splits, cuts, leaves, 0.0, 0.9)


def make_judge() -> Judge:
    return Judge(all_words_known(), TokenVectors(encode_tokens))


@dataclass
class PiecemealWriter:
    """Writes a text word by word; `holds_after` waits for ever after so many, `fails_after` breaks."""

    text: str
    holds_after: int | None = None
    fails_after: int | None = None
    given: int = 0
    stopped: bool = False

    async def write(self, messages: Sequence[dict[str, str]], *, max_tokens: int, timeout_s: float) -> str:
        del messages, max_tokens, timeout_s
        return self.text

    async def stream(
        self, messages: Sequence[dict[str, str]], *, max_tokens: int, timeout_s: float
    ) -> AsyncIterator[str]:
        del messages, max_tokens
        try:
            for number, word in enumerate(self.text.split(" ")):
                if number == self.fails_after:
                    raise ModelError("it ran out of time")
                if number == self.holds_after:
                    await asyncio.sleep(timeout_s * 100)
                self.given += 1
                yield word if number == 0 else f" {word}"
        finally:
            self.stopped = True

    def close(self) -> None:
        self.stopped = True
