"""What a word looks like: capitals, digits, endings, whether it is a listed name. An uncased encoder cannot see it.

Every property is a row number of a table that a tagger has learnt; row 0 of each is "not known".
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.names import FIRST_NAMES

Shapes = NDArray[np.int64]
"""(W, F): for each word the rows of the tables."""

AFFIXES, PATTERNS = 1024, 256
TABLES = {"letters": 16, "place": 9, "listed": 3, "pattern": PATTERNS, "start": AFFIXES, "end": AFFIXES}
"""The tables in order, and how many rows each has. Those from `pattern` on are hashed."""
WORN = 3
"""Tables before this one say what any word may look like; those from it on nearly name the word."""

_WORD = re.compile(
    r"""\[[A-Z]+\]                                  # a placeholder of masking
      | https?://\S+ | [^\s@]+@[\w-]+(?:\.[\w-]+)+ | [@#]\w+
      | \d+(?:[.,:/]\d+)*                         # 12.50, 11:40, 3/4
      | ['’]s\b                                   # of "Ada's", which is two words
      | [^\W\d_]+(?:['’.-](?!s\b)[^\W\d_]+)*     # O'Malley, Jean-Luc, e.g
      | \w+ | [^\w\s]""",
    re.VERBOSE,
)
_RUN = re.compile(r"(.)\1+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text: `text[start:end]`."""

    text: str
    start: int
    end: int


def words_of(text: str) -> list[Word]:
    """Return words, numbers, placeholders and signs in order; only blanks are left out."""
    return [Word(match[0], match.start(), match.end()) for match in _WORD.finditer(text)]


def shapes_of(words: Sequence[str]) -> Shapes:
    """Return (W, F), a column for each of TABLES."""
    manner = _manner(words)
    rows = [
        [
            _letters(word),
            1 + 4 * (place == 0) + manner,
            1 + (word.lower() in FIRST_NAMES),
            1 + _row(_RUN.sub(r"\1", "".join(map(_kind, word))), PATTERNS),
            1 + _row(f"^{word[:3]}", AFFIXES),
            1 + _row(f"{word[-3:]}$", AFFIXES),
        ]
        for place, word in enumerate(words)
    ]
    return np.asarray(rows, dtype=np.int64).reshape(len(words), len(TABLES))


def _row(text: str, rows: int) -> int:
    return zlib.crc32(text.encode()) % (rows - 1)


def _kind(letter: str) -> str:
    if letter.isdigit():
        return "d"
    if letter.isalpha():
        return "X" if letter.isupper() else "x"
    return letter if letter.isascii() else "?"


def _manner(words: Sequence[str]) -> int:
    """How the whole text is written: 0 as usual, 1 without any capital, 2 all capitals, 3 most words with one."""
    letters = [word for word in words if word[0].isalpha()]
    if not any(word[0].isupper() for word in letters):
        return 1
    if all(word.isupper() for word in letters):
        return 2
    return 3 if len(letters) > 2 and sum(word[0].isupper() for word in letters) > 0.7 * len(letters) else 0


def _letters(word: str) -> int:
    plain = "".join(c for c in word if c.isalnum())
    digits = sum(c.isdigit() for c in plain)
    if word[0] in "@#" and len(word) > 1:
        return 1 if word[0] == "@" else 2
    if "://" in word or word.startswith("www."):
        return 3
    if not plain:
        return 4 if word in ".!?" else 5
    if digits == len(plain):
        return 6 if plain == word else 7
    if digits:
        return 8 if plain[0].isdigit() else 9
    if plain.islower():
        return 10
    if plain.isupper():
        return 11 if len(plain) > 1 else 12
    if plain[0].isupper() and plain[1:].islower():
        return 13
    return 14 if plain[0].isupper() else 15
