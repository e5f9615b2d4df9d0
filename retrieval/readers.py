"""Files in, documents out: transcripts from JSONL, articles from Markdown and HTML.

A row that cannot be read becomes a `BadRow` with its file and line; the rows after it are still read.
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retrieval.errors import BadInput

TRANSCRIPT_SUFFIXES = (".jsonl", ".jsonl.gz")
ARTICLE_SUFFIXES = (".md", ".markdown", ".html", ".htm")
KNOWN_SUFFIXES = TRANSCRIPT_SUFFIXES + ARTICLE_SUFFIXES
MAX_ROW_BYTES = 4 * 1024 * 1024
ROLES = ("customer", "agent")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one person said in a transcript."""

    role: str
    text: str
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """One conversation of an export, as it was written."""

    id: str
    turns: tuple[Turn, ...]
    customer: str | None
    channel: str | None
    at: str | None
    line: int


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out, why, and the row itself, so that it can be mended and ingested again.

    Its words may be a customer's: they go to the quarantine file, which only its owner can read, and never to a log.
    """

    file: str
    line: int
    reason: str
    row: str = field(default="", repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the row of the quarantine file."""
        return {"file": self.file, "line": self.line, "reason": self.reason, "row": self.row}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to ingest, the folder it was found in (if one was given), and its name as citations show it."""

    path: Path
    name: str
    root: Path | None

    @property
    def is_article(self) -> bool:
        """Whether this is a help-centre page rather than transcripts."""
        return _suffix(self.path) in ARTICLE_SUFFIXES


def find_files(paths: Sequence[Path]) -> list[SourceFile]:
    """Return the files these paths name, folders searched through in name order; hidden files are passed over.

    Raises BadInput for a path that does not exist, a suffix nobody reads, a folder without readable files, and a file
    named twice.
    """
    found: list[SourceFile] = []
    for path in paths:
        if path.is_dir():
            root = path.resolve()
            inside = [SourceFile(file, file.relative_to(root).as_posix(), root) for file in _files_under(root)]
            if not inside:
                raise BadInput(f"{path} holds no file to ingest; expected {', '.join(KNOWN_SUFFIXES)}")
            found += inside
        elif not path.exists():
            raise BadInput(f"{path} does not exist; give a file or folder with {', '.join(KNOWN_SUFFIXES)}")
        elif _suffix(path) not in KNOWN_SUFFIXES:
            raise BadInput(f"{path} ends in {path.suffix or 'no suffix'!r}; accepted are {', '.join(KNOWN_SUFFIXES)}")
        else:
            found.append(SourceFile(path.resolve(), path.name, None))
    seen: set[Path] = set()
    for file in found:
        if file.path in seen:
            raise BadInput(f"{file.path} is given twice; name each file, or its folder, once")
        seen.add(file.path)
    return found


def read_transcripts(path: Path) -> Iterator[Transcript | BadRow]:
    """Yield each row of a JSONL file (.gz too) in order, good or bad. Raises BadInput if the file cannot be opened."""
    seen: dict[str, int] = {}
    for number, raw in _lines(path):
        if isinstance(raw, BadRow):
            yield raw
            continue
        try:
            transcript = _transcript(raw, number)
        except ValueError as error:
            yield BadRow(path.name, number, str(error), _legible(raw))
            continue
        first = seen.setdefault(transcript.id, number)
        if first != number:
            yield BadRow(
                path.name,
                number,
                f"id {transcript.id[:80]!r} was already on line {first}; ids must be unique in a file",
                _legible(raw),
            )
        else:
            yield transcript


def _lines(path: Path) -> Iterator[tuple[int, bytes | BadRow]]:
    number = 0
    try:
        with path.open("rb") as opened:
            stream: Iterable[bytes] = gzip.GzipFile(fileobj=opened) if path.suffix == ".gz" else opened
            reader = io.BufferedReader(stream) if isinstance(stream, gzip.GzipFile) else opened
            while line := reader.readline(MAX_ROW_BYTES + 1):
                number += 1
                if len(line) > MAX_ROW_BYTES:
                    while line and not line.endswith(b"\n"):
                        line = reader.readline(MAX_ROW_BYTES)
                    yield number, BadRow(path.name, number, f"row is longer than {MAX_ROW_BYTES:,} bytes")
                elif line.strip():
                    yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
    except (EOFError, gzip.BadGzipFile, OSError) as error:
        if number == 0 and not isinstance(error, EOFError):
            raise BadInput(f"{path} cannot be read: {error}") from error
        yield number + 1, BadRow(path.name, number + 1, f"the file breaks off or is damaged after line {number}")


def _legible(raw: bytes) -> str:
    """Return the row as text; bytes that are no UTF-8 become \\x escapes, so nothing is lost."""
    return raw.decode("utf-8", "backslashreplace").rstrip("\r\n")


def _transcript(raw: bytes, line: int) -> Transcript:
    """Turn a row into a Transcript. Raises ValueError with a reason that repeats no customer's words."""
    try:
        row = json.loads(raw)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {getattr(error, 'msg', 'nested too deeply')}") from None
    if not isinstance(row, dict):
        raise ValueError('expected an object {"id", "turns"}')
    identity = row.get("id")
    if not isinstance(identity, str | int) or isinstance(identity, bool) or not str(identity).strip():
        raise ValueError('"id" must be a text or a whole number')
    turns = row.get("turns")
    if not isinstance(turns, list) or not turns:
        raise ValueError('"turns" must be a list of at least one {"role", "text"}')
    return Transcript(
        id=str(identity).strip(),
        turns=tuple(_turn(turn, number) for number, turn in enumerate(turns, 1)),
        customer=_optional(row, "customer"),
        channel=_optional(row, "channel"),
        at=_optional(row, "at"),
        line=line,
    )


def _turn(turn: Any, number: int) -> Turn:
    if not isinstance(turn, dict):
        raise ValueError(f'turn {number} must be an object {{"role", "text"}}')
    role, text = turn.get("role"), turn.get("text")
    if role not in ROLES:
        raise ValueError(f'turn {number}: "role" must be "customer" or "agent"')
    if not isinstance(text, str):
        raise ValueError(f'turn {number}: "text" must be a text')
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f'turn {number}: "text" holds half a character (a lone surrogate)') from None
    at = turn.get("at")
    return Turn(role, text, at if isinstance(at, str) else None)


def _optional(row: dict[str, Any], key: str) -> str | None:
    value = row.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f'"{key}" must be a text')
    return str(value).strip() or None


def _files_under(root: Path) -> list[Path]:
    files = (path for path in root.rglob("*") if path.is_file() and _suffix(path) in KNOWN_SUFFIXES)
    shown = (path for path in files if not any(part.startswith(".") for part in path.relative_to(root).parts))
    return sorted(shown, key=lambda path: path.relative_to(root).as_posix())


def _suffix(path: Path) -> str:
    name = path.name.lower()
    return ".jsonl.gz" if name.endswith(".jsonl.gz") else path.suffix.lower()
