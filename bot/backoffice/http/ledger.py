"""Which writes were begun and what came of them: a small SQLite file, for shops that can't be asked about a key.

An intent is on the disk before its request leaves, the outcome before anybody hears of it. An intent without outcome
(the process died, the answer was lost) holds the very request, so that it can be sent again with the same key. Once
the outcome is known the request is wiped; after `KEEP_DAYS` the row goes.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.backoffice.protocol import Receipt
from bot.errors import BackOfficeError

log = logging.getLogger(__name__)
FILE = "backoffice-ledger.db"
KEEP_DAYS = 14
TABLE = """
CREATE TABLE IF NOT EXISTS writes (key TEXT PRIMARY KEY, customer_id TEXT NOT NULL, at TEXT NOT NULL,
                                   intent TEXT, receipt TEXT) STRICT
"""


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that was decided on: the request as it is sent, and what is told where the shop is silent."""

    write: str
    order_number: str | None
    path: str
    query: Mapping[str, str]
    body: Any
    told: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of a key: its intent until the outcome is known, then its receipt."""

    at: datetime
    intent: Intent | None
    receipt: Receipt | None


def _now() -> datetime:
    return datetime.now(UTC)


class Ledger:
    """Safe to use from several threads and processes. The file is its owner's alone (0600)."""

    def __init__(self, path: Path, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            # A rollback journal: what is wiped is gone at once, where a write-ahead log would keep it for a while.
            for pragma in ("journal_mode=DELETE", "synchronous=FULL", "secure_delete=ON"):
                self._database.execute(f"PRAGMA {pragma}")
            self._database.execute(TABLE)
        except (sqlite3.Error, OSError) as error:
            raise BackOfficeError(f"the back office's ledger {path} cannot be opened: {error}") from error
        self._forget_old()

    def find(self, key: str) -> Row | None:
        """Return what is known of this key."""
        with self._lock:
            row = self._database.execute("SELECT at, intent, receipt FROM writes WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        at, intent, receipt = row
        return Row(
            datetime.fromisoformat(at),
            Intent(**json.loads(intent)) if intent else None,
            Receipt(**json.loads(receipt)) if receipt else None,
        )

    def begin(self, key: str, customer_id: str, intent: Intent) -> bool:
        """Note what is about to be asked; False, and nothing is noted, if another process has begun this key."""
        values = (key, customer_id, self._now().isoformat(), json.dumps(asdict(intent), ensure_ascii=False))
        with self._lock:
            done = self._database.execute("INSERT OR IGNORE INTO writes VALUES (?, ?, ?, ?, NULL)", values)
        return done.rowcount == 1

    def finish(self, key: str, receipt: Receipt) -> None:
        """Note what came of it, and wipe what was asked."""
        told = json.dumps(asdict(receipt), ensure_ascii=False)
        with self._lock:
            self._database.execute("UPDATE writes SET intent = NULL, receipt = ? WHERE key = ?", (told, key))

    def drop(self, key: str) -> None:
        """Forget an intent of which it is certain that nothing was done."""
        with self._lock:
            self._database.execute("DELETE FROM writes WHERE key = ? AND receipt IS NULL", (key,))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _forget_old(self) -> None:
        before = (self._now() - timedelta(days=KEEP_DAYS)).isoformat()
        with self._lock:
            gone = self._database.execute(
                "DELETE FROM writes WHERE at < ? RETURNING key, receipt", (before,)
            ).fetchall()
        for key, receipt in gone:
            if receipt is None:
                log.warning("the outcome of write %s was never known; look at the shop's own records", key)


def erase(home: Path, customer_id: str) -> int:
    """Remove what the ledger holds of a customer; returns the number of writes. Makes no ledger."""
    path = home / FILE
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as database:
        database.execute("PRAGMA secure_delete=ON")
        return database.execute("DELETE FROM writes WHERE customer_id = ?", (customer_id,)).rowcount
