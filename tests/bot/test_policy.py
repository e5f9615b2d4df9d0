"""Every rule about when the assistant answers, asks, acts, hands off or stays silent, as a row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from bot_fakes import CATALOGUE

from bot.decisions import (
    OFFER_PERSON,
    PERHAPS_ANSWERED,
    Answer,
    Ask,
    Decision,
    HandOff,
    Phrase,
    Question,
    RunAction,
    StaySilent,
)
from bot.policy import decide
from bot.thresholds import Thresholds
from bot.types import Conversation, DialogAct, Entity, HandoffReason, PendingAction, RankedIntent, Reading
from retrieval.types import Hit, Passage, PassageKind

NUMBERS = Thresholds(
    intent_probability=0.6, intent_margin=0.2, out_of_scope=0.5, answer_cosine=0.7, answer_cosine_in_scope=0.5,
    suggest_cosine=0.45, answer_overlap_zh=0.5,
)  # fmt: skip


def talk(**changes: Any) -> Conversation:
    return Conversation("c", "text", "m2", **changes)


def read(*intents: tuple[str, float], **changes: Any) -> Reading:
    return Reading("text", tuple(RankedIntent(*intent) for intent in intents), **changes)


def hit(cosine: float | None, number: int = 1, **changes: Any) -> Hit:
    passage = Passage(number, PassageKind.ARTICLE, "question", f"text {number}", "title", "a.md", "en")
    return Hit(replace(passage, **changes), cosine, None, 0.1, number)


def choose(conversation: Conversation, reading: Reading, *hits: Hit) -> Decision:
    return decide(conversation, reading, hits, NUMBERS, CATALOGUE)


TRACK, CANCEL = "action_track_order", "action_cancel_order"
ASKED_YES = PendingAction(CANCEL, {"order_number": "MG-10001"}, "m1")
ASKED_SLOT = PendingAction(TRACK, {}, "m1")
SHOWN = PendingAction(PERHAPS_ANSWERED, {}, "m1")
OFFERED = PendingAction(OFFER_PERSON, {}, "m1")
SURE_TRACK = (("track_order", 0.9), ("greet", 0.05))
SURE_SEARCH = (("voucher", 0.9), ("greet", 0.05))
UNSURE = (("voucher", 0.3), ("greet", 0.2))
NEAR = (("track_order", 0.45), ("cancel_order", 0.4))
NUMBER = (Entity("order_number", "MG-10001", 0, 8),)

OPEN_ROWS = {
    "a certain action runs": (SURE_TRACK, 0.1, (), RunAction(TRACK, "track_order")),
    "a certain search is answered from a near passage": (SURE_SEARCH, 0.1, (0.5,), Answer("voucher", (hit(0.5),))),
    "a certain search without a near passage is not known": (SURE_SEARCH, 0.1, (0.44,), Ask(Question.UNKNOWN)),
    "a certain search with a passage half near shows it as perhaps meant": (
        SURE_SEARCH, 0.1, (0.45,), Ask(Question.PERHAPS, hits=(hit(0.45),)),
    ),
    "a certain wish for a person hands off": (
        (("talk_to_person", 0.9),), 0.1, (), HandOff(HandoffReason.CUSTOMER_REQUEST, "talk_to_person"),
    ),
    "out of scope with a weak passage is not known": (SURE_TRACK, 0.5, (0.44,), Ask(Question.UNKNOWN)),
    "out of scope with a passage half near shows it as perhaps meant": (
        SURE_TRACK, 0.5, (0.69,), Ask(Question.PERHAPS, hits=(hit(0.69),)),
    ),
    "out of scope with a strong passage is answered": (SURE_TRACK, 0.99, (0.7,), Answer(None, (hit(0.7),))),
    "an unsure intent with a strong passage is answered": (UNSURE, 0.1, (0.8,), Answer(None, (hit(0.8),))),
    "an unsure intent with a weak passage is not known": (UNSURE, 0.1, (0.4,), Ask(Question.UNKNOWN)),
    "no intents at all and no passage is not known": ((), 0.0, (), Ask(Question.UNKNOWN)),
    "no intents at all but a strong passage is answered": ((), 0.0, (0.9,), Answer(None, (hit(0.9),))),
    "two near intents are asked about": (
        NEAR, 0.1, (0.6,), Ask(Question.WHICH_INTENT, ("track_order", "cancel_order")),
    ),
    "two near intents out of scope are not known": (NEAR, 0.6, (0.4,), Ask(Question.UNKNOWN)),
    "a strong passage spares the question": (NEAR, 0.1, (0.8,), Answer(None, (hit(0.8),))),
    "two near searches are answered by what fits either": (
        (("voucher", 0.45), ("delivery_options", 0.4)), 0.1, (0.5,), Answer(None, (hit(0.5),)),
    ),
    "too small a margin is not certain": ((("track_order", 0.6), ("greet", 0.41)), 0.1, (),
                                          Ask(Question.WHICH_INTENT, ("track_order",))),
    "an intent nobody described is not served": ((("mystery", 0.95),), 0.1, (), Ask(Question.UNKNOWN)),
    "a passage found by words alone does not answer": (UNSURE, 0.9, (None,), Ask(Question.UNKNOWN)),
}  # fmt: skip


@pytest.mark.parametrize("name", OPEN_ROWS)
def test_intents_and_passages_compete(name: str) -> None:
    intents, out_of_scope, cosines, expected = OPEN_ROWS[name]
    hits = [hit(cosine) for cosine in cosines]
    assert choose(talk(), read(*intents, out_of_scope=out_of_scope), *hits) == expected


PENDING_ROWS = {
    "a yes runs what was asked": (ASKED_YES, None, read(act=DialogAct.AFFIRM), RunAction(CANCEL)),
    "a no drops it": (ASKED_YES, None, read(act=DialogAct.DENY), Answer(phrase=Phrase.LET_GO)),
    "neither is asked again": (ASKED_YES, None, read(*UNSURE), Ask(Question.CONFIRM)),
    "the same wish without a yes is asked again": (
        ASKED_YES, None, read(("cancel_order", 0.9)), Ask(Question.CONFIRM),
    ),
    "the same wish for another order starts anew": (
        ASKED_YES, None, read(("cancel_order", 0.9), entities=NUMBER),
        RunAction(CANCEL, "cancel_order", {"order_number": "MG-10001"}),
    ),
    "another wish is served": (ASKED_YES, None, read(*SURE_TRACK), RunAction(TRACK, "track_order")),
    "a requested slot is filled": (
        ASKED_SLOT, "order_number", read(entities=NUMBER), RunAction(TRACK, slots={"order_number": "MG-10001"}),
    ),
    "a yes fills no slot": (ASKED_SLOT, "order_number", read(act=DialogAct.AFFIRM), Ask(Question.SLOT)),
    "a no ends the search for a slot": (
        ASKED_SLOT, "order_number", read(act=DialogAct.DENY), Answer(phrase=Phrase.LET_GO),
    ),
    "what is no value is asked for again": (ASKED_SLOT, "order_number", read(*UNSURE), Ask(Question.SLOT)),
    "repeating the wish is no value": (ASKED_SLOT, "order_number", read(*SURE_TRACK), Ask(Question.SLOT)),
    "another slot's value is taken along but not enough": (
        ASKED_SLOT, "order_number", read(entities=(Entity("email", "a@b.example", 0, 1),)), Ask(Question.SLOT),
    ),
    "a yes to a person hands off": (
        OFFERED, None, read(act=DialogAct.AFFIRM), HandOff(HandoffReason.MISSING_KNOWLEDGE),
    ),
    "a no to a person is accepted": (OFFERED, None, read(act=DialogAct.DENY), Answer(phrase=Phrase.ACKNOWLEDGED)),
    "a yes to what was perhaps meant is taken": (
        SHOWN, None, read(act=DialogAct.AFFIRM), Answer(phrase=Phrase.ACKNOWLEDGED),
    ),
    "a no to what was perhaps meant offers a person": (SHOWN, None, read(act=DialogAct.DENY), Ask(Question.UNKNOWN)),
    "what was perhaps meant does not stand in the way": (
        SHOWN, None, read(*SURE_TRACK), RunAction(TRACK, "track_order"),
    ),
    "a bare yes to nothing is taken kindly": (
        None, None, read(act=DialogAct.AFFIRM), Answer(phrase=Phrase.ACKNOWLEDGED),
    ),
    "a yes that is also a certain wish is served": (
        None, None, read(*SURE_TRACK, act=DialogAct.AFFIRM), RunAction(TRACK, "track_order"),
    ),
    "an offered person does not stand in the way": (OFFERED, None, read(*SURE_TRACK), RunAction(TRACK, "track_order")),
}  # fmt: skip


@pytest.mark.parametrize("name", PENDING_ROWS)
def test_what_was_asked_takes_its_answer(name: str) -> None:
    pending, requested, reading, expected = PENDING_ROWS[name]
    assert choose(talk(pending=pending, requested_slot=requested), reading) == expected


@pytest.mark.parametrize(
    "conversation",
    [talk(misunderstandings=1), talk(misunderstandings=1, pending=ASKED_YES),
     talk(misunderstandings=1, pending=ASKED_SLOT, requested_slot="order_number"),
     talk(misunderstandings=1, pending=OFFERED)],
)  # fmt: skip
def test_a_second_failure_in_a_row_hands_off(conversation: Conversation) -> None:
    assert choose(conversation, read(*UNSURE)) == HandOff(HandoffReason.REPEATED_MISUNDERSTANDING)


def test_a_passage_that_nobody_called_wrong_ends_the_row() -> None:
    went_on = talk(misunderstandings=1, pending=SHOWN)
    assert choose(went_on, read(*UNSURE)) == Ask(Question.UNKNOWN)
    assert choose(went_on, read(act=DialogAct.DENY)) == HandOff(HandoffReason.REPEATED_MISUNDERSTANDING)


def test_a_paused_conversation_is_a_persons_whatever_is_said() -> None:
    for reading in (read(*SURE_TRACK), read(act=DialogAct.AFFIRM), read(wants_person=True), read(payload="greet")):
        assert choose(talk(paused=True, pending=ASKED_YES), reading, hit(0.99)) == StaySilent()


def test_a_wish_for_a_person_is_granted_whatever_else_is_going_on() -> None:
    for conversation in (talk(), talk(pending=ASKED_YES), talk(pending=ASKED_SLOT, requested_slot="email")):
        reading = read(*SURE_TRACK, wants_person=True, language="zh")
        assert choose(conversation, reading, hit(0.99)) == HandOff(HandoffReason.CUSTOMER_REQUEST)


def test_a_pressed_button_means_its_intent() -> None:
    assert choose(talk(), read(payload="track_order", entities=NUMBER)) == RunAction(
        TRACK, "track_order", {"order_number": "MG-10001"}
    )
    assert choose(talk(), read(payload="voucher"), hit(0.55)) == Answer("voucher", (hit(0.55),))
    greeting = choose(talk(), read(payload="greet"))
    assert isinstance(greeting, Answer)
    assert greeting.response in CATALOGUE["greet"].responses


def test_the_same_message_is_always_greeted_the_same_way() -> None:
    said = {str(choose(talk(), read(("greet", 0.95)))) for _ in range(5)}
    assert len(said) == 1


def test_a_third_unclear_pair_is_not_asked_about_again() -> None:
    assert choose(talk(misunderstandings=1), read(*NEAR)) == Ask(Question.WHICH_INTENT, ("track_order", "cancel_order"))
    assert choose(talk(misunderstandings=2), read(*NEAR)) == HandOff(HandoffReason.REPEATED_MISUNDERSTANDING)


def test_of_the_passages_near_enough_the_best_ranked_answers_for_words_count_too() -> None:
    answer = choose(talk(), read(*UNSURE), hit(0.71, 1, source="x.md"), hit(0.9, 2))
    assert isinstance(answer, Answer)
    assert [found.passage.id for found in answer.hits] == [1]


def test_a_well_ranked_passage_that_is_not_near_enough_does_not_answer() -> None:
    answer = choose(talk(), read(*UNSURE), hit(0.69, 1, source="x.md"), hit(0.9, 2))
    assert isinstance(answer, Answer)
    assert [found.passage.id for found in answer.hits] == [2]


def test_a_neighbouring_piece_of_the_same_article_joins_another_source_does_not() -> None:
    near = hit(0.9, 1)
    together = choose(talk(), read(*UNSURE), near, hit(0.89, 2))
    apart = choose(talk(), read(*UNSURE), near, hit(0.89, 3, source="other.md"))
    assert isinstance(together, Answer)
    assert isinstance(apart, Answer)
    assert [found.passage.id for found in together.hits] == [1, 2]
    assert [found.passage.id for found in apart.hits] == [1]


def chinese(approved: bool, question: str = "盆栽多久浇一次水") -> Hit:
    return hit(None, 5, kind=PassageKind.CARD, approved=approved, question=question, text="一周一次", customers=50)


def test_chinese_is_answered_from_approved_cards_only() -> None:
    reading = replace(read(language="zh"), text="盆栽多久浇一次水？")
    assert choose(talk(), reading, chinese(approved=True)) == Answer(hits=(chinese(approved=True),))
    assert choose(talk(), reading, chinese(approved=False)) == HandOff(HandoffReason.UNSUPPORTED_REQUEST)
    assert choose(talk(), reading, hit(0.99)) == HandOff(HandoffReason.UNSUPPORTED_REQUEST)


def test_chinese_words_must_be_the_cards_words() -> None:
    reading = replace(read(language="zh"), text="你们的仓库在哪个城市")
    assert choose(talk(), reading, chinese(approved=True)) == HandOff(HandoffReason.UNSUPPORTED_REQUEST)


def test_a_chinese_yes_is_a_yes() -> None:
    reading = read(act=DialogAct.AFFIRM, language="zh")
    assert choose(talk(pending=ASKED_YES), reading) == RunAction(CANCEL)


LIKELY = Thresholds(
    intent_probability=0.95, action_probability=0.45, intent_margin=0.1, out_of_scope=0.57, answer_cosine=0.62,
    answer_cosine_in_scope=0.62, suggest_cosine=0.42,
)  # fmt: skip
LIKELY_TRACK = (("track_order", 0.6), ("voucher", 0.1))


@pytest.mark.parametrize(
    ("text", "cosine", "entities", "expected"),
    [
        ("my parcel", 0.3, (), RunAction(TRACK, "track_order")),
        ("my parcel", 0.5, (), RunAction(TRACK, "track_order")),
        ("From when may I track it?", 0.5, (), Ask(Question.PERHAPS, ("track_order",), (hit(0.5),))),
        ("how long does a parcel take", 0.5, (), Ask(Question.PERHAPS, ("track_order",), (hit(0.5),))),
        ("when does MG-10001 come", 0.5, NUMBER, RunAction(TRACK, "track_order", {"order_number": "MG-10001"})),
        ("my parcel", 0.7, NUMBER, Answer(hits=(hit(0.7),))),
    ],
    ids=[
        "nothing nearer",
        "a wish",
        "a question behind a preposition",
        "a question a passage may answer",
        "an order is named",
        "a passage answers",
    ],
)
def test_a_likely_action_begins_unless_something_is_asked_that_a_passage_may_answer(
    text: str, cosine: float, entities: tuple[Entity, ...], expected: Decision
) -> None:
    reading = replace(read(*LIKELY_TRACK, entities=entities, out_of_scope=0.3), text=text)
    assert decide(talk(), reading, (hit(cosine),), LIKELY, CATALOGUE) == expected


CERTAIN_CANCEL = (("cancel_order", 0.9), ("track_order", 0.05))


def test_a_question_about_an_action_is_answered_with_a_button_to_begin_it() -> None:
    asked = replace(read(*CERTAIN_CANCEL), text="How long can I cancel?")
    assert choose(talk(), asked, hit(0.6)) == Answer("cancel_order", (hit(0.6),), begins="cancel_order")
    assert choose(talk(), asked, hit(0.46)) == Ask(Question.PERHAPS, ("cancel_order",), (hit(0.46),))
    assert choose(talk(), asked, hit(0.4)) == RunAction(CANCEL, "cancel_order")
    assert choose(talk(), replace(asked, text="cancel my order"), hit(0.6)) == RunAction(CANCEL, "cancel_order")


def test_a_question_about_what_only_looks_is_a_wish_for_it() -> None:
    reading = replace(read(*SURE_TRACK), text="When will my order come?")
    assert choose(talk(), reading, hit(0.6)) == RunAction(TRACK, "track_order")


def test_two_intents_that_the_form_tells_apart_count_as_one() -> None:
    reading = read(("exchange_item", 0.5), ("change_items", 0.3), ("voucher", 0.1))
    assert choose(talk(), reading) == RunAction("action_exchange_items", "exchange_item")


def test_a_code_is_looked_up_even_where_the_head_knows_no_such_word() -> None:
    code = (Entity("voucher", "FERN15", 3, 9),)
    reading = replace(read(("check_voucher", 0.9), out_of_scope=0.9, entities=code), text="is FERN15 still good")
    assert choose(talk(), reading, hit(0.5)) == RunAction("action_check_voucher", "check_voucher")
    assert choose(talk(), replace(reading, entities=()), hit(0.5)) == Ask(Question.PERHAPS, hits=(hit(0.5),))


def test_several_actions_that_may_be_meant_are_offered_with_the_passage_that_may_answer() -> None:
    reading = replace(read(("track_order", 0.4), ("cancel_order", 0.3)), text="when is it too late")
    assert choose(talk(), reading, hit(0.5)) == Ask(Question.PERHAPS, ("track_order", "cancel_order"), (hit(0.5),))


# Forms and moods

FORM = PendingAction(CANCEL, {"filled": {"order_number": "MG-10001"}, "asking": "reason"}, "m1")
IN_FORM = talk(pending=FORM, requested_slot="reason")


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (read(*UNSURE, answers={"reason": "faulty"}), RunAction(CANCEL)),
        (read(*UNSURE, answers={"reason": "changed_mind"}, act=DialogAct.DENY), RunAction(CANCEL)),
        (read(*UNSURE, act=DialogAct.DENY), Answer(phrase=Phrase.LET_GO)),
        (read(*UNSURE), RunAction(CANCEL)),  # the form says itself what it could not read
        (read(*SURE_TRACK), RunAction(TRACK, "track_order")),
        (
            read(
                *SURE_TRACK, answers={"order_number": "MG-10002"}, entities=(Entity("order_number", "MG-10002", 0, 8),)
            ),
            RunAction(TRACK, "track_order", {"order_number": "MG-10002"}),
        ),
        (read(*UNSURE, answers={"order_number": "MG-10002"}), RunAction(CANCEL)),
        (read(*UNSURE, wants_person=True), HandOff(HandoffReason.CUSTOMER_REQUEST)),
    ],
)
def test_an_open_form_takes_its_answer_and_lets_another_wish_pass(reading: Reading, expected: Decision) -> None:
    assert choose(IN_FORM, reading) == expected


def test_a_question_in_between_is_answered_while_a_form_is_open() -> None:
    assert choose(IN_FORM, read(*SURE_SEARCH), hit(0.8)) == Answer("voucher", (hit(0.8),))


def test_an_angry_customer_who_is_not_understood_gets_a_person_at_once() -> None:
    assert choose(talk(), read(*UNSURE, upset=True)) == HandOff(HandoffReason.NEGATIVE_SENTIMENT)
    assert choose(talk(), read(*UNSURE)) == Ask(Question.UNKNOWN)


def test_an_angry_customer_whose_wish_is_clear_is_served() -> None:
    assert choose(talk(), read(*SURE_TRACK, upset=True)) == RunAction(TRACK, "track_order")
