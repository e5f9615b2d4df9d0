"""The benchmark: nothing of the last items is seen before they are asked for, and the figures are what they claim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bot.recommend import BadRatings, Interaction
from bot.recommend.baselines import ItemKnn, cosines, count_both, nearest
from bot.recommend.bench import Split, bench_recommend, choose, measure
from bot.recommend.histories import Histories

ITEMS = [f"i{number:02d}" for number in range(40)]


def walks(users: int = 80, items: int = 40, steps: int = 8, seed: int = 3) -> list[Interaction]:
    """Users who start anywhere on a ring of items and mostly go on to the next but one, never back."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        left = set(range(items))
        at = int(rng.integers(items))
        for step in range(steps):
            rows.append(Interaction(f"u{user:03d}", ITEMS[at], step))
            left.discard(at)
            onwards = (at + 2) % items
            at = onwards if rng.random() < 0.8 and onwards in left else int(rng.choice(sorted(left)))
    return rows


def write(path: Path, rows: Sequence[Interaction]) -> Path:
    lines = [f"{row.user},{row.item},1,{row.at}" for row in rows]
    path.write_text("\n".join(["user,item,rating,at", *lines]) + "\n", encoding="utf-8")
    return path


def test_where_one_thing_follows_another_ours_finds_it_and_popularity_does_not(tmp_path: Path) -> None:
    report = bench_recommend(write(tmp_path / "r.csv", walks()))
    assert report["ours"]["hit_at_10"] >= 1.5 * report["popularity"]["hit_at_10"]
    assert report["ours"]["ndcg_at_10"] > report["item_knn"]["ndcg_at_10"]
    assert report["users"] == report["users_asked"] == 80
    assert report["bad_rows"] == 0


def test_the_last_items_decide_nothing_before_they_are_asked_for() -> None:
    """With other last items, what is learnt from and what is chosen stay the same."""
    rows = walks(40)
    last = {row.user: row for row in rows}
    others = [row._replace(item=f"never seen by {row.user}") if last[row.user] is row else row for row in rows]
    everything = [*ITEMS, *(row.item for row in others)]
    first, second = (Split.at(Histories.of(history, also=everything), 0) for history in (rows, others))
    assert {user for user, _ in first.asked} == {user for user, _ in second.asked}
    assert not {target for _, target in first.asked} & {target for _, target in second.asked}
    np.testing.assert_array_equal(first.learnt.item, second.learnt.item)
    assert not set(second.learnt.item.tolist()) & {target for _, target in second.asked}
    assert choose(first.learnt) == choose(second.learnt)


class Says:
    """Gives everybody the same weights."""

    def __init__(self, *weights: float) -> None:
        self._weights = weights

    def weights_of(self, learnt: Histories, users: Sequence[int]) -> np.ndarray:
        return np.tile(np.asarray(self._weights, float), (len(users), 1))


@pytest.mark.parametrize(("weights", "rank"), [((9, 1, 5), 1), ((9, 8, 5), 2), ((9, 5, 5), 2), ((0, 0, 0), 2)])
def test_a_rank_counts_what_is_ahead_among_things_not_taken_and_ties_by_name(
    weights: tuple[float, ...], rank: int
) -> None:
    """The user took a, then c; b is the only other item."""
    split = Split.at(Histories.of([Interaction("u", "a", 0), Interaction("u", "c", 1)], also=["b"]), 0)
    measured = measure(Says(*weights), split)
    assert measured.hit_at_10 == 1.0
    assert measured.ndcg_at_10 == pytest.approx(1 / math.log2(rank + 1))


def test_an_item_below_the_tenth_place_is_no_hit() -> None:
    names = [f"i{n:02d}" for n in range(13)]
    rows = [Interaction("u", "i12", 0), Interaction("u", "i11", 1)]
    split = Split.at(Histories.of(rows, also=names), 0)
    assert measure(Says(*range(13, 0, -1)), split).hit_at_10 == 0.0
    assert measure(Says(0, *range(12, 0, -1)), split).hit_at_10 == 0.0
    assert measure(Says(0, 0, *range(11, 0, -1)), split).hit_at_10 == 1.0


def test_users_with_one_item_are_learnt_from_but_not_asked() -> None:
    rows = [Interaction("once", "a", 0), *(Interaction("twice", item, at) for at, item in enumerate("ab"))]
    split = Split.at(Histories.of(rows), 0)
    assert [split.learnt.users[user] for user, _ in split.asked] == ["twice"]


def test_item_knn_is_the_sum_of_the_nearest_cosines() -> None:
    histories = Histories.of(walks(30, 12, 5))
    taken = np.zeros((len(histories.users), len(histories.items)))
    taken[histories.user, histories.item] = 1
    both = taken.T @ taken
    counts = np.diag(both).copy()
    cosine = both / (np.sqrt(np.outer(counts, counts)) + 10.0)
    np.fill_diagonal(cosine, 0)
    for column in cosine.T:
        column[column < np.sort(column)[-3]] = 0
    found = nearest(cosines(histories, count_both(histories), 10.0), 3).toarray()
    assert ((found > 0).sum(axis=0) <= 3).all()
    kept = found > 0
    np.testing.assert_allclose(found[kept], cosine[kept], rtol=1e-5)
    np.testing.assert_allclose(np.sort(found, axis=0)[-3:], np.sort(both_cosine(both, counts), axis=0)[-3:], rtol=1e-5)
    weights = ItemKnn(nearest(cosines(histories, count_both(histories), 10.0), 3)).weights_of(histories, [4])
    np.testing.assert_allclose(weights[0], taken[4] @ found, rtol=1e-5)


def both_cosine(both: np.ndarray, counts: np.ndarray) -> np.ndarray:
    cosine = both / (np.sqrt(np.outer(counts, counts)) + 10.0)
    np.fill_diagonal(cosine, 0)
    return cosine


def test_the_same_file_gives_the_same_figures(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", walks(40))
    first, second = (bench_recommend(path, seed=1) for _ in range(2))
    timeless = ("ours", "popularity", "item_knn", "chosen")
    assert [first[name] for name in timeless] == [second[name] for name in timeless]


def test_bad_and_repeated_rows_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "r.csv", [*walks(20), Interaction("u000", "i01", 99), Interaction("u000", "i01", 100)])
    with path.open("a", encoding="utf-8") as file:
        file.write("u1,,1,3\n")
    report = bench_recommend(path)
    assert report["bad_rows"] == 1
    assert report["bad_rows_named"][0].endswith("has no item")
    assert report["repeated"] >= 1


def test_a_file_without_anybody_to_ask_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadRatings, match="no user has two interactions"):
        bench_recommend(write(tmp_path / "r.csv", [Interaction("a", "x", 0), Interaction("b", "y", 0)]))
