"""Transcript text before masking, and the exchanges cut from it."""

from __future__ import annotations

import pytest

from retrieval.cleaning import clean, join_turns, language_of, plain_turn
from retrieval.exchanges import Exchange, cut_exchanges
from retrieval.masking import Masker
from retrieval.readers import Turn
from retrieval.settings import Settings

MASKER = Masker.from_settings(Settings())


def cut(*said: str) -> list[tuple[str, str, str]]:
    turns = [Turn("customer" if line.startswith("C:") else "agent", line[2:].strip()) for line in said]
    return [(c.context, c.question, c.answer) for c in cut_exchanges(turns, MASKER, "en")]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a  b\t c", "a b c"),
        ("Tom &amp; Jerry &#39;s", "Tom & Jerry 's"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("１２３４ ＡＢ", "1234 AB"),
        ("cafe\u0301", "café"),
        ("你好，世界", "你好，世界"),
        ("line \r\n  two", "line\ntwo"),
    ],
)
def test_odd_characters_and_spaces_are_made_plain(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_handles_go_and_links_become_a_word() -> None:
    assert plain_turn("@company see https://t.co/x1 now, .@customer") == "see [URL] now,"
    assert plain_turn("write to a@b.example") == "write to a@b.example"


def test_parts_of_a_split_message_are_joined() -> None:
    assert join_turns(["We are sorry for the hassle this has 1/2", "caused you. 2/2 ^AB"]) == (
        "We are sorry for the hassle this has caused you.",
        True,
    )


def test_a_part_that_never_came_leaves_the_message_not_whole() -> None:
    assert join_turns(["We are sorry for the hassle this has 1/2"]) == ("We are sorry for the hassle this has", False)


def test_fractions_and_dates_are_no_parts() -> None:
    assert join_turns(["It is open 24/7"]) == ("It is open 24/7", True)


@pytest.mark.parametrize("signed", ["Fine. *TMT", "Fine. ^AB", "Fine. ^Natalie", "Fine. - JK", "Fine. /KM"])
def test_initials_an_agent_signs_with_go(signed: str) -> None:
    assert join_turns([signed]) == ("Fine.", True)


def test_an_exchange_is_a_question_and_the_answer_to_it() -> None:
    assert cut("C: Do you ship?", "C: To Norway I mean", "A: No.", "A: Only inside the Union.") == [
        ("", "Do you ship? To Norway I mean", "No. Only inside the Union.")
    ]


def test_what_was_said_before_is_the_context() -> None:
    exchanges = cut("C: Do you ship plants?", "A: Yes, on Mondays.", "C: And pots?", "A: Any day.")
    assert exchanges[1] == ("customer: Do you ship plants?\nagent: Yes, on Mondays.", "And pots?", "Any day.")


def test_an_agent_who_speaks_first_answers_nothing() -> None:
    assert cut("A: Hello, how can I help?", "C: Do you ship?", "A: Yes.") == [
        ("agent: Hello, how can I help?", "Do you ship?", "Yes.")
    ]


def test_a_question_of_a_handle_only_is_none() -> None:
    assert cut("C: @company", "A: Hello there.") == []


def test_exchanges_hold_no_personal_data() -> None:
    assert cut("C: Hi, MG-10234, anna@keller.example", "A: Thanks Anna, noted.") == [
        ("", "Hi, [ORDER], [EMAIL]", "Thanks [NAME], noted.")
    ]


def test_a_short_question_is_led_to_by_the_one_before_it() -> None:
    exchange = Exchange(1, 1, "s", False, "customer: Do you ship plants?\nagent: Yes.", "And pots?", "Yes", "en", True)
    assert exchange.leading_text == "Do you ship plants? And pots?"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("hello", "en"),
        ("你好，我的订单", "zh"),
        ("OK 好", "zh"),
        ("これはペンです", "ja"),
        ("안녕하세요", "ko"),
        ("Größe", "en"),
    ],
)
def test_script_tells_the_language(text: str, language: str) -> None:
    assert language_of(text, "en") == language
