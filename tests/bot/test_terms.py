"""The company's terms: what each rule refuses, by name, and what a terms file may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bot_fakes import CUSTOMERS, PRODUCTS, TERMS, make_order

from bot.backoffice.records import read_customer, read_order, read_product
from bot.backoffice.rules import RULES, item_refusal, refund_ways, refusal, state_refusal
from bot.backoffice.terms import SAYS, WEEKDAYS, Term, load_terms, sentence
from bot.backoffice.types import Address, Customer, Order, OrderStatus, PaymentMethod, Product
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
from bot.errors import TermsError

TODAY = date(2026, 11, 22)
N = "MG-10001"
GOODS = {raw["sku"]: read_product(raw) for raw in PRODUCTS}
CARD = PaymentMethod("pm-1", "card", "Visa ending 4242")
GIFT = PaymentMethod("pm-2", "gift_card", "Gift card ending 41XM", Decimal("10.00"))
RICH = PaymentMethod("pm-3", "gift_card", "Gift card ending 77AB", Decimal("500.00"))
ADA = replace(read_customer(CUSTOMERS[0]), payment_methods=(CARD, GIFT, RICH))
UTRECHT = Address("Kade 5", "3514 XK", "Utrecht", "Netherlands")


def order(status: str = "delivered", **changes: Any) -> Order:
    """A fern, two clay pots, a trowel and an engraved trowel, delivered four days ago."""
    raw = make_order(N, "C-0001", status, items=(("PL-1", 1), ("PT-2", 2), ("TL-1", 1)))
    return replace(read_order(raw), **changes)


def rule_of(
    write: Write,
    order: Order | None,
    terms: Mapping[str, Term] = TERMS,
    customer: Customer = ADA,
    goods: Mapping[str, Product] = GOODS,
) -> str | None:
    refused = refusal(write, order, customer, goods, terms, TODAY)
    return refused.rule if refused else None


def back(*lines: Line, reason: str | None = "faulty", to: str = "pm-1") -> ReturnItems:
    return ReturnItems(N, lines, reason, to)


POSSIBLE: tuple[tuple[Write, str], ...] = (
    (CancelOrder(N), "placed"),
    (ChangeAddress(N, UTRECHT), "placed"),
    (ChangeDeliveryDay(N, "2026-11-26"), "placed"),
    (ChangeItems(N, (Swap("PT-2", 1, "PT-3"),)), "placed"),
    (ChangeItems(N, (Swap("PT-2", 1, None),)), "placed"),
    (back(Line("PT-2", 2)), "delivered"),
    (back(Line("PT-2", 1), Line("TL-1", 1), to="gift_card"), "delivered"),
    (ExchangeItems(N, (Swap("PT-2", 2, "PT-3"),)), "delivered"),
    (SendInvoice(N), "packed"),
    (SendInvoice(N), "shipped"),
    (SendInvoice(N), "delivered"),
)


@pytest.mark.parametrize(("write", "status"), POSSIBLE)
def test_what_the_demo_company_allows_is_allowed(write: Write, status: str) -> None:
    assert rule_of(write, order(status)) is None


def test_an_account_may_be_changed_without_an_order() -> None:
    assert rule_of(UpdateContact("phone", "+31 6 1234 5678"), None) is None


@pytest.mark.parametrize("write", [write for write, _ in POSSIBLE])
def test_outside_its_states_every_write_is_refused_by_its_own_policy(write: Write) -> None:
    term = TERMS[write.name]
    assert term.statuses is not None
    for status in set(OrderStatus) - set(term.statuses):
        refused = refusal(write, order(status), ADA, GOODS, TERMS, TODAY)
        assert refused is not None, status
        assert (refused.rule, refused.policy, refused.says) == ("status", term.policy, term.says["status"])
        assert refused.article == term.article
        assert state_refusal(write.name, order(status), TERMS, TODAY) == refused


@pytest.mark.parametrize(
    ("write", "rule"),
    [
        (back(), "lines"),
        (back(Line("PT-2", 3)), "lines"),
        (back(Line("PT-2", 1), Line("PT-2", 2)), "lines"),
        (back(Line("PT-2", 0)), "lines"),
        (back(Line("PT-2", -1)), "lines"),
        (back(Line("PT-3", 1)), "lines"),
        (back(Line("PL-1", 1)), "kind"),
        (back(Line("PT-2", 1), Line("PL-1", 1)), "kind"),
        (back(Line("PT-2", 1), reason="greener than the sofa"), "reason"),
        (back(Line("PT-2", 1), reason=None), "reason"),
        (back(Line("PT-2", 1), to="pm-2"), "refund_to"),
        (back(Line("PT-2", 1), to="pm-9"), "refund_to"),
        (back(Line("PT-2", 1), to=""), "refund_to"),
        (ExchangeItems(N, (Swap("PT-2", 1, "TL-1"),)), "family"),
        (ExchangeItems(N, (Swap("PT-2", 1, "PT-99"),)), "family"),
        (ExchangeItems(N, (Swap("PT-2", 1, "PT-4"),)), "stock"),
        (ExchangeItems(N, (Swap("PT-2", 1, None),)), "remove"),
        (ExchangeItems(N, (Swap("PL-1", 1, "PL-1"),)), "kind"),
        (ExchangeItems(N, (Swap("PT-2", 3, "PT-3"),)), "lines"),
        (ExchangeItems(N, ()), "lines"),
        (ExchangeItems(N, (Swap("PT-2", 1, "PT-3"),), "pm-2"), "settle"),
    ],
)
def test_what_may_not_come_back_is_refused_by_its_rule(write: Write, rule: str) -> None:
    assert rule_of(write, order()) == rule


@pytest.mark.parametrize(
    ("write", "rule"),
    [
        (ChangeItems(N, (Swap("PT-2", 2, None), Swap("PL-1", 1, None), Swap("TL-1", 1, None))), "remove"),
        (ChangeItems(N, (Swap("PT-2", 2, None), Swap("PL-1", 1, None))), None),
        (ChangeItems(N, (Swap("TL-1", 1, "PT-2"),)), "family"),
        (ChangeItems(N, (Swap("PT-2", 1, "PT-4"),)), "stock"),
        (ChangeItems(N, (Swap("PT-2", 1, "PT-3"),), "pm-1"), None),
        (ChangeItems(N, (Swap("PT-2", 1, "PT-3"),), "pm-3"), "settle"),
        (ChangeDeliveryDay(N, "2026-11-22"), "ahead"),
        (ChangeDeliveryDay(N, "2026-11-20"), "ahead"),
        (ChangeDeliveryDay(N, "2026-11-23"), "weekday"),  # a Monday
        (ChangeDeliveryDay(N, "2026-11-28"), "weekday"),  # a Saturday
        (ChangeDeliveryDay(N, "2026-11-24"), None),
        (ChangeDeliveryDay(N, "2026-12-11"), None),
        (ChangeDeliveryDay(N, "2026-12-15"), "ahead"),
        (ChangeAddress(N, replace(UTRECHT, country="netherlands")), None),
        (ChangeAddress(N, replace(UTRECHT, country="Belgium")), "country"),
        (ChangeAddress(N, replace(UTRECHT, country="")), "country"),
        (ChangePayment(N, "pm-3"), "not_offered"),
    ],
)
def test_what_may_not_change_before_packing_is_refused_by_its_rule(write: Write, rule: str | None) -> None:
    assert rule_of(write, order("placed")) == rule


@pytest.mark.parametrize(("days", "rule"), [(0, None), (29, None), (30, None), (31, "window"), (365, "window")])
def test_thirty_days_are_thirty_days(days: int, rule: str | None) -> None:
    delivered = order(delivered_at=f"{TODAY - timedelta(days=days)}T16:00:00Z")
    assert rule_of(back(Line("PT-2", 1)), delivered) == rule
    assert rule_of(ExchangeItems(N, (Swap("PT-2", 1, "PT-3"),)), delivered) == rule


def test_an_engraved_tool_neither_comes_back_nor_changes() -> None:
    plain = order()
    engraved = replace(plain, items=(*plain.items[:2], replace(plain.items[2], engraving="Friedhelm")))
    assert rule_of(back(Line("TL-1", 1)), engraved) == "engraved"
    assert rule_of(back(Line("PT-2", 1)), engraved) is None
    placed = replace(engraved, status=OrderStatus.PLACED)
    assert rule_of(ChangeItems(N, (Swap("TL-1", 1, None),)), placed) == "engraved"
    refused = item_refusal("return_items", "TL-1", engraved, GOODS, TERMS)
    assert refused is not None
    assert refused.says == TERMS["return_items"].says["engraved"]


def test_what_has_gone_back_cannot_go_back_again() -> None:
    once = order(returned={"PT-2": 1}, acts=frozenset({"return_items"}))
    assert rule_of(back(Line("PT-2", 1)), once) is None
    assert rule_of(back(Line("PT-2", 2)), once) == "lines"


def test_an_order_is_exchanged_from_once() -> None:
    exchanged = order(acts=frozenset({"exchange_items"}))
    assert rule_of(ExchangeItems(N, (Swap("PT-2", 1, "PT-3"),)), exchanged) == "once"
    assert rule_of(back(Line("PT-2", 1)), exchanged) is None


CHOOSE = {
    name: Term(policy="Paying", settle="choose", refund_to=("original", "own_gift_card"))
    for name in ("change_items", "exchange_items", "change_payment", "return_items")
}


@pytest.mark.parametrize(
    ("write", "rule"),
    [
        (ChangePayment(N, "pm-3"), None),
        (ChangePayment(N, "pm-1"), "same_payment"),
        (ChangePayment(N, "pm-2"), "balance"),  # 10.00 for an order of 57.40
        (ChangePayment(N, "pm-9"), "settle"),
        (ChangeItems(N, (Swap("PT-2", 1, "PT-3"),), "pm-2"), None),  # 9.00 of 10.00
        (ChangeItems(N, (Swap("PT-2", 2, "PT-3"),), "pm-2"), "balance"),  # 18.00 of 10.00
        (ChangeItems(N, (Swap("PT-2", 2, "PT-5"),), "pm-2"), None),  # money comes back
        (ChangeItems(N, (Swap("PT-2", 1, "PT-3"),), "pm-9"), "settle"),
        (back(Line("PT-2", 1), to="pm-1"), None),
        (back(Line("PT-2", 1), to="pm-2"), None),
        (back(Line("PT-2", 1), to="gift_card"), "refund_to"),
    ],
)
def test_money_goes_only_over_the_customers_own_ways(write: Write, rule: str | None) -> None:
    assert rule_of(write, order(), CHOOSE) == rule


def test_where_a_refund_may_go_is_listed_once_each() -> None:
    paid_by_gift_card = order(payment_method="pm-2")
    assert refund_ways(CHOOSE["return_items"], paid_by_gift_card, ADA) == ("pm-2", "pm-3")
    assert refund_ways(TERMS["return_items"], order(), ADA) == ("pm-1", "gift_card")
    assert refund_ways(TERMS["return_items"], order(payment_method=None), ADA) == ("gift_card",)


def test_what_has_no_table_is_not_offered() -> None:
    for write, status in POSSIBLE:
        assert rule_of(write, order(status), {}) == "not_offered"
        refused = state_refusal(write.name, order(status), {}, TODAY)
        assert refused is not None
        assert refused.rule == "not_offered"


def test_only_the_asked_rules_are_looked_at() -> None:
    write = ChangeDeliveryDay(N, "2026-11-23")
    both = refusal(write, order("packed"), ADA, GOODS, TERMS, TODAY)
    day = refusal(write, order("packed"), ADA, GOODS, TERMS, TODAY, only=frozenset({"weekday"}))
    assert (both and both.rule, day and day.rule) == ("status", "weekday")


def test_every_rule_has_a_sentence_and_none_has_gaps_left() -> None:
    assert {rule for rule, _ in RULES} | {"not_offered"} == set(SAYS)
    for term in TERMS.values():
        for rule in SAYS:
            text = sentence(term, rule, ChangeDeliveryDay(N, "2026-11-23"))
            assert text.endswith(".")
            assert not set("{}") & set(text)


def test_a_sentence_may_name_what_the_terms_say() -> None:
    term = Term(
        policy="P", within_days=14, never_kinds=("plant", "seed"), weekdays=WEEKDAYS[1:3], days_ahead=9,
        says={"window": "{within_days} days, but not {kinds}", "ahead": "{weekdays}, {days_ahead} days: not {day}"},
    )  # fmt: skip
    assert sentence(term, "window") == "14 days, but not plant and seed"
    assert sentence(term, "ahead", ChangeDeliveryDay(N, "x")) == "Tuesday and Wednesday, 9 days: not x"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[cancel_orders]\npolicy = 'P'", r"\[cancel_orders\]; expected some of cancel_order, change_address"),
        ("[cancel_order]\npolicy = ''", "policy is ''"),
        ("[cancel_order]\n", "policy"),
        ("[cancel_order]\npolicy = 'P'\nstatus = ['placed']", "status is"),
        ("[cancel_order]\npolicy = 'P'\nstatuses = ['lost']", "statuses.0 is 'lost'"),
        ("[return_items]\npolicy = 'P'\nfee = -1", "fee is -1"),
        ("[return_items]\npolicy = 'P'\nrefund_to = ['anywhere']", "refund_to.0 is 'anywhere'"),
        ("[return_items]\npolicy = 'P'\nwithin_days = -3", "within_days is -3"),
        ("[change_delivery_day]\npolicy = 'P'\nweekdays = ['Tues']", "'Tues'; expected one of Monday"),
        ("[cancel_order]\npolicy = 'P'\nsays.states = 'No.'", "'states'; expected one of not_offered"),
        ("cancel_order = 3", "is 3"),
        ("[cancel_order", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_terms_that_cannot_be_meant_are_named_with_their_file(tmp_path: Path, text: str | None, says: str) -> None:
    path = tmp_path / "terms.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TermsError, match=rf"terms\.toml.*{says}"):
        load_terms(path)


def test_the_demo_companys_terms_cover_what_it_offers() -> None:
    assert set(KINDS) - set(TERMS) == {"change_payment"}


def test_terms_name_the_table_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "terms.toml"
    path.write_text("[cancel_order]\npolicy = 'P'\n[return_items]\npolicy = 'P'\nfee = -1")
    with pytest.raises(TermsError, match="return_items"):
        load_terms(path)


@pytest.mark.parametrize("says", ["Not in {days} days.", "Not {0}.", "Not {", "Not {kinds!x}."])
def test_a_sentence_with_a_gap_that_nothing_fills_is_refused_when_terms_are_read(tmp_path: Path, says: str) -> None:
    path = tmp_path / "terms.toml"
    path.write_text(f"[cancel_order]\npolicy = 'P'\nsays.status = '{says}'")
    with pytest.raises(TermsError):
        load_terms(path)


@pytest.mark.parametrize("line", ["not_after = ['exchange_item']", "reasons.faulty = 'F'\nfree_reasons = ['fualty']"])
def test_a_name_that_means_nothing_is_refused_when_terms_are_read(tmp_path: Path, line: str) -> None:
    path = tmp_path / "terms.toml"
    path.write_text(f"[return_items]\npolicy = 'P'\n{line}")
    with pytest.raises(TermsError):
        load_terms(path)


def test_several_swaps_take_no_more_from_the_shelf_than_there_is() -> None:
    last_one = GOODS | {"PT-3": replace(GOODS["PT-3"], in_stock=1)}
    write = ExchangeItems(N, (Swap("PT-2", 1, "PT-3"), Swap("PT-2", 1, "PT-3")))
    assert rule_of(write, order(), goods=last_one) == "stock"


def test_an_order_paid_by_gift_card_is_not_charged_more_than_is_on_it() -> None:
    paid = order("placed", payment_method="pm-2")
    assert rule_of(ChangeItems(N, (Swap("PT-2", 2, "PT-3"),)), paid) == "balance"  # 18.00 of 10.00


@pytest.mark.parametrize("what", ["customer_id", "payment_methods", ""])
def test_only_what_an_account_says_can_be_changed(what: str) -> None:
    assert rule_of(UpdateContact(what, "C-0002"), None) is not None
