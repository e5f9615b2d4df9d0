"""What the rules read in an utterance."""

from __future__ import annotations

import pytest

from bot.language import detect_language
from bot.reading import OrderNumbers, parse_payload, payload_entities, read_act, read_entities, typed, wants_person
from bot.types import DialogAct

ORDERS = OrderNumbers()


@pytest.mark.parametrize(
    "text",
    ["yes", "Yes!", "yes please", "Yeah, go ahead", "ok do it", "sure, yes please", "Correct.",
     "yep that's right", "是的", "好的", "确认", "Yes, I would like that", "OK, thank you"],
)  # fmt: skip
def test_a_plain_yes_is_a_yes(text: str) -> None:
    assert read_act(text) is DialogAct.AFFIRM


@pytest.mark.parametrize(
    "text",
    ["no", "No thanks", "nope", "don't do it", "please don’t", "never mind", "no, leave it as it is", "no, forget it",
     "ok, never mind", "不要", "算了",
     "stop", "changed my mind", "no, keep the order please"],
)  # fmt: skip
def test_a_plain_no_is_a_no(text: str) -> None:
    assert read_act(text) is DialogAct.DENY


@pytest.mark.parametrize(
    "text",
    ["", "?", "please", "cancel", "i want to cancel my order", "stop my order",
     "yes but send it elsewhere", "yes or no?", "no, cancel the other one", "yes 10234",
     "is that right", "no idea", "I said yes to the newsletter last week", "maybe", "not sure", "yes no",
     "okay what now", "can you do it", "is it right to do that"],
)  # fmt: skip
def test_anything_less_plain_is_neither(text: str) -> None:
    assert read_act(text) is DialogAct.NONE


@pytest.mark.parametrize(
    ("text", "value"),
    [("where is MG-10234?", "MG-10234"), ("mg10234", "MG-10234"), ("Mg 10234 pls", "MG-10234"),
     ("order 10234", "MG-10234"), ("order number is 10234", "MG-10234"), ("#10234", "MG-10234"),
     ("我的订单MG-10234在哪", "MG-10234"), ("订单号10234", "MG-10234")],
)  # fmt: skip
def test_order_numbers_are_read_in_one_form(text: str, value: str) -> None:
    [entity] = read_entities(text, ORDERS)
    assert (entity.entity, entity.value) == ("order_number", value)


@pytest.mark.parametrize(
    "text", ["10234", "MG-1023", "MG-102345", "call 10234", "XMG-10234", "order 1023456", "ORDER-10"]
)
def test_what_only_looks_like_one_is_not_read(text: str) -> None:
    assert [e for e in read_entities(text, ORDERS) if e.entity == "order_number"] == []


def test_bare_digits_count_once_the_number_was_asked_for() -> None:
    [entity] = read_entities("it's 10234", ORDERS, requested="order_number")
    assert (entity.value, entity.start, entity.end) == ("MG-10234", 5, 10)


def test_emails_are_read_in_small_letters() -> None:
    [entity] = read_entities("Mail: Ada.Lind+x@Post.Example.", ORDERS)
    assert (entity.entity, entity.value) == ("email", "ada.lind+x@post.example")


def test_entities_point_at_their_words() -> None:
    text = "FERN15 for MG-10234 to a@b.example"
    for entity in read_entities(text, ORDERS):
        assert text[entity.start : entity.end].lower() == entity.value.lower()


def test_a_payload_is_an_intent_with_values() -> None:
    assert parse_payload('/track_order{"order_number": "10234", "n": 5, "x": null}') == (
        "track_order", {"order_number": "10234", "n": "5"},
    )  # fmt: skip
    assert parse_payload("/affirm") == ("affirm", {})


@pytest.mark.parametrize(
    "text", ["", "/", "affirm", "/Affirm", "/affirm now", "/x{not json}", "see /affirm", "/x[1]", "/a\nb"]
)
def test_other_text_is_no_payload(text: str) -> None:
    assert parse_payload(text) is None


def test_brackets_without_end_are_no_payload_and_no_failure() -> None:
    assert parse_payload('/a{"x":' + "[" * 3900 + "}") is None
    assert parse_payload('/a{"x":' + "[" * 1900 + "]" * 1900 + "}") is None


def test_of_buttons_pressed_together_the_last_counts() -> None:
    assert parse_payload("/affirm\n/deny") == ("deny", {})


def test_a_button_pressed_beside_typed_words_leaves_the_words() -> None:
    assert typed("/affirm\nwait, what does it cost?") == "wait, what does it cost?"


def test_a_payloads_values_must_be_what_they_are_called() -> None:
    values = {"order_number": "1; DROP TABLE", "email": "nobody", "customer_id": "C-0001"}
    assert payload_entities(values, ORDERS) == ()
    [entity] = payload_entities({"order_number": "10234"}, ORDERS)
    assert entity.value == "MG-10234"


@pytest.mark.parametrize(
    "text",
    ["talk to a human", "Can I speak with someone please", "I want a real person", "human please", "agent", "转人工",
     "connect me to an agent", "let me chat with a person", "get me a human", "/talk_to_person", "hi\n/talk_to_person",
     "could you put me through to a colleague"],
)  # fmt: skip
def test_a_wish_for_a_person_is_heard(text: str) -> None:
    assert wants_person(text)


@pytest.mark.parametrize(
    "text",
    ["someone stole my parcel", "are you a human", "is the plant safe for one person", "the agent was kind",
     "I need a personal delivery slot", "manager", "talk to you later"],
)  # fmt: skip
def test_a_person_merely_mentioned_is_not_a_wish(text: str) -> None:
    assert not wants_person(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [("hello", "en"), ("wo ist es", "en"), ("我的订单在哪里", "zh"), ("MG-10234 在哪里啊", "zh"), ("", "en"),
     ("12345", "en"),
     ("Wo ist meine Bestellung bitte, ich warte schon lange", "de"), ("my monstera arrived snapped in two", "en"),
     ("FERN15 FERN15 FERN15 FERN15", "en"), ("the card says 水 on it", "en")],
)  # fmt: skip
def test_the_language_is_told_and_unsure_means_english(text: str, language: str) -> None:
    assert detect_language(text) == language
