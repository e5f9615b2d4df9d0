"""One database, two ways in: `read` for a consistent look, `write` for one commit at a time.

SQLite runs in WAL with synchronous=FULL, so a commit that returned survives a power cut. Writers take turns:
SQLite by BEGIN IMMEDIATE, PostgreSQL by an advisory lock, so event ids are committed in the order they were given
and a stream that reads "everything after my cursor" never skips one that was slower.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import OperationalError

from web.errors import StorageAway

T = TypeVar("T")

_WRITERS_LOCK = 7205760
_BUSY_MS = 5000


class Database:
    """The web room's only way to its database.

    A greenlet never gives way inside a SQLite call, so one lock is enough within a process; other processes wait
    in SQLite's busy handler for at most five seconds.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._reader = _engine(url, "BEGIN")
        self._writer = _engine(url, "BEGIN IMMEDIATE")
        self._lock = threading.Lock()
        self._on_commit: list[Callable[[], None]] = []

    def on_commit(self, tell: Callable[[], None]) -> None:
        """Call `tell` after every commit of this process."""
        self._on_commit.append(tell)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction and return its result once that is on disk.

        Whatever `work` raises rolls everything back. Raises StorageAway if the database is busy, full or gone.
        """
        try:
            with self._lock, self._writer.begin() as connection:
                result = work(connection)
        except OperationalError as failure:
            raise StorageAway("We could not save this just now; nothing was sent. Please try again.") from failure
        for tell in self._on_commit:
            tell()
        return result

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent state of the database and return its result."""
        try:
            with self._reader.connect() as connection:
                return work(connection)
        except OperationalError as failure:
            raise StorageAway("We could not read this just now. Please try again.") from failure

    def close(self) -> None:
        self._reader.dispose()
        self._writer.dispose()


def _engine(url: str, begin: str) -> Engine:
    # Parameters are customers' words; they stay out of messages and logs.
    if not url.startswith("sqlite"):
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=True)
        if "IMMEDIATE" in begin:
            lock = text("SELECT pg_advisory_xact_lock(:key)").bindparams(key=_WRITERS_LOCK)
            event.listen(engine, "begin", lambda connection: connection.execute(lock))
        return engine
    engine = create_engine(url, hide_parameters=True, connect_args={"check_same_thread": False, "timeout": 5})

    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves; pysqlite would begin too late
        for pragma in (
            f"busy_timeout = {_BUSY_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}")

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", start)
    return engine
