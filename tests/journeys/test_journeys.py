"""Whole conversations, through the whole service, end with the back office in exactly the state they should.

Each journey is played four ways: by its customer; by a stranger and by somebody else, who may change nothing of hers;
and again, message by message under the old nonces and then in a new conversation, for what is done is done once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from journey_play import Played, Stage
from journey_script import Journey, Result, journeys

from bot.settings import Settings

pytestmark = [pytest.mark.weights, pytest.mark.kill]

JOURNEYS = journeys(datetime.now(ZoneInfo(Settings().timezone)).date())
every_journey = pytest.mark.parametrize("journey", JOURNEYS, ids=str)


def left_behind(played: Played, expected: Result, customer: str | None) -> None:
    """Assert that exactly the expected records changed, and that nobody but the customer did so."""
    assert played.left.changes == expected.changes, f"\n{played}"
    assert played.left.writes == [(customer, name) for name in expected.writes], f"\n{played}"
    for words in expected.hears:
        assert words in played.words, f"nobody said {words!r}\n{played}"


def secrets_of(customer: str, records: dict[str, dict[str, Any]]) -> set[str]:
    """What nobody else may hear of a customer: address, telephone, where her parcels are."""
    account = records[f"customers/{customer}"]
    orders = [order for key, order in records.items() if key.startswith("orders/") and order["customer_id"] == customer]
    told = [account["email"], account["phone"], account["address"]["street"]]
    return {word for word in (*told, *(order["tracking_code"] for order in orders)) if word}


@every_journey
def test_a_journey_ends_with_exactly_what_it_should_change(stage: Stage, journey: Journey) -> None:
    played = stage.perform(journey).itself
    for turn, heard in zip(journey.turns, played.heard, strict=False):
        missing = [words for words in turn.hears if words not in heard.text]
        assert not missing, f"after {turn.text!r} nobody said {missing}\n{played}"
        assert not [words for words in turn.never if words in heard.text], f"{turn.never}\n{played}"
        assert heard.handed_off == turn.handed_off, f"\n{played}"
    assert len(played.heard) == len(journey.turns), f"it ended early\n{played}"
    left_behind(played, journey.itself, journey.customer)


@every_journey
def test_a_stranger_who_says_the_same_changes_nothing_and_learns_nothing(stage: Stage, journey: Journey) -> None:
    played = stage.perform(journey).anonymous
    left_behind(played, journey.anonymous, None)
    assert not journey.anonymous.writes
    said = "\n".join(turn.text for turn in journey.turns)
    known = {secret for secret in secrets_of(journey.customer, stage.start.records) if secret not in said}
    assert not [secret for secret in known if secret in played.words], f"\n{played}"


@every_journey
def test_another_customer_who_says_the_same_is_refused(stage: Stage, journey: Journey) -> None:
    played = stage.perform(journey).another
    left_behind(played, journey.another, journey.other)
    said = "\n".join(turn.text for turn in journey.turns)
    known = {secret for secret in secrets_of(journey.customer, stage.start.records) if secret not in said}
    assert not [secret for secret in known if secret in played.words], f"\n{played}"


@every_journey
def test_said_again_it_is_done_once(stage: Stage, journey: Journey) -> None:
    performance = stage.perform(journey)
    assert performance.same_receipts, "a nonce seen before got another message"
    assert performance.events_added == 0, "a repeated message was answered again"
    left_behind(performance.again, journey.again, journey.customer)
