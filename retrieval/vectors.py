"""The vector cache of corpus.db: a text is embedded once per encoder, in batches that a killed run finds again.

A vector depends in its last bits on what shared its batch. So a run first writes down which texts it will embed
together, and a run that comes after a kill follows that plan: the index ends with the same bytes.
"""

from __future__ import annotations

import hashlib
import sqlite3
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


def plan(corpus: Corpus, wanted: Texts, fingerprint: str) -> int:
    """Write down what is still to be embedded, longest first, or keep a killed run's plan; return how many texts."""
    left = _planned(corpus.connection, fingerprint)
    if left and all(text in wanted for _, text in left):
        return len(left)
    cached = _cached(corpus.connection, fingerprint)
    missing = sorted((text for text in wanted if text not in cached), key=lambda h: (-len(wanted[h]), h))
    with corpus.transaction() as connection:
        connection.execute("DELETE FROM plan")
        connection.executemany(
            "INSERT INTO plan (batch, fingerprint, text_hash) VALUES (?, ?, ?)",
            ((number // GROUP, fingerprint, text) for number, text in enumerate(missing)),
        )
    return len(missing)


def embed_planned(corpus: Corpus, wanted: Texts, encoder: Encoder) -> Iterator[tuple[list[str], float]]:
    """Embed what is planned, commit batch by batch, and yield after each: its texts, and the encoder's seconds."""
    for batch, hashes in _batches(corpus.connection, encoder.fingerprint):
        texts = [wanted[h] for h in hashes]
        started = time.perf_counter()
        vectors = encoder.encode(texts)
        seconds = time.perf_counter() - started
        stored = zip(hashes, vectors.astype(np.float16), strict=True)
        with corpus.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO vectors (fingerprint, text_hash, vector) VALUES (?, ?, ?)",
                [(encoder.fingerprint, h, row.tobytes()) for h, row in stored],
            )
            connection.execute("DELETE FROM plan WHERE batch = ?", (batch,))
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


def _cached(connection: sqlite3.Connection, fingerprint: str) -> set[bytes]:
    return {row[0] for row in connection.execute("SELECT text_hash FROM vectors WHERE fingerprint = ?", (fingerprint,))}


def _planned(connection: sqlite3.Connection, fingerprint: str) -> list[tuple[int, bytes]]:
    rows = connection.execute(
        "SELECT batch, text_hash FROM plan WHERE fingerprint = ? ORDER BY position", (fingerprint,)
    )
    return [(row[0], row[1]) for row in rows]


def _batches(connection: sqlite3.Connection, fingerprint: str) -> Iterator[tuple[int, list[bytes]]]:
    grouped: dict[int, list[bytes]] = {}
    for batch, text in _planned(connection, fingerprint):
        grouped.setdefault(batch, []).append(text)
    yield from grouped.items()
