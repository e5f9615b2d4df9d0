"""`nightdesk bench recommend`: leave the last item of each history out and see how high it ranks among all others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bot.recommend.baselines import ItemKnn, Popularity, cosines, count_both, nearest
from bot.recommend.errors import BadRatings
from bot.recommend.histories import Floats, Histories, count_near
from bot.recommend.model import Recommender, fit_histories
from bot.recommend.read import read_ratings
from bot.recommend.types import Tuning

K = 10
NAMED = 20  # bad rows that the report quotes
# Histories are cut 1, 2 and 3 items before the last but the test's to choose on: 600 users alone are a noisy judge.
CHOSEN_ON = (1, 2, 3)
AT_ONCE = 256  # users weighed together
MOST_ASKED = 3000  # users a choice is made on
# One after the other, each with the best of those before; the first of each is the default.
CHOICES: Mapping[str, tuple[Any, ...]] = {
    "memory": (5.0, 2.0, 10.0, 30.0, None),
    "damping": (0.4, 0.2, 0.6),
    "settle": (10.0, 2.0, 5.0, 20.0),
    "backwards": (0.5, 1.0),
    "window": (50, 10),
}
NEIGHBOURS = (400, 200, 100, 50, 20)
SHRINKS = (0.0, 10.0, 30.0, 100.0)


class Weighs(Protocol):
    """Anything that can be measured here."""

    def weights_of(self, learnt: Histories, users: Sequence[int]) -> Floats:
        """The weight of every item for each user, (U, I); the caller may change it."""


@dataclass(frozen=True)
class Ours:
    """The recommender as it serves, one history after the other."""

    model: Recommender

    def weights_of(self, learnt: Histories, users: Sequence[int]) -> Floats:
        """The model's own weights."""
        return np.stack([self.model.weights(learnt.of_user(user)) for user in users])


@dataclass(frozen=True, slots=True)
class Measured:
    """hit@10: share of users whose left-out item is among the first ten; ndcg@10: 1 / log2(1 + rank) of those."""

    hit_at_10: float
    ndcg_at_10: float

    @property
    def together(self) -> float:
        """What a choice is made by."""
        return self.hit_at_10 + self.ndcg_at_10


@dataclass(frozen=True)
class Split:
    """Histories to learn from, and for each of some users the one item that came next."""

    learnt: Histories
    asked: tuple[tuple[int, int], ...]

    @classmethod
    def at(cls, histories: Histories, steps: int, most: int | None = None, seed: int = 0) -> Split:
        """Cut each history `steps` + 1 items before its end; users with nothing before the cut are not asked about."""
        rows = np.flatnonzero(histories.from_last == steps)
        rows = rows[[row > 0 and histories.user[row - 1] == histories.user[row] for row in rows]]
        if most is not None and len(rows) > most:
            rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
        asked = tuple((int(histories.user[row]), int(histories.item[row])) for row in rows)
        return cls(histories.without_last(steps + 1), asked)


def measure(model: Weighs, split: Split) -> Measured:
    """Rank each user's next item among all the user has not taken; of equal weights the earlier name is ahead."""
    ranks: list[int] = []
    for start in range(0, len(split.asked), AT_ONCE):
        asked = split.asked[start : start + AT_ONCE]
        for row, (user, target) in zip(model.weights_of(split.learnt, [u for u, _ in asked]), asked, strict=True):
            row[split.learnt.of_user(user)] = -np.inf
            ahead = (row > row[target]).sum() + (row[:target] == row[target]).sum()
            ranks.append(int(ahead) + 1)
    gains = [1 / np.log2(rank + 1) if rank <= K else 0.0 for rank in ranks]
    return Measured(float(np.mean([rank <= K for rank in ranks])), float(np.mean(gains)))


def bench_recommend(ratings: Path, *, seed: int = 0) -> dict[str, Any]:
    """Return hit@10 and ndcg@10 of ours, popularity and item-kNN on each user's last item.

    Ours and item-kNN choose their parameters on the items before the last; the last ones are looked at once, after
    both are fitted. `seed` draws the users that choices are made on where there are more than 3,000. Raises BadRatings.
    """
    read = read_ratings(ratings)
    histories = Histories.of(read.interactions)
    test = Split.at(histories, 0)
    if not test.asked:
        raise BadRatings(f"{ratings}: no user has two interactions; one to learn from and one to ask for are needed")
    training = test.learnt
    started = time.perf_counter()
    tuning = choose(training, seed)
    chosen_s = time.perf_counter() - started
    neighbours, shrink = choose_knn(training, seed)
    started = time.perf_counter()
    ours = fit_histories(training, tuning)
    train_s = time.perf_counter() - started
    knn = ItemKnn(nearest(cosines(training, count_both(training), shrink), neighbours))
    models: dict[str, Weighs] = {"ours": Ours(ours), "popularity": Popularity(training), "item_knn": knn}
    return {
        **{name: _rounded(measure(model, test)) for name, model in models.items()},
        "users": len(histories.users),
        "users_asked": len(test.asked),
        "items": len(histories.items),
        "ratings": len(read.interactions),
        "repeated": len(read.interactions) - len(histories.item),
        "bad_rows": len(read.bad),
        "bad_rows_named": list(read.bad[:NAMED]),
        "train_s": round(train_s, 3),
        "choose_s": round(chosen_s, 2),
        "chosen": {"ours": asdict(tuning), "item_knn": {"neighbours": neighbours, "shrink": shrink}},
    }


def choose(training: Histories, seed: int = 0) -> Tuning:
    """Return the tuning that does best on the items before the last, one parameter after the other."""
    splits = _splits(training, seed)
    best = Tuning()
    if not splits:
        return best
    counted: dict[tuple[int, int, float], Any] = {}

    def score(tuning: Tuning) -> float:
        total = 0.0
        for number, split in enumerate(splits):
            key = (number, tuning.window, tuning.backwards)
            if key not in counted:
                counted[key] = count_near(split.learnt, tuning.window, tuning.reach, tuning.backwards)
            total += measure(Ours(fit_histories(split.learnt, tuning, near=counted[key])), split).together
        return total

    best_score = score(best)
    for name, values in CHOICES.items():
        for value in values[1:]:
            tried = replace(best, **{name: value})
            if (tried_score := score(tried)) > best_score:
                best, best_score = tried, tried_score
    return best


def choose_knn(training: Histories, seed: int = 0) -> tuple[int, float]:
    """Return the number of neighbours and the shrinkage that do best, of all pairs of them."""
    scores: dict[tuple[int, float], float] = {(NEIGHBOURS[0], SHRINKS[0]): 0.0}
    for split in _splits(training, seed):
        for pair, model in _knns(split.learnt):
            scores[pair] = scores.get(pair, 0.0) + measure(model, split).together
    return max(scores, key=lambda pair: scores[pair])


def _knns(learnt: Histories) -> Iterator[tuple[tuple[int, float], ItemKnn]]:
    both = count_both(learnt)
    for shrink in SHRINKS:
        found = cosines(learnt, both, shrink)
        for neighbours in NEIGHBOURS:  # from many to few: each is cut out of the one before
            found = nearest(found, neighbours)
            yield (neighbours, shrink), ItemKnn(found)


def _splits(training: Histories, seed: int) -> Sequence[Split]:
    found = [Split.at(training, steps - 1, MOST_ASKED, seed) for steps in CHOSEN_ON]
    return [split for split in found if split.asked]


def _rounded(measured: Measured) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(measured).items()}
