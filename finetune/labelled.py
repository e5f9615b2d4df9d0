"""Read labelled utterances and held-out questions; name file and line of whatever is wrong."""

from __future__ import annotations

import csv
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from bot.catalogue import IntentEntry, parse_catalogue
from bot.errors import HeadError
from finetune.errors import BadLabels


@dataclass(frozen=True, slots=True)
class Labelled:
    """An utterance and the intent a person gave it."""

    text: str
    intent: str


@dataclass(frozen=True, slots=True)
class Question:
    """A customer's question and the file that answers it; `source` None: nothing does. `also` answers it as well."""

    text: str
    source: str | None
    also: tuple[str, ...] = ()

    @property
    def sources(self) -> frozenset[str]:
        """Every file that answers it; empty if nothing does."""
        return frozenset((self.source, *self.also)) if self.source else frozenset()


def read_labelled(path: Path) -> list[Labelled]:
    """Read a CSV with header `text,intent` (or `text,category`); rows in file order."""
    rows, header = _rows(path)
    label = next((name for name in ("intent", "category", "label") if name in header), None)
    if "text" not in header or label is None:
        raise BadLabels(f"{path}:1 has the header {','.join(header)!r}; expected text,intent (or text,category)")
    found = [
        Labelled(row["text"].strip(), row[label].strip()) for line, row in rows if _complete(path, line, row, label)
    ]
    if not found:
        raise BadLabels(f"{path} holds no labelled utterance below its header")
    return found


def read_texts(path: Path) -> list[str]:
    """Read the `text` column of a CSV."""
    rows, header = _rows(path)
    if "text" not in header:
        raise BadLabels(f"{path}:1 has the header {','.join(header)!r}; expected a column named text")
    return [row["text"].strip() for line, row in rows if _complete(path, line, row, "text")]


def read_questions(path: Path) -> list[Question]:
    """Read JSONL of `{"question", "source", "also"}`; without a source nothing answers, `also` may be left out."""
    return [
        _question(raw, f"{path}:{line}") for line, raw in enumerate(_text(path).splitlines(), start=1) if raw.strip()
    ]


def _question(raw: str, where: str) -> Question:
    try:
        row = json.loads(raw)
        text, source, also = str(row["question"]).strip(), row.get("source"), row.get("also") or []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadLabels(f'{where} is not {{"question": …, "source": …}}: {error}') from error
    if not (isinstance(also, list) and all(isinstance(name, str) for name in also)):
        raise BadLabels(f"{where}: also is {also!r}; it should be a list of sources")
    if not text or not (source is None or isinstance(source, str)) or (also and not source):
        raise BadLabels(f"{where} needs a question, and a source where there is an also; got {raw.strip():.120}")
    return Question(text, source, tuple(also))


def read_catalogue(path: Path) -> dict[str, IntentEntry]:
    """Read intents.toml: a table an intent, with `description`, `handle` and, by handle, `action` or `responses`."""
    try:
        return parse_catalogue(tomllib.loads(_text(path)), str(path))
    except tomllib.TOMLDecodeError as error:
        raise BadLabels(f"{path} is not valid TOML: {error}") from error
    except HeadError as error:
        raise BadLabels(str(error)) from error


def _rows(path: Path) -> tuple[list[tuple[int, dict[str, str]]], list[str]]:
    reader = csv.DictReader(_text(path).splitlines())
    rows = [(reader.line_num, row) for row in reader]
    return rows, list(reader.fieldnames or [])


def _complete(path: Path, line: int, row: dict[str, str], label: str) -> bool:
    if not (row.get("text") or "").strip() or not (row.get(label) or "").strip():
        raise BadLabels(f"{path}:{line} needs both a text and a {label}; got {row!r}")
    return True


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadLabels(f"{path} does not exist; [finetune] in the configuration names the labelled files") from None
    except UnicodeDecodeError as error:
        raise BadLabels(f"{path} is not UTF-8: {error}") from error
