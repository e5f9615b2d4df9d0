"""Sentences as they are read: in parts that fit the encoder, with their shapes, and padded side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from finetune.entities.body import Lower, Pieces, TaggerBody
from retrieval.encoder import Embeddings, TokenEncoder
from retrieval.tagger import Alignment
from retrieval.word_shapes import Shapes, shapes_of


@dataclass(frozen=True)
class Part:
    """Words `start` on of a sentence. `pieces` and `rows` for a body that learns, `states` (W, D) where it doesn't."""

    sentence: int
    start: int
    shapes: Shapes
    lower: Shapes
    pieces: Pieces = ()
    rows: Lower | None = None
    states: Embeddings | None = None

    @property
    def length(self) -> int:
        """How long it takes to read: in pieces, else in words."""
        return sum(map(len, self.pieces)) or len(self.shapes)


class Reads(Protocol):
    """Gives the states of words: a body that learns, or an encoder that stays as it is."""

    @property
    def module(self) -> nn.Module | None:
        """What of it learns."""

    @property
    def width(self) -> int:
        """D."""

    def prepare(self, sentences: Sequence[Sequence[str]]) -> list[Part]:
        """Return the sentences in parts, in order."""

    def states(self, parts: Sequence[Part]) -> Tensor:
        """Return (B, W, D)."""


class Tuned:
    """A body that learns."""

    def __init__(self, body: TaggerBody) -> None:
        self.module: nn.Module | None = body
        self.width = body.width
        self.body = body

    def prepare(self, sentences: Sequence[Sequence[str]]) -> list[Part]:
        """Return the sentences, cut where they have more pieces than the body reads at once."""
        distinct = sorted({word for words in sentences for word in words})
        known = dict(zip(distinct, self.body.pieces(distinct), strict=True))
        found = []
        for number, words in enumerate(sentences):
            pieces = tuple(known[word] for word in words)
            for start, end in _cuts([len(word) for word in pieces], self.body.room):
                found.append(_part(number, start, words[start:end], pieces=pieces[start:end]))
        lower = self.body.lower([part.pieces for part in found])
        return [replace(part, rows=rows) for part, rows in zip(found, lower, strict=True)]

    def states(self, parts: Sequence[Part]) -> Tensor:
        """Return (B, W, D)."""
        states: Tensor = self.body([(part.pieces, part.rows) for part in parts])
        return states


class Frozen:
    """The serving encoder as it is: each distinct sentence is encoded once."""

    module: nn.Module | None = None

    def __init__(self, encoder: TokenEncoder) -> None:
        self.width = encoder.width
        self._encoder = encoder
        self._alignment = Alignment(encoder.folder)
        self._known: dict[str, Embeddings] = {}

    def prepare(self, sentences: Sequence[Sequence[str]]) -> list[Part]:
        """Return the sentences; words that the encoder leaves out have states of zeros."""
        texts = [" ".join(words) for words in sentences]
        fresh = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known |= zip(fresh, self._encoder.encode_tokens(fresh)[1], strict=True)
        return [
            _part(number, 0, words, states=self._alignment.states_of(words, self._known[text]))
            for number, (words, text) in enumerate(zip(sentences, texts, strict=True))
        ]

    def states(self, parts: Sequence[Part]) -> Tensor:
        """Return (B, W, D)."""
        states = torch.zeros(len(parts), max(len(part.shapes) for part in parts), self.width)
        for row, part in enumerate(parts):
            assert part.states is not None
            states[row, : len(part.states)] = torch.from_numpy(part.states)
        return states


def padded(rows: Sequence[NDArray[np.int64]]) -> Tensor:
    """Return the rows side by side, zeros after the shorter ones: (B, W) or (B, W, F)."""
    made = np.zeros((len(rows), max(map(len, rows)), *rows[0].shape[1:]), np.int64)
    for number, row in enumerate(rows):
        made[number, : len(row)] = row
    return torch.from_numpy(made)


def _part(number: int, start: int, words: Sequence[str], pieces: Pieces = (), states: Embeddings | None = None) -> Part:
    return Part(number, start, shapes_of(words), shapes_of([word.lower() for word in words]), pieces, states=states)


def _cuts(lengths: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Where a sentence is cut, between words, so that no part has more than `room` pieces."""
    cuts, start, taken = [], 0, 0
    for place, length in enumerate(lengths):
        if taken + length > room and place > start:
            cuts.append((start, place))
            start, taken = place, 0
        taken += length
    return [*cuts, (start, len(lengths))]
