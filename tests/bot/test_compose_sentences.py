"""Composing: which sentences of a draft are said, in whose words, and when the writer is no longer listened to."""

from __future__ import annotations

import asyncio

import pytest
from composed_fakes import PiecemealWriter, make_judge

from bot.composed.compose import Sentence, compose, quote, without_yes_or_no
from bot.prompts import DONT_KNOW

PASSAGES = (
    "Delivery costs 5.90 euro. It is free from 75 euro of goods.",
    "Pots can be returned within 30 days. Plants cannot be returned.",
)


def composed(text: str, question: str = "what delivery costs", **how: int) -> tuple[list[Sentence], PiecemealWriter]:
    writer = PiecemealWriter(text, **how)

    async def go() -> list[Sentence]:
        found = compose(writer, make_judge(), question, PASSAGES, max_tokens=50, timeout_s=5.0)
        return [sentence async for sentence in found]

    return asyncio.run(go()), writer


def texts(draft: str, question: str = "what delivery costs") -> list[str]:
    return [sentence.text for sentence in composed(draft, question)[0]]


def test_a_supported_sentence_is_said_as_it_was_written() -> None:
    said, _ = composed("The delivery costs 5.90 euro.")
    assert said == [Sentence("The delivery costs 5.90 euro.", 0, written=True)]


def test_a_wrong_number_gives_way_to_the_passages_own_sentence() -> None:
    said, _ = composed("Delivery costs 7.90 euro.")
    assert said == [Sentence("Delivery costs 5.90 euro.", 0, written=False)]


def test_a_denial_gives_way_too() -> None:
    assert texts("Plants can be returned.", "plants returned") == ["Plants cannot be returned."]


def test_an_invention_is_dropped() -> None:
    assert texts("Our warehouse employs fourteen robots.") == []


def test_a_sentence_far_from_the_question_is_not_quoted() -> None:
    assert texts("Pots can be returned within 40 days.", "who was Linnaeus") == []


def test_nothing_is_said_twice() -> None:
    assert texts("Delivery costs 5.90 euro. Delivery costs 8 euro. Delivery costs 9 euro.") == [
        "Delivery costs 5.90 euro."
    ]


def test_a_writer_that_goes_round_in_circles_is_stopped() -> None:
    said, writer = composed("Delivery costs 5.90 euro. Yes indeed my friend. " + "Yes indeed my friend. " * 50)
    assert len(said) == 1
    assert writer.stopped
    assert writer.given < 30


def test_a_writer_that_says_it_does_not_know_is_taken_at_its_word() -> None:
    assert texts(f"{DONT_KNOW} Delivery costs 5.90 euro.") == []


def test_a_sentence_that_was_cut_off_is_not_said() -> None:
    assert texts("Delivery costs 5.90 euro. It is free from") == ["Delivery costs 5.90 euro."]


def test_what_was_checked_before_the_writer_failed_stands() -> None:
    said, _ = composed("Delivery costs 5.90 euro. It is free from 75 euro.", fails_after=7)
    assert [sentence.text for sentence in said] == ["Delivery costs 5.90 euro."]


def test_closing_stops_the_writing() -> None:
    writer = PiecemealWriter("Delivery costs 5.90 euro. Then come many more words.", holds_after=6)

    async def go() -> str:
        sentences = compose(writer, make_judge(), "what delivery costs", PASSAGES, max_tokens=50, timeout_s=5.0)
        first = await anext(sentences)
        await sentences.aclose()
        return first.text

    assert asyncio.run(go()) == "Delivery costs 5.90 euro."
    assert writer.stopped


@pytest.mark.parametrize(
    "draft",
    ["I have refunded the delivery costs.", "I will send you 75 euro of goods.", "Your order has been cancelled."],
)
def test_a_deed_is_never_said(draft: str) -> None:
    assert draft not in texts(draft)


def test_a_sentence_that_leans_on_the_one_before_brings_it_along() -> None:
    assert quote(PASSAGES[0], 1) == PASSAGES[0]
    assert quote(PASSAGES[1], 1) == "Plants cannot be returned."


def test_yes_and_no_are_left_out_since_nobody_checks_them() -> None:
    assert without_yes_or_no("Yes, you can return pots.") == "You can return pots."
    assert without_yes_or_no("No gift wrap is offered.") == "No gift wrap is offered."
