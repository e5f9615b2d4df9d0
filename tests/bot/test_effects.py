"""What each write leaves behind in a shop's records, before any database."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from bot_fakes import ADDRESS, CUSTOMERS, PRODUCTS, TERMS, make_order

from bot.backoffice.effects import customer_after, details, fee_of, order_after, return_record, stock_moves
from bot.backoffice.records import read_customer, read_order, read_product
from bot.backoffice.types import Address
from bot.backoffice.writes import (
    KINDS,
    CancelOrder,
    ChangeAddress,
    ChangeDeliveryDay,
    ChangeItems,
    ChangePayment,
    ExchangeItems,
    Line,
    ReturnItems,
    SendInvoice,
    Swap,
    UpdateContact,
    Write,
)

GOODS = {raw["sku"]: read_product(raw) for raw in PRODUCTS}
ADA = read_customer(CUSTOMERS[0])
KADE = Address("Kade 5", "5211 AB", "Den Bosch", "Netherlands")
N = "MG-10001"
RAW = make_order(N, "C-0001", "placed", items=(("PL-1", 2), ("PT-2", 2)))
ORDER = read_order(RAW)


def after(write: Write, raw: dict[str, Any] = RAW) -> dict[str, Any]:
    """The order's record after the write, as it comes back from JSON; what went in is left as it was."""
    before = copy.deepcopy(raw)
    made = order_after(write, raw, read_order(raw), GOODS)
    assert raw == before
    return json.loads(json.dumps(made))


@pytest.mark.parametrize(
    ("write", "changed"),
    [
        (CancelOrder(N, "no longer needed"), {"status": "cancelled", "cancel_reason": "no longer needed"}),
        (CancelOrder(N), {"status": "cancelled", "cancel_reason": None}),
        (ChangeAddress(N, KADE), {"address": ADDRESS | {"street": "Kade 5", "postal_code": "5211 AB",
                                                        "city": "Den Bosch", "extra": None, "region": None}}),
        (ChangeDeliveryDay(N, "2026-12-03"), {"delivery_day": "2026-12-03", "expected_at": "2026-12-03"}),
        (ChangePayment(N, "pm-2"), {"payment_method": "pm-2"}),
        (ReturnItems(N, (Line("PT-2", 1),), None, "pm-1"), {"returned": {"PT-2": 1}}),
        (ExchangeItems(N, (Swap("PT-2", 2, "PT-3"),)), {"returned": {"PT-2": 2}}),
        (SendInvoice(N), {}),
    ],
)  # fmt: skip
def test_a_write_changes_what_it_says_and_nothing_else(write: Write, changed: dict[str, Any]) -> None:
    assert after(write) == RAW | changed | {"acts": [write.name]}


def test_what_was_done_on_an_order_is_remembered_once_each() -> None:
    twice = after(ChangePayment(N, "pm-1"), after(ChangePayment(N, "pm-2")))
    assert after(ChangeDeliveryDay(N, "2026-12-03"), twice)["acts"] == ["change_delivery_day", "change_payment"]


def test_returns_of_an_article_add_up() -> None:
    once = after(ReturnItems(N, (Line("PT-2", 1),), None, "pm-1"))
    twice = after(ReturnItems(N, (Line("PT-2", 1), Line("PL-1", 1), Line("PL-1", 1)), None, "pm-1"), once)
    assert twice["returned"] == {"PT-2": 2, "PL-1": 2}
    assert read_order(twice).left("PT-2") == 0


def lines(raw: dict[str, Any]) -> list[tuple[str, int]]:
    return [(item["sku"], item["quantity"]) for item in raw["items"]]


@pytest.mark.parametrize(
    ("swaps", "left", "total"),
    [  # 2 × 16.90 + 2 × 8.90 + 3.20 = 54.80
        ((Swap("PT-2", 1, "PT-3"),), [("PL-1", 2), ("PT-2", 1), ("PT-3", 1)], "63.8"),
        ((Swap("PT-2", 2, "PT-3"),), [("PL-1", 2), ("PT-3", 2)], "72.8"),
        ((Swap("PT-2", 1, "PT-3"), Swap("PT-2", 1, "PT-5")), [("PL-1", 2), ("PT-3", 1), ("PT-5", 1)], "60.8"),
        ((Swap("PT-2", 1, "PT-3"), Swap("PT-2", 1, "PT-3")), [("PL-1", 2), ("PT-3", 2)], "72.8"),
        ((Swap("PL-1", 1, None),), [("PL-1", 1), ("PT-2", 2)], "37.9"),
        ((Swap("PL-1", 2, None),), [("PT-2", 2)], "21"),
    ],
)
def test_swaps_change_the_lines_and_the_total(swaps: tuple[Swap, ...], left: list[tuple[str, int]], total: str) -> None:
    made = after(ChangeItems(N, swaps))
    assert lines(made) == left
    assert Decimal(made["total"]) == Decimal(total)


def test_after_any_swaps_the_total_is_still_the_sum_of_the_lines() -> None:
    rng = random.Random(17)
    pots = ["PT-2", "PT-3", "PT-5"]
    raw = make_order(N, "C-0001", "placed", items=(("PL-1", 1), ("PT-2", 3), ("PT-3", 2)))
    for _ in range(200):
        order = read_order(raw)
        sku = rng.choice([item.sku for item in order.items if item.sku in pots])
        count = rng.randrange(1, order.left(sku) + 1)
        raw = after(ChangeItems(N, (Swap(sku, count, rng.choice([pot for pot in pots if pot != sku])),)), raw)
        order = read_order(raw)
        goods = sum((item.quantity * item.unit_price for item in order.items), Decimal(0))
        assert order.total == goods + order.delivery_charge
        assert sum(item.quantity for item in order.items) == 6


