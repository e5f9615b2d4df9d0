"""Bring a database to today's tables: one numbered file in `versions/` a step, run at start under a lock."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, make_url, text

_LOCK = 7205759  # any number, as long as every process asks for the same


def migrate(url: str) -> None:
    """Bring the database at `url` to the newest tables; two processes at once end with the same ones.

    Creates a SQLite file (and its folder) where there is none. Raises what the database raises.
    """
    with _one_at_a_time(url):
        engine = create_engine(url, hide_parameters=True)
        try:
            with engine.begin() as connection:
                if engine.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
                command.upgrade(_config(connection), "head")
        finally:
            engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _one_at_a_time(url: str) -> Iterator[None]:
    """Hold a file beside a SQLite database; other databases have locks of their own."""
    database = make_url(url).database
    if not url.startswith("sqlite") or not database or database == ":memory:":
        yield
        return
    path = Path(database)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".migrating").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
