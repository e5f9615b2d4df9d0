"""The words of this package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Interaction(NamedTuple):
    """Somebody took something; `at` in seconds since 1970."""

    user: str
    item: str
    at: float


class Suggestion(NamedTuple):
    """An item somebody may want; weights compare within one call. `because_item` is the part of the history that
    speaks most for it, None where only its being popular does."""

    item: str
    weight: float
    because_item: str | None


@dataclass(frozen=True, slots=True)
class Tuning:
    """How the model counts and forgets; the defaults were chosen on MovieLens (docs/benchmarks.md)."""

    window: int = 50  # steps of a history within which two items belong together
    reach: float = 0.5  # two items n steps apart count n^-reach
    backwards: float = 0.5  # what the earlier of the two counts for the later
    memory: float | None = 5.0  # steps after which a part of the history counts 1/e; None: it never fades
    settle: float = 10.0  # observations of an item that weigh as much as what is believed beforehand
    damping: float = 0.4  # exponent of an item's count that its weight is divided by
    content: float = 0.7  # share of alikeness in what is believed beforehand, the rest is popularity
