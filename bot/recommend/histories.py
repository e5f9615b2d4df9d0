"""Interactions as arrays: one history a user, in the order of time; and who was near whom in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.recommend.types import Interaction

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
PAIRS_AT_ONCE = 4_000_000  # bounds memory: about 100 MB while counting


@dataclass(frozen=True)
class Histories:
    """user and item, int (N,): rows by user and time. `items` and `users` name them."""

    users: tuple[str, ...]
    items: tuple[str, ...]
    user: Ints
    item: Ints

    @classmethod
    def of(cls, interactions: Iterable[Interaction], also: Sequence[str] = ()) -> Histories:
        """Sort by user and time; of equal times the order given stays. `also` names items that nobody took yet.

        An item that somebody took again counts once, when it was taken first.
        """
        rows = sorted(enumerate(interactions), key=lambda row: (row[1].user, row[1].at, row[0]))
        kept = list({(row.user, row.item): row for _, row in reversed(rows)}.values())[::-1]
        users = tuple(dict.fromkeys(row.user for row in kept))
        items = tuple(sorted({row.item for row in kept} | set(also)))
        user_row, item_row = ({name: n for n, name in enumerate(names)} for names in (users, items))
        return cls(
            users,
            items,
            np.asarray([user_row[row.user] for row in kept], np.int64),
            np.asarray([item_row[row.item] for row in kept], np.int64),
        )

    @property
    def taken(self) -> Floats:
        """How many users took each item, (I,)."""
        return np.bincount(self.item, minlength=len(self.items)).astype(float)

    @property
    def from_last(self) -> Ints:
        """For each row, how many of the user's rows come after it."""
        ends = np.searchsorted(self.user, self.user, side="right")
        result: Ints = ends - 1 - np.arange(len(self.user))
        return result

    def without_last(self, steps: int) -> Histories:
        """The same users and items, each history without its last `steps` rows."""
        kept = self.from_last >= steps
        return Histories(self.users, self.items, self.user[kept], self.item[kept])

    def of_user(self, user: int) -> Ints:
        """The items of one user, oldest first."""
        first, last = np.searchsorted(self.user, [user, user + 1])
        return self.item[first:last]


def count_near(histories: Histories, window: int, reach: float, backwards: float) -> Any:
    """Return a sparse (I, I) matrix: how often, near and surely each column's item came with the row's.

    Two items of one history n steps apart, n <= window, add n^-reach to (earlier, later) and `backwards` times that
    to (later, earlier). With window 1 and backwards 0 these are the counts of a Markov chain.
    """
    from scipy import sparse  # type: ignore[import-untyped]

    size = len(histories.items)
    total = sparse.csr_matrix((size, size))
    rows: list[Ints] = []
    columns: list[Ints] = []
    values: list[Floats] = []

    def settle() -> Any:
        part = sparse.coo_matrix(
            (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(size, size)
        )
        for parts in (rows, columns, values):
            parts.clear()
        return total + part.tocsr()

    for gap in range(1, min(window, len(histories.item) - 1) + 1):
        earlier = np.flatnonzero(histories.user[gap:] == histories.user[:-gap])
        if not len(earlier):
            break
        first, second = histories.item[earlier], histories.item[earlier + gap]
        weight = np.full(len(earlier), float(gap) ** -reach)
        rows += [first, second]
        columns += [second, first]
        values += [weight, weight * backwards]
        if sum(map(len, values)) > PAIRS_AT_ONCE:
            total = settle()
    return settle() if values else total
