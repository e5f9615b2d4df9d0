"""A shop's own API as a back office: everything it can be asked, on an example shop and the documented file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bot_fakes import TERMS, TODAY, Chat, make_services
from example_shop import ALL_TERMS, EXAMPLE, ExampleShop, Trouble

from bot.actions.registry import run as perform
from bot.backoffice import OrderStatus, PaymentMethod, Receipt
from bot.backoffice.http.ledger import FILE, erase
from bot.backoffice.http.office import HttpBackOffice
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
from bot.errors import BackOfficeError, NoSuchCustomer, NoSuchOrder, NotAllowed
from bot.settings import Settings
from bot.tracker import fold

Opens = Callable[..., HttpBackOffice]
NEW_HOME = Address("Singel 5", "1012 AB", "Amsterdam", "NL")


@pytest.fixture
def office(opens: Opens) -> HttpBackOffice:
    return opens()


# What the shop knows


def test_an_order_comes_with_everything_the_file_maps(office: HttpBackOffice) -> None:
    found = office.order("KL-10003")
    assert (found.order_number, found.customer_id, found.status) == ("KL-10003", "A-7", OrderStatus.DELIVERED)
    assert found.placed_at.startswith("2026-11-15T")
    assert [(i.sku, i.name, i.quantity, i.unit_price) for i in found.items] == [
        ("POT-S", "Teapot, small", 2, Decimal("24.50")),
        ("CUP-G", "Cup, green", 1, Decimal("9")),
    ]
    assert (found.total, found.delivery_charge, found.discount) == (Decimal("62.90"), Decimal("4.90"), Decimal(0))
    assert (found.email, found.carrier, found.tracking_code) == ("A-7@post.example", "PostNL", "3SKETTLE")
    assert (found.expected_at, found.delivered_on()) == ("2026-11-16", TODAY.date().replace(day=16))
    assert found.address == Address("Kade 1", "3511 AB", "Utrecht", "NL")
    assert (found.payment_method, found.acts, found.returned) == ("pm-1", frozenset(), {})


@pytest.mark.parametrize(
    ("number", "status"),
    [("KL-10001", "placed"), ("KL-10005", "packed"), ("KL-10002", "shipped"), ("KL-10003", "delivered")],
)
def test_the_shops_words_for_a_state_become_ours(office: HttpBackOffice, number: str, status: str) -> None:
    assert office.order(number).status == status


def test_an_order_that_is_not_there_is_said_to_be_missing(office: HttpBackOffice) -> None:
    with pytest.raises(NoSuchOrder):
        office.order("KL-99999")


@pytest.mark.parametrize("number", ["..", ".", "", "  ", "x" * 300])
def test_what_fits_no_path_is_not_even_asked_for(office: HttpBackOffice, shop: ExampleShop, number: str) -> None:
    with pytest.raises(NoSuchOrder):
        office.order(number)
    assert shop.seen == []


def test_a_number_cannot_lead_to_another_call(office: HttpBackOffice, shop: ExampleShop) -> None:
    with pytest.raises(NoSuchOrder):
        office.order("../accounts/A-7?x=1#y")
    assert [asked for asked, _, _ in shop.seen] == ["GET /v2/orders/..%2Faccounts%2FA-7%3Fx%3D1%23y"]


def test_a_customers_orders_come_newest_first_from_all_pages(office: HttpBackOffice, shop: ExampleShop) -> None:
    assert [found.order_number for found in office.orders_of("A-7")] == ["KL-10001", "KL-10002", "KL-10003", "KL-10005"]
    assert len(shop.requests("GET /v2/orders?account=A-7&page=")) == 3
    assert office.orders_of("A-999") == ()


def test_a_shop_that_answers_with_everybodys_orders_is_not_believed(opens: Opens, shop: ExampleShop) -> None:
    office = opens(("query = { account =", "query = { acount ="))
    with pytest.raises(BackOfficeError, match=r"GET /orders: .*orders of other customers.*\[orders\]") as error:
        office.orders_of("A-7")
    assert "A-8" not in str(error.value)


def test_another_order_than_was_asked_for_is_not_believed(office: HttpBackOffice, shop: ExampleShop) -> None:
    shop.trouble(Trouble(change=lambda told: {"order": {**told["order"], "ref": "KL-10004"}}))
    with pytest.raises(BackOfficeError, match="about another order_number than was asked for"):
        office.order("KL-10001")


def test_orders_can_be_asked_for_one_by_one(opens: Opens, shop: ExampleShop) -> None:
    office = opens(
        ("size = 2, most = 20 }\n", 'size = 2, most = 20 }\ndetails = true\nfields = { order_number = "ref" }\n')
    )
    assert len(office.orders_of("A-7")) == 4
    assert len(shop.requests("GET /v2/orders/KL-")) == 4


def test_a_customer_comes_with_address_and_ways_to_pay(office: HttpBackOffice) -> None:
    ada = office.customer("A-7")
    assert (ada.customer_id, ada.name, ada.email, ada.phone, ada.language) == (
        "A-7", "Ada Lindqvist", "A-7@post.example", None, "en",
    )  # fmt: skip
    assert ada.address == Address("Kade 1", "3511 AB", "Utrecht", "NL")
    assert ada.payment_methods == (
        PaymentMethod("pm-1", "card", "Visa ending 4242"),
        PaymentMethod("gc-1", "gift_card", "Gift card", Decimal(20)),
    )
    with pytest.raises(NoSuchCustomer):
        office.customer("A-999")


def test_the_goods_come_from_all_pages_and_are_kept_for_a_while(office: HttpBackOffice, shop: ExampleShop) -> None:
    goods = office.products()
    assert [product.sku for product in goods] == ["BUSH", "CUP-B", "CUP-G", "POT-L", "POT-S"]
    assert (goods[0].kind, goods[4].price, goods[4].family, goods[4].options, goods[4].in_stock) == (
        "plant", Decimal("24.5"), "teapot", {"size": "small"}, 5,
    )  # fmt: skip
    assert office.products() is goods
    assert len(shop.requests("GET /v2/catalogue")) == 3


def test_a_swap_has_the_stock_asked_for_anew(office: HttpBackOffice, shop: ExampleShop) -> None:
    office.perform(ChangeItems("KL-10001", (Swap("POT-S", 2, "POT-L"),)), "A-7", key="m1:a")
    assert {p.sku: p.in_stock for p in office.products()}["POT-L"] == 1


def test_more_pages_of_goods_than_allowed_are_an_error_not_a_gap(opens: Opens) -> None:
    office = opens(
        ('paging = { by = "link", at = "links.next" }', 'paging = { by = "link", at = "links.next", most = 2 }')
    )
    with pytest.raises(BackOfficeError, match=r"\[products.paging\] most"):
        office.products()


def test_codes_are_found_in_whatever_case(office: HttpBackOffice) -> None:
    voucher, card = office.voucher("leaf10"), office.voucher("KLG-77")
    assert voucher
    assert (voucher.kind, voucher.percent, voucher.valid_until) == ("voucher", Decimal(10), "2026-12-31")
    assert card
    assert (card.kind, card.balance) == ("gift_card", Decimal("12.5"))
    assert office.voucher("NONE") is None


# What the shop does


WRITES: list[tuple[Write, str, Callable[[ExampleShop], Any], Any, dict[str, str]]] = [
    (CancelOrder("KL-10001"), "A-7", lambda shop: shop.orders["KL-10001"]["state"], "called off", {"amount": "62.9"}),
    (
        ChangeAddress("KL-10001", NEW_HOME), "A-7", lambda shop: shop.orders["KL-10001"]["ship_to"],
        {"line1": "Singel 5", "zip": "1012 AB", "town": "Amsterdam", "land": "NL"}, {},
    ),
    (
        ChangeDeliveryDay("KL-10001", "2026-11-26"), "A-7", lambda shop: shop.orders["KL-10001"]["day"],
        "2026-11-26", {"day": "2026-11-26"},
    ),
    (
        ChangeItems("KL-10001", (Swap("POT-S", 2, "POT-L"),)), "A-7",
        lambda shop: [(one["article"], one["qty"]) for one in shop.orders["KL-10001"]["lines"]],
        [("CUP-G", 1), ("POT-L", 2)], {"amount": "-20.00"},
    ),
    (ChangePayment("KL-10004", "gc-1"), "A-8", lambda shop: shop.orders["KL-10004"]["paid_with"], "gc-1", {}),
    (
        ReturnItems("KL-10003", (Line("POT-S", 1),), "faulty", "gift_card"), "A-7", lambda shop: shop.returns,
        [{"number": "KLR-1", "ref": "KL-10003", "cents": 2450, "things": [{"article": "POT-S", "qty": 1}],
          "reason": "BROKEN", "refund_to": "NEW-CARD"}],
        {"return_number": "KLR-1", "amount": "24.5", "fee": "0"},
    ),
    (
        ExchangeItems("KL-10003", (Swap("POT-S", 1, "POT-L"),)), "A-7", lambda shop: shop.catalogue[1]["stock"],
        2, {"return_number": "KLX-1", "amount": "-10"},
    ),
    (
        SendInvoice("KL-10003"), "A-7", lambda shop: shop.mails,
        [{"to": "A-7@post.example", "invoice": "KL-10003"}], {"sent_to": "A-7@post.example"},
    ),
    (UpdateContact("phone", "+31 6 1234"), "A-7", lambda shop: shop.accounts["A-7"]["mobile"], "+31 6 1234", {}),
    (UpdateContact("email", "a@new.example"), "A-7", lambda shop: shop.accounts["A-7"]["mail"], "a@new.example", {}),
    (
        UpdateContact("address", None, NEW_HOME), "A-7", lambda shop: shop.accounts["A-7"]["home"]["town"],
        "Amsterdam", {"value": "Singel 5, 1012 AB Amsterdam, NL"},
    ),
]  # fmt: skip


def test_every_kind_of_write_is_tried_here() -> None:
    assert {write.name for write, *_ in WRITES} == set(KINDS)


@pytest.mark.parametrize(
    ("write", "customer", "look", "expected", "told"), WRITES, ids=[f"{w[0].name}-{n}" for n, w in enumerate(WRITES)]
)
def test_a_write_changes_the_shop_once_for_its_key(
    office: HttpBackOffice,
    shop: ExampleShop,
    write: Write,
    customer: str,
    look: Any,
    expected: Any,
    told: dict[str, str],
) -> None:
    if write.name == "change_payment":  # a gift card must hold enough
        shop.accounts["A-8"]["wallet"][1]["left"] = 9_000
    receipt = office.perform(write, customer, key="m1:act")
    assert look(shop) == expected
    assert (receipt.write, receipt.order_number) == (write.name, getattr(write, "order_number", None))
    assert told.items() <= receipt.details.items()
    assert office.perform(write, customer, key="m1:act") == receipt
    assert office.done("m1:act") == receipt
    assert office.done("m2:act") is None
    assert len(shop.changes) == 1


def test_what_was_done_outlives_the_process(opens: Opens, shop: ExampleShop) -> None:
    receipt = opens().perform(CancelOrder("KL-10001"), "A-7", key="m1:act")
    assert opens().done("m1:act") == receipt


def test_the_companys_terms_refuse_before_the_shop_is_asked_to_act(office: HttpBackOffice, shop: ExampleShop) -> None:
    with pytest.raises(NotAllowed) as error:
        office.perform(CancelOrder("KL-10003"), "A-7", key="m1:act")
    assert error.value.refusal
    assert error.value.refusal.policy == TERMS["cancel_order"].policy
    assert not shop.requests("POST")


def test_another_customers_order_is_as_good_as_missing(office: HttpBackOffice, shop: ExampleShop) -> None:
    with pytest.raises(NoSuchOrder):
        office.perform(CancelOrder("KL-10004"), "A-7", key="m1:act")
    assert not shop.requests("POST")


def test_the_shops_own_refusal_comes_with_its_sentence_and_its_policy(
    office: HttpBackOffice, shop: ExampleShop
) -> None:
    shop.trouble(Trouble("GET /v2/orders/", change=lambda told: {"order": told["order"] | {"state": "received"}}))
    with pytest.raises(NotAllowed) as error:  # it was packed between our look and our write
        office.perform(CancelOrder("KL-10005"), "A-7", key="m1:act")
    refusal = error.value.refusal
    assert refusal
    assert (refusal.rule, refusal.policy) == ("status", "Kettle & Leaf: cancelling")
    assert refusal.says == "It is on the packing table already."
    assert refusal.article == TERMS["cancel_order"].article
    assert office.done("m1:act") is None


def test_the_shops_code_for_a_reason_becomes_one_of_our_rules(office: HttpBackOffice, shop: ExampleShop) -> None:
    office.products()
    shop.catalogue[1]["stock"] = 0
    with pytest.raises(NotAllowed) as error:
        office.perform(ExchangeItems("KL-10003", (Swap("POT-S", 1, "POT-L"),)), "A-7", key="m1:act")
    assert error.value.refusal
    assert (error.value.refusal.rule, error.value.refusal.policy) == ("stock", TERMS["exchange_items"].policy)


def test_a_refusal_without_a_sentence_uses_the_companys_own(office: HttpBackOffice, shop: ExampleShop) -> None:
    shop.trouble(Trouble("POST", status=409, body=b"<html>no</html>"))
    with pytest.raises(NotAllowed) as error:
        office.perform(CancelOrder("KL-10001"), "A-7", key="m1:act")
    assert error.value.refusal
    assert error.value.refusal.says == TERMS["cancel_order"].says["status"]


def test_the_shops_sentence_is_one_line_of_bearable_length(office: HttpBackOffice, shop: ExampleShop) -> None:
    text = "No.\n\x1b[31m" + "x" * 1000
    shop.trouble(Trouble("POST", status=409, act_first=False, change=lambda _: {"error": {"text": text}}))
    with pytest.raises(NotAllowed) as error:
        office.perform(CancelOrder("KL-10001"), "A-7", key="m1:act")
    assert error.value.refusal
    assert error.value.refusal.says.startswith("No. [31mxxx")
    assert len(error.value.refusal.says) == 300


def test_an_order_the_shop_no_longer_knows_is_missing(office: HttpBackOffice, shop: ExampleShop) -> None:
    shop.trouble(Trouble("POST", status=404, change=lambda _: {}))
    with pytest.raises(NoSuchOrder):
        office.perform(CancelOrder("KL-10001"), "A-7", key="m1:act")
    assert office.done("m1:act") is None


def test_a_shop_that_can_be_asked_about_a_key_needs_no_ledger(opens: Opens, shop: ExampleShop, tmp_path: Path) -> None:
    fields = 'write = { default = "cancel_order" }\namount = "refund.cents"'
    office = opens(("[refusals]\n", f'[done]\npath = "/receipts/{{key}}"\n[done.fields]\n{fields}\n[refusals]\n'))
    assert office.done("m1:act") is None
    office.perform(CancelOrder("KL-10001"), "A-7", key="m1:act")
    assert office.done("m1:act") == Receipt("cancel_order", None, {"amount": "62.9"})
    assert not (tmp_path / FILE).exists()


def test_the_ledger_is_private_and_keeps_no_request_that_is_answered(opens: Opens, tmp_path: Path) -> None:
    opens().perform(ChangeAddress("KL-10001", NEW_HOME), "A-7", key="m1:act")
    ledger = tmp_path / FILE
    assert ledger.stat().st_mode & 0o777 == 0o600
    assert b"m1:act" in ledger.read_bytes()
    assert not [file.name for file in tmp_path.iterdir() if b"Singel" in file.read_bytes()]


def test_the_ledger_forgets_a_customer_on_demand(opens: Opens, tmp_path: Path) -> None:
    office = opens()
    office.perform(UpdateContact("phone", "+31 6 1234"), "A-7", key="m1:act")
    office.perform(ChangeDeliveryDay("KL-10004", "2026-11-26"), "A-8", key="m2:act")
    office.close()
    assert erase(tmp_path, "A-7") == 1
    assert b"6 1234" not in (tmp_path / FILE).read_bytes()
    with sqlite3.connect(tmp_path / FILE) as database:
        assert database.execute("SELECT customer_id FROM writes").fetchall() == [("A-8",)]
    assert erase(tmp_path / "nowhere", "A-7") == 0


# A whole conversation


def test_a_return_is_arranged_in_a_conversation_and_the_shop_changes_once(
    office: HttpBackOffice, shop: ExampleShop
) -> None:
    settings = Settings(model="off", order_prefix="KL-")
    services = make_services(back_office=office, settings=settings, terms=ALL_TERMS)

    async def run(call: dict[str, Any]) -> dict[str, Any]:
        outcome = await perform(call["next_action"], services, fold(call["tracker"]))
        return {"events": list(outcome.events), "responses": list(outcome.responses)}

    async def evening() -> list[str]:
        chat = Chat(run, customer="A-7")
        heard = [
            (await chat.say(text))[-1]["text"]
            for text in ("i want to return something", "the teapot", "one", "it is faulty", "visa please")
        ]
        slots, events = dict(chat.slots), list(chat.events)
        heard.append((await chat.say("yes"))[-1]["text"])
        chat.slots, chat.events, chat.count = slots, events, chat.count - 1  # its answer was lost: the turn again
        return [*heard, (await chat.say("yes"))[-1]["text"]]

    try:
        heard = asyncio.run(evening())
    finally:
        services.reader.stop()
    for value in ("1 × Teapot, small", "KL-10003", "€24.50", "Visa ending 4242"):
        assert value in heard[4]
    assert "KLR-1" in heard[5]
    assert heard[6] == heard[5]
    assert shop.changes == ["POST orders/KL-10003/returns"]
    assert shop.returns[0]["things"] == [{"article": "POT-S", "qty": 1}]
    assert shop.orders["KL-10003"]["sent_back"] == [{"article": "POT-S", "qty": 1}]


def test_the_documented_description_is_the_one_tested_here() -> None:
    guide = (EXAMPLE.parent / "back-office.md").read_text(encoding="utf-8")
    assert EXAMPLE.name in guide
    assert EXAMPLE.name == "back-office-example.toml"
