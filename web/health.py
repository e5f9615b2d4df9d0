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
class Check:
    """One thing looked at, as a sentence; `mend` says what to do where it is not well."""

    what: str
    ok: bool
    mend: str = ""


def check(home: Path, settings: Settings) -> list[Check]:
    """Look at database, agents, assistant and port; change nothing. What merely does not run is well."""
    return [*_database(home, settings), _bot(settings), _port(settings)]


def _database(home: Path, settings: Settings) -> list[Check]:
    if not settings.database_url and not (home / "nightdesk.db").exists():
        return [Check("web database: not there yet; the first start makes it", True)]
    database = Database(settings.url(home))
    try:
        if not database.read(lambda connection: inspect(connection).has_table("agents")):
            return [Check("web database: empty; the next start makes its tables", True)]
        people = database.read(agents.count)
    except (StorageAway, SQLAlchemyError) as failure:
        what = f"web database: cannot be read ({type(failure).__name__})"
        return [Check(what, False, "see `database_url` in [web], and who may read and write there")]
    finally:
        database.close()
    who = f"desk: {people} {'agent' if people == 1 else 'agents'}"
    return [Check("web database: readable", True), Check(who, people > 0, "let somebody in: nightdesk desk add-agent")]


def _bot(settings: Settings) -> Check:
    try:
        answer = urllib3.request("GET", f"{settings.bot_url.rstrip('/')}/health", timeout=2.0, retries=False)
    except (urllib3.exceptions.HTTPError, OSError):
        return Check(f"assistant: nothing runs at {settings.bot_url}", True)
    well = answer.status == 200
    return Check(
        f"assistant: {settings.bot_url} answers {answer.status}", well, "see its log; another program may be there"
    )


def _port(settings: Settings) -> Check:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        taken = probe.connect_ex((settings.host, settings.port)) == 0
    return Check(f"web: something {'runs' if taken else 'can run'} at {settings.host}:{settings.port}", True)
