"""One database, two ways in: `read` for a consistent look, `write` for one commit at a time.

SQLite runs in WAL with synchronous=FULL, so a commit that returned survives a power cut. Writers take turns:
SQLite by BEGIN IMMEDIATE, PostgreSQL by an advisory lock, so event ids are committed in the order they were given
and a stream that reads "everything after my cursor" never skips one that was slower.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
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
        self._engine = _engine(url)
        self._reading = _consistent(self._engine)
        self._begin = _BEGIN_WRITING[self._engine.dialect.name]
        self._failures = (OperationalError, self._engine.dialect.loaded_dbapi.OperationalError)
        self._lock = threading.Lock()
        self._writer: Connection | None = None
        self._on_commit: list[Callable[[], None]] = []

    def on_commit(self, tell: Callable[[], None]) -> None:
        """Call `tell` after every commit of this process that may hold events."""
        self._on_commit.append(tell)

    def write(self, work: Callable[[Connection], T], *, quiet: bool = False) -> T:
        """Run `work` in one transaction and return its result once that is on disk; `quiet` if it adds no event.

        Whatever `work` raises rolls everything back. Raises StorageAway if the database is busy, full or gone.
        """
        try:
            with self._lock:
                result = self._write(work)
        except self._failures as failure:
            raise StorageAway("We could not save this just now; nothing was sent. Please try again.") from failure
        if not quiet:
            for tell in self._on_commit:
                tell()
        return result

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on one consistent state of the database and return its result."""
        try:
            with self._reading.begin() as connection:
                return work(connection)
        except self._failures as failure:
            raise StorageAway("We could not read this just now. Please try again.") from failure

    def close(self) -> None:
        with self._lock:
            self._drop_writer()
        self._engine.dispose()

    def _write(self, work: Callable[[Connection], T]) -> T:
        """Begin, work and commit on a connection that is kept: taking one from the pool each time cost 0.1 ms."""
        if self._writer is None:
            self._writer = self._engine.connect()
        driver = self._writer.connection
        try:
            cursor = driver.cursor()
            cursor.execute(self._begin)
            cursor.close()
            result = work(self._writer)
            driver.commit()
        except self._failures:
            self._drop_writer()
            raise
        except BaseException:
            driver.rollback()
            raise
        return result

    def _drop_writer(self) -> None:
        """Close the connection; whatever it had begun is rolled back."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.invalidate()
            writer.close()


_BEGIN_WRITING = {"sqlite": "BEGIN IMMEDIATE", "postgresql": f"SELECT pg_advisory_xact_lock({_WRITERS_LOCK})"}


def _consistent(engine: Engine) -> Engine:
    """Return the engine with reads that see one state; SQLite's always do.

    Writers must not: PostgreSQL would freeze what they see before they have waited for their turn.
    """
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ")


def _engine(url: str) -> Engine:
    # Parameters are customers' words; they stay out of messages and logs.
    if not url.startswith("sqlite"):
        return create_engine(url, hide_parameters=True, pool_pre_ping=True)
    engine = create_engine(
        url,
        hide_parameters=True,
        paramstyle="named",
        pool_reset_on_return=None,  # every use ends in its own commit or rollback
        connect_args={"check_same_thread": False},
    )

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
        connection.exec_driver_sql("BEGIN")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", start)
    return engine
