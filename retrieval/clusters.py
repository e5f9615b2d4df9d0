"""Which texts say the same: pairs near enough by their vectors, and the one of each group that speaks for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from retrieval.encoder import Embeddings


def paraphrases(
    rows: Embeddings, weights: NDArray[np.int64], guards: Sequence[object], cosine: float
) -> NDArray[np.int64]:
    """Return for each answer the number of the answer that leads its cluster (itself, if it stands alone).

    rows float32 (N, D) unit length; weights say how often each answer was given. Every member is within `cosine` of its
    leader and shares its guard (figures, links, negation): "within 14 days" never joins "within 30 days". Leaders are
    taken greedily, heaviest surroundings first, so no two leaders are within `cosine` of each other.
    """
    pairs = _near_pairs(rows, _numbered(guards), cosine)
    return star_leaders(len(rows), pairs, weights)


def _near_pairs(rows: Embeddings, guard: NDArray[np.int64], cosine: float) -> NDArray[np.int64]:
    """Return (M, 2) pairs i < j with the same guard and at least this cosine, block by block within each guard.

    Guards split the answers; a block of equal guard is compared through inverted lists when it is large, so that 45,000
    answers take seconds instead of a thousand million comparisons.
    """
    order = np.argsort(guard, kind="stable")
    edges = np.flatnonzero(np.diff(guard[order])) + 1
    found = [np.empty((0, 2), dtype=np.int64)]
    for block in np.split(order, edges):
        if len(block) < 2:
            continue
        found.append(block[_pairs_within(rows[block], cosine)])
    pairs = np.concatenate(found)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


DENSE_BLOCK = 4096


def _pairs_within(rows: Embeddings, cosine: float) -> NDArray[np.int64]:
    """Exact for up to 4096 rows; above, rows are compared with those that share one of their two nearest centres."""
    if len(rows) <= DENSE_BLOCK:
        near = np.triu(rows @ rows.T >= cosine, k=1)
        return np.argwhere(near)
    centres = rows[:: max(1, len(rows) // int(np.sqrt(len(rows)) * 1.5))]
    nearest = np.empty((len(rows), 2), dtype=np.int64)
    for start in range(0, len(rows), DENSE_BLOCK):
        likeness = rows[start : start + DENSE_BLOCK] @ centres.T
        nearest[start : start + DENSE_BLOCK] = np.argpartition(-likeness, 1, axis=1)[:, :2]
    found = [np.empty((0, 2), dtype=np.int64)]
    for centre in range(len(centres)):
        members = np.flatnonzero((nearest == centre).any(axis=1))
        for part in np.array_split(members, max(1, -(-len(members) // DENSE_BLOCK))):
            left, right = np.nonzero(rows[part] @ rows[members].T >= cosine)
            pairs = np.stack([part[left], members[right]], axis=1)
            found.append(pairs[pairs[:, 0] < pairs[:, 1]])
    return np.unique(np.concatenate(found), axis=0)


def star_leaders(count: int, pairs: NDArray[np.int64], weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each node's leader: the node with most weight around it takes its free neighbours, then the next one."""
    if not len(pairs):
        return np.arange(count)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    starts = np.searchsorted(both[:, 0], np.arange(count + 1))
    around = weights + np.bincount(both[:, 0], weights=weights[both[:, 1]], minlength=count).astype(np.int64)
    leader = np.full(count, -1, dtype=np.int64)
    for node in np.lexsort((np.arange(count), -around)):
        if leader[node] < 0:
            leader[node] = node
            neighbours = both[starts[node] : starts[node + 1], 1]
            leader[neighbours[leader[neighbours] < 0]] = node
    return leader


def _numbered(values: Sequence[object]) -> NDArray[np.int64]:
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)
