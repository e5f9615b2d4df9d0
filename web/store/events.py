"""Events: the append-only log. Its id only ever grows and is the cursor of every stream."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from web.schema import events
from web.types import Audience, Event, Json, Kind

_E = events.c
_SELECT = select(_E.id, _E.conversation_id, _E.audience, _E.kind, _E.at, _E.data)
_INSERT = insert(events)
_AFTER = _SELECT.where(_E.id > bindparam("cursor")).order_by(_E.id).limit(bindparam("limit"))
_AFTER_FOR_AGENTS = _AFTER.where(_E.audience <= Audience.AGENTS.value)
_AFTER_OF = _AFTER.where(_E.conversation_id == bindparam("conversation")).where(_E.audience <= bindparam("audience"))
_NEWEST_OF = (
    _SELECT.where(_E.conversation_id == bindparam("conversation"))
    .where(_E.audience <= bindparam("audience"))
    .order_by(_E.id.desc())
    .limit(bindparam("limit"))
)
_TRACKER = (
    select(_E.data)
    .where(_E.conversation_id == bindparam("conversation"))
    .where(_E.id > bindparam("cursor"))
    .where(_E.audience == Audience.TRACKER.value)
    .order_by(_E.id.desc())
    .limit(bindparam("limit"))
)
_LAST = select(func.max(_E.id))


def append(connection: Connection, conversation_id: str, kind: Kind, data: Json, now: float, audience: Audience) -> int:
    """Record a fact and return its place in the log."""
    done = connection.execute(
        _INSERT,
        {
            "conversation_id": conversation_id,
            "audience": audience.value,
            "kind": kind.value,
            "at": now,
            "data": json.dumps(data, ensure_ascii=False, separators=(",", ":")),
        },
    )
    key = done.inserted_primary_key
    assert key is not None
    return int(key[0])


def after(connection: Connection, cursor: int, limit: int) -> list[Event]:
    """Return the next events of every conversation, private ones included, the assistant's memory not."""
    return [_event(row) for row in connection.execute(_AFTER_FOR_AGENTS, {"cursor": cursor, "limit": limit})]


def after_in(connection: Connection, conversation_id: str, cursor: int, limit: int, audience: Audience) -> list[Event]:
    """Return the next events of one conversation that reach `audience`."""
    found = connection.execute(
        _AFTER_OF,
        {"conversation": conversation_id, "cursor": cursor, "limit": limit, "audience": audience.value},
    )
    return [_event(row) for row in found]


def newest_in(connection: Connection, conversation_id: str, limit: int, audience: Audience) -> list[Event]:
    """Return the last `limit` events of one conversation that reach `audience`, oldest first."""
    found = connection.execute(
        _NEWEST_OF, {"conversation": conversation_id, "limit": limit, "audience": audience.value}
    )
    return [_event(row) for row in found][::-1]


def tracker(connection: Connection, conversation_id: str, after_id: int, turns: int) -> list[Json]:
    """Return Rasa's events of the last `turns` turns since `after_id`, oldest first."""
    found = connection.execute(_TRACKER, {"conversation": conversation_id, "cursor": after_id, "limit": turns})
    return [item for (data,) in reversed(found.fetchall()) for item in json.loads(data)["events"]]


def last_id(connection: Connection) -> int:
    """Return the newest event's id, or 0."""
    return int(connection.execute(_LAST).scalar() or 0)


def _event(row: Sequence[Any]) -> Event:
    key, conversation_id, audience, kind, at, data = row
    return Event(key, conversation_id, Audience(audience), Kind(kind), at, data)
