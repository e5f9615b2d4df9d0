"""The demo company's approval list: answers that stand in its history, are of general use, and hold today."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from retrieval.candidates import answer_key, sort_exchanges
from retrieval.exchanges import Exchange, cut_exchanges
from retrieval.masking import Masker
from retrieval.readers import BadRow, read_transcripts
from retrieval.rules import why_no_card
from retrieval.settings import Settings

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def approvals() -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / "demo" / "approvals.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def answers() -> set[tuple[str, bytes]]:
    """Language and key of every wording of every candidate for a card in the demo's history."""
    settings = Settings(**tomllib.loads((DATA / "nightdesk.toml").read_text(encoding="utf-8"))["retrieval"])
    masker = Masker.from_settings(settings)
    customers: dict[str | None, int] = {}
    exchanges: list[Exchange] = []
    for row in read_transcripts(DATA / "demo" / "transcripts.jsonl"):
        assert not isinstance(row, BadRow)
        who = customers.setdefault(row.customer, len(customers))
        for cut in cut_exchanges(row.turns, masker, settings.language):
            said = (cut.context, cut.question, cut.answer, cut.language, cut.whole)
            exchanges.append(Exchange(len(exchanges), who, row.id, False, *said))
    found = sort_exchanges(exchanges, settings.min_customers)
    return {(candidate.language, key) for candidate in found.candidates for key in candidate.keys}


def test_there_are_thirty_to_forty_five_and_eight_chinese_ones_or_more(approvals: list[dict[str, str]]) -> None:
    assert 30 <= len(approvals) <= 45
    assert sum(row["language"] == "zh" for row in approvals) >= 8
    assert len({answer_key(row["answer"]) for row in approvals}) == len(approvals)


def test_every_line_has_a_question_an_answer_and_a_language(approvals: list[dict[str, str]]) -> None:
    for row in approvals:
        assert set(row) == {"question", "answer", "language"}
        assert all(value == value.strip() and value for value in row.values())


def test_every_approved_answer_stands_in_the_history(
    approvals: list[dict[str, str]], answers: set[tuple[str, bytes]]
) -> None:
    assert [row["answer"] for row in approvals if (row["language"], answer_key(row["answer"])) not in answers] == []


def test_no_approved_answer_is_true_only_once_or_an_old_rule(approvals: list[dict[str, str]]) -> None:
    for row in approvals:
        assert why_no_card(row["answer"]) is None, row["answer"]
        assert not re.search(r"€60|60欧|not swap in one step|don't swap|\[[A-Z]+\]|\bMG-", row["answer"]), row["answer"]
