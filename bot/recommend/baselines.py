"""What a recommender has to beat: popularity, and nearest items by cosine."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse  # type: ignore[import-untyped]

from bot.recommend.histories import Floats, Histories


class Popularity:
    """Everybody is offered what most took."""

    def __init__(self, histories: Histories) -> None:
        self._taken = histories.taken

    def weights_of(self, learnt: Histories, users: Sequence[int]) -> Floats:
        """How many took each item, (U, I), whatever the history."""
        del learnt
        return np.repeat(self._taken[None, :], len(users), axis=0)


class ItemKnn:
    """Sarwar et al. 2001, on implicit feedback: an item's weight is the sum of its `neighbours` nearest items' cosines
    to it over the history, cosine(a, b) = both / (sqrt(a * b) + shrink)."""

    def __init__(self, cosines: Any) -> None:
        self._cosines = cosines

    def weights_of(self, learnt: Histories, users: Sequence[int]) -> Floats:
        """The sum of the rows of each user's history, (U, I)."""
        result: Floats = (taken_by(learnt)[list(users)] @ self._cosines).toarray()
        return result


def taken_by(histories: Histories) -> Any:
    """Return a sparse (users, items) matrix with 1 where the user took the item."""
    shape = (len(histories.users), len(histories.items))
    ones = np.ones(len(histories.user), np.float32)
    return sparse.csr_matrix((ones, (histories.user, histories.item)), shape=shape)


def count_both(histories: Histories) -> Any:
    """Return a sparse (I, I) matrix: how many users took both, 0 on the diagonal."""
    matrix = taken_by(histories)
    both = (matrix.T @ matrix).tocsr()
    both.setdiag(0)
    both.eliminate_zeros()
    return both


def cosines(histories: Histories, both: Any, shrink: float) -> Any:
    """Return the cosines of `both`, which is symmetric, as a sparse column matrix."""
    root = np.sqrt(histories.taken).astype(np.float32)
    size = np.repeat(root, np.diff(both.indptr))
    size *= root[both.indices]
    size += np.float32(shrink)
    return sparse.csc_matrix((both.data / size, both.indices, both.indptr), both.shape)


def nearest(found: Any, neighbours: int) -> Any:
    """Return a sparse column matrix with the `neighbours` largest entries of each column."""
    kept = np.ones(found.nnz, bool)
    for start, end in pairwise(found.indptr):
        if end - start > neighbours:
            kept[start + np.argpartition(-found.data[start:end], neighbours)[neighbours:]] = False
    ends = np.concatenate([[0], np.cumsum(kept)])[found.indptr]
    return sparse.csc_matrix((found.data[kept], found.indices[kept], ends), found.shape)
