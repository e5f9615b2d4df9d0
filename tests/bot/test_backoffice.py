"""The sample back office: what it knows, and that it acts once."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from bot.backoffice import OrderStatus
from bot.backoffice.records import read_order
from bot.backoffice.sample import SampleBackOffice
from bot.backoffice.terms import load_terms
from bot.backoffice.writes import CancelOrder
from bot.errors import BackOfficeError, NoSuchOrder, NotAllowed


def raw(
    number: str, customer: str = "C-0001", status: str = "placed", at: str = "2026-11-01T10:00:00Z"
) -> dict[str, Any]:
    return {
        "order_number": number, "customer_id": customer, "status": status, "placed_at": at, "carrier": None,
        "tracking_code": None, "expected_at": None, "total": 19.9, "address": "1 Fern Road", "email": "a@b.example",
        "items": [{"sku": "P", "name": "Fern", "quantity": 1, "unit_price": 19.9}],
    }  # fmt: skip


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    path = tmp_path / "seed.json"
    orders = [
        raw("MG-10001"), raw("MG-10002", status="shipped", at="2026-11-05T10:00:00Z"), raw("MG-20001", "C-0002"),
        raw("MG-10003", status="packed", at="2026-11-03T10:00:00Z"),
    ]  # fmt: skip
    path.write_text(json.dumps({"customers": [], "products": [], "orders": orders}))
    return path


@pytest.fixture
def office(tmp_path: Path, seed: Path) -> SampleBackOffice:
    return SampleBackOffice(tmp_path / "backoffice.db", seed)


def test_an_order_is_found_by_its_number(office: SampleBackOffice) -> None:
    order = office.order("MG-10001")
    assert (order.customer_id, order.status, str(order.total)) == ("C-0001", OrderStatus.PLACED, "19.9")
    with pytest.raises(NoSuchOrder, match="MG-99999"):
        office.order("MG-99999")


def test_a_customers_orders_come_newest_first_and_nobody_elses(office: SampleBackOffice) -> None:
    assert [order.order_number for order in office.orders_of("C-0001")] == ["MG-10002", "MG-10003", "MG-10001"]
    assert office.orders_of("C-9999") == ()


@pytest.mark.parametrize("number", ["MG-10001", "MG-10003"])
def test_what_has_not_left_the_house_can_be_cancelled(office: SampleBackOffice, number: str) -> None:
    assert office.cancel_order(number, "C-0001", key="m1:cancel").status is OrderStatus.CANCELLED
    assert office.order(number).status is OrderStatus.CANCELLED


def test_a_shipped_order_is_not_cancelled(office: SampleBackOffice) -> None:
    with pytest.raises(NotAllowed, match="shipped"):
        office.cancel_order("MG-10002", "C-0001", key="m1:cancel")
    assert office.order("MG-10002").status is OrderStatus.SHIPPED


def test_another_customers_order_is_not_cancelled(office: SampleBackOffice) -> None:
    with pytest.raises(NoSuchOrder):
        office.cancel_order("MG-20001", "C-0001", key="m1:cancel")
    assert office.order("MG-20001").status is OrderStatus.PLACED


def test_the_same_key_acts_once_and_answers_the_same(office: SampleBackOffice) -> None:
    first = office.cancel_order("MG-10001", "C-0001", key="m1:cancel")
    assert office.cancel_order("MG-10001", "C-0001", key="m1:cancel") == first
    assert office.done("m1:cancel") == first
    assert office.done("m2:cancel") is None
    with pytest.raises(NotAllowed):
        office.cancel_order("MG-10001", "C-0001", key="m2:cancel")


def test_many_threads_with_one_key_act_once(office: SampleBackOffice, tmp_path: Path) -> None:
    others = [SampleBackOffice(tmp_path / "backoffice.db") for _ in range(3)]
    seen: list[OrderStatus] = []

    def cancel(which: SampleBackOffice) -> None:
        seen.append(which.cancel_order("MG-10001", "C-0001", key="m1:cancel").status)

    threads = [threading.Thread(target=cancel, args=(which,)) for which in [office, *others] * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [OrderStatus.CANCELLED] * 12


def test_what_was_done_outlives_the_process_and_is_not_seeded_again(tmp_path: Path, seed: Path) -> None:
    first = SampleBackOffice(tmp_path / "backoffice.db", seed)
    first.cancel_order("MG-10001", "C-0001", key="m1:cancel")
    first.close()
    again = SampleBackOffice(tmp_path / "backoffice.db", seed)
    assert again.order("MG-10001").status is OrderStatus.CANCELLED


def test_without_a_seed_there_are_no_orders(tmp_path: Path) -> None:
    assert SampleBackOffice(tmp_path / "empty.db", tmp_path / "absent.json").orders_of("C-0001") == ()


@pytest.mark.parametrize("change", [{"status": "lost"}, {"total": "much"}, {"items": None}, {"items": [{}]}])
def test_an_order_that_cannot_be_read_is_named(change: dict[str, Any]) -> None:
    with pytest.raises(BackOfficeError, match="MG-10001"):
        read_order(raw("MG-10001") | change)


def test_a_place_that_cannot_hold_it_is_named(seed: Path) -> None:
    with pytest.raises(BackOfficeError, match=r"backoffice\.db"):
        SampleBackOffice(seed / "backoffice.db")


def test_a_broken_seed_leaves_nothing_behind(tmp_path: Path, seed: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps({"orders": [raw("MG-10001"), {"order_number": "MG-10002"}]}))
    with pytest.raises(BackOfficeError, match="MG-10002"):
        SampleBackOffice(tmp_path / "new.db", broken)
    assert [o.order_number for o in SampleBackOffice(tmp_path / "new.db", seed).orders_of("C-0002")] == ["MG-20001"]
