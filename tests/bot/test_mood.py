"""Anger is heard, sorrow and haste are not."""

from __future__ import annotations

import pytest

from bot.mood import is_upset, sounds_angry
from bot.types import Sentiment


@pytest.mark.parametrize(
    "text",
    [
        "This is ridiculous, third time I write",
        "I am absolutely furious. Where is the money?",
        "WHERE IS MY ORDER YOU PEOPLE!!!",
        "what a rip-off, never again",
        "you are a bunch of liars",
        "my lawyer will be in touch",
        "are you kidding me",
        "我要投诉你们",
        "太差了，等了两个星期",
    ],
)
def test_anger_at_us_is_heard(text: str) -> None:
    assert is_upset(text)


@pytest.mark.parametrize(
    "text",
    [
        "the fern arrived dead and the pot is broken",
        "I'm not angry, just puzzled",
        "sadly all the leaves fell off",
        "HI CAN YOU HELP ME WITH MY ORDER",
        "MG-10234 please!",
        "is it poisonous for cats???",
        "I need it urgently!!!",
        "我的植物死了",
        "thank you, great service",
    ],
)
def test_sorrow_haste_and_thanks_are_not_anger(text: str) -> None:
    assert not is_upset(text)


def test_a_head_that_is_sure_is_heard_and_one_that_is_not_takes_nothing_back() -> None:
    quiet, loud = "nobody answers and you keep my money", "this is ridiculous"
    assert not sounds_angry(quiet)
    assert is_upset(quiet, Sentiment("angry", 0.9, upset=True))
    assert not is_upset(quiet, Sentiment("angry", 0.55))
    assert is_upset(loud, Sentiment("happy", 0.9))


def test_eight_thousand_hostile_characters_are_read_at_once() -> None:
    for text in ("A" * 8000, "AAA " * 2000, "!?" * 4000, "not " * 2000):
        is_upset(text)
