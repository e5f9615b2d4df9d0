"""Ask a running service whether it kept its promises: read its record, give it time to come to rest, judge."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from web.client import DeskAgent
from web.journal import read_journals
from web.oracle import Verdict, check
from web.record import read_record

_LOOK_EVERY_S = 0.5


def prove(
    base_url: str,
    journals: Iterable[Path],
    *,
    email: str = "",
    password: str = "",
    database: Path | None = None,
    settle_s: float = 75.0,
    join_within_s: float = 1.5,
) -> Verdict:
    """Return the oracle's verdict on what the clients journalled.

    Turns that are still under way get up to `settle_s` to end; the default is longer than a turn may take. With an
    agent's e-mail and password the private events are read as well; with the SQLite file, its turns.
    Raises ClientError if the service does not answer or does not know the agent.
    """
    entries = read_journals(journals)
    desk = DeskAgent(base_url, email=email, password=password) if email else None
    if desk is not None:
        desk.log_in()
    deadline = time.monotonic() + settle_s
    while True:
        verdict = check(entries, read_record(base_url, entries, desk, database), join_within_s=join_within_s)
        if not verdict.unanswered or time.monotonic() > deadline:
            return verdict
        time.sleep(_LOOK_EVERY_S)
