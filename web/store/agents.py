"""Agents: the people at the desk and their passwords' hashes."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, func, insert, select, update

from web.schema import agents
from web.types import Agent

_A = agents.c
_BY_ID = select(_A.id, _A.name, _A.email).where(_A.id == bindparam("id"))
_BY_EMAIL = select(_A.id, _A.name, _A.email, _A.password_hash).where(_A.email == bindparam("email"))
_INSERT = insert(agents)
_CHANGE = update(agents).where(_A.id == bindparam("key"))
_REHASH = _CHANGE.values(password_hash=bindparam("to"))
_RENAME = _CHANGE.values(name=bindparam("new_name"), password_hash=bindparam("to"))


def get(connection: Connection, agent_id: str) -> Agent | None:
    row = connection.execute(_BY_ID, {"id": agent_id}).first()
    return Agent(*row) if row else None


def by_email(connection: Connection, email: str) -> tuple[Agent, str] | None:
    """Return the agent and the password's hash."""
    row = connection.execute(_BY_EMAIL, {"email": email}).first()
    return (Agent(row.id, row.name, row.email), row.password_hash) if row else None


def add(connection: Connection, agent: Agent, password_hash: str, now: float) -> None:
    connection.execute(
        _INSERT,
        {"id": agent.id, "email": agent.email, "name": agent.name, "password_hash": password_hash, "created_at": now},
    )


def change(connection: Connection, agent_id: str, name: str, password_hash: str) -> None:
    connection.execute(_RENAME, {"key": agent_id, "new_name": name, "to": password_hash})


def rehash(connection: Connection, agent_id: str, password_hash: str) -> None:
    connection.execute(_REHASH, {"key": agent_id, "to": password_hash})


def count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(agents)).scalar_one())
