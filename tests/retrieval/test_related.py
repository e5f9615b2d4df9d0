"""Articles that the same customers asked about, and nothing of any one customer."""

from __future__ import annotations

import pytest

from retrieval.errors import BundleDamaged
from retrieval.related import MOST, Related, read_related, relate, related_json


def asked(*rows: tuple[int, str]) -> list[tuple[int, str, str]]:
    return [(customer, source, source.upper()) for customer, source in rows]


def test_articles_that_three_customers_asked_about_go_together() -> None:
    rows = asked(*[(n, source) for n in (1, 2, 3) for source in ("a", "b")], (1, "c"), (2, "c"))
    assert relate(rows) == {"a": (Related("b", "B", 3),), "b": (Related("a", "A", 3),)}


def test_one_customer_who_asks_again_and_again_counts_once() -> None:
    assert relate(asked(*[(1, source) for _ in range(9) for source in ("a", "b")])) == {}


def test_most_customers_come_first_and_no_more_than_a_few_are_kept() -> None:
    rows = asked(*[(n, "a") for n in range(9)], *[(n, f"b{k}") for k in range(5) for n in range(4 + k)])
    assert [related.source for related in relate(rows)["a"]] == ["b4", "b3", "b2"]
    assert len(relate(rows)["a"]) == MOST


def test_what_is_written_can_be_read_and_what_is_damaged_is_refused() -> None:
    related = relate(asked(*[(n, source) for n in (1, 2, 3) for source in ("a", "b")]))
    assert read_related(related_json(related)) == related
    with pytest.raises(BundleDamaged, match=r"related\.json"):
        read_related(b'{"a": [[1]]}')
