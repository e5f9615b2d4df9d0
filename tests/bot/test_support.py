"""What a model wrote stays only where its sources bear it."""

from __future__ import annotations

import pytest

from bot.support import supported

SOURCES = [
    "Delivery takes two to four working days in the Netherlands. It costs 5.90 euro. Parcels over 75 euro are free.",
    "You can pay by card, iDEAL or PayPal. Questions: help@mossgrove.example. You need not send the plant back.",
]


@pytest.mark.parametrize(
    "text",
    [
        "Delivery takes two to four working days in the Netherlands.",
        "Delivery costs 5.90 euro, and parcels over 75 euro are free.",
        "You can pay with PayPal.",
        "You do not need to send the plant back.",
        "Write to help@mossgrove.example with questions.",
    ],
)
def test_a_paraphrase_stays(text: str) -> None:
    assert supported(text, SOURCES) == text


@pytest.mark.parametrize(
    "text",
    [
        "Delivery takes two to four weeks by camel across mountains.",  # words of its own
        "Delivery costs 6.90 euro.",  # another number
        "Delivery to Norway takes two to four working days.",  # a name of its own
        "You cannot pay by PayPal.",  # turned round
        "You need to send the plant back.",  # turned round
        "Write to info@mossgrove.example with questions.",  # another address
        "I've refunded the 5.90 euro delivery costs.",  # a deed
        "We will send the plant back.",  # a promise
        "Pay by card, [NAME].",  # a placeholder
        "See https://mossgrove.example/pay to pay by card.",  # a link of its own
        "iDEMO can pay by card.",  # a name of its own, in small letters first
        "",
        "...",
    ],
)
def test_what_is_invented_does_not_stay(text: str) -> None:
    assert supported(text, SOURCES) == ""


def test_of_several_sentences_the_supported_ones_stay_each_once() -> None:
    text = "It costs 5.90 euro. It arrives within 2 hours. It costs 5.90 euro."
    assert supported(text, SOURCES) == "It costs 5.90 euro."


def test_without_sources_nothing_stays() -> None:
    assert supported("Anything at all.", []) == ""
