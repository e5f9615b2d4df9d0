"""Conversations: read as a frozen value, changed by pure functions, saved whole."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, bindparam, insert, or_, select, update

from web.schema import agents, conversations, visitors
from web.store.statement import Row, Statement
from web.types import Agent, Conversation, Json, Reason, Status, Visitor

_C = conversations.c
_SELECT = (
    select(
        _C.id,
        _C.visitor_id,
        visitors.c.customer_id,
        visitors.c.name,
        _C.status,
        _C.epoch,
        _C.created_at,
        _C.updated_at,
        _C.assignee_id,
        agents.c.name.label("assignee_name"),
        _C.reason,
        _C.waiting_since,
        _C.snoozed_until,
        _C.session_from,
        _C.slots,
        _C.preview,
        _C.unread,
    )
    .join(visitors, visitors.c.id == _C.visitor_id)
    .outerjoin(agents, agents.c.id == _C.assignee_id)
)
_BY_ID = Statement(_SELECT.where(_C.id == bindparam("id")))
_LATEST = Statement(_SELECT.where(_C.visitor_id == bindparam("visitor")).order_by(_C.created_at.desc(), _C.id).limit(1))
_QUEUE = Statement(
    _SELECT.where(or_(bindparam("status") == "", _C.status == bindparam("status")))
    .where(or_(bindparam("assignee") == "", _C.assignee_id == bindparam("assignee")))
    .order_by(_C.assignee_id.is_not(None), _C.waiting_since.is_(None), _C.waiting_since, _C.updated_at.desc())
    .limit(200)
)
_SNOOZED = Statement(_SELECT.where(_C.status == Status.SNOOZED.value).where(_C.snoozed_until <= bindparam("now")))
_CHANGING = (
    "status",
    "epoch",
    "assignee_id",
    "reason",
    "waiting_since",
    "snoozed_until",
    "session_from",
    "slots",
    "preview",
    "unread",
    "updated_at",
)
_INSERT = Statement(insert(conversations), ["id", "visitor_id", "created_at", *_CHANGING])
_SAVE = Statement(
    update(conversations)
    .where(_C.id == bindparam("key"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGING})
)
_PACKET = Statement(select(_C.packet).where(_C.id == bindparam("id")))
_SET_PACKET = Statement(update(conversations).where(_C.id == bindparam("key")).values(packet=bindparam("to")))


def get(connection: Connection, conversation_id: str) -> Conversation | None:
    row = _BY_ID.first(connection, id=conversation_id)
    return _conversation(row) if row else None


def latest_of(connection: Connection, visitor_id: str) -> Conversation | None:
    """Return the visitor's newest conversation."""
    row = _LATEST.first(connection, visitor=visitor_id)
    return _conversation(row) if row else None


def queue(connection: Connection, status: Status | None, assignee_id: str | None) -> list[Conversation]:
    """Return at most 200 conversations: unassigned first, the longest waiting first."""
    found = _QUEUE.all(connection, status=status.value if status else "", assignee=assignee_id or "")
    return [_conversation(row) for row in found]


def due(connection: Connection, now: float) -> list[Conversation]:
    """Return the snoozed conversations whose time has come."""
    return [_conversation(row) for row in _SNOOZED.all(connection, now=now)]


def add(connection: Connection, conversation: Conversation) -> None:
    values = {name.removeprefix("new_"): value for name, value in _values(conversation).items() if name != "key"}
    _INSERT.change(
        connection,
        **values,
        id=conversation.id,
        visitor_id=conversation.visitor.id,
        created_at=conversation.created_at,
    )


def save(connection: Connection, conversation: Conversation) -> None:
    """Write everything about the conversation that can change."""
    _SAVE.change(connection, **_values(conversation))


def packet(connection: Connection, conversation_id: str) -> Json | None:
    """Return what the assistant handed over with the conversation, if it did."""
    row = _PACKET.first(connection, id=conversation_id)
    return json.loads(row[0]) if row and row[0] else None


def set_packet(connection: Connection, conversation_id: str, value: Json | None) -> None:
    text = json.dumps(value, ensure_ascii=False) if value is not None else None
    _SET_PACKET.change(connection, key=conversation_id, to=text)


def _values(conversation: Conversation) -> dict[str, Any]:
    return {
        "key": conversation.id,
        "new_status": conversation.status.value,
        "new_epoch": conversation.epoch,
        "new_assignee_id": conversation.assignee.id if conversation.assignee else None,
        "new_reason": conversation.reason.value if conversation.reason else None,
        "new_waiting_since": conversation.waiting_since,
        "new_snoozed_until": conversation.snoozed_until,
        "new_session_from": conversation.session_from,
        "new_slots": json.dumps(conversation.slots, ensure_ascii=False) if conversation.slots else "{}",
        "new_preview": conversation.preview,
        "new_unread": conversation.unread,
        "new_updated_at": conversation.updated_at,
    }


def _conversation(row: Row) -> Conversation:
    (
        key, visitor_id, customer_id, visitor_name, status, epoch, created_at, updated_at, assignee_id, assignee_name,
        reason, waiting_since, snoozed_until, session_from, slots, preview, unread,
    ) = row  # fmt: skip
    return Conversation(
        id=key,
        visitor=Visitor(visitor_id, customer_id, visitor_name),
        status=Status(status),
        epoch=epoch,
        created_at=created_at,
        updated_at=updated_at,
        assignee=Agent(assignee_id, assignee_name) if assignee_id else None,
        reason=Reason(reason) if reason else None,
        waiting_since=waiting_since,
        snoozed_until=snoozed_until,
        session_from=session_from,
        slots=json.loads(slots) if slots != "{}" else {},
        preview=preview,
        unread=unread,
    )
