"""The assistant's server, over HTTP in Rasa's words; the only module that speaks to it.

One call is one action. `converse` follows the follow-ups of a turn and returns what it would say, or raises BotFailed:
an exception, a garbled result or an empty answer means "try again or hand off", never "done".
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, TypeGuard

import urllib3

from web.errors import BotFailed
from web.tracker import Draft
from web.types import Json, Reason

MAX_STEPS = 10
_CONNECT_S = 1.0
_MAX_ANSWER_BYTES = 1_000_000
_EVENTS = frozenset({"slot", "followup", "pause", "resume", "bot", "action", "reset_slots"})


@dataclass(frozen=True, slots=True)
class Result:
    """What one action brought; shapes checked."""

    events: list[Json]
    responses: list[Json]
    followup: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a turn brought: a reply, and whether a person should go on from there."""

    text: str
    buttons: tuple[Json, ...]
    citations: tuple[Json, ...]
    reading: Json | None
    handoff: Reason | None
    packet: Json | None


class BotClient:
    """A pool of connections to the action server."""

    def __init__(self, url: str, secret: str, connections: int = 64) -> None:
        base = urllib3.util.parse_url(url)
        self._path = (base.path or "").rstrip("/") + "/webhook"
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self._pool = urllib3.connection_from_url(url, maxsize=connections)

    def run(self, draft: Draft, action: str, timeout_s: float) -> Result:
        """Run one action and return its checked result. Raises BotFailed."""
        timeout = urllib3.Timeout(connect=min(_CONNECT_S, timeout_s), total=timeout_s)
        try:
            answer = self._pool.urlopen(
                "POST",
                self._path,
                body=draft.call(action),
                headers=self._headers,
                timeout=timeout,
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.ReadTimeoutError as failure:
            raise BotFailed("timeout") from failure
        except (urllib3.exceptions.HTTPError, OSError) as failure:
            raise BotFailed("unreachable") from failure
        if answer.status != 200:
            raise BotFailed(f"status_{answer.status}")
        return checked(answer.data)

    def converse(self, draft: Draft, timeout_s: float, first: str = "action_respond") -> Answer:
        """Run a turn's actions, at most ten, each seeing what the ones before brought. Raises BotFailed."""
        until = time.monotonic() + timeout_s
        said: list[Json] = []
        action: str = first
        for _ in range(MAX_STEPS):
            left = until - time.monotonic()
            if left <= 0:
                raise BotFailed("timeout")
            result = self.run(draft, action, left)
            draft.apply(action, result.events, result.responses)
            said.extend(result.responses)
            if result.followup is None:
                return _answer(draft, said)
            action = result.followup
        raise BotFailed("too_many_steps")

    def close(self) -> None:
        self._pool.close()


def checked(body: bytes) -> Result:
    """Return the result a body holds, in the shape `docs/wire/action_result.schema.json` gives. Raises BotFailed."""
    if len(body) > _MAX_ANSWER_BYTES:
        raise BotFailed("too_long")
    try:
        result = json.loads(body)
    except ValueError as failure:
        raise BotFailed("garbage") from failure
    if not isinstance(result, dict):
        raise BotFailed("garbage")
    events, responses = result.get("events"), result.get("responses")
    if not _all_dicts(events) or not _all_dicts(responses):
        raise BotFailed("garbage")
    followup = None
    for event in events:
        if event.get("event") not in _EVENTS:
            raise BotFailed("unknown_event")
        if event["event"] in ("slot", "followup") and not isinstance(event.get("name"), str):
            raise BotFailed("garbage")
        if event["event"] == "followup":
            followup = event["name"]
    return Result(events, [_response(response) for response in responses], followup)


def _response(raw: Json) -> Json:
    text, buttons, custom = raw.get("text"), raw.get("buttons") or [], raw.get("custom") or {}
    if text is not None and not isinstance(text, str):
        raise BotFailed("garbage")
    if not _all_dicts(buttons) or not isinstance(custom, dict):
        raise BotFailed("garbage")
    if not all(isinstance(button.get("title"), str) and isinstance(button.get("payload"), str) for button in buttons):
        raise BotFailed("garbage")
    nightdesk = custom.get("nightdesk") or {}
    if not isinstance(nightdesk, dict) or not _all_dicts(nightdesk.get("citations") or []):
        raise BotFailed("garbage")
    kept = [{"title": button["title"], "payload": button["payload"]} for button in buttons]
    return {"text": text, "buttons": kept, "nightdesk": nightdesk}


def _answer(draft: Draft, responses: list[Json]) -> Answer:
    """Join a turn's responses into its one reply."""
    text = "\n\n".join(part for response in responses if (part := (response["text"] or "").strip()))
    reading = next((response["nightdesk"] for response in reversed(responses) if response["nightdesk"]), None)
    handoff = _reason(draft.slots.get("handoff_reason")) if draft.paused else None
    if not text and handoff is None:
        raise BotFailed("empty")
    if reading and isinstance(reading.get("reading"), dict):
        draft.understood(reading["reading"])
    packet = draft.slots.get("handoff_packet")
    return Answer(
        text=text,
        buttons=tuple(button for response in responses for button in response["buttons"]),
        citations=tuple(_cited(responses)),
        reading=reading,
        handoff=handoff,
        packet=packet if handoff and isinstance(packet, dict) else None,
    )


def _cited(responses: list[Json]) -> list[Json]:
    """Return what the customer is shown of the sources: an article's page, but not which transcript a card is from."""
    found: dict[Any, Json] = {}
    for response in responses:
        for citation in response["nightdesk"].get("citations") or []:
            shown = citation if citation.get("kind") == "article" else {**citation, "source": ""}
            found.setdefault((citation.get("passage"), citation.get("source")), shown)
    return list(found.values())


def _reason(value: object) -> Reason:
    """Return the handoff's reason; a pause that names none we know is a request we cannot serve."""
    try:
        return Reason(str(value))
    except ValueError:
        return Reason.UNSUPPORTED_REQUEST


def _all_dicts(value: object) -> TypeGuard[list[Json]]:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
