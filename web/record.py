"""The service's own account of what happened, for `web.oracle` to hold against the clients' journals.

Read over HTTP: each conversation as its visitor sees it and, with an agent's session, as the desk does. Where the
database is a file at hand, its table of turns is a second source; it is opened read-only.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from web.client import DeskAgent, Visitor
from web.journal import Entry, Opened
from web.plain_http import Rejected


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the service tells it."""

    id: int
    kind: str
    at: str
    private: bool
    data: Mapping[str, Any]

    @classmethod
    def from_json(cls, event: Mapping[str, Any]) -> Event:
        return cls(event["id"], event["kind"], event["at"], event["private"], event["data"])

    @property
    def role(self) -> str | None:
        """Who speaks, if this is a message."""
        return self.data.get("role") if self.kind == "message" else None


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn as the database keeps it; `outcome` is None while it is unfinished.

    `customer` and `assistant` are the ids of its messages by role.
    """

    id: int
    outcome: str | None
    customer: tuple[str, ...]
    assistant: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class History:
    """One conversation: what its visitor may read, what the desk reads (None: not asked) and its turns (likewise)."""

    public: tuple[Event, ...]
    full: tuple[Event, ...] | None = None
    turns: tuple[Turn, ...] | None = None

    @property
    def events(self) -> tuple[Event, ...]:
        """The fullest account there is."""
        return self.public if self.full is None else self.full


@dataclass(frozen=True, slots=True)
class Record:
    """Conversations by id."""

    conversations: Mapping[str, History] = field(default_factory=dict)


def read_record(
    base_url: str, entries: Iterable[Entry], desk: DeskAgent | None, database: Path | None = None
) -> Record:
    """Read every conversation the clients opened; `desk` must be logged in.

    A conversation the service does not know is left out: what was acknowledged in it then counts as lost.
    """
    turns = read_turns(database) if database is not None else None
    conversations: dict[str, History] = {}
    reader = Visitor(base_url)
    for opened in entries:
        if not isinstance(opened, Opened) or opened.conversation in conversations:
            continue
        reader.token, reader.conversation = opened.token, opened.conversation
        try:
            public = _events(reader.events()["events"])
            full = _events(desk.conversation(opened.conversation)["events"]) if desk else None
        except Rejected as error:
            if error.status != 404:
                raise
            continue
        theirs = None if turns is None else tuple(turns.get(opened.conversation, ()))
        conversations[opened.conversation] = History(public, full, theirs)
    reader.close()
    return Record(conversations)


def _events(events: Iterable[Mapping[str, Any]]) -> tuple[Event, ...]:
    return tuple(Event.from_json(event) for event in events)


def read_turns(database: Path) -> dict[str, list[Turn]]:
    """Return the turns of each conversation in a SQLite file, without ever writing to it."""
    with sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT id, conversation_id, outcome, ended_at FROM turns ORDER BY id").fetchall()
        said = connection.execute("SELECT turn_id, role, id FROM messages WHERE turn_id IS NOT NULL").fetchall()
    connection.close()
    messages: dict[tuple[int, str], list[str]] = defaultdict(list)
    for turn, role, message in said:
        messages[turn, role].append(message)
    turns: dict[str, list[Turn]] = defaultdict(list)
    for id, conversation, outcome, ended_at in rows:
        customer, assistant = (tuple(messages[id, role]) for role in ("customer", "assistant"))
        turns[conversation].append(Turn(id, outcome if ended_at is not None else None, customer, assistant))
    return turns
