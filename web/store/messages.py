"""Messages: the index that makes a nonce count once and ties a customer's words to their turn."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select

from web.schema import events, messages
from web.store.events import append
from web.store.statement import Statement
from web.types import Audience, Json, Kind, Message

_M = messages.c
_INSERT = Statement(insert(messages), ["id", "conversation_id", "nonce", "role", "turn_id", "event_id", "payload"])
_BY_NONCE = Statement(
    select(events.c.id, events.c.data)
    .join(messages, messages.c.event_id == events.c.id)
    .where(_M.conversation_id == bindparam("conversation"))
    .where(_M.nonce == bindparam("nonce"))
)
_OF_TURN = Statement(
    select(_M.id, _M.payload, events.c.at, events.c.data)
    .join(events, events.c.id == _M.event_id)
    .where(_M.turn_id == bindparam("turn"))
    .where(_M.role == "customer")
    .order_by(_M.event_id)
)


@dataclass(frozen=True, slots=True)
class Said:
    """A customer's message as its turn sees it; `text` is the payload where a button was `pressed`."""

    id: str
    text: str
    at: float
    pressed: bool = False


def add(
    connection: Connection,
    conversation_id: str,
    message: Message,
    *,
    audience: Audience = Audience.EVERYONE,
    turn_id: int | None = None,
    nonce_key: str | None = None,
) -> int:
    """Write the message and its event; return the event's id.

    `nonce_key` is what must not repeat within the conversation: the nonce and whose it is.
    """
    event_id = append(connection, conversation_id, Kind.MESSAGE, message.to_json(), message.at, audience)
    _INSERT.change(
        connection,
        id=message.id,
        conversation_id=conversation_id,
        nonce=nonce_key,
        role=message.role.value,
        turn_id=turn_id,
        event_id=event_id,
        payload=message.payload,
    )
    return event_id


def by_nonce(connection: Connection, conversation_id: str, nonce_key: str) -> tuple[int, Json] | None:
    """Return the event id and the message already stored under this nonce."""
    row = _BY_NONCE.first(connection, conversation=conversation_id, nonce=nonce_key)
    return (row[0], json.loads(row[1])) if row else None


def of_turn(connection: Connection, turn_id: int) -> list[Said]:
    """Return what the customer said in this turn, in order."""
    return [
        Said(key, payload or json.loads(data)["text"], at, payload is not None)
        for key, payload, at, data in _OF_TURN.all(connection, turn=turn_id)
    ]
