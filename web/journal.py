"""What the clients of a test or a bench did and saw, on storage of their own.

A promise about what was acknowledged can only be checked against a memory that the service cannot touch. So each
client writes one line of JSON for every thing it sends, every acknowledgement it gets and every event that reaches
it, in the order in which they happened; `web.oracle` compares these lines with the service's own record.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any


@dataclass(frozen=True, slots=True)
class Opened:
    """A conversation was opened for the visitor who holds `token`."""

    conversation: str
    token: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A message is about to be sent for the first time; written before a byte leaves."""

    conversation: str
    nonce: str
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The service said 2xx: from here on the message may not be lost. `cursor` is null where none was given."""

    conversation: str
    nonce: str
    message: str
    cursor: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The service said 4xx: the message is not the service's to keep."""

    conversation: str
    nonce: str
    status: int


@dataclass(frozen=True, slots=True)
class Connected:
    """A stream of events was opened after event `after`; `conversation` is null for the desk's, which has them all."""

    stream: str
    conversation: str | None
    after: int


@dataclass(frozen=True, slots=True)
class Saw:
    """An event with an id arrived on a stream."""

    stream: str
    conversation: str
    event: int
    kind: str


Entry = Opened | Sent | Acknowledged | Refused | Connected | Saw
_KINDS: dict[str, type[Entry]] = {
    "opened": Opened,
    "sent": Sent,
    "acknowledged": Acknowledged,
    "refused": Refused,
    "connected": Connected,
    "saw": Saw,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Journal:
    """An append-only JSONL file; several threads may write to it.

    Every line has left the process before `write` returns. With `fsync` it has reached the disk as well, so that
    not even a power cut forgets it; a load generator leaves that out, because its disk is the one it measures.
    """

    def __init__(self, path: Path, *, fsync: bool = True) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._fsync = fsync
        self._lock = threading.Lock()

    def write(self, entry: Entry) -> None:
        """Append one entry; it survives the death of this process."""
        # Not `asdict`, which copies deeply: a load generator journals several entries a turn on the cores it measures.
        line: dict[str, Any] = {"what": _NAMES[type(entry)]} | {name: getattr(entry, name) for name in entry.__slots__}
        data = (_encode(line) + "\n").encode()
        with self._lock:
            os.write(self._file, data)
            if self._fsync:
                os.fsync(self._file)

    def close(self) -> None:
        with self._lock:
            os.fsync(self._file)
            os.close(self._file)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()


def read_journals(paths: Iterable[Path]) -> list[Entry]:
    """Return the entries of all journals, each journal's in its own order.

    A last line without its end is what a killed client leaves and is dropped; any other unreadable line raises
    ValueError naming file and line.
    """
    return [entry for path in paths for entry in _read(path)]


def _read(path: Path) -> Iterator[Entry]:
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines[:-1], 1):  # what follows the last newline was torn off, or is empty
        try:
            fields = json.loads(line)
            yield _KINDS[fields.pop("what")](**fields)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}:{number} is not a journal entry: {error}") from error
