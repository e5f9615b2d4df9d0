"""The journeys as scripts: enough of them, of every kind, and all of them in the table for readers."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from journey_office import Difference, State, difference
from journey_script import HERE, journeys

from bot.backoffice.writes import KINDS, ChangePayment

JOURNEYS = journeys(date(2026, 11, 22))
BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
DOC = Path(__file__).resolve().parents[2] / "docs" / "journeys.md"


def test_there_are_forty_journeys_thirty_of_several_turns_ten_that_do_not_go_straight() -> None:
    assert len(JOURNEYS) >= 45
    assert sum(len(journey.turns) > 1 for journey in JOURNEYS) >= 35
    kinds = Counter(journey.shows.split()[0].strip(":,") for journey in JOURNEYS)
    assert min(kinds["correction"], kinds["refusal"], kinds["abandonment"]) >= 3
    assert kinds["digression"] + kinds["digressions"] >= 2


def test_every_write_that_customers_can_ask_for_is_done_by_some_journey() -> None:
    done = {write for journey in JOURNEYS for write in journey.itself.writes}
    assert done == set(KINDS) - {ChangePayment.name}  # the demo company has no wish for it


def test_the_table_names_every_journey_and_what_it_shows() -> None:
    rows = [line for line in DOC.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][2:]
    assert rows == [f"| {journey.name} | {journey.shows} |" for journey in JOURNEYS]


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ({"a/1": {"x": 1}}, {"a/1": {"x": 1}}, {}),
        ({"a/1": {"x": 1}}, {"a/1": {"x": 2}}, {"a/1": {"x": 2}}),
        ({"a/1": {"x": 1, "y": 2}}, {"a/1": {"x": 1}}, {"a/1": {"y": "gone"}}),
        ({"a/1": {"x": 1}}, {"a/1": {"x": 1, "y": None}}, {}),
        ({"a/1": {"x": 1}}, {"a/1": {"x": 1, "y": 0}}, {"a/1": {"y": 0}}),
        ({"a/1": {"x": 1}}, {}, {"a/1": {"gone": True}}),
        ({}, {"a/1": {"x": 1, "y": None}}, {"a/1": {"x": 1}}),
        ({}, {"a/1": {"at": "2020-11-22T10:00:00.5+00:00"}}, {"a/1": {"at": "{now}"}}),
        ({}, {"a/1": {"at": "2019-11-22T10:00:00Z"}}, {"a/1": {"at": "2019-11-22T10:00:00Z"}}),
    ],
)
def test_nothing_that_changes_escapes_the_comparison(before: dict, after: dict, changes: dict) -> None:
    assert difference(State(before, []), State(after, []), BEGAN) == Difference(changes, [])


def test_a_script_with_an_unknown_key_or_line_is_refused(tmp_path: Path) -> None:
    good = (HERE / "looking.toml").read_text(encoding="utf-8")
    for wrong in (good.replace("shows =", "shos =", 1), good.replace("> where", "where", 1)):
        (tmp_path / "looking.toml").write_text(wrong, encoding="utf-8")
        with pytest.raises((AssertionError, KeyError)):
            journeys(date(2026, 11, 22), tmp_path)
