"""Drafts and summaries for people at the desk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from bot_fakes import ScriptedWriter, make_services, token

from bot.actions.suggest import suggest
from bot.actions.summarise import summarise
from bot.services import Services
from bot.tracker import fold
from bot.types import Conversation

SUPPORTED = "Delivery takes two to four working days."


@pytest.fixture
def writer() -> ScriptedWriter:
    return ScriptedWriter(f"{SUPPORTED} It arrives within 2 hours.")


@pytest.fixture
def services(writer: ScriptedWriter) -> Iterator[Services]:
    made = make_services(writer=writer)
    yield made
    made.reader.stop()


def about(*texts: str, role: str = "agent") -> Conversation:
    metadata = {"nightdesk": {"identity_token": token("c", "", role)}}
    events = [{"event": "user", "text": text} for text in texts]
    return fold({"sender_id": "c", "events": events, "latest_message": {"text": texts[-1], "metadata": metadata}})


def drafts(services: Services, conversation: Conversation) -> list[dict[str, Any]]:
    outcome = asyncio.run(suggest(services, conversation))
    assert outcome.events == ()
    found: list[dict[str, Any]] = outcome.responses[0]["custom"]["nightdesk"]["drafts"]
    return found


def test_extractive_drafts_come_first_then_what_the_model_wrote_and_the_passages_support(services: Services) -> None:
    found = drafts(services, about("how long does delivery take"))
    assert found[0]["made_by"] == "passage"
    assert found[0]["citations"][0]["source"] == "delivery.md"
    assert (found[-1]["made_by"], found[-1]["text"]) == ("model", SUPPORTED)


def test_nothing_that_is_not_supported_becomes_a_draft(services: Services, writer: ScriptedWriter) -> None:
    writer.text = "It arrives within 2 hours."
    assert {draft["made_by"] for draft in drafts(services, about("how long does delivery take"))} == {"passage"}


def test_a_slow_model_leaves_the_extractive_drafts(services: Services, writer: ScriptedWriter) -> None:
    writer.slow = True
    assert {draft["made_by"] for draft in drafts(services, about("how long does delivery take"))} == {"passage"}


def test_an_exchange_helps_an_agent_and_nobody_else(services: Services) -> None:
    words = "my fern arrived with brown tips"
    assert "mist it daily" in str(drafts(services, about(words)))
    assert "mist it daily" not in str(drafts(services, about(words, role="visitor")))


def test_without_anything_near_there_is_no_draft_and_the_model_is_not_asked(
    services: Services, writer: ScriptedWriter
) -> None:
    assert drafts(services, about("which horse wins tomorrow's race")) == []
    assert writer.asked == []


def test_a_pressed_button_is_no_question(services: Services) -> None:
    found = drafts(services, about("how long does delivery take", "/talk_to_person"))
    assert found[0]["citations"][0]["source"] == "delivery.md"


def summary(services: Services, conversation: Conversation) -> str:
    text = asyncio.run(summarise(services, conversation)).responses[0]["custom"]["nightdesk"]["summary"]
    assert isinstance(text, str)
    return text


def test_a_summary_quotes_what_the_customer_wrote(services: Services, writer: ScriptedWriter) -> None:
    writer.text = "The customer is happy and owns 7 horses."
    found = summary(services, about("my parcel is late", "it is order MG-10001", "please help"))
    assert "“my parcel is late”" in found
    assert "horses" not in found


def test_a_models_summary_leads_where_the_conversation_supports_it(services: Services, writer: ScriptedWriter) -> None:
    writer.text = "The customer wants help with a late parcel."
    found = summary(services, about("my parcel is late", "it is order MG-10001", "please help"))
    assert found.startswith(writer.text)


def test_a_short_conversation_is_quoted_not_written_about(services: Services, writer: ScriptedWriter) -> None:
    summary(services, about("my parcel is late"))
    assert writer.asked == []
