"""The sums, worked by hand: shares of a discount, the delivery charge, the label's fee, what a swap costs."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.backoffice.amounts import refund, swap_difference
from bot.backoffice.types import Item, Order, OrderStatus, Product
from bot.backoffice.writes import Line, Swap

D = Decimal
LABEL = D("4.50")


def order(*items: tuple[str, int, str], discount: str = "0", delivery: str = "0", **changes: object) -> Order:
    """An order of lines `(sku, quantity, unit price)`, its total what was paid."""
    lines = tuple(Item(sku, sku, quantity, D(price)) for sku, quantity, price in items)
    total = sum((line.quantity * line.unit_price for line in lines), D(0)) - D(discount) + D(delivery)
    made = Order(
        "MG-10001", "C-0001", OrderStatus.DELIVERED, "2026-11-01", lines, total, "ada@post.example",
        discount=D(discount), delivery_charge=D(delivery),
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


# 2 × 16.90 + 8.90 = 42.70; 10% off is 4.27; with 5.90 for delivery 44.33 was paid.
WITH_VOUCHER = order(("fern", 2, "16.90"), ("pot", 1, "8.90"), discount="4.27", delivery="5.90")


@pytest.mark.parametrize(
    ("lines", "fee", "back"),
    [
        ([Line("pot", 1)], "0", "8.01"),  # 8.90 − 0.89
        ([Line("fern", 1)], "0", "15.21"),  # 16.90 − 1.69
        ([Line("fern", 2)], "0", "30.42"),  # 33.80 − 3.38
        ([Line("fern", 1), Line("fern", 1)], "0", "30.42"),
        ([Line("pot", 1)], "4.50", "3.51"),
        ([Line("fern", 2), Line("pot", 1)], "0", "44.33"),  # everything, the delivery charge too
        ([Line("fern", 2), Line("pot", 1)], "4.50", "39.83"),
        ([Line("stand", 1)], "0", "0.00"),  # not in the order
        ([], "0", "0.00"),
    ],
)
def test_what_was_paid_comes_back_less_the_discounts_share(lines: list[Line], fee: str, back: str) -> None:
    assert refund(WITH_VOUCHER, lines, D(fee)) == D(back)


def test_a_demo_order_comes_back_as_its_receipt_says() -> None:
    # 19.50 + 2 × 3.40 + 7.90 = 34.20, of which WINTER10 took 3.42; the trowel is 19.50 − 1.95, its label 4.50.
    demo = order(("trowel", 1, "19.5"), ("seed", 2, "3.4"), ("bark", 1, "7.9"), discount="3.42", delivery="5.9")
    assert demo.total == D("36.68")
    assert refund(demo, [Line("trowel", 1)], LABEL) == D("13.05")


def test_a_label_dearer_than_the_thing_costs_nothing_more() -> None:
    assert refund(order(("seed", 2, "3.40")), [Line("seed", 1)], LABEL) == D("0.00")


def test_half_a_cent_is_rounded_up() -> None:
    assert refund(order(("seed", 2, "0.05"), discount="0.05"), [Line("seed", 1)]) == D("0.03")


def test_parts_sent_back_one_after_the_other_add_up_to_what_was_paid() -> None:
    bought = order(("pot", 3, "10.00"), discount="0.10")
    first = refund(bought, [Line("pot", 1)])
    second = refund(replace(bought, returned={"pot": 1}), [Line("pot", 1)])
    third = refund(replace(bought, returned={"pot": 2}), [Line("pot", 1)])
    assert [first, second, third] == [D("9.97"), D("9.96"), D("9.97")]


def test_the_last_part_brings_the_delivery_charge_back() -> None:
    rest = replace(WITH_VOUCHER, returned={"fern": 2})
    assert refund(rest, [Line("pot", 1)]) == D("13.91")  # 8.90 − 0.89 + 5.90
    assert refund(replace(WITH_VOUCHER, returned={"fern": 1}), [Line("pot", 1)]) == D("8.01")


def test_what_came_in_exchange_stays_so_the_delivery_charge_does_too() -> None:
    exchanged = replace(WITH_VOUCHER, returned={"fern": 2}, acts=frozenset({"exchange_items"}))
    assert refund(exchanged, [Line("pot", 1)]) == D("8.01")


def test_an_article_on_two_lines_comes_back_at_each_lines_price() -> None:
    twice = order(("pot", 1, "10.00"), ("pot", 2, "8.00"))
    assert [refund(twice, [Line("pot", count)]) for count in (1, 2, 3)] == [D("10.00"), D("18.00"), D("26.00")]


def test_however_an_order_is_sent_back_it_all_comes_back_once() -> None:
    rng = random.Random(13)
    for _ in range(300):
        items = [(f"sku-{n}", rng.randrange(1, 4), f"{rng.randrange(1, 9000) / 100:.2f}") for n in range(1, 5)]
        goods = sum((quantity * D(price) for _, quantity, price in items), D(0))
        bought = order(*items, discount=str((goods * rng.randrange(40) / 100).quantize(D("0.01"))), delivery="5.90")
        things = [sku for sku, quantity, _ in items for _ in range(quantity)]
        rng.shuffle(things)
        back, returned = D(0), dict[str, int]()
        while things:
            part = [things.pop() for _ in range(rng.randrange(1, len(things) + 1))]
            amount = refund(replace(bought, returned=dict(returned)), [Line(sku, 1) for sku in part])
            assert amount >= 0
            back += amount
            for sku in part:
                returned[sku] = returned.get(sku, 0) + 1
        assert back == bought.total, items


GOODS: Mapping[str, Product] = {
    sku: Product(sku, sku, D(price)) for sku, price in (("p18", "8.90"), ("p28", "17.90"), ("p35", "29.90"))
}


@pytest.mark.parametrize(
    ("swaps", "more"),
    [
        ([Swap("p18", 1, "p28")], "9.00"),
        ([Swap("p18", 2, "p28")], "18.00"),
        ([Swap("p28", 1, "p18")], "-9.00"),
        ([Swap("p18", 1, None)], "-8.90"),
        ([Swap("p18", 1, "p28"), Swap("p28", 1, "p18")], "0.00"),
        ([Swap("p18", 1, "p35"), Swap("p18", 1, None)], "12.10"),
        ([], "0.00"),
    ],
)
def test_a_swap_costs_the_new_price_less_the_old(swaps: list[Swap], more: str) -> None:
    assert swap_difference(swaps, order(("p18", 2, "8.90"), ("p28", 1, "17.90")), GOODS) == D(more)


def test_what_was_paid_counts_not_what_it_costs_today() -> None:
    assert swap_difference([Swap("p18", 1, "p28")], order(("p18", 1, "7.00")), GOODS) == D("10.90")
