"""Vectors and the passages they lead to: the only module that touches FAISS."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save

from retrieval.encoder import Embeddings
from retrieval.errors import BundleDamaged, BundleMismatch

Rows = NDArray[np.int64]

SEED = 7
PROBED_SHARE = 8
"""Inverted lists looked at: one in 8, and at least 16.

Measured on 7,302 MiniLM vectors of support questions and answers (341 lists, 500 queries, 2026-11), recall@10 against
flat: .876 with 16 lists, .945 with 32, .969 with 48. Not yet measured at the sizes where lists are used by default.
"""


class VectorIndex:
    """FAISS rows, each leading to one passage; several rows may lead to the same one.

    Scores are inner products of unit vectors, so they are cosines. Flat (exact) up to a number of rows, inverted
    lists above it. Reading is safe from many threads.
    """

    def __init__(self, faiss_index: Any, passage_ids: Rows, known_ids: Rows, fingerprint: str) -> None:
        self._index = faiss_index
        self.passage_ids = passage_ids
        self._known_ids = known_ids
        self.fingerprint = fingerprint
        order = np.argsort(passage_ids, kind="stable")
        self._rows_by_passage = order
        self._sorted_ids = passage_ids[order]
        self._all = RowFilter(np.ones(len(passage_ids), dtype=np.bool_))

    @classmethod
    def build(
        cls,
        vectors: Embeddings,
        passage_ids: Sequence[int] | Rows,
        fingerprint: str,
        *,
        without_vector: Sequence[int] = (),
        ivf_rows: int = 100_000,
    ) -> Self:
        """Index float32 (N, D) unit rows; row i leads to passage_ids[i]. Equal input gives equal bytes.

        `without_vector` names passages that belong to this index but are found by their words alone.
        """
        faiss = _faiss()
        ids = np.asarray(passage_ids, dtype=np.int64)
        if vectors.ndim != 2 or len(vectors) != len(ids):
            raise BundleMismatch(f"{vectors.shape} vectors cannot lead to {len(ids)} passages; one row each is needed")
        count, width = vectors.shape
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        if count <= ivf_rows:
            index = faiss.IndexFlatIP(width)
        else:
            lists = int(4 * np.sqrt(count))
            index = faiss.index_factory(width, f"IVF{lists},Flat", faiss.METRIC_INNER_PRODUCT)
            index.cp.seed, index.cp.niter = SEED, 8
            index.nprobe = max(16, lists // PROBED_SHARE)
            index.train(vectors)
        index.add(vectors)
        known = np.union1d(ids, np.asarray(without_vector, dtype=np.int64)).astype(np.int64)
        return cls._wrap(index, ids, known, fingerprint)

    def to_bytes(self) -> bytes:
        """Return the index as one safetensors file: FAISS's bytes, the passage of each row, and the encoder's name."""
        tensors = {
            "faiss": _faiss().serialize_index(self._index),
            "passage_ids": self.passage_ids,
            "known_ids": self._known_ids,
        }
        return bytes(save(tensors, metadata={"nightdesk": json.dumps(self.describe(), sort_keys=True)}))

    @classmethod
    def from_file(cls, path: str) -> Self:
        """Read what `to_bytes` wrote. FAISS cannot tell damaged bytes from good ones: check their sum first.

        Raises BundleDamaged if the parts are absent or contradict each other.
        """
        try:
            with safe_open(path, framework="numpy") as opened:
                about = json.loads((opened.metadata() or {})["nightdesk"])
                blob, ids, known = (opened.get_tensor(name) for name in ("faiss", "passage_ids", "known_ids"))
        except Exception as error:  # safetensors raises its own kinds, which it does not export everywhere
            raise BundleDamaged(f"{path} is not an index file ({type(error).__name__})") from error
        if blob.dtype != np.uint8 or blob.ndim != 1 or ids.dtype != np.int64 or ids.ndim != 1:
            raise BundleDamaged(
                f"{path} holds {blob.dtype}{blob.shape} and {ids.dtype}{ids.shape}; expected uint8, int64"
            )
        try:
            index = _faiss().deserialize_index(blob)
        except RuntimeError as error:
            raise BundleDamaged(f"{path} holds bytes FAISS cannot read") from error
        wanted = (about["width"], about["rows"], about["rows"])
        if (index.d, index.ntotal, len(ids)) != wanted:
            raise BundleDamaged(
                f"{path} says {wanted[1]} rows of width {wanted[0]} but holds {index.ntotal} of {index.d} "
                f"and {len(ids)} passage ids"
            )
        return cls._wrap(index, ids, known, about["fingerprint"])

    @classmethod
    def _wrap(cls, index: Any, ids: Rows, known: Rows, fingerprint: str) -> Self:
        if hasattr(index, "make_direct_map"):
            index.make_direct_map()
        return cls(index, ids, known, fingerprint)

    def describe(self) -> dict[str, Any]:
        """Return what the file says of itself."""
        kind = "ivf" if hasattr(self._index, "nprobe") else "flat"
        return {"kind": kind, "rows": len(self), "width": self.width, "fingerprint": self.fingerprint}

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def width(self) -> int:
        """D, the length of one vector."""
        return int(self._index.d)

    def search(self, queries: Embeddings, k: int, allowed: RowFilter | None = None) -> tuple[Embeddings, Rows]:
        """Return the k nearest rows of each query, best first: cosines (B, n) and row numbers (B, n), n = min(k, N).

        Where fewer rows qualify (or were probed), the rest of a line is row -1.
        Raises BundleMismatch if the width differs.
        """
        if queries.ndim != 2 or queries.shape[1] != self.width:
            raise BundleMismatch(f"queries are {queries.shape}; this index wants (B, {self.width})")
        n = min(k, len(self))
        if n == 0 or len(queries) == 0:
            return np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
        # Even "all rows" goes in as a filter: for single queries FAISS 1.15 takes 5 ms with one and 14 ms without
        # (45k flat rows, 2 cores, 2026-11).
        params = (allowed or self._all).parameters(self._index)
        cosines, rows = self._index.search(np.ascontiguousarray(queries, np.float32), n, params=params)
        return cosines, rows

    def vectors(self, rows: Rows) -> Embeddings:
        """Return the vectors of these rows, float32 (n, D)."""
        out: Embeddings = self._index.reconstruct_batch(np.ascontiguousarray(rows, np.int64))
        return out

    def rows_of(self, passage: int) -> Rows:
        """Return the rows that lead to a passage; empty if it is not in this index."""
        low, high = np.searchsorted(self._sorted_ids, [passage, passage + 1])
        return self._rows_by_passage[low:high]

    def knows(self, passage: int) -> bool:
        """Return whether the passage was there when this index was built, with a vector or without."""
        place = int(np.searchsorted(self._known_ids, passage))
        return place < len(self._known_ids) and int(self._known_ids[place]) == passage

    def cosine(self, query: Embeddings, passage: int) -> float | None:
        """Return the best cosine between one query (D,) and the passage's rows, or None if it has none."""
        rows = self.rows_of(passage)
        return float((self.vectors(rows) @ query).max()) if len(rows) else None


class RowFilter:
    """The rows a search may return, kept in FAISS's form so that it is built once and used by many searches."""

    def __init__(self, allowed: NDArray[np.bool_]) -> None:
        self.count = int(allowed.sum())
        self._bits = np.packbits(allowed, bitorder="little")
        self._selector = _faiss().IDSelectorBitmap(self._bits)

    def parameters(self, index: Any) -> Any:
        """Return FAISS search parameters that respect this filter."""
        faiss = _faiss()
        if hasattr(index, "nprobe"):
            return faiss.SearchParametersIVF(sel=self._selector, nprobe=index.nprobe)
        return faiss.SearchParameters(sel=self._selector)


def _faiss() -> Any:
    """FAISS, imported when first needed; untyped, since its stubs and its Python signatures disagree."""
    import faiss

    return faiss
