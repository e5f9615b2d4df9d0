"""Queries in, hits out: vectors and words, each ranking on its own, fused by reciprocal rank."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from retrieval.bundle import Bundle
from retrieval.cleaning import language_of
from retrieval.corpus import FILE, connect
from retrieval.encoder import Embeddings
from retrieval.errors import BundleError
from retrieval.index import RowFilter, VectorIndex
from retrieval.passages import PUBLIC, fetch
from retrieval.settings import Settings
from retrieval.types import Hit, Passage
from retrieval.words import match_expression

Audience = Literal["customers", "agents"]

RRF_K = 10
"""Reciprocal rank fusion adds weight / (K + rank) per ranking (Cormack, Clarke and Büttcher, SIGIR 2009, with K = 60).

K = 10 and half the weight for words were picked on the demo's 88 calibration questions, recall@1 of the right article:
.523, against .500 with K = 60 and equal weights, and .523 by vectors alone. The differences are two questions wide.
"""

FREQUENT_SHARE = 0.03
FREQUENT_FLOOR = 200
"""A word in 3 of 100 passages (and in more than 200) tells little and costs most of BM25's time: over 45,000 passages
2.5 ms a query without such words, 7.5 ms with those up to a tenth (2 cores, 2026-11)."""

LOOK_EVERY_S = 1.0
_BM25 = "bm25(passage_words, 0.0, 1.0, 1.0)"

Ranked = list[tuple[int, float]]
"""(passage id, cosine or BM25), best first, each passage once."""


class Searcher:
    """Searches one bundle's index and the corpus behind it; safe to use from many threads.

    Passages that are not in the bundle's index wait for the next bundle, deleted ones are never returned, and whether
    customers may see a passage is read from the corpus at every search.
    """

    def __init__(self, bundle: Bundle, corpus: Path, settings: Settings | None = None) -> None:
        """`corpus` is the home, or corpus.db itself. Raises BundleError if the bundle holds no index."""
        if bundle.index is None:
            raise BundleError(f"bundle {bundle.id} has no index; run `nightdesk ingest PATH…`")
        self.bundle = bundle
        self._index: VectorIndex = bundle.index
        self._path = corpus if corpus.is_file() else corpus / FILE
        self._settings = settings or Settings()
        self._local = threading.local()
        self._lock = threading.Lock()
        self._public_rows: RowFilter | None = None
        self._frequent: Mapping[str, int] = {}
        self._version: int | None = None
        self._next_look = 0.0
        self._watch = connect(self._path, writable=False)
        self._look()

    def search(
        self, queries: Sequence[str], embeddings: Embeddings | None, k: int, audience: Audience = "customers"
    ) -> list[list[Hit]]:
        """Return up to k hits for each query, best first, each passage once; `cosine` is set wherever a vector exists.

        embeddings: float32 (B, D), rows of unit length, or None to search by words alone. Customers find articles and
        cards that qualify; agents find everything. A query in a language the encoder does not read is searched by
        words alone, and its hits carry no cosine.
        """
        if embeddings is not None and len(embeddings) != len(queries):
            raise ValueError(f"{len(queries)} queries came with {len(embeddings)} embeddings; one each is needed")
        self._look_again()
        read = [embeddings is not None and self._reads(query) for query in queries]
        dense = self._by_vectors(embeddings, read, audience) if embeddings is not None else [[] for _ in queries]
        found: list[list[Hit]] = []
        for number, query in enumerate(queries):
            vector = embeddings[number] if embeddings is not None and read[number] else None
            found.append(self._fuse(dense[number], self._by_words(query, audience), vector, k, audience))
        return found

    def close(self) -> None:
        """Close the connection that watches the corpus; those of threads close with them."""
        self._watch.close()

    def _reads(self, query: str) -> bool:
        return language_of(query, self._settings.language) not in self._settings.words_only_languages

    def _by_vectors(self, embeddings: Embeddings, read: Sequence[bool], audience: Audience) -> list[Ranked]:
        """Rank passages by their best row. Many rows may lead to one passage: more are fetched while it runs short."""
        ranked: list[Ranked] = [[] for _ in read]
        wanted = self._settings.candidates
        pending = [number for number, reads in enumerate(read) if reads]
        rows_allowed = self._public_rows if audience == "customers" else None
        available = len(self._index) if rows_allowed is None else rows_allowed.count
        depth = 2 * wanted
        while pending and available:
            cosines, rows = self._index.search(embeddings[pending], min(depth, available), rows_allowed)
            for place, number in enumerate(pending):
                ranked[number] = self._best_rows(rows[place], cosines[place])[:wanted]
            if depth >= available:
                break
            pending = [number for number in pending if len(ranked[number]) < wanted]
            depth *= 4
        return ranked

    def _best_rows(self, rows: Iterable[int], cosines: Iterable[float]) -> Ranked:
        best: dict[int, float] = {}
        for row, cosine in zip(rows, cosines, strict=True):
            if row >= 0:
                best.setdefault(int(self._index.passage_ids[row]), float(cosine))
        return list(best.items())

    def _by_words(self, query: str, audience: Audience) -> Ranked:
        """Rank passages by BM25, best first; FTS5 gives better matches lower numbers, turned positive here."""
        expression = match_expression(query, frequent=self._frequent)
        if not expression:
            return []
        if audience == "customers":
            expression = f"audience : {PUBLIC} AND {{question text}} : ({expression})"
        else:
            expression = f"{{question text}} : ({expression})"
        rows = self._connection().execute(
            f"SELECT rowid, {_BM25} AS score FROM passage_words WHERE passage_words MATCH ? ORDER BY score LIMIT ?",  # noqa: S608
            (expression, self._settings.candidates),
        )
        return [(row[0], -row[1]) for row in rows]

    def _fuse(self, dense: Ranked, sparse: Ranked, vector: Embeddings | None, k: int, audience: Audience) -> list[Hit]:
        fused: dict[int, float] = {}
        for weight, ranking in ((1.0, dense), (self._settings.words_weight, sparse)):
            for rank, (passage, _) in enumerate(ranking, 1):
                fused[passage] = fused.get(passage, 0.0) + weight / (RRF_K + rank)
        cosines, scores = dict(dense), dict(sparse)
        order = sorted(fused, key=lambda passage: (-fused[passage], -cosines.get(passage, -2.0), passage))
        passages = self._passages(order, k, audience)
        hits: list[Hit] = []
        for passage in order:
            if passage not in passages:
                continue
            cosine = cosines.get(passage)
            if cosine is None and vector is not None:
                cosine = self._index.cosine(vector, passage)
            hits.append(
                Hit(
                    passage=passages[passage],
                    cosine=None if cosine is None else float(np.clip(cosine, -1.0, 1.0)),
                    bm25=scores.get(passage),
                    fused=fused[passage],
                    rank=len(hits) + 1,
                )
            )
        return hits

    def _passages(self, order: Sequence[int], k: int, audience: Audience) -> Mapping[int, Passage]:
        """The first k of these passages that are in this index, exist, and may be seen by this audience."""
        taken: dict[int, Passage] = {}
        for start in range(0, len(order), 2 * k):
            chunk = [passage for passage in order[start : start + 2 * k] if self._index.knows(passage)]
            there = fetch(self._connection(), chunk, public_only=audience == "customers")
            for passage in chunk:
                if passage in there and len(taken) < k:
                    taken[passage] = there[passage]
            if len(taken) == k:
                break
        return taken

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self._path, writable=False)
            self._local.connection = connection
        return connection

    def _look_again(self) -> None:
        if time.monotonic() >= self._next_look and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()

    def _look(self) -> None:
        """Read again which rows are public and which words are frequent, if another process has written the corpus."""
        version = self._watch.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._public_rows = RowFilter(self._public())
            self._frequent = self._too_frequent()
            self._version = version
        self._next_look = time.monotonic() + LOOK_EVERY_S

    def _public(self) -> NDArray[np.bool_]:
        """Which rows lead to passages customers may see."""
        ids = [row[0] for row in self._watch.execute("SELECT id FROM passages WHERE public = 1")]
        return np.isin(self._index.passage_ids, np.array(ids, dtype=np.int64))

    def _too_frequent(self) -> Mapping[str, int]:
        execute = self._watch.execute
        passages = execute("SELECT count(*) FROM passages").fetchone()[0]
        limit = max(FREQUENT_FLOOR, FREQUENT_SHARE * passages)
        if passages <= limit:
            return {}
        execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.word_counts USING fts5vocab('main', 'passage_words', 'row')")
        return dict(execute("SELECT term, doc FROM temp.word_counts WHERE doc > ?", (limit,)))
