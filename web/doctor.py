"""What the web room needs, and how to mend what is missing."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

import urllib3
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from web.database import Database
from web.errors import StorageAway
from web.settings import Settings
from web.store import agents


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `remedy` is empty where all is well."""

    name: str
    ok: bool
    found: str
    remedy: str = ""


def check(home: Path, settings: Settings) -> list[Finding]:
    """Look at database, agents, assistant and port; change nothing."""
    return [*_database(home, settings), _bot(settings), _port(settings)]


def _database(home: Path, settings: Settings) -> list[Finding]:
    url = settings.url(home)
    if url.startswith("sqlite") and not settings.database_url and not (home / "nightdesk.db").exists():
        return [Finding("web database", False, "not there yet", "start the web process once; it makes the database")]
    database = Database(url)
    try:
        tables = database.read(lambda connection: inspect(connection).has_table("agents"))
        if not tables:
            return [Finding("web database", False, "it has no tables", "start the web process once; it makes them")]
        people = database.read(agents.count)
    except (StorageAway, SQLAlchemyError) as failure:
        name = type(failure).__name__
        return [Finding("web database", False, f"cannot be read ({name})", "check `database_url` in [web]")]
    finally:
        database.close()
    remedy = "" if people else "let somebody in: nightdesk desk add-agent"
    return [
        Finding("web database", True, "up to date"),
        Finding("desk", bool(people), f"{people} agent(s)", remedy),
    ]


def _bot(settings: Settings) -> Finding:
    try:
        answer = urllib3.request("GET", f"{settings.bot_url.rstrip('/')}/health", timeout=2.0, retries=False)
        ok, found = answer.status == 200, f"{settings.bot_url} answers {answer.status}"
    except (urllib3.exceptions.HTTPError, OSError):
        ok, found = False, f"{settings.bot_url} does not answer"
    return Finding("assistant", ok, found, "" if ok else "start it: nightdesk bot, or nightdesk serve for both")


def _port(settings: Settings) -> Finding:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        taken = probe.connect_ex((settings.host, settings.port)) == 0
    found = f"{settings.host}:{settings.port} is {'taken (by us, if we run)' if taken else 'free'}"
    return Finding("web port", True, found)
