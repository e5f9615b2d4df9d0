"""Agents' passwords: argon2, and one answer for a wrong e-mail and a wrong password, in the same time."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection

from web.database import Database
from web.errors import SetupError
from web.store import agents
from web.store.ids import new_id
from web.types import Agent

# OWASP's smaller argon2id setting: about 25 ms, during which this process answers nobody else.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
_SHORTEST = 10
_LONGEST = 500


class Door:
    """Lets agents in."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def enter(self, email: str, password: str) -> Agent | None:
        """Return the agent whose e-mail and password these are, or None."""
        found = self._database.read(lambda connection: agents.by_email(connection, tidy(email)))
        expected = found[1] if found else _nobodys_hash()
        try:
            _HASHER.verify(expected, password[:_LONGEST])
        except (VerificationError, InvalidHashError):
            return None
        if found is None:
            return None
        agent = found[0]
        if _HASHER.check_needs_rehash(expected):
            fresh = _HASHER.hash(password)
            self._database.write(lambda connection: agents.rehash(connection, agent.id, fresh))
        return agent


def add_agent(url: str, email: str, name: str, password: str) -> Agent:
    """Let a person into the desk of the migrated database at `url`; one who is known gets the new name and password.

    Raises SetupError for an address without @, an empty name, or a password shorter than 10 characters.
    """
    email, name = tidy(email), name.strip()
    if email.count("@") != 1 or email.startswith("@") or email.endswith("@"):
        raise SetupError(f"'{email}' is not an e-mail address; give one such as ada@mossgrove.example")
    if not name:
        raise SetupError("the agent needs a name that customers may see, such as 'Ada'")
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise SetupError(f"the password has {len(password)} characters; it needs {_SHORTEST} to {_LONGEST}")
    hashed = _HASHER.hash(password)
    database = Database(url)

    def work(connection: Connection) -> Agent:
        found = agents.by_email(connection, email)
        if found is not None:
            agents.change(connection, found[0].id, name, hashed)
            return Agent(found[0].id, name, email)
        agent = Agent(new_id("a"), name, email)
        agents.add(connection, agent, hashed, time.time())
        return agent

    try:
        return database.write(work)
    finally:
        database.close()


def tidy(email: str) -> str:
    return email.strip().lower()


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash(new_id("nobody"))
