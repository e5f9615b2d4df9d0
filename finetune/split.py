"""Part labelled rows: of each intent its share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def held_out_rows(gold: Sequence[int] | NDArray[np.int64], share: float, seed: int) -> NDArray[np.bool_]:
    """Return bool (N,): of each label's rows about `share`, one at least, and one at least is left."""
    labels = np.asarray(gold, dtype=np.int64)
    rng, held = np.random.default_rng([seed, 7]), np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        held[rows[: min(max(1, round(share * len(rows))), len(rows) - 1)]] = True
    return held
