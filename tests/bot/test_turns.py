"""Whole turns: what the customer hears and what is remembered."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any

import pytest
from bot_fakes import Chat, DictBackOffice, token

from bot import phrases
from bot.actions.outcome import Scene
from bot.actions.registry import run
from bot.actions.respond import perform
from bot.backoffice import Order
from bot.decisions import Ask, Question
from bot.errors import BackOfficeAway
from bot.services import Services
from bot.tracker import fold
from bot.types import Conversation

Talk = Callable[..., tuple[Chat, list[list[dict[str, Any]]]]]


def decision(response: dict[str, Any]) -> dict[str, Any]:
    return response["custom"]["nightdesk"]["decision"]


def payloads(response: dict[str, Any]) -> list[str]:
    return [button["payload"] for button in response["buttons"]]


def test_a_question_is_answered_from_an_article_and_cites_it(talk: Talk) -> None:
    chat, [[reply]] = talk("how long does delivery take and what does it cost")
    assert reply["text"] == "Delivery takes two to four working days. It costs 5.90 euro."
    assert decision(reply) == {"kind": "answer", "intent": "delivery_options"}
    assert [c["source"] for c in reply["custom"]["nightdesk"]["citations"]] == ["delivery.md"]
    assert chat.slots == {}


def test_a_card_is_shown_without_greeting_and_signature(talk: Talk) -> None:
    _, [[reply]] = talk("is the discount voucher code valid twice")
    assert reply["text"] == "A voucher code works once per customer."


def test_a_card_with_a_placeholder_is_never_shown(talk: Talk) -> None:
    _, [[reply]] = talk("why was my discount voucher code refused yesterday")
    assert "[" not in reply["text"]


def test_a_card_that_served_too_few_is_not_shown(talk: Talk) -> None:
    _, [[reply]] = talk("rare orchid food")
    assert reply["text"] == phrases.UNKNOWN


def test_another_customers_exchange_is_not_shown(talk: Talk) -> None:
    _, [[reply]] = talk("my fern arrived with brown tips")
    assert "mist" not in reply["text"].lower()


def test_an_absurd_question_gets_an_honest_dont_know_and_a_person(talk: Talk) -> None:
    chat, [[reply]] = talk("which horse wins tomorrow's race")
    assert reply["text"] == phrases.UNKNOWN
    assert payloads(reply) == ["/talk_to_person"]
    assert decision(reply) == {"kind": "ask", "reason": "missing_knowledge"}
    assert chat.slots["misunderstandings"] == 1


def test_a_passage_half_near_is_shown_as_perhaps_meant_with_its_source(talk: Talk) -> None:
    chat, [[reply], [after]] = talk("purple delivery abroad cost?", "no")
    assert reply["text"].startswith(phrases.PERHAPS)
    assert "5.90" in reply["text"]
    assert decision(reply) == {"kind": "ask", "reason": "unsure"}
    assert [c["source"] for c in reply["custom"]["nightdesk"]["citations"]] == ["delivery.md"]
    assert after["text"] == phrases.UNKNOWN
    assert not chat.paused


def test_a_yes_to_the_offered_person_hands_off(talk: Talk) -> None:
    chat, [_, [reply]] = talk("which horse wins tomorrow's race", "yes please")
    assert chat.paused
    assert decision(reply) == {"kind": "hand_off", "reason": "missing_knowledge"}


def test_a_button_for_a_wish_takes_the_order_along_that_was_named(services: Services) -> None:
    async def ask() -> dict[str, Any]:
        conversation = Conversation("c1", "cancel or track my order MG-10001", "m1")
        scene = Scene(conversation, *await services.read(conversation))
        return perform(services, scene, Ask(Question.WHICH_INTENT, ("track_order", "cancel_order"))).responses[0]

    assert payloads(asyncio.run(ask()))[:2] == [
        '/track_order{"order_number": "MG-10001"}',
        '/cancel_order{"order_number": "MG-10001"}',
    ]


def test_a_second_unclear_message_hands_off(talk: Talk) -> None:
    chat, [_, [reply]] = talk("which horse wins tomorrow's race", "purple monkey dishwasher")
    assert chat.paused
    assert decision(reply)["reason"] == "repeated_misunderstanding"
    assert chat.slots["handoff_reason"] == "repeated_misunderstanding"
    assert chat.slots["misunderstandings"] == 0


def test_a_good_answer_in_between_forgives_the_first_failure(talk: Talk) -> None:
    chat, replies = talk("purple monkey dishwasher", "how long does delivery take", "which horse wins tomorrow's race")
    assert replies[-1][0]["text"] == phrases.UNKNOWN
    assert not chat.paused


def test_asking_for_a_person_hands_off_with_a_packet(talk: Talk) -> None:
    chat, [_, [reply]] = talk("how long does delivery take", "I want to talk to a human")
    packet = chat.slots["handoff_packet"]
    assert chat.paused
    assert reply["text"] == "Certainly, here comes a person."
    assert packet["reason"] == "customer_request"
    assert "how long does delivery take" in packet["summary"]
    assert packet["tried"] == ["said: Delivery takes two to four working days. It costs 5.90 euro."]


def test_a_paused_conversation_hears_nothing(talk: Talk) -> None:
    _, replies = talk("I want to talk to a human", "hello?", "how long does delivery take")
    assert replies[1:] == [[], []]


def test_a_greeting_is_returned(talk: Talk) -> None:
    _, [[reply]] = talk("hello")
    assert reply["text"] in ("Hello, I'm the test assistant.", "Hi!")


def test_chinese_is_answered_from_an_approved_card(talk: Talk) -> None:
    _, [[reply]] = talk("盆栽多久浇一次水？")
    assert reply["text"] == "一般一周浇一次水。"


def test_other_chinese_is_handed_off_in_chinese(talk: Talk) -> None:
    chat, [[reply]] = talk("你们的仓库在哪个城市")
    assert chat.paused
    assert reply["text"] == phrases.HANDOFF_ZH


def test_a_verified_customer_hears_of_her_own_order(talk: Talk) -> None:
    chat, [[reply]] = talk("where is my order MG-10002", customer="C-0001")
    assert chat.steps == ["action_respond", "action_track_order"]
    assert "MG-10002" in reply["text"]
    assert "PostNL" in reply["text"]


def test_a_verified_customer_with_several_orders_chooses(talk: Talk) -> None:
    _, [[question], [reply]] = talk("track my parcel", '/track_order{"order_number": "MG-10001"}', customer="C-0001")
    assert '/track_order{"order_number": "MG-10001"}' in payloads(question)
    assert "MG-10001" in reply["text"]
    assert "waiting to be packed" in reply["text"]


def test_another_customers_order_sounds_like_a_missing_one(talk: Talk) -> None:
    _, [[hers]] = talk("track my parcel MG-20001", customer="C-0001")
    _, [[nobodys]] = talk("track my parcel MG-99999", customer="C-0001")
    assert hers["text"].replace("MG-20001", "X") == nobodys["text"].replace("MG-99999", "X")
    assert "bo@post" not in str(hers)


def test_an_anonymous_visitor_needs_number_and_email(talk: Talk) -> None:
    chat, replies = talk("where is my order", "10002", "Ada@Post.example")
    assert [len(r) for r in replies] == [1, 1, 1]
    assert "order number" in replies[0][0]["text"]
    assert "e-mail" in replies[1][0]["text"]
    assert "on its way" in replies[2][0]["text"]
    assert chat.slots["requested_slot"] is None


def test_a_wrong_email_tells_nothing_and_a_second_try_hands_off(talk: Talk) -> None:
    chat, replies = talk(
        "where is my order", "MG-10002", "eve@post.example", "MG-10001", "eve@post.example",
    )  # fmt: skip
    assert "can't find" in replies[2][0]["text"]
    assert chat.paused
    assert "on its way" not in str(replies)


def test_a_wrong_email_sounds_the_same_for_a_missing_order(talk: Talk) -> None:
    _, real = talk("where is my order", "MG-10002", "eve@post.example")
    _, missing = talk("where is my order", "MG-99999", "eve@post.example")
    assert real[2][0]["text"].replace("MG-10002", "X") == missing[2][0]["text"].replace("MG-99999", "X")


def test_what_is_no_order_number_is_asked_for_again_once(talk: Talk) -> None:
    chat, replies = talk("where is my order", "the big one", "the green one")
    assert "looks like MG-10234" in replies[1][0]["text"]
    assert chat.paused


def test_never_mind_drops_the_question(talk: Talk) -> None:
    chat, [_, [reply]] = talk("where is my order", "never mind")
    assert reply["text"] == phrases.LET_GO
    assert chat.slots["requested_slot"] is None
    assert chat.slots["pending_action"] is None


def test_another_question_drops_the_pending_one(talk: Talk) -> None:
    chat, [_, [reply]] = talk("where is my order", "how long does delivery take and what does it cost")
    assert "two to four" in reply["text"]
    assert chat.slots["requested_slot"] is None


def test_cancelling_asks_for_a_yes_that_repeats_the_values_and_then_acts_once(talk: Talk, services: Services) -> None:
    chat, [[question], [done]] = talk("please cancel order MG-10001", "yes please", customer="C-0001")
    for value in ("MG-10001", "2 × Boston fern", "1 × Clay pot", "€45.90"):
        assert value in question["text"]
    assert payloads(question) == ["/affirm", "/deny"]
    assert "cancelled" in done["text"]
    assert isinstance(services.back_office, DictBackOffice)
    assert list(services.back_office.writes) == ["m2:action_cancel_order"]
    assert chat.slots["pending_action"] is None


def test_a_no_that_joins_the_turn_of_a_yes_already_acted_on_hears_what_was_done(
    new_chat: Callable[..., Chat], services: Services
) -> None:
    chat = new_chat(customer="C-0001")

    async def evening() -> list[dict[str, Any]]:
        await chat.say("please cancel order MG-10001")
        slots, events = dict(chat.slots), list(chat.events)
        await chat.say("yes please")  # acted, but its reply never reached anybody: the turn is tried again, joined
        chat.slots, chat.events, chat.count = slots, events, chat.count - 1
        return await chat.say("yes please\nno, wait")

    reply = asyncio.run(evening())[-1]
    assert "cancelled" in reply["text"]
    assert isinstance(services.back_office, DictBackOffice)
    assert services.back_office.acts == 1


@pytest.mark.parametrize("reply", ["no", "No, leave it", "/deny", "never mind"])
def test_anything_but_a_yes_cancels_nothing(talk: Talk, services: Services, reply: str) -> None:
    chat, _ = talk("please cancel order MG-10001", reply, customer="C-0001")
    assert isinstance(services.back_office, DictBackOffice)
    assert services.back_office.acts == 0
    assert chat.slots["pending_action"] is None


def test_a_yes_long_after_the_question_is_asked_for_again(new_chat: Callable[..., Chat], services: Services) -> None:
    chat = new_chat(customer="C-0001")

    async def next_day() -> list[list[dict[str, Any]]]:
        said = [await chat.say("please cancel order MG-10001")]
        chat.clock += 24 * 3600
        return [*said, await chat.say("yes"), await chat.say("yes")]

    [[_], [again], [done]] = asyncio.run(next_day())
    assert again["text"].startswith(phrases.LONG_AGO)
    assert "is cancelled" in done["text"]
    assert isinstance(services.back_office, DictBackOffice)
    assert services.back_office.acts == 1


def test_an_unclear_reply_is_asked_once_more_with_the_values(talk: Talk) -> None:
    _, [_, [again], [last]] = talk("cancel my order MG-10001", "perhaps purple", "perhaps blue", customer="C-0001")
    assert "clear yes or no" in again["text"]
    assert "€45.90" in again["text"]
    assert decision(last)["reason"] == "repeated_misunderstanding"


def test_a_turn_tried_again_after_the_write_says_the_same(new_chat: Any, services: Services) -> None:
    chat = new_chat(customer="C-0001")

    async def twice() -> list[str]:
        await chat.say("cancel my order MG-10001")
        before = copy.deepcopy((chat.slots, chat.events))
        first = await chat.say("yes")
        chat.slots, chat.events = before
        chat.count -= 1
        return [first[0]["text"], (await chat.say("yes"))[0]["text"]]

    first, second = asyncio.run(twice())
    assert first == second
    assert isinstance(services.back_office, DictBackOffice)
    assert services.back_office.acts == 1


def test_an_anonymous_visitor_cannot_cancel_and_hears_the_rule(talk: Talk, services: Services) -> None:
    _, [[reply], *_] = talk("cancel my order MG-10001", "yes")
    assert "signed in" in reply["text"]
    assert isinstance(services.back_office, DictBackOffice)
    assert services.back_office.acts == 0


def test_a_yes_after_a_refusal_is_a_yes_to_the_person_and_names_the_rule(talk: Talk, services: Services) -> None:
    chat, _ = talk("cancel my order MG-10002", "yes please", customer="C-0001")
    assert chat.paused
    assert chat.slots["handoff_reason"] == "policy_restriction"
    assert isinstance(services.back_office, DictBackOffice)
    assert services.back_office.acts == 0


def test_another_customers_order_cannot_be_cancelled(talk: Talk, services: Services) -> None:
    _, [[reply], *_] = talk("cancel my order MG-20001", "yes", customer="C-0001")
    assert "can't find" in reply["text"]
    assert isinstance(services.back_office, DictBackOffice)
    assert services.back_office.acts == 0


def test_a_shipped_order_is_refused_with_the_rule(talk: Talk) -> None:
    _, [[reply]] = talk("cancel my order MG-10002", customer="C-0001")
    assert "until it is packed" in reply["text"]
    assert decision(reply)["refused_by"] == "Cancelling: until it is packed"


class AwayOffice(DictBackOffice):
    def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        raise OSError("no route to the back office")


def test_without_its_back_office_a_caller_that_counts_attempts_is_told_to_try_again(
    talk: Talk, services: Services
) -> None:
    services.back_office = AwayOffice({})
    with pytest.raises(BackOfficeAway):
        talk("where is my order", customer="C-0001")


def test_without_its_back_office_any_other_caller_gets_a_handoff(services: Services) -> None:
    services.back_office = AwayOffice({})
    metadata = {"nightdesk": {"identity_token": token("c", "C-0001", "customer")}}
    conversation = fold({"sender_id": "c", "latest_message": {"text": "where is my order", "metadata": metadata}})
    outcome = asyncio.run(run("action_track_order", services, conversation))
    assert decision(outcome.responses[0]) == {"kind": "hand_off", "reason": "tool_failure"}
    assert {"event": "pause", "timestamp": None} in outcome.events


def test_text_that_asks_for_an_action_in_a_payload_still_needs_the_yes(talk: Talk, services: Services) -> None:
    talk('/cancel_order{"order_number": "MG-10001"}', customer="C-0001")
    assert isinstance(services.back_office, DictBackOffice)
    assert services.back_office.acts == 0


def test_a_pressed_clarification_is_answered_with_the_earlier_words(talk: Talk) -> None:
    _, [_, [reply]] = talk("purple delivery cost", "/delivery_options")
    assert "5.90" in reply["text"]
