"""The words on the wire: events and responses of an action result, as docs/wire describes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from bot.decisions import KINDS, Answer, Ask, Decision, HandOff, RunAction
from bot.thresholds import Thresholds
from bot.types import Button, Citation, Conversation, Draft, PendingAction, Reading

VERSION = 1
SHOWN_INTENTS = 3
Json = dict[str, Any]


def slot(name: str, value: Any) -> Json:
    """The event that sets a slot."""
    return {"event": "slot", "timestamp": None, "name": name, "value": value}


def followup(action: str) -> Json:
    """The event that has the caller run `action` next."""
    return {"event": "followup", "timestamp": None, "name": action}


def pause() -> Json:
    """The event that gives the conversation to a person."""
    return {"event": "pause", "timestamp": None}


def slots_changed(conversation: Conversation, wanted: Mapping[str, Any]) -> list[Json]:
    """Return an event for each slot whose value differs from what the tracker has; unset, None and 0 are the same."""
    return [slot(name, value) for name, value in wanted.items() if (conversation.slots.get(name) or 0) != (value or 0)]


def pending_json(pending: PendingAction | None) -> Json | None:
    """The value of slot pending_action."""
    if pending is None:
        return None
    return {"name": pending.name, "values": dict(pending.values), "asked_in": pending.asked_in}


def citation_json(citation: Citation) -> Json:
    """A citation."""
    return {
        "passage": citation.passage,
        "kind": citation.kind,
        "title": citation.title,
        "source": citation.source,
        "snippet": citation.snippet,
    }


def draft_json(draft: Draft) -> Json:
    """A draft."""
    return {"text": draft.text, "made_by": draft.made_by, "citations": [citation_json(c) for c in draft.citations]}


def button_payload(intent: str, values: Mapping[str, Any]) -> str:
    """What a button posts: `/intent{"slot": "value"}`."""
    return f"/{intent}{json.dumps(dict(values), ensure_ascii=False)}"


def buttons_json(buttons: Iterable[Button]) -> list[dict[str, str]]:
    """Buttons."""
    return [{"title": button.title, "payload": button.payload} for button in buttons]


def reading_json(reading: Reading) -> Json:
    """What was read; a pressed button is its intent with probability 1."""
    intents = [(intent.name, intent.probability) for intent in reading.intents[:SHOWN_INTENTS]]
    if reading.payload:
        intents = [(reading.payload, 1.0)]
    read: Json = {
        "intents": [{"name": name, "probability": _unit(probability)} for name, probability in intents],
        "out_of_scope": _unit(reading.out_of_scope),
        "language": reading.language,
        "entities": [{"entity": e.entity, "value": e.value, "start": e.start, "end": e.end} for e in reading.entities],
    }
    if reading.sentiment:
        label, probability = reading.sentiment.label, _unit(reading.sentiment.probability)
        read["sentiment"] = {"label": label, "probability": probability, "upset": reading.upset}
    return read


def decision_json(decision: Decision) -> Json:
    """What was decided: its kind, and the intent, action or reason where there is one."""
    found: Json = {"kind": KINDS[type(decision)]}
    if isinstance(decision, Answer | RunAction | HandOff) and decision.intent:
        found["intent"] = decision.intent
    if isinstance(decision, RunAction):
        found["action"] = decision.action
        if decision.refused_by:
            found["refused_by"] = decision.refused_by
    if isinstance(decision, HandOff):
        found["reason"] = decision.reason.value
    if isinstance(decision, Ask):
        found["reason"] = decision.question.value
    return found


def nightdesk_json(
    reading: Reading,
    decision: Decision,
    citations: Iterable[Citation],
    thresholds: Thresholds,
    bundle: str | None,
) -> Json:
    """`custom.nightdesk` of a reply."""
    return {
        "v": VERSION,
        "reading": reading_json(reading),
        "decision": decision_json(decision),
        "citations": [citation_json(citation) for citation in citations],
        "thresholds": thresholds.by_name(),
        "bundle": bundle,
    }


def _unit(value: float) -> float:
    return round(min(1.0, max(0.0, float(value))), 4)
