"""Fold Rasa's tracker JSON, as `web` or a Rasa server sends it, into a `Conversation`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from bot.errors import TrackerError
from bot.types import Conversation, Message, PendingAction, Role

MAX_TEXT = 8000
SAID_CHARS = 90
NOT_TRIED = frozenset({"action_listen", "action_session_start", "action_respond"})


def fold(state: Mapping[str, Any]) -> Conversation:
    """Return the conversation as it stands. The same tracker gives the same conversation, message id included.

    Raises TrackerError for a tracker without sender_id or whose parts have the wrong type. What the tracker lacks
    is taken as absent: Rasa sends `null` for much.
    """
    sender = state.get("sender_id")
    if not isinstance(sender, str) or not sender:
        raise TrackerError("the tracker has no sender_id; expected the conversation's id as text")
    events = _since_session_start(_typed(state, "events", list, []))
    latest = _typed(state, "latest_message", dict, {})
    slots = _typed(state, "slots", dict, {})
    last_user: Mapping[str, Any] = next((event for event in reversed(events) if event.get("event") == "user"), {})
    text = clean(latest.get("text") or last_user.get("text") or "")
    nightdesk = _nightdesk(latest) or _nightdesk(last_user)
    attempt = nightdesk.get("attempt")
    return Conversation(
        id=sender,
        text=text,
        message_id=_message_id(sender, latest, last_user, events),
        slots=slots,
        pending=pending_of(slots.get("pending_action")),
        requested_slot=slots.get("requested_slot") or None,
        misunderstandings=_count(slots.get("misunderstandings")),
        paused=bool(state.get("paused")),
        history=_history(events, text),
        tried=_tried(events),
        identity_token=str(nightdesk.get("identity_token") or ""),
        attempt=attempt if isinstance(attempt, int) else None,
        at=float(at) if isinstance(at := last_user.get("timestamp"), int | float) else None,
    )


def clean(text: object) -> str:
    """Return the text without lone surrogates and control characters, cut to 8000 characters."""
    if not isinstance(text, str):
        return ""
    if text.isprintable():
        return text[:MAX_TEXT].strip()
    kept = text[:MAX_TEXT].encode("utf-8", "ignore").decode("utf-8")
    return "".join(c for c in kept if c in "\n\t" or c.isprintable() or c.isspace()).strip()


def _since_session_start(events: Sequence[Any]) -> list[Mapping[str, Any]]:
    kept: list[Mapping[str, Any]] = []
    for event in reversed(events):
        if not isinstance(event, dict):
            raise TrackerError(f"an event of the tracker is {type(event).__name__}; expected an object")
        if event.get("event") == "session_started":
            break
        kept.append(event)
    kept.reverse()
    return kept


def _typed(state: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
    value = state.get(key)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise TrackerError(f"the tracker's {key} is {type(value).__name__}; expected {kind.__name__}")
    return value


def _nightdesk(message: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = message.get("metadata")
    ours = metadata.get("nightdesk") if isinstance(metadata, dict) else None
    return ours if isinstance(ours, dict) else {}


def _message_id(
    sender: str, latest: Mapping[str, Any], last_user: Mapping[str, Any], events: Sequence[Mapping[str, Any]]
) -> str:
    """The message's id, or one derived from its place in the conversation, so that a retry derives the same."""
    given = latest.get("message_id") or last_user.get("message_id")
    if given:
        return str(given)
    count = sum(event.get("event") == "user" for event in events)
    stamp = last_user.get("timestamp", "")
    return hashlib.sha256(f"{sender}\n{count}\n{stamp}".encode()).hexdigest()[:32]


def pending_of(value: Any) -> PendingAction | None:
    """Return the pending question that a slot's value holds, or None."""
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    values = value.get("values")
    return PendingAction(value["name"], values if isinstance(values, dict) else {}, str(value.get("asked_in") or ""))


def _count(value: Any) -> int:
    return max(0, int(value)) if isinstance(value, int | float) else 0


def _history(events: Sequence[Mapping[str, Any]], text: str) -> tuple[Message, ...]:
    messages = []
    for event in events:
        kind = event.get("event")
        if kind not in ("user", "bot"):
            continue
        if said := clean(event.get("text")):
            messages.append(Message(_role(kind, event), said))
    if text and not any(message.role is Role.CUSTOMER for message in messages):
        messages.append(Message(Role.CUSTOMER, text))
    return tuple(messages)


def _role(kind: str, event: Mapping[str, Any]) -> Role:
    if kind == "user":
        return Role.CUSTOMER
    metadata = event.get("metadata")
    ours = metadata.get("nightdesk") if isinstance(metadata, dict) else None
    return Role.AGENT if isinstance(ours, dict) and ours.get("agent") else Role.ASSISTANT


def _tried(events: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What the assistant did so far, in order: the business actions it ran and what it said."""
    done = []
    for event in events:
        name, kind = event.get("name"), event.get("event")
        if kind == "action" and isinstance(name, str) and name.startswith("action_") and name not in NOT_TRIED:
            done.append(name)
        elif kind == "bot" and _role("bot", event) is Role.ASSISTANT and (said := clean(event.get("text"))):
            flat = " ".join(said.split())
            done.append(f"said: {flat if len(flat) <= SAID_CHARS else flat[:SAID_CHARS].rsplit(' ', 1)[0] + '…'}")
    return tuple(done)
