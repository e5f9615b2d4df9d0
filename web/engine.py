"""Open a database so that a commit is kept, a read sees one state, and writers take turns."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

_WRITERS_LOCK = 7205760
_BUSY_MS = 5000

# How a writing transaction begins: nobody else writes until it ends.
BEGIN_WRITING = {"sqlite": "BEGIN IMMEDIATE", "postgresql": f"SELECT pg_advisory_xact_lock({_WRITERS_LOCK})"}


def consistent(engine: Engine) -> Engine:
    """Return the engine with reads that see one state; SQLite's always do.

    Writers must not: PostgreSQL would freeze what they see before they have waited for their turn.
    """
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ")


def open_engine(url: str) -> Engine:
    """Return an engine whose commits survive a power cut, where the database is SQLite: WAL, synchronous=FULL."""
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
