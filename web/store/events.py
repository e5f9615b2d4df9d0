"""Events: the append-only log. Its id only ever grows and is the cursor of every stream."""

from __future__ import annotations

import json

from sqlalchemy import Connection, bindparam, func, insert, select

from web.schema import events
from web.store.statement import Row, Statement
from web.types import Audience, Event, Json, Kind

_E = events.c
_SELECT = select(_E.id, _E.conversation_id, _E.audience, _E.kind, _E.at, _E.data)
_INSERT = Statement(insert(events).returning(_E.id), ["conversation_id", "audience", "kind", "at", "data"])
_AFTER = _SELECT.where(_E.id > bindparam("cursor")).order_by(_E.id).limit(bindparam("limit"))
_AFTER_FOR_AGENTS = Statement(_AFTER.where(_E.audience <= Audience.AGENTS.value))
_AFTER_OF = Statement(
    _AFTER.where(_E.conversation_id == bindparam("conversation")).where(_E.audience <= bindparam("audience"))
)
_NEWEST_OF = Statement(
    _SELECT.where(_E.conversation_id == bindparam("conversation"))
    .where(_E.audience <= bindparam("audience"))
    .order_by(_E.id.desc())
    .limit(bindparam("limit"))
)
_TRACKER = Statement(
    select(_E.data)
    .where(_E.conversation_id == bindparam("conversation"))
    .where(_E.id > bindparam("cursor"))
    .where(_E.audience == Audience.TRACKER.value)
    .order_by(_E.id.desc())
    .limit(bindparam("limit"))
)
_LAST = Statement(select(func.max(_E.id)))


def append(connection: Connection, conversation_id: str, kind: Kind, data: Json, now: float, audience: Audience) -> int:
    """Record a fact and return its place in the log."""
    row = _INSERT.first(
        connection,
        conversation_id=conversation_id,
        audience=audience.value,
        kind=kind.value,
        at=now,
        data=json.dumps(data, ensure_ascii=False, separators=(",", ":")),
    )
    assert row is not None
    return int(row[0])


def after(connection: Connection, cursor: int, limit: int) -> list[Event]:
    """Return the next events of every conversation, private ones included, the assistant's memory not."""
    return [_event(row) for row in _AFTER_FOR_AGENTS.all(connection, cursor=cursor, limit=limit)]


def after_in(connection: Connection, conversation_id: str, cursor: int, limit: int, audience: Audience) -> list[Event]:
    """Return the next events of one conversation that reach `audience`."""
    found = _AFTER_OF.all(connection, conversation=conversation_id, cursor=cursor, limit=limit, audience=audience.value)
    return [_event(row) for row in found]


def newest_in(connection: Connection, conversation_id: str, limit: int, audience: Audience) -> list[Event]:
    """Return the last `limit` events of one conversation that reach `audience`, oldest first."""
    found = _NEWEST_OF.all(connection, conversation=conversation_id, limit=limit, audience=audience.value)
    return [_event(row) for row in reversed(found)]


def tracker(connection: Connection, conversation_id: str, after_id: int, turns: int) -> list[str]:
    """Return Rasa's events of the last `turns` turns since `after_id`, oldest first: each a JSON list, as stored."""
    found = _TRACKER.all(connection, conversation=conversation_id, cursor=after_id, limit=turns)
    return [data for (data,) in reversed(found)]


def last_id(connection: Connection) -> int:
    """Return the newest event's id, or 0."""
    row = _LAST.first(connection)
    return int(row[0] or 0) if row else 0


def _event(row: Row) -> Event:
    key, conversation_id, audience, kind, at, data = row
    return Event(key, conversation_id, Audience(audience), Kind(kind), at, data)
