"""Buttons that nobody offered: a payload is typed as easily as any message, so nothing in it is believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from bot_fakes import Chat, DictBackOffice, make_order, make_services, sample_orders

OFFICE = sample_orders(
    make_order("MG-10004", "C-0001", "delivered", at="2026-11-18", items=(("PT-2", 2), ("PL-1", 1), ("TL-1", 1)))
)
BACK = {"order_number": "MG-10004", "items": ["PT-2"]}


@pytest.fixture
def services() -> Any:
    made = make_services(back_office=DictBackOffice(dict(OFFICE)))
    yield made
    made.reader.stop()


Talk = Callable[..., tuple[Chat, list[list[dict[str, Any]]]]]


def filled(talk: Talk, intent: str, values: Any) -> dict[str, Any]:
    """What the form holds after the payload, pressed by Ada; nothing was done."""
    payload = values if isinstance(values, str) else json.dumps(values)
    chat, responses = talk(f"/{intent}{payload}", customer="C-0001")
    assert len(responses[-1]) == 1
    pending = chat.slots.get("pending_action") or {}
    held: dict[str, Any] = pending.get("values", pending).get("filled") or {}
    return held


@pytest.mark.parametrize(
    ("intent", "values", "slot"),
    [
        ("return_item", {"order_number": "MG-20001", "items": ["PT-2"]}, "order_number"),
        ("return_item", {"order_number": ["MG-20001"]}, "order_number"),
        ("return_item", BACK | {"items": ["PT-3"]}, "items"),
        ("return_item", BACK | {"items": ["PT-2", "PT-3"]}, "items"),
        ("return_item", BACK | {"items": []}, "items"),
        ("return_item", BACK | {"items": {"PT-2": "1"}}, "items"),
        ("return_item", BACK | {"items": [["PT-2"]]}, "items"),
        ("return_item", BACK | {"quantity": "-1"}, "quantity"),
        ("return_item", BACK | {"quantity": "1.5"}, "quantity"),
        ("return_item", BACK | {"quantity": {"PT-2": "1"}}, "quantity"),
        ("return_item", BACK | {"reason": "greener than the sofa"}, "reason"),
        ("return_item", BACK | {"refund_to": "pm-9"}, "refund_to"),
        ("return_item", BACK | {"refund_to": ["pm-1"]}, "refund_to"),
        ("exchange_item", BACK | {"quantity": "1", "variants": ["TL-1"]}, "variants"),
        ("exchange_item", BACK | {"quantity": "1", "variants": ["take_out"]}, "variants"),
        ("change_address", {"order_number": "MG-10001", "address": ["Kade 5"]}, "address"),
        ("change_address", {"order_number": "MG-10001", "address": {"street": "Kade 5"}}, "address"),
        ("change_delivery_date", {"order_number": "MG-10001", "day": "someday"}, "day"),
        ("change_delivery_date", {"order_number": "MG-10001", "day": "2026-02-30"}, "day"),
        ("update_contact", {"what": "customer_id", "value": "C-0002"}, "what"),
        ("update_contact", {"what": ["phone"]}, "what"),
        ("update_contact", {"what": "email", "email": "nobody"}, "email"),
        ("update_contact", {"what": "phone", "phone": "12"}, "phone"),
        ("return_item", '{"items": null}', "items"),
        ("return_item", '{"quantity": 1e999}', "quantity"),
        ("return_item", f'{{"items": {"[" * 3000}{"]" * 3000}}}', "items"),
    ],
)
def test_what_was_not_offered_is_not_taken(talk: Talk, intent: str, values: Any, slot: str) -> None:
    assert slot not in filled(talk, intent, values)


@pytest.mark.parametrize("values", [{"confirm": "yes"}, {"confirm": {"write": "cancel_order"}}, {"asking": "x"}, {}])
def test_no_button_is_a_yes(talk: Talk, services: Any, values: dict[str, Any]) -> None:
    filled(talk, "cancel_order", {"order_number": "MG-10001"} | values)
    assert services.back_office.acts == 0


def test_only_the_values_of_the_forms_own_slots_are_kept(talk: Talk) -> None:
    held = filled(talk, "return_item", BACK | {"fee": "0", "customer_id": "C-0002", "amount": "999"})
    assert set(held) == {"order_number", "items"}


def test_more_than_there_is_is_refused_before_anything_is_asked_to_be_confirmed(talk: Talk) -> None:
    choice = BACK | {"quantity": "99", "reason": "faulty", "refund_to": "pm-1"}
    _, responses = talk(f"/return_item{json.dumps(choice)}", customer="C-0001")
    assert "in this order in that number" in responses[-1][0]["text"]


@pytest.mark.parametrize("quantity", ["²", "9" * 5000])
def test_a_quantity_that_is_no_number_is_asked_for_again(talk: Talk, quantity: str) -> None:
    assert "quantity" not in filled(talk, "return_item", BACK | {"quantity": quantity})


def test_an_object_is_no_variant(talk: Talk) -> None:
    assert "variants" not in filled(talk, "exchange_item", BACK | {"quantity": "1", "variants": {"PT-3": "x"}})


@pytest.mark.parametrize(
    "change", [{"street": "x" * 7000}, {"street": "\u202eKade 5"}, {"city": "Den\nBosch"}, {"postal_code": ""}]
)
def test_an_address_that_no_carrier_could_print_is_asked_for_again(talk: Talk, change: dict[str, str]) -> None:
    good = {"street": "Kade 5", "postal_code": "5211 AB", "city": "Den Bosch", "country": "Netherlands"}
    assert "address" not in filled(talk, "change_address", {"order_number": "MG-10001", "address": good | change})


def test_an_address_longer_than_mail_allows_is_asked_for_again(talk: Talk) -> None:
    assert "email" not in filled(talk, "update_contact", {"what": "email", "email": f"a@{'b.' * 2000}example"})
