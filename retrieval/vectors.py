"""The vector cache of corpus.db: a text is embedded once per encoder, in batches that a killed run finds again.

A vector depends in its last bits on what shared its batch. Texts are therefore taken in one fixed order, a group at a
time, and a group is committed whole: what a killed run left falls into the same groups, and the index ends with the
same bytes.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from typing import Self

import numpy as np

from retrieval.corpus import Corpus
from retrieval.encoder import Embeddings, Encoder
from retrieval.errors import CorpusError

GROUP = 1024
"""Texts embedded between two commits."""

Texts = Mapping[bytes, str]
"""Texts by their hash."""


def text_hash(text: str) -> bytes:
    """Return the 16 bytes a text is known by."""
    return hashlib.sha256(text.encode()).digest()[:16]


def missing(corpus: Corpus, wanted: Texts, fingerprint: str) -> list[bytes]:
    """Return the texts that have no vector by this encoder yet, longest first."""
    rows = corpus.connection.execute("SELECT text_hash FROM vectors WHERE fingerprint = ?", (fingerprint,))
    cached = {row[0] for row in rows}
    return sorted((text for text in wanted if text not in cached), key=lambda text: (-len(wanted[text]), text))


def embed(
    corpus: Corpus, wanted: Texts, hashes: Sequence[bytes], encoder: Encoder
) -> Iterator[tuple[list[str], float]]:
    """Embed these texts, commit group by group, and yield after each: its texts, and the encoder's seconds."""
    for start in range(0, len(hashes), GROUP):
        group = hashes[start : start + GROUP]
        texts = [wanted[text] for text in group]
        started = time.perf_counter()
        vectors = encoder.encode(texts)
        seconds = time.perf_counter() - started
        stored = zip(group, vectors.astype(np.float16), strict=True)
        with corpus.transaction() as connection:
            connection.executemany(
                "INSERT INTO vectors (fingerprint, text_hash, vector) VALUES (?, ?, ?)",
                [(encoder.fingerprint, text, row.tobytes()) for text, row in stored],
            )
        yield texts, seconds


class VectorTable:
    """The cached vectors of some texts in memory: float32 (N, D), rows of unit length, found by hash."""

    def __init__(self, place: dict[bytes, int], vectors: Embeddings) -> None:
        self._place = place
        self._vectors = vectors

    @classmethod
    def load(cls, corpus: Corpus, fingerprint: str, hashes: Collection[bytes], width: int) -> Self:
        """Read the vectors of these texts. Raises CorpusError if one is missing or has another width."""
        wanted = hashes if isinstance(hashes, Set | Mapping) else set(hashes)
        place: dict[bytes, int] = {}
        blobs: list[bytes] = []
        for text, blob in corpus.connection.execute(
            "SELECT text_hash, vector FROM vectors WHERE fingerprint = ? ORDER BY id", (fingerprint,)
        ):
            if text in wanted:
                place[text] = len(blobs)
                blobs.append(blob)
        joined = b"".join(blobs)
        if len(place) != len(wanted) or len(joined) != 2 * width * len(blobs):
            raise CorpusError(
                f"{len(wanted) - len(place)} of {len(wanted)} texts have no vector of width {width} by encoder "
                f"{fingerprint}; run `nightdesk ingest --rebuild`"
            )
        vectors = np.frombuffer(joined, dtype=np.float16).reshape(len(blobs), width).astype(np.float32)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return cls(place, vectors)

    def rows(self, hashes: Sequence[bytes]) -> Embeddings:
        """Return the vectors of these texts, in this order."""
        return self._vectors[[self._place[text] for text in hashes]]


def forget_vectors(corpus: Corpus, keep: Collection[bytes], fingerprint: str) -> int:
    """Delete the vectors of texts that nothing refers to any more, and those of other encoders; return how many."""
    stale = [
        (row_id,)
        for row_id, name, text in corpus.connection.execute("SELECT id, fingerprint, text_hash FROM vectors")
        if name != fingerprint or text not in keep
    ]
    if stale:
        with corpus.transaction() as connection:
            connection.executemany("DELETE FROM vectors WHERE id = ?", stale)
    return len(stale)
