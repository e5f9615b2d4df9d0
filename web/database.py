"""One database, two ways in: `read` for a consistent look, `write` for a commit that is on disk.

Writers take turns, SQLite's by BEGIN IMMEDIATE and PostgreSQL's by an advisory lock, so event ids are committed in the
order they were given and a stream that reads "everything after my cursor" never skips one that was slower.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from web.engine import BEGIN_WRITING, consistent, open_engine
from web.errors import StorageAway

T = TypeVar("T")
_NOT_SAVED = "We could not save this just now; nothing was sent. Please try again."


class _Job(Generic[T]):
    """One caller's work, and what became of it."""

    def __init__(self, work: Callable[[Connection], T], quiet: bool) -> None:
        self.work = work
        self.quiet = quiet
        self.done = False
        self.result: T | None = None
        self.error: BaseException | None = None


class Database:
    """The web room's only way to its database.

    Whoever writes at the same time shares one commit: forcing it to disk costs more than the work itself. The first
    to come commits for all; each has a savepoint, so that one's failure is not another's.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = open_engine(url)
        self._reading = consistent(self._engine)
        self._begin = BEGIN_WRITING[self._engine.dialect.name]
        self._failures = (OperationalError, self._engine.dialect.loaded_dbapi.OperationalError)
        self._lock = threading.Lock()
        self._waiting: list[_Job[Any]] = []
        self._writer: Connection | None = None
        self._on_commit: list[Callable[[], None]] = []

    def on_commit(self, tell: Callable[[], None]) -> None:
        """Call `tell` after every commit of this process that may hold events."""
        self._on_commit.append(tell)

    def write(self, work: Callable[[Connection], T], *, quiet: bool = False) -> T:
        """Run `work` and return its result once that is on disk; `quiet` if it adds no event.

        What `work` raises undoes all it did. Raises StorageAway if the database is busy, full or gone.
        """
        job = _Job(work, quiet)
        self._waiting.append(job)
        with self._lock:
            if not job.done:
                time.sleep(0)  # greenlets that are ready to write join this commit
                batch, self._waiting = self._waiting, []
                self._commit(batch)
        if isinstance(job.error, self._failures):
            raise StorageAway(_NOT_SAVED) from job.error
        if job.error is not None:
            raise job.error
        return cast(T, job.result)

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

    def _commit(self, batch: list[_Job[Any]]) -> None:
        """Do every job in one transaction; if that cannot be kept, none of them happened and each is told so."""
        try:
            # The connection is kept: taking one from the pool for each commit cost 0.1 ms.
            writer = self._writer = self._writer or self._engine.connect()
            cursor = writer.connection.cursor()
            cursor.execute(self._begin)
            for job in batch:
                cursor.execute("SAVEPOINT job")
                try:
                    job.result = job.work(writer)
                except self._failures:
                    raise
                except Exception as failure:
                    job.error = failure
                    cursor.execute("ROLLBACK TO SAVEPOINT job")
                cursor.execute("RELEASE SAVEPOINT job")
            cursor.close()
            writer.connection.commit()
        except Exception as failure:
            self._drop_writer()
            for job in batch:
                job.error = failure
        except BaseException:
            # Whoever commits for all is being ended; the others must not end with it.
            self._drop_writer()
            for job in batch:
                job.error = StorageAway(_NOT_SAVED)
            raise
        finally:
            for job in batch:
                job.done = True
        if not all(job.quiet or job.error for job in batch):
            for tell in self._on_commit:
                tell()

    def _drop_writer(self) -> None:
        """Close the connection; whatever it had begun is rolled back."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.invalidate()
            writer.close()
