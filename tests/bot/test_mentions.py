"""What the tagger read joins what the rules are sure of, and helps an open form."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from bot_fakes import FakeKnowledge

from bot.forms.slots import Kind
from bot.mentions import Mention, entities_with, words_for
from bot.reader import Reader
from bot.types import Entity

ORDER = Entity("order_number", "MG-10234", 15, 23)


def test_rules_win_where_both_speak() -> None:
    text = "The parcel for MG-10234 goes to Wiebke"
    found = entities_with(text, [ORDER], [Mention("ADDRESS", "MG-10234", 0.9), Mention("PERSON", "Wiebke", 0.9)])
    assert found == (ORDER, Entity("person", "Wiebke", 32, 38))


def test_the_same_words_twice_are_two_places() -> None:
    text = "Wiebke is not Wiebke"
    found = entities_with(text, [], [Mention("PERSON", "Wiebke", 0.9), Mention("PERSON", "Wiebke", 0.8)])
    assert [(entity.start, entity.end) for entity in found] == [(0, 6), (14, 20)]


def test_what_is_unlikely_or_was_only_a_placeholder_is_left_out() -> None:
    mentions = [Mention("PERSON", "Wiebke", 0.4), Mention("ADDRESS", "[ADDRESS]", 0.9)]
    assert entities_with("to Kade 4, says Wiebke", [], mentions) == ()


@pytest.mark.parametrize(
    ("kind", "words"),
    [(Kind.CHOICES, "fern, cream"), (Kind.EACH, "fern, cream"), (Kind.DAY, "Friday"), (Kind.NUMBER, "")],
)
def test_a_slot_takes_words_of_its_own_kinds(kind: Kind, words: str) -> None:
    mentions = [
        Mention("PRODUCT", "fern", 0.9), Mention("DATE", "Friday", 0.9), Mention("COLOUR", "cream", 0.6),
        Mention("PERSON", "Ada", 0.9), Mention("SIZE", "30 cm", 0.2),
    ]  # fmt: skip
    assert words_for(kind, "Friday, the fern in cream for Ada", mentions) == words


@pytest.mark.parametrize("text", ["keep the fern", "is it the fern?", "anything but the fern", "I don't mean the fern"])
def test_what_a_message_asks_about_or_takes_out_fills_no_slot(text: str) -> None:
    assert words_for(Kind.CHOICES, text, [Mention("PRODUCT", "fern", 0.9)]) == ""


def test_the_reader_tells_what_each_of_many_texts_mentions() -> None:
    knowledge = FakeKnowledge()

    async def run() -> list[Any]:
        reader = Reader(lambda: knowledge)
        reader.start()
        try:
            return await asyncio.gather(*(reader.find(text) for text in ("hi Wiebke", "where is it", "Thandi here")))
        finally:
            reader.stop()

    found = asyncio.run(run())
    assert [[mention.words for mention in one.mentions] for one in found] == [["Wiebke"], [], ["Thandi"]]


def test_a_bundle_without_a_head_reads_mentions_all_the_same() -> None:
    knowledge = replace(FakeKnowledge(), head=None)

    async def run() -> Any:
        reader = Reader(lambda: knowledge)
        reader.start()
        try:
            return await reader.find("hi Wiebke")
        finally:
            reader.stop()

    assert [mention.words for mention in asyncio.run(run()).mentions] == ["Wiebke"]
