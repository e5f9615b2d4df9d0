"""Say whether a passage answers a question whose right source is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from retrieval.encoder import Embeddings, Encoder
from retrieval.types import Hit, Passage, PassageKind

SAME_ANSWER = 0.55
"""A card says what an article says from about this cosine on (read off 13 cards against 80 pieces, November 2026)."""


class Judge:
    """Judges hits against a source's file name.

    A piece of an article is right if the article is the source. A card has no file: it is right if its answer is
    nearest to a piece of the source, at a cosine of at least SAME_ANSWER.
    """

    def __init__(self, passages: Sequence[Passage], encoder: Encoder) -> None:
        self._encoder = encoder
        self._pieces = [passage for passage in passages if passage.kind is PassageKind.ARTICLE]
        self._vectors: Embeddings = encoder.encode([piece.text for piece in self._pieces] or [""])
        self._sources: dict[int, str | None] = {}

    def right(self, passage: Passage, source: str | None) -> bool:
        """Return whether the passage answers a question answered by `source`; never where `source` is None."""
        return source is not None and self._source_of(passage) == source

    def _source_of(self, passage: Passage) -> str | None:
        if passage.kind is PassageKind.ARTICLE:
            return PurePath(passage.source).name
        if passage.id not in self._sources:
            self._sources[passage.id] = self._nearest(passage)
        return self._sources[passage.id]

    def _nearest(self, passage: Passage) -> str | None:
        cosines = self._vectors @ self._encoder.encode([passage.text])[0]
        best = int(cosines.argmax())
        return PurePath(self._pieces[best].source).name if self._pieces and cosines[best] >= SAME_ANSWER else None


def nearest(hits: Sequence[Hit]) -> Hit | None:
    """The best-ranked hit that has a cosine, which is the policy's choice too; None if there is none."""
    return min((hit for hit in hits if hit.cosine is not None), key=lambda hit: hit.rank, default=None)
