"""Say whether a passage answers a question whose right source is known."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import PurePath

from retrieval.encoder import Embeddings, Encoder
from retrieval.types import Hit, Passage, PassageKind

SAME_ANSWER = 0.55
"""A card says what an article says from about this cosine on (read off 13 cards against 80 pieces, November 2026)."""


class Judge:
    """Judges hits against the file names of a question's sources.

    A piece of an article is right if the article is a source. A card has no file: it is right if its answer is
    nearest to a piece of a source, at a cosine of at least SAME_ANSWER.
    """

    def __init__(self, passages: Sequence[Passage], encoder: Encoder) -> None:
        self._encoder = encoder
        self._pieces = [passage for passage in passages if passage.kind is PassageKind.ARTICLE]
        self._vectors: Embeddings = encoder.encode([piece.text for piece in self._pieces] or [""])
        self._sources: dict[int, str | None] = {}

    def right(self, passage: Passage, sources: Collection[str]) -> bool:
        """Return whether the passage answers a question that these files answer; never where there are none."""
        return bool(sources) and self.source_of(passage) in sources

    def source_of(self, passage: Passage) -> str | None:
        """Return the file that says what the passage says, or None for a card that none says."""
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
