"""The service's own account of what happened, for `web.oracle` to hold against the clients' journals.

Read over HTTP, by replaying each conversation's stream from its first event as its visitor and, with an agent's
session, the desk's. Where the database is a file at hand, its table of turns is a second source; it is opened
read-only.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from web.client import DeskAgent, Visitor
from web.event_stream import Stream
from web.journal import Entry, Opened
from web.plain_http import Rejected

_REPLAY_LIMIT_S = 30.0  # for one event


@dataclass(frozen=True, slots=True)
class Event:
    """An event as the service tells it."""

    id: int
    kind: str
    at: str
    private: bool
    data: Mapping[str, Any]

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

    A conversation the service does not know is left out: what was acknowledged in it then counts as lost. Raises
    ClientError if the service does not answer.
    """
    tokens = {entry.conversation: entry.token for entry in entries if isinstance(entry, Opened)}
    turns = read_turns(database) if database is not None else None
    public: dict[str, tuple[Event, ...]] = {}
    newest = 0
    reader = Visitor(base_url)
    for id, token in tokens.items():
        reader.token, reader.conversation = token, id
        try:
            cursor = int(reader.events()["cursor"])
        except Rejected as error:
            if error.status != 404:
                raise
            continue
        stream = Stream(reader.http, f"/api/conversations/{id}/events", reader.headers, conversation=id)
        public[id] = tuple(event for _, event in _replay(stream, cursor))
        newest = max(newest, int(desk.conversation(id)["cursor"]) if desk else cursor)
    reader.close()
    full = _read_desk(desk, newest) if desk else {}
    return Record(
        {
            id: History(
                events, tuple(full.get(id, ())) if desk else None, None if turns is None else tuple(turns.get(id, ()))
            )
            for id, events in public.items()
        }
    )


def _read_desk(desk: DeskAgent, newest: int) -> dict[str, list[Event]]:
    full: dict[str, list[Event]] = defaultdict(list)
    for id, event in _replay(Stream(desk.http, "/desk/api/events", desk.headers, conversation=None), newest):
        full[id].append(event)
    return full


def _replay(stream: Stream, until: int) -> Iterator[tuple[str, Event]]:
    """Yield each event from the first to `until` with its conversation."""
    while stream.last_id < until:
        seen = stream.next(_REPLAY_LIMIT_S)
        yield seen.conversation, Event(seen.id, seen.kind, seen.at, seen.private, seen.data)
    stream.close()


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
