"""Visitors: who is at the widget. A row is written when a conversation begins or an identity is proved."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, exists, insert, select, update

from web.schema import conversations, visitors
from web.store.statement import Statement
from web.types import Visitor

_GET = select(visitors.c.id, visitors.c.customer_id, visitors.c.name)
_BY_ID = Statement(_GET.where(visitors.c.id == bindparam("id")))
_OF_CUSTOMER = Statement(
    _GET.where(visitors.c.customer_id == bindparam("customer")).order_by(visitors.c.created_at.desc()).limit(1)
)
_INSERT = Statement(insert(visitors), ["id", "customer_id", "name", "created_at"])
_RENAME = Statement(update(visitors).where(visitors.c.id == bindparam("key")).values(name=bindparam("to")))
_MOVE = Statement(
    update(conversations)
    .where(conversations.c.visitor_id == bindparam("old"))
    .where(
        exists(select(visitors.c.id).where(visitors.c.id == bindparam("old_row")).where(visitors.c.customer_id == ""))
    )
    .values(visitor_id=bindparam("new"))
)
_CONVERSATIONS = Statement(select(conversations.c.id).where(conversations.c.visitor_id == bindparam("id")))


def get(connection: Connection, visitor_id: str) -> Visitor | None:
    row = _BY_ID.first(connection, id=visitor_id)
    return Visitor(*row) if row else None


def of_customer(connection: Connection, customer_id: str) -> Visitor | None:
    """Return the newest visitor the shop vouched for as this customer."""
    row = _OF_CUSTOMER.first(connection, customer=customer_id)
    return Visitor(*row) if row else None


def add(connection: Connection, visitor: Visitor, now: float) -> None:
    """Write the visitor's row unless it is there."""
    if get(connection, visitor.id) is None:
        _INSERT.change(connection, id=visitor.id, customer_id=visitor.customer_id, name=visitor.name, created_at=now)


def rename(connection: Connection, visitor_id: str, name: str) -> None:
    _RENAME.change(connection, key=visitor_id, to=name)


def move_conversations(connection: Connection, old: str, new: str) -> list[str]:
    """Hand an anonymous visitor's conversations to another visitor id; return theirs.

    Moves nothing of a verified visitor: what was one customer's never becomes another's.
    """
    moved = [key for (key,) in _CONVERSATIONS.all(connection, id=old)]
    return moved if _MOVE.change(connection, old=old, old_row=old, new=new) else []
