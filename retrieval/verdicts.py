"""What agents decided about cards: the words they approved, and the answers they withdrew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision on one answer: its words as approved, or withdrawn; when; and what superseded it at that time."""

    text: str
    withdrawn: bool = False
    at: str = ""
    against: bytes | None = None


Verdicts = Mapping[bytes, Verdict]
"""Verdicts by the key of the answer they are about."""


def read_verdicts(connection: sqlite3.Connection) -> Verdicts:
    """Return every verdict of a corpus."""
    rows = connection.execute("SELECT answer_key, text, verdict, at, against FROM approvals")
    return {key: Verdict(text, verdict == "withdrawn", at, against) for key, text, verdict, at, against in rows}


def latest(verdicts: Verdicts, keys: Iterable[bytes]) -> tuple[bytes, Verdict] | None:
    """Return the newest verdict on any of these wordings, with its key; None if there is none."""
    found = [(verdicts[key].at, key) for key in keys if key in verdicts]
    if not found:
        return None
    key = max(found)[1]
    return key, verdicts[key]
