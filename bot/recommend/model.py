"""The recommender: what came near the last things somebody took, for others, less what comes near everything.

For a history h, oldest first, the weight of item b is

    sum over a in h of  exp(-age(a) / memory) * (near[a, b] + settle * believed[a, b]) / (taken[a] + settle)
    divided by (taken[b] + settle) ** damping

with near from `count_near`, age(a) the number of items after a, and believed[a, b] a distribution over b: a share
`content` of how alike a and b are, if a Prior says, and for the rest how often b was taken by anybody. With much data
the first term rules, with little the second.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.recommend.histories import Floats, Histories, Ints, count_near
from bot.recommend.types import Interaction, Suggestion, Tuning

FORGOTTEN = 1e-4  # a part of the history that counts less is not looked at


@dataclass(frozen=True)
class Prior:
    """How alike items are before anybody took them: `alike` float (n, n), symmetric, >= 0, rows in order of `items`."""

    items: tuple[str, ...]
    alike: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        size = len(self.items)
        if self.alike.shape != (size, size) or not np.isfinite(self.alike).all() or (self.alike < 0).any():
            raise ValueError(f"{size} items need an alikeness of ({size}, {size}), finite and not below 0")


def fit(
    interactions: Iterable[Interaction], tuning: Tuning | None = None, *, prior: Prior | None = None
) -> Recommender:
    """Learn from who took what when; items that only the prior knows can be recommended too."""
    histories = Histories.of(interactions, also=prior.items if prior else ())
    return fit_histories(histories, tuning or Tuning(), prior)


def fit_histories(histories: Histories, tuning: Tuning, prior: Prior | None = None, near: Any = None) -> Recommender:
    """`fit` on arrays; `near` spares counting where only the way of forgetting changes."""
    if near is None:
        near = count_near(histories, tuning.window, tuning.reach, tuning.backwards)
    return Recommender(histories.items, histories.taken, near.tocsr(), tuning, prior)


class Recommender:
    """Ranks items for a history. It keeps counts of items alone, nothing of who took them."""

    def __init__(self, items: Sequence[str], taken: Floats, near: Any, tuning: Tuning, prior: Prior | None) -> None:
        self.items = tuple(items)
        self.tuning = tuning
        self._row = {item: number for number, item in enumerate(self.items)}
        self._taken, self._near = taken, near
        self._popular: Floats = taken / max(taken.sum(), 1.0)
        self._alike = self._believed(prior) if prior else None
        self._damped = (taken + tuning.settle) ** -tuning.damping

    def rank(self, history: Sequence[str], k: int, exclude: Collection[str] = ()) -> list[Suggestion]:
        """Return up to k items, best first, that are neither in the history nor in `exclude`.

        history: oldest first; items the model does not know are passed over. Without one that it knows, what is popular
        comes first. Equal weights come in the order of the items' names.
        """
        known = self._known(history)
        weights = self.weights(known)
        taken_or_not = [self._row[item] for item in {*history, *exclude} if item in self._row]
        weights[taken_or_not] = -np.inf
        best = np.argsort(-weights, kind="stable")[: max(k, 0)]
        return [
            Suggestion(self.items[item], float(weights[item]), self._because(known, int(item)))
            for item in best
            if np.isfinite(weights[item])
        ]

    def weights(self, known: Sequence[int] | Ints) -> Floats:
        """The weight of every item, float (I,), for a history of row numbers, oldest first, each once."""
        known = known[self._forgotten(len(known)) :]
        if not len(known):
            return np.array(self._popular)
        shares = self._shares(known)
        total: Floats = self._near[known].T @ shares
        popular = 1.0
        if self._alike is not None:
            total = total + self.tuning.settle * (shares @ self._alike[known])
            popular = 1.0 - self.tuning.content
        result: Floats = (total + shares.sum() * self.tuning.settle * popular * self._popular) * self._damped
        return result

    def _shares(self, known: Sequence[int] | Ints) -> Floats:
        """What each item of the history counts."""
        result: Floats = self._fading(len(known)) / (self._taken[known] + self.tuning.settle)
        return result

    def _fading(self, length: int) -> Floats:
        age = np.arange(length - 1, -1, -1)
        return np.ones(length) if self.tuning.memory is None else np.exp(-age / self.tuning.memory)

    def _forgotten(self, length: int) -> int:
        """How many of the oldest items count next to nothing."""
        return int((self._fading(length) < FORGOTTEN).sum())

    def _known(self, history: Sequence[str]) -> list[int]:
        """The history as rows, each at its last place; unknown items are passed over."""
        rows = [self._row[item] for item in history if item in self._row]
        last = list(dict.fromkeys(reversed(rows)))[::-1]
        return last[self._forgotten(len(last)) :]

    def _because(self, known: Sequence[int], item: int) -> str | None:
        if not known:
            return None
        spoken = self._near[known, [item] * len(known)].A1
        if self._alike is not None:
            spoken = spoken + self.tuning.settle * self._alike[known, item]
        if not spoken.any():
            return None
        return self.items[known[int((spoken * self._shares(known)).argmax())]]

    def _believed(self, prior: Prior) -> Floats:
        """The prior over all items: rows sum to `content`, or to 0 for an item that is like no other."""
        alike = np.zeros((len(self.items), len(self.items)))
        rows = [self._row[item] for item in prior.items]
        alike[np.ix_(rows, rows)] = prior.alike
        np.fill_diagonal(alike, 0.0)
        sums = alike.sum(axis=1, keepdims=True)
        result: Floats = self.tuning.content * alike / np.where(sums > 0, sums, 1.0)
        return result
