"""Which rows are read together: of like lengths, so that little is padded, in an order fixed by seed and epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BUCKET = 12
"""Batches among which lengths are sorted: padding falls to a few tokens in a hundred, and batches stay mixed."""


def batches(lengths: Sequence[int], size: int, seed: int, epoch: int) -> list[list[int]]:
    """Return row numbers in batches of at most `size`; every row once, the same for the same seed and epoch."""
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths))
    found: list[list[int]] = []
    for start in range(0, len(order), size * BUCKET):
        bucket = sorted(map(int, order[start : start + size * BUCKET]), key=lambda row: lengths[row])
        found += [bucket[at : at + size] for at in range(0, len(bucket), size)]
    return [found[place] for place in rng.permutation(len(found))]
