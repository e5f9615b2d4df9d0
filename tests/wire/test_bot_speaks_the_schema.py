"""Whatever the bot answers is valid by docs/wire, over HTTP's JSON and back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from bot_fakes import Chat, ScriptedWriter, make_services, token
from jsonschema import ValidationError

from bot.server import build_executor

Validate = Callable[[str, Any], None]

CONVERSATIONS = {
    "an answer with a citation": ["how long does delivery take and what does it cost"],
    "a greeting": ["hello"],
    "a don't know": ["which horse wins tomorrow's race"],
    "two failures": ["which horse wins tomorrow's race", "purple monkey dishwasher"],
    "a person asked for": ["how long does delivery take", "I want to talk to a human", "hello?"],
    "an anonymous order": ["where is my order", "MG-10002", "ada@post.example"],
    "an order cancelled": ["cancel my order MG-10001", "hm", "yes"],
    "a choice of orders": ["track my parcel"],
    "buttons": ["/greet", "/affirm", "/deny", "/voucher", '/track_order{"order_number": "10001"}', "/nonsense{"],
    "anger that a head hears": ["I feel treated like dirt", "where is my order"],
    "chinese": ["盆栽多久浇一次水？", "你们的仓库在哪个城市"],
    "odd text": ["", " ", "\ud800 broken", "\x00", "a" * 9000, "🌱🌱🌱"],
}


@pytest.mark.parametrize("customer", ["", "C-0001"])
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_every_turn_is_valid(name: str, customer: str, validate: Validate) -> None:
    services = make_services()
    executor = build_executor(services)

    async def run(call: dict[str, Any]) -> dict[str, Any]:
        validate("action_call", call)
        answered = await executor.run(call)
        assert answered is not None
        result: dict[str, Any] = json.loads(json.dumps(answered.model_dump()))
        validate("action_result", result)
        for event in result["events"]:
            if event["event"] == "slot" and event["name"] == "handoff_packet":
                validate("handoff_packet", event["value"])
        return result

    async def talk() -> None:
        chat = Chat(run, customer=customer)
        for text in CONVERSATIONS[name]:
            responses = await chat.say(text)
            assert responses or chat.paused

    asyncio.run(talk())
    services.reader.stop()


@pytest.mark.parametrize("role", ["agent", "visitor"])
@pytest.mark.parametrize("action", ["action_suggest", "action_summarise"])
def test_the_desks_actions_are_valid(action: str, role: str, validate: Validate) -> None:
    services = make_services(writer=ScriptedWriter("Delivery takes two to four working days."))
    executor = build_executor(services)
    said = ["how long does delivery take", "and by night?", "how long does delivery take"]
    tracker = {
        "sender_id": "c",
        "slots": {},
        "events": [{"event": "user", "text": text} for text in said],
        "latest_message": {
            "text": said[-1],
            "metadata": {"nightdesk": {"identity_token": token("c", "", role)}},
        },
    }
    answered = asyncio.run(executor.run({"next_action": action, "tracker": tracker, "domain": {}}))
    assert answered is not None
    validate("action_result", answered.model_dump())
    ours = answered.responses[0]["custom"]["nightdesk"]
    assert ours["summary"] if action == "action_summarise" else ours["drafts"]
    services.reader.stop()


def test_a_reply_without_its_version_would_be_noticed(validate: Validate) -> None:
    with pytest.raises(ValidationError):
        validate("action_result", {"events": [], "responses": [{"custom": {"nightdesk": {}}}]})
