"""Read sentences in CoNLL columns; whatever scheme a file is written in, its tags come out as IOB2."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from finetune.errors import BadLabels

OUTSIDE = "O"
TAG = re.compile(r"O|[BIESLU]-.+")
COLUMNS = re.compile(r"[ \t]+")
"""Blanks and tabs part columns; a no-break space may be a token."""
BEGINS, ENDS = frozenset("BSU"), frozenset("ESLU")
DOCUMENT = "-DOCSTART-"


@dataclass(frozen=True, slots=True)
class Sentence:
    """Words and the IOB2 tag of each."""

    words: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Chunk:
    """An entity: the words `start` to `end` (not included) of a sentence."""

    start: int
    end: int
    kind: str


def read_conll(path: Path) -> list[Sentence]:
    """Read a file (.gz too) of one token a line, its tag last, a blank line after each sentence.

    Tags may be IOB1, IOB2, BIOES or BILOU. Lines of -DOCSTART- are skipped. Raises BadLabels with file and line.
    """
    found: list[Sentence] = []
    words: list[str] = []
    tags: list[str] = []

    def close() -> None:
        if words:
            found.append(Sentence(tuple(words), as_iob2(chunks_of(tags), len(words))))
            words.clear()
            tags.clear()

    for number, line in _lines(path):
        columns = COLUMNS.split(line.strip(" \t\r\n\ufeff"))
        if columns == [""]:
            close()
        elif columns[0] != DOCUMENT:
            tag = columns[-1]
            if len(columns) < 2 or not TAG.fullmatch(tag):
                raise BadLabels(
                    f"{path}:{number} reads {line.strip():.60}; expected a token first and its tag last, such as O, "
                    "B-PERSON or I-PERSON"
                )
            words.append(columns[0])
            tags.append(tag)
    close()
    if not found:
        raise BadLabels(f"{path} holds no sentence; expected lines of a token and its tag")
    return found


def chunks_of(tags: Sequence[str]) -> list[Chunk]:
    """Return the entities in order, as conlleval reads them (Tjong Kim Sang and De Meulder 2003).

    An entity begins at B or S, at an I or E after O or another kind, and after an E or S. That one rule reads IOB1,
    IOB2 and BIOES alike.
    """
    found: list[Chunk] = []
    start, kind, before = 0, "", OUTSIDE
    for place, tag in enumerate([*tags, OUTSIDE]):
        prefix, _, named = tag.partition("-")
        new = bool(named) and (prefix in BEGINS or before in ENDS or named != kind)
        if kind and (new or not named):
            found.append(Chunk(start, place, kind))
            kind = ""
        if new:
            start, kind = place, named
        before = prefix
    return found


def as_iob2(chunks: Sequence[Chunk], length: int) -> tuple[str, ...]:
    """Return one tag a word: B- where an entity begins, I- inside it, else O."""
    tags = [OUTSIDE] * length
    for chunk in chunks:
        tags[chunk.start : chunk.end] = [f"B-{chunk.kind}", *[f"I-{chunk.kind}"] * (chunk.end - chunk.start - 1)]
    return tuple(tags)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            yield from enumerate(file, start=1)
    except FileNotFoundError:
        raise BadLabels(f"{path} does not exist; give a file of a token and its tag on each line") from None
    except UnicodeDecodeError as error:
        raise BadLabels(f"{path} is not UTF-8: {error}") from error
    except (OSError, EOFError) as error:
        raise BadLabels(f"{path} cannot be read: {error}") from error