@pytest.mark.parametrize(
    ("write", "moves"),
    [
        (ChangeItems(N, (Swap("PT-2", 2, "PT-3"),)), {"PT-3": -2, "PT-2": 2}),
        (ChangeItems(N, (Swap("PT-2", 1, None),)), {"PT-2": 1}),
        (ChangeItems(N, (Swap("PT-2", 1, "PT-3"), Swap("PT-3", 1, "PT-2"))), {"PT-3": 0, "PT-2": 0}),
        (ExchangeItems(N, (Swap("PT-2", 2, "PT-3"),)), {"PT-3": -2}),
        (ReturnItems(N, (Line("PT-2", 2),), None, "pm-1"), {}),
        (SendInvoice(N), {}),
        (UpdateContact("phone", "+31 6 1234 5678"), {}),
    ],
)
def test_stock_moves_only_for_what_leaves_or_comes_back_at_once(write: Write, moves: dict[str, int]) -> None:
    assert stock_moves(write) == moves


def test_an_account_says_what_was_asked_for() -> None:
    raw = CUSTOMERS[0]
    assert customer_after(UpdateContact("phone", "+31 6 1234 5678"), raw) == raw | {"phone": "+31 6 1234 5678"}
    assert customer_after(UpdateContact("email", "a@new.example"), raw) == raw | {"email": "a@new.example"}
    moved = read_customer(customer_after(UpdateContact("address", None, KADE), raw))
    assert moved.address == KADE


@pytest.mark.parametrize(
    ("reason", "fee", "amount"),
    [("changed_mind", "4.5", "4.40"), ("faulty", "0", "8.90"), ("wrong_item", "0", "8.90"), (None, "4.5", "4.40")],
)
def test_the_label_is_free_where_the_shop_is_to_blame(reason: str | None, fee: str, amount: str) -> None:
    term = TERMS["return_items"]
    write = ReturnItems(N, (Line("PT-2", 1),), reason, "pm-1")
    assert fee_of(term, reason) == Decimal(fee)
    told = details(write, ORDER, ADA, term, GOODS, "R-00101")
    assert told == {"return_number": "R-00101", "amount": amount, "fee": fee}
    record = return_record(write, "R-00101", ORDER, term, "2026-11-22T12:00:00+00:00")
    assert (record["amount"], record["refund_to"], record["status"]) == (amount, "pm-1", "requested")
    assert record["items"] == [{"sku": "PT-2", "quantity": 1}]


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (CancelOrder(N), {"amount": "54.8"}),
        (ChangeItems(N, (Swap("PT-2", 1, "PT-3"),)), {"amount": "-9.00"}),
        (ChangeItems(N, (Swap("PT-2", 1, None),)), {"amount": "8.90"}),
        (ExchangeItems(N, (Swap("PT-2", 1, "PT-5"),)), {"return_number": "R-00101", "amount": "3.00"}),
        (SendInvoice(N), {"sent_to": "ada@post.example"}),
        (UpdateContact("phone", "+31 6 1234 5678"), {"value": "+31 6 1234 5678"}),
        (UpdateContact("address", None, KADE), {"value": "Kade 5, 5211 AB Den Bosch, Netherlands"}),
    ],
)
def test_a_receipt_tells_what_the_customer_should_know(write: Write, told: dict[str, str]) -> None:
    order = None if isinstance(write, UpdateContact) else ORDER
    assert details(write, order, ADA, TERMS[write.name], GOODS, "R-00101") == told


def test_every_kind_of_write_has_an_effect_and_a_receipt_of_texts() -> None:
    values: dict[str, Any] = {
        "order_number": N, "reason": "faulty", "address": KADE, "day": "2026-12-03", "payment_method": "pm-2",
        "swaps": (Swap("PT-2", 1, "PT-3"),), "settle_with": None, "lines": (Line("PT-2", 1),), "refund_to": "pm-1",
        "what": "phone", "value": "+31 6 1234 5678",
    }  # fmt: skip
    for kind in KINDS.values():
        write = kind(**{name: values[name] for name in kind.__dataclass_fields__ if name in values})
        if not isinstance(write, UpdateContact):
            assert write.name in after(write)["acts"]
        told = details(write, ORDER, replace(ADA), TERMS.get(write.name, TERMS["cancel_order"]), GOODS, "R-00101")
        assert all(isinstance(text, str) for pair in told.items() for text in pair)


def test_what_is_swapped_in_at_a_new_price_keeps_the_total_the_sum_of_the_lines() -> None:
    raw = make_order(N, "C-0001", "placed", items=(("PT-2", 1), ("PT-3", 1)))
    raw["items"][0]["unit_price"] = 7.9  # bought before the price rose to 8.90
    raw["total"] = 29.0
    order = read_order(after(ChangeItems(N, (Swap("PT-3", 1, "PT-2"),)), raw))
    assert order.total == sum((item.quantity * item.unit_price for item in order.items), order.delivery_charge)
