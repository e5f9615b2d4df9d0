"""The whole back office of a running service, seen from outside: what is in it, what changed, and back to the start."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Record = dict[str, Any]
MOMENT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")
GONE = "gone"


@dataclass(frozen=True)
class State:
    """Every record by `kind/key`, and every write that was done: who, which one."""

    records: dict[str, Record]
    writes: list[tuple[str, str]]


@dataclass(frozen=True)
class Difference:
    """What changed between two states; a moment since `began` is written `{now}`."""

    changes: dict[str, Record]
    writes: list[tuple[str, str]]


class Office:
    """`backoffice.db` through a connection of its own; the action server keeps its own open all the while."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._start = sqlite3.connect(":memory:")
        with self._open() as live:
            live.backup(self._start)

    def restore(self) -> None:
        """Put back what there was at the start, in one transaction: whoever reads sees either all or nothing."""
        with self._open() as live:
            live.execute("BEGIN IMMEDIATE")
            for table, marks in (("records", "?, ?, ?, ?, ?"), ("writes", "?, ?, ?, ?, ?")):
                live.execute(f"DELETE FROM {table}")
                rows = self._start.execute(f"SELECT * FROM {table}").fetchall()
                live.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
            live.execute("COMMIT")

    def state(self) -> State:
        """Everything that is in it now, in one reading."""
        with self._open() as live:
            live.execute("BEGIN")
            records = live.execute("SELECT kind, id, data FROM records").fetchall()
            writes = live.execute("SELECT customer_id, data FROM writes ORDER BY at, rowid").fetchall()
            live.execute("COMMIT")
        return State(
            {f"{kind}/{key}": json.loads(data) for kind, key, data in records},
            [(customer, json.loads(data)["write"]) for customer, data in writes],
        )

    def close(self) -> None:
        self.restore()
        self._start.close()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, isolation_level=None, timeout=10)) as live:
            yield live


def difference(before: State, after: State, began: datetime) -> Difference:
    """Every field of every record that is not as it was; nothing and an absent field are the same."""
    changes: dict[str, Record] = {}
    for key in sorted({*before.records, *after.records}):
        old, new = before.records.get(key, {}), after.records.get(key)
        if new is None:
            changes[key] = {GONE: True}
            continue
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        changed = {name: GONE if new.get(name) is None else _plain(new[name], began) for name in names}
        if changed:
            changes[_plain(key, began)] = changed
    return Difference(changes, after.writes[len(before.writes) :])


def _plain(value: Any, began: datetime) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part, began) for name, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_plain(part, began) for part in value]
    return MOMENT.sub(lambda match: _moment(match[0], began), value) if isinstance(value, str) else value


def _moment(text: str, began: datetime) -> str:
    return "{now}" if began <= datetime.fromisoformat(text) <= datetime.now(UTC) else text
