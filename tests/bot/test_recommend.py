"""The recommender against its own formula, worked out slowly, and what it must never do."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bot.recommend import Interaction, Prior, Recommender, Tuning, fit, prior_from_features
from bot.recommend.histories import Histories, count_near


def taken(**histories: str) -> list[Interaction]:
    """One interaction a letter: `ada="fpf"` took f, then p, then f again."""
    return [Interaction(user, item, at) for user, items in histories.items() for at, item in enumerate(items)]


def slowly(
    histories: dict[str, str], known: Sequence[str], item: str, tuning: Tuning, alike: dict[tuple[str, str], float]
) -> float:
    """The formula of bot/recommend/model.py, one term after the other."""
    near: dict[tuple[str, str], float] = defaultdict(float)
    for history in histories.values():
        for first in range(len(history)):
            for second in range(first + 1, min(len(history), first + tuning.window + 1)):
                weight = (second - first) ** -tuning.reach
                near[history[first], history[second]] += weight
                near[history[second], history[first]] += weight * tuning.backwards
    count = {letter: sum(letter in h for h in histories.values()) for letter in {*"".join(histories.values()), item}}
    everything = sum(map(len, histories.values()))
    total = 0.0
    for age, part in enumerate(reversed(known)):
        believed = (1 - tuning.content * bool(alike)) * count[item] / everything
        likeness = sum(value for (one, _), value in alike.items() if one == part)
        if likeness:
            believed += tuning.content * alike.get((part, item), 0.0) / likeness
        fading = 1.0 if tuning.memory is None else math.exp(-age / tuning.memory)
        total += fading * (near[part, item] + tuning.settle * believed) / (count[part] + tuning.settle)
    return total / (count[item] + tuning.settle) ** tuning.damping


HISTORIES = {"ada": "fpsct", "bo": "fpc", "cleo": "spfct", "dan": "tc", "eve": "pf", "fay": "scp"}
ALIKE = {("f", "p"): 0.5, ("p", "f"): 0.5, ("f", "c"): 0.25, ("c", "f"): 0.25}


@pytest.mark.parametrize(
    "tuning", [Tuning(), Tuning(window=1, backwards=0.0, memory=None), Tuning(window=2, damping=0.9, settle=1.0)]
)
@pytest.mark.parametrize("known", ["f", "fp", "scp"])
@pytest.mark.parametrize("with_prior", [False, True])
def test_the_weights_are_those_of_the_formula(tuning: Tuning, known: str, with_prior: bool) -> None:
    items = sorted("fpsct")
    square = np.asarray([[ALIKE.get((one, other), 0.0) for other in items] for one in items])
    model = fit(taken(**HISTORIES), tuning, prior=Prior(tuple(items), square) if with_prior else None)
    for suggestion in model.rank(list(known), 5):
        expected = slowly(HISTORIES, known, suggestion.item, tuning, ALIKE if with_prior else {})
        assert suggestion.weight == pytest.approx(expected)


def test_near_counts_each_pair_by_its_distance_and_direction() -> None:
    near = count_near(Histories.of(taken(ada="abc", bo="ab")), window=2, reach=1.0, backwards=0.5).toarray()
    np.testing.assert_allclose(near, [[0, 2, 0.5], [1, 0, 1], [0.25, 0.5, 0]])


def test_a_window_of_one_without_looking_back_counts_a_markov_chain() -> None:
    near = count_near(Histories.of(taken(ada="abc", bo="ac")), window=1, reach=1.0, backwards=0.0).toarray()
    np.testing.assert_array_equal(near, [[0, 1, 1], [0, 0, 1], [0, 0, 0]])


def test_what_comes_after_the_last_thing_is_ranked_first_and_the_last_thing_is_named() -> None:
    model = fit(taken(**{f"u{n}": "fp" for n in range(9)}, **{f"v{n}": "sc" for n in range(9)}))
    first = model.rank(["s", "f"], 2)[0]
    assert (first.item, first.because_item) == ("p", "f")


def test_nothing_of_the_history_and_nothing_excluded_is_ever_offered() -> None:
    model = fit(taken(**HISTORIES))
    offered = [suggestion.item for suggestion in model.rank(["f", "p"], 100, exclude={"t", "never heard of"})]
    assert sorted(offered) == ["c", "s"]


def test_weights_fall_from_first_to_last() -> None:
    weights = [suggestion.weight for suggestion in fit(taken(**HISTORIES)).rank(["f"], 10)]
    assert weights == sorted(weights, reverse=True)
    assert len(weights) == 4


@pytest.mark.parametrize("history", [[], ["something new"]])
def test_without_a_history_what_is_popular_comes_first_and_nothing_is_named(history: list[str]) -> None:
    suggestions = fit(taken(ada="a", bo="ab", cleo="abc")).rank(history, 3)
    assert [(suggestion.item, suggestion.because_item) for suggestion in suggestions] == [
        ("a", None), ("b", None), ("c", None),
    ]  # fmt: skip


def test_something_nobody_took_yet_is_offered_to_who_took_something_like_it() -> None:
    prior = prior_from_features({"fern": {"plant", "shade"}, "moss": {"plant", "shade"}, "saw": {"tool"}})
    first = fit([Interaction("ada", "fern", 0), Interaction("bo", "saw", 0)], prior=prior).rank(["fern"], 1)[0]
    assert (first.item, first.because_item) == ("moss", "fern")


def test_the_more_was_seen_the_less_alikeness_counts() -> None:
    prior = prior_from_features({"fern": {"plant"}, "moss": {"plant"}, "saw": {"tool"}})

    def first_after(times: int) -> str:
        pairs = [Interaction(f"u{n}", item, at) for n in range(times) for at, item in enumerate(("fern", "saw"))]
        return fit([Interaction("x", "fern", 0), *pairs], prior=prior).rank(["fern"], 1)[0].item

    assert (first_after(1), first_after(100)) == ("moss", "saw")


def test_what_was_taken_again_counts_once_and_at_its_first_time() -> None:
    again, once = Histories.of(taken(ada="abab")), Histories.of(taken(ada="ab"))
    assert again.item.tolist() == once.item.tolist()


def test_histories_are_in_order_of_time_and_of_equal_times_as_given() -> None:
    rows = [Interaction("ada", "late", 9), Interaction("ada", "b", 1), Interaction("ada", "a", 1)]
    histories = Histories.of(rows)
    assert [histories.items[item] for item in histories.item] == ["b", "a", "late"]


def test_a_history_that_names_a_thing_twice_counts_its_last_place() -> None:
    model = fit(taken(**HISTORIES))
    assert model.rank(["f", "s", "f"], 3) == model.rank(["s", "f"], 3)


def test_an_empty_shop_offers_nothing() -> None:
    assert fit([]).rank(["a"], 3) == []


def test_a_long_history_of_long_ago_is_as_good_as_forgotten() -> None:
    model: Recommender = fit(taken(ada="abcdefgh", bo="abxy"), replace(Tuning(), memory=0.1))
    assert [s.item for s in model.rank(list("hgfedcb"), 2)] == [
        s.item for s in model.rank(["b"], 9) if s.item in "axy"
    ][:2]


@pytest.mark.parametrize("alike", [np.zeros((1, 2)), np.full((2, 2), np.nan), -np.ones((2, 2))])
def test_a_prior_of_the_wrong_shape_or_sign_is_refused(alike: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"2 items need an alikeness of \(2, 2\)"):
        Prior(("a", "b"), alike)


def test_rare_features_make_more_alike_than_common_ones() -> None:
    prior = prior_from_features({"a": {"plant", "moss"}, "b": {"moss", "pot"}, "c": {"plant", "pot"}, "d": {"plant"}})
    alike = dict(zip(prior.items, prior.alike[0], strict=True))
    assert alike["a"] == pytest.approx(1.0)
    assert alike["b"] > alike["c"] > 0
    assert prior_from_features({"a": {"x"}, "b": {"y"}}).alike[0, 1] == 0
