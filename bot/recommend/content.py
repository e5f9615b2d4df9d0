"""How alike items are by what is known of them: their kind, family, tags, words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import numpy as np

from bot.recommend.model import Prior


def prior_from_features(features: Mapping[str, Collection[str]]) -> Prior:
    """Return the cosine of the items' features, each weighted by how rare it is, log(1 + items / items with it).

    features: for each item any words that describe it, such as {"kind:plant", "family:fern", "tag:shade"}.
    """
    items = tuple(sorted(features))
    seen = Counter(word for item in items for word in set(features[item]))
    column = {word: number for number, word in enumerate(sorted(seen))}
    rows = np.zeros((len(items), len(column)))
    for row, item in zip(rows, items, strict=True):
        for word in set(features[item]):
            row[column[word]] = np.log1p(len(items) / seen[word])
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return Prior(items, np.clip(rows @ rows.T, 0.0, 1.0))
