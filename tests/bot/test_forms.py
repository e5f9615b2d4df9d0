"""Forms as customers fill them: over several turns, with corrections, questions in between, and second thoughts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from bot_fakes import TERMS, Chat, DictBackOffice, FakeKnowledge, make_order, make_services, sample_orders

from bot import phrases
from bot.actions.registry import run as perform
from bot.backoffice.writes import (
    CancelOrder,
    ChangeAddress,
    ChangeDeliveryDay,
    ChangeItems,
    ExchangeItems,
    Line,
    ReturnItems,
    SendInvoice,
    Swap,
    UpdateContact,
)
from bot.services import Services
from bot.settings import Settings
from bot.tracker import fold

Says = Callable[..., tuple[Chat, list[dict[str, Any]]]]

DELIVERED = make_order(
    "MG-10003", "C-0001", "delivered", at="2026-11-10", items=(("PT-2", 2), ("TL-1", 1), ("PL-1", 1))
)
LONG_AGO = make_order("MG-10004", "C-0001", "delivered", at="2026-09-01", items=(("TL-1", 1),))


@pytest.fixture
def office() -> DictBackOffice:
    return DictBackOffice(sample_orders(DELIVERED, LONG_AGO))


@pytest.fixture
def services(office: DictBackOffice) -> Any:
    made = make_services(back_office=office, knowledge=FakeKnowledge(), settings=Settings(model="off"))
    yield made
    made.reader.stop()


@pytest.fixture
def says(services: Services) -> Says:
    """Say several things one after the other; returns the chat and the last response to each."""

    async def run(call: dict[str, Any]) -> dict[str, Any]:
        outcome = await perform(call["next_action"], services, fold(call["tracker"]))
        return {"events": list(outcome.events), "responses": list(outcome.responses)}

    def says(*texts: str, customer: str = "C-0001", **changes: Any) -> tuple[Chat, list[dict[str, Any]]]:
        chat = Chat(run, customer=customer, **changes)

        async def all_of_it() -> list[dict[str, Any]]:
            return [(await chat.say(text) or [{}])[-1] for text in texts]

        return chat, asyncio.run(all_of_it())

    return says


def titles(reply: dict[str, Any]) -> list[str]:
    return [button["title"] for button in reply["buttons"]]


def refused_by(reply: dict[str, Any]) -> str | None:
    return reply["custom"]["nightdesk"]["decision"].get("refused_by")


# Filling over several turns


def test_a_return_asks_for_what_is_missing_and_repeats_everything_before_it_acts(
    says: Says, office: DictBackOffice
) -> None:
    _, replies = says("i want to return something", "the trowel", "I changed my mind", "visa please", "yes")
    which, why, where, confirm, done = replies
    assert titles(which) == [
        "Clay pot, 18 cm",
        "Hand trowel",
        "All of them",
    ]  # the only order it is possible for; no fern
    assert titles(why)[0] == "I changed my mind"
    assert titles(where) == ["Visa ending 4242", "A new gift card"]
    for value in ("1 × Hand trowel", "MG-10003", "€15.00", "€4.50", "Visa ending 4242", "I changed my mind"):
        assert value in confirm["text"]
    assert "R-00101" in done["text"]
    assert office.log == [ReturnItems("MG-10003", (Line("TL-1", 1),), "changed_mind", "pm-1")]


def test_what_the_first_words_say_is_not_asked_again(says: Says, office: DictBackOffice) -> None:
    _, [where, _, _] = says("return the trowel from MG-10003, it is faulty", "gift card", "yes")
    assert "Where should the money go" in where["text"]
    assert office.log == [ReturnItems("MG-10003", (Line("TL-1", 1),), "faulty", "gift_card")]


def test_a_word_that_is_in_every_message_is_no_reason(says: Says) -> None:
    _, replies = says("i want to return something from order MG-10003", "the trowel")
    assert "What is the reason?" in replies[1]["text"]


def test_an_exchange_before_the_order_is_packed_changes_the_order(says: Says, office: DictBackOffice) -> None:
    _, replies = says("exchange the clay pot in MG-10001 for another size", "28 cm", "yes")
    assert "Shall I change order MG-10001: 1 × Clay pot, 18 cm for Clay pot, 28 cm?" in replies[1]["text"]
    assert office.log == [ChangeItems("MG-10001", (Swap("PT-2", 1, "PT-3"),))]


def test_the_name_of_a_thing_is_not_what_should_come_instead(says: Says) -> None:
    _, replies = says("exchange the clay pot 18 cm from MG-10003", "one")
    assert "What would you like instead" in replies[1]["text"]


def test_why_it_goes_back_is_not_what_should_come_instead(says: Says) -> None:
    _, replies = says("exchange the clay pot from MG-10003, it is too small", "both")
    assert "What would you like instead" in replies[1]["text"]


def test_the_words_before_a_button_that_says_which_wish_they_were_count(says: Says) -> None:
    _, replies = says("two of the clay pots, faulty, MG-10003", '/return_item{"order_number": "MG-10003"}', "visa")
    assert "Where should the money go" in replies[1]["text"]
    assert "2 × Clay pot, 18 cm from order MG-10003" in replies[2]["text"]


def test_a_return_for_our_own_fault_costs_nothing(says: Says) -> None:
    _, [_, confirm] = says("return the trowel from MG-10003, it is faulty", "gift card")
    assert "€19.50 will be refunded onto a gift card" in confirm["text"]
    assert "label" not in confirm["text"]


def test_of_two_it_is_asked_how_many(says: Says, office: DictBackOffice) -> None:
    _, replies = says("return the clay pot from MG-10003", "just one", "wrong size", "visa", "yes")
    assert "You have 2 of them" in replies[0]["text"]
    assert office.log == [ReturnItems("MG-10003", (Line("PT-2", 1),), "wrong_size", "pm-1")]


def test_more_than_there_are_is_explained_and_asked_again(says: Says, office: DictBackOffice) -> None:
    _, replies = says("return the clay pot from MG-10003", "five", "wrong size", "visa", "2", "yes")
    assert "in that number" in replies[3]["text"]
    assert office.log == [ReturnItems("MG-10003", (Line("PT-2", 2),), "wrong_size", "pm-1")]


def test_several_things_are_taken_from_one_sentence(says: Says, office: DictBackOffice) -> None:
    says("return from MG-10003", "the pot and the trowel", "not as described", "gift card", "yes")
    assert office.log[0].lines == (Line("PT-2", 2), Line("TL-1", 1))  # type: ignore[union-attr]


def test_an_exchange_asks_for_the_size_and_says_what_it_costs(says: Says, office: DictBackOffice) -> None:
    _, replies = says("exchange the clay pot from MG-10003 for another size", "both", "28 cm", "yes")
    assert [title.split(", €")[0] for title in titles(replies[1])] == ["Clay pot, 28 cm", "Clay pot, 12 cm"]
    assert "€18.00 more will be charged to Visa ending 4242" in replies[2]["text"]
    assert office.log == [ExchangeItems("MG-10003", (Swap("PT-2", 2, "PT-3"),))]


def test_what_is_sold_out_is_said_and_another_asked_for(says: Says, office: DictBackOffice) -> None:
    _, replies = says("exchange the clay pot from MG-10003", "both", "the 40 cm one", "the 12 cm one then", "yes")
    assert "sold out" in replies[2]["text"]
    assert refused_by(replies[2]) is not None
    assert office.log == [ExchangeItems("MG-10003", (Swap("PT-2", 2, "PT-5"),))]


def test_an_item_is_taken_out_of_an_order_that_is_not_packed(says: Says, office: DictBackOffice) -> None:
    says("change items inside MG-10001", "the clay pot", "take it out", "yes")
    assert office.log == [ChangeItems("MG-10001", (Swap("PT-2", 1, None),))]
    assert str(office.order("MG-10001").total) == "37.00"


def test_an_address_is_read_from_one_message_and_repeated(says: Says, office: DictBackOffice) -> None:
    _, replies = says("change address of MG-10001", "Hoofdstraat 5b, 9712PN Groningen please", "yes")
    assert "Hoofdstraat 5b, 9712 PN Groningen, Netherlands" in replies[1]["text"]
    [write] = office.log
    assert isinstance(write, ChangeAddress)
    assert (write.address.street, write.address.postal_code, write.address.city) == (
        "Hoofdstraat 5b",
        "9712 PN",
        "Groningen",
    )


def test_half_an_address_hears_what_is_missing(says: Says) -> None:
    _, replies = says("change address of MG-10001", "Hoofdstraat 5b in Groningen")
    assert "postal code" in replies[1]["text"]
    assert "1234 AB" in replies[1]["text"]


def test_another_country_is_refused_by_name_and_another_address_cures_it(says: Says, office: DictBackOffice) -> None:
    _, replies = says(
        "change address of MG-10001",
        "Eigelsteiner Gasse 21, 50668 Köln, Germany",
        "Hoofdstraat 5, 9712 PN Groningen",
        "yes",
    )
    assert "country can't be changed" in replies[1]["text"]
    assert refused_by(replies[1]) == "Changing the address: until it is packed"
    assert len(office.log) == 1


def test_a_delivery_day_is_explained_until_it_fits(says: Says, office: DictBackOffice) -> None:
    _, replies = says("move delivery date of MG-10001", "saturday", "thursday", "yes")
    assert "from Tuesday to Friday" in replies[1]["text"]
    assert office.log == [ChangeDeliveryDay("MG-10001", "2026-11-26")]


def test_a_day_too_far_off_twice_ends_the_form_with_the_policy(says: Says, office: DictBackOffice) -> None:
    chat, replies = says("move delivery date of MG-10001", "3 february", "9 march")
    assert "three weeks" in replies[2]["text"]
    assert titles(replies[2]) == ["Talk to a person"]
    assert chat.slots["pending_action"]["name"] == "offer_person"
    assert office.acts == 0


def test_an_invoice_goes_to_the_accounts_own_address(says: Says, office: DictBackOffice) -> None:
    _, replies = says("invoice copy for MG-10003 to boss@elsewhere.example", "yes")
    assert "ada@post.example" in replies[0]["text"]
    assert office.log == [SendInvoice("MG-10003")]


def test_account_data_are_changed_after_a_yes(says: Says, office: DictBackOffice) -> None:
    _, replies = says("change account details", "my phone number", "+31 6 1234 5678", "yes")
    assert "+31 6 1234 5678" in replies[2]["text"]
    assert office.log == [UpdateContact("phone", "+31 6 1234 5678")]
    assert office.customer("C-0001").phone == "+31 6 1234 5678"


# Corrections


def test_a_correction_at_the_yes_changes_the_value_and_asks_again(says: Says, office: DictBackOffice) -> None:
    _, replies = says("return the trowel from MG-10003, faulty", "visa", "no, onto the gift card instead", "yes")
    assert "onto a gift card" in replies[2]["text"]
    assert office.log == [ReturnItems("MG-10003", (Line("TL-1", 1),), "faulty", "gift_card")]


def test_the_other_one_means_the_one_that_was_not_chosen(says: Says, office: DictBackOffice) -> None:
    office.raw_orders["MG-10005"] = make_order("MG-10005", "C-0001", "placed", at="2026-11-19", items=(("TL-1", 1),))
    _, replies = says("cancel my order", "the trowel one", "no, the other one", "yes")
    assert "MG-10005" in replies[1]["text"]
    assert "MG-10001" in replies[2]["text"]
    assert office.order("MG-10001").status == "cancelled"
    assert office.order("MG-10005").status == "placed"


def test_another_order_number_starts_the_items_anew(says: Says, office: DictBackOffice) -> None:
    office.raw_orders["MG-10006"] = make_order(
        "MG-10006", "C-0001", "delivered", at="2026-11-15", items=(("PT-3", 1), ("PT-5", 1))
    )
    _, replies = says("return the trowel from MG-10003", "sorry, it's from MG-10006")
    assert titles(replies[1]) == ["Clay pot, 28 cm", "Clay pot, 12 cm", "All of them"]


def test_an_order_that_is_not_meant_is_named_without_being_taken(says: Says, office: DictBackOffice) -> None:
    office.raw_orders["MG-10005"] = make_order("MG-10005", "C-0001", "placed", at="2026-11-19", items=(("TL-1", 1),))
    _, replies = says("cancel my order MG-10001", "sorry, not MG-10001 but MG-10005", "yes")
    assert "MG-10005" in replies[1]["text"]
    assert office.log == [CancelOrder("MG-10005")]


def test_of_two_orders_in_one_message_the_possible_one_is_meant(says: Says, office: DictBackOffice) -> None:
    _, replies = says("cancel MG-10001, and my order MG-10002 can come")
    assert "Shall I cancel order MG-10001" in replies[0]["text"]


def test_a_day_is_corrected_before_the_yes(says: Says, office: DictBackOffice) -> None:
    says("move delivery date of MG-10001 to thursday", "actually make it friday", "yes")
    assert office.log == [ChangeDeliveryDay("MG-10001", "2026-11-27")]


def test_a_yes_with_a_but_does_nothing_yet(says: Says, office: DictBackOffice) -> None:
    _, replies = says("move delivery date of MG-10001 to thursday", "yes but on wednesday")
    assert "Wednesday 25 November" in replies[1]["text"]
    assert office.acts == 0


# Questions in between, and second thoughts


def test_a_question_in_between_is_answered_and_the_form_goes_on(says: Says, office: DictBackOffice) -> None:
    _, replies = says(
        "return the trowel from MG-10003", "how long does delivery take and what does it cost", "faulty", "visa", "yes"
    )
    assert "two to four working days" in replies[1]["text"]
    assert "Back to your return: What is the reason?" in replies[1]["text"]
    assert len(office.log) == 1


def test_a_look_at_another_order_in_between_brings_the_form_back(says: Says, office: DictBackOffice) -> None:
    chat, replies = says("return the trowel from MG-10003", "where is my order MG-10002", "faulty", "visa", "yes")
    assert "on its way" in replies[1]["text"]
    assert replies[1]["text"].endswith("Back to your return: What is the reason?")
    assert office.log == [ReturnItems("MG-10003", (Line("TL-1", 1),), "faulty", "pm-1")]
    assert not chat.slots.get("suspended_action")


def test_another_wish_takes_the_place_of_the_form(says: Says, office: DictBackOffice) -> None:
    _, replies = says("return the trowel from MG-10003", "cancel my order MG-10001", "yes")
    assert "Shall I cancel order MG-10001" in replies[1]["text"]
    assert office.order("MG-10001").status == "cancelled"
    assert len(office.log) == 1


@pytest.mark.parametrize("word", ["never mind", "forget it", "no thanks", "stop", "let's leave it"])
def test_a_form_can_be_left_at_any_time(says: Says, office: DictBackOffice, word: str) -> None:
    chat, replies = says("return the trowel from MG-10003", word)
    assert replies[1]["text"] == phrases.LET_GO
    assert chat.slots["pending_action"] is None
    assert office.acts == 0


def test_what_is_not_understood_twice_goes_to_a_person(says: Says) -> None:
    chat, replies = says("return something from MG-10003", "qwertz", "asdf")
    assert "not sure which" in replies[1]["text"]
    assert chat.paused


# Refusals


@pytest.mark.parametrize(
    ("wish", "policy"),
    [
        ("return the trowel from MG-10004", "Returns: 30 days, unused, no plants"),
        ("return something from MG-10002", "Returns: 30 days, unused, no plants"),
        ("exchange the trowel from MG-10004", "Exchanges: 30 days, the same product in another size or colour"),
        ("change address of MG-10002", "Changing the address: until it is packed"),
        ("move delivery date of MG-10002 to thursday", "Choosing a delivery day"),
        ("change items inside MG-10002", "Changing an order: until it is packed"),
        ("invoice copy for MG-10001", "Invoices"),
        ("cancel my order MG-10003", "Cancelling: until it is packed"),
    ],
)
def test_every_refusal_names_its_policy_and_offers_a_person(
    says: Says, office: DictBackOffice, wish: str, policy: str
) -> None:
    _, [reply] = says(wish)
    assert policy in reply["text"]
    assert refused_by(reply) == policy
    assert "/talk_to_person" in [button["payload"] for button in reply["buttons"]]
    assert office.acts == 0


def test_an_order_of_nothing_but_plants_is_refused_before_anything_is_asked(says: Says, office: DictBackOffice) -> None:
    office.raw_orders["MG-10007"] = make_order(
        "MG-10007", "C-0001", "delivered", at="2026-11-15", items=(("PL-1", 1), ("PL-1", 2))
    )
    _, [reply] = says("return something from MG-10007")
    assert refused_by(reply) == TERMS["return_items"].policy


def test_what_has_gone_back_already_is_said(says: Says) -> None:
    _, replies = says("return the trowel from MG-10003, faulty", "visa", "yes", "return the trowel from MG-10003")
    assert "not any more" in replies[-1]["text"]


def test_a_corrected_thing_is_no_misunderstanding(says: Says) -> None:
    _, replies = says("return the trowel from MG-10003, faulty", "actually I mean the clay pot, not the trowel", "both")
    assert replies[1]["text"] == "You have 2 of them. How many are meant?"
    assert replies[2]["text"] == "Where should the money go?"


def test_a_plant_cannot_be_returned_and_the_rest_of_the_order_is_offered(says: Says) -> None:
    _, [reply] = says("return the fern from MG-10003")
    assert "plants" in reply["text"]
    assert refused_by(reply) == "Returns: 30 days, unused, no plants"
    assert titles(reply) == ["Clay pot, 18 cm", "Hand trowel", "All of them"]


@pytest.mark.parametrize(
    "wish",
    [
        "cancel my order MG-10001",
        "return the trowel from MG-10003",
        "exchange the pot from MG-10003",
        "change address of MG-10001",
        "change account details",
        "invoice copy for MG-10003",
    ],
)
def test_nothing_is_changed_for_somebody_else(says: Says, office: DictBackOffice, wish: str) -> None:
    _, [anonymous, _] = says(wish, "yes", customer="", id="conv-2")
    assert refused_by(anonymous)
    says(wish, "yes", "yes", customer="C-0002", id="conv-3")
    assert office.acts == 0


# Buttons, which anybody can type


@pytest.mark.parametrize(
    "payload",
    [
        '/return_item{"order_number": "MG-10003", "items": ["PL-1"], "reason": "faulty", "refund_to": "pm-1"}',
        '/return_item{"order_number": "MG-10003", "items": ["TL-1"], "reason": "faulty", "refund_to": "pm-of-a-thief"}',
        '/return_item{"order_number": "MG-20001", "items": ["PT-2"], "reason": "faulty", "refund_to": "pm-1"}',
        '/return_item{"order_number": "MG-10003", "items": ["TL-1", "XX-9"], "reason": "faulty", "refund_to": "pm-1"}',
        '/return_item{"order_number": "MG-10003", "items": ["TL-1"], "quantity": "99", "reason": "x", "refund_to": {}}',
        '/exchange_item{"order_number": "MG-10003", "items": ["PT-2"], "variants": ["TL-1"]}',
        '/change_address{"order_number": "MG-10002", "address": {"street": "A 1", "city": "B", "country": "Germany"}}',
        '/update_contact{"what": "email", "email": "no address"}',
    ],
)
def test_a_typed_button_gets_nothing_in_that_was_not_offered(says: Says, office: DictBackOffice, payload: str) -> None:
    says(payload, "/affirm", "yes")
    assert office.acts == 0


def test_a_button_that_says_everything_still_needs_the_yes(says: Says, office: DictBackOffice) -> None:
    payload = '/return_item{"order_number": "MG-10003", "items": ["TL-1"], "reason": "faulty", "refund_to": "pm-1"}'
    _, [question] = says(payload)
    assert "Shall I arrange the return" in question["text"]
    assert office.acts == 0
    says(payload, "/affirm", id="conv-2")
    assert office.acts == 1


# Codes


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("is this code still good FERN15", "15% off all plants until 30 November 2026"),
        ("is this code still good SPRING10", "was valid until 30 April 2026"),
        ("how much left on gift card MG-GIFT-7KQ2-41XM", "€18.60 left"),
        ("is this code still good BO5", "can't find a code BO5"),
        ("is this code still good NOPE99", "can't find a code NOPE99"),
    ],
)
def test_a_code_is_looked_up(says: Says, text: str, told: str) -> None:
    _, [reply] = says(text)
    assert told in reply["text"]


def test_a_code_is_asked_for_and_may_come_in_small_letters(says: Says) -> None:
    _, [ask, reply] = says("is this code still good", "fern15")
    assert "Which code" in ask["text"]
    assert "15% off" in reply["text"]


def test_the_order_that_holds_the_thing_is_meant_and_not_the_one_spoken_of_before(
    says: Says, office: DictBackOffice
) -> None:
    _, replies = says("where is my order MG-10002", "return the trowel, it is faulty")
    assert "Where should the money go" in replies[1]["text"]


def test_what_points_back_means_the_order_spoken_of_before(says: Says) -> None:
    _, replies = says("where is my order MG-10002", "please cancel it my order")
    assert "until it is packed" in replies[1]["text"]
