"""Agents: the people at the desk and their passwords' hashes."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, insert, select, update

from web.schema import agents
from web.store.statement import Statement
from web.types import Agent

_A = agents.c
_BY_ID = Statement(select(_A.id, _A.name, _A.email).where(_A.id == bindparam("id")))
_BY_EMAIL = Statement(select(_A.id, _A.name, _A.email, _A.password_hash).where(_A.email == bindparam("email")))
_INSERT = Statement(insert(agents), ["id", "email", "name", "password_hash", "created_at"])
_COUNT = Statement(select(func.count()).select_from(agents))
_CHANGE = update(agents).where(_A.id == bindparam("key"))
_REHASH = Statement(_CHANGE.values(password_hash=bindparam("to")))
_RENAME = Statement(_CHANGE.values(name=bindparam("new_name"), password_hash=bindparam("to")))


def get(connection: Connection, agent_id: str) -> Agent | None:
    row = _BY_ID.first(connection, id=agent_id)
    return Agent(*row) if row else None


def by_email(connection: Connection, email: str) -> tuple[Agent, str] | None:
    """Return the agent and the password's hash."""
    row = _BY_EMAIL.first(connection, email=email)
    return (Agent(*row[:3]), row[3]) if row else None


def add(connection: Connection, agent: Agent, password_hash: str, now: float) -> None:
    _INSERT.change(
        connection, id=agent.id, email=agent.email, name=agent.name, password_hash=password_hash, created_at=now
    )


def change(connection: Connection, agent_id: str, name: str, password_hash: str) -> None:
    _RENAME.change(connection, key=agent_id, new_name=name, to=password_hash)


def rehash(connection: Connection, agent_id: str, password_hash: str) -> None:
    _REHASH.change(connection, key=agent_id, to=password_hash)


def count(connection: Connection) -> int:
    return int(_COUNT.all(connection)[0][0])
