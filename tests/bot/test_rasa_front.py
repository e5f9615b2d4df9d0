"""A Rasa 3.6 server in front: requests of the shape it sends are answered in the form it accepts."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from bot_fakes import make_services

from bot.actions.registry import ACTIONS
from bot.server import build_executor

HERE = Path(__file__).parent
RASA = HERE.parents[1] / "data" / "rasa"
# What Rasa 3.6 knows: its event types, and the keys it reads of a response.
RASA_EVENTS = {"slot", "followup", "pause"}
RESPONSE_KEYS = {"text", "buttons", "elements", "custom", "template", "response", "image", "attachment"}


def answered(name: str) -> dict[str, Any]:
    services = make_services()
    call = json.loads((HERE / "fixtures" / f"{name}.json").read_text("utf-8"))
    result = asyncio.run(build_executor(services).run(call))
    services.reader.stop()
    assert result is not None
    back: dict[str, Any] = json.loads(json.dumps(result.model_dump()))
    return back


@pytest.mark.parametrize("name", ["rasa_first_turn", "rasa_second_turn", "rasa_followup"])
def test_rasas_request_is_answered_in_rasas_form(name: str) -> None:
    result = answered(name)
    assert set(result) == {"events", "responses"}
    assert {event["event"] for event in result["events"]} <= RASA_EVENTS
    assert all(set(response) == RESPONSE_KEYS for response in result["responses"])
    assert all("\n\n" not in response["text"] for response in result["responses"])


def test_the_first_turn_is_answered_with_a_source() -> None:
    [response] = answered("rasa_first_turn")["responses"]
    assert response["custom"]["nightdesk"]["citations"][0]["source"] == "delivery.md"


def test_the_second_turn_runs_a_business_action_next() -> None:
    result = answered("rasa_second_turn")
    assert result["responses"] == []
    assert [event["name"] for event in result["events"]] == ["order_number", "action_track_order"]


def test_the_followup_asks_the_stranger_for_the_email_address() -> None:
    result = answered("rasa_followup")
    assert "e-mail" in result["responses"][0]["text"]
    assert {"requested_slot", "pending_action"} <= {event.get("name") for event in result["events"]}


def test_the_domain_names_every_action_and_slot_and_every_intent_has_its_rule() -> None:
    domain = (RASA / "domain.yml").read_text("utf-8")
    rules = (RASA / "data" / "rules.yml").read_text("utf-8")
    for action in set(ACTIONS) - {"action_suggest", "action_summarise"}:  # the desk's own
        assert f"  - {action}\n" in domain
    for slot in ("order_number", "email", "requested_slot", "pending_action", "misunderstandings", "handoff_packet"):
        assert f"  {slot}:\n" in domain
    intents = re.findall(r"^  - (\w+)$", domain.split("intents:")[1].split("entities:")[0], re.MULTILINE)
    ruled = re.findall(r"- intent: (\w+)", rules)
    assert sorted(ruled) == sorted([*intents, "nlu_fallback"])
