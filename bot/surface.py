"""The surface of an utterance: its words and pairs of words, its runs of characters, its capitals and marks.

An encoder trained for meaning reads past "sooo", "!!!" and "NOT"; a mood is in them. It reads past a company's own
words too, and past languages it never learnt. Chinese is cut by jieba, and carried by its characters. Everything is
counted under the CRC-32 of its text, so that a head keeps numbers and no words of customers.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from retrieval.words import words

Keys = NDArray[np.uint32]
Values = NDArray[np.float32]
Counts = Mapping[int, int]

LONGEST_READ = 2000
"""Characters that are looked at; a mood shows in fewer."""
GRAMS = range(2, 6)
NEGATED = 4
"""Words after "not" that are marked, unless a comma or stop comes first (Das and Chen 2001)."""
MOST_MARKS = 4

_PIECE = re.compile(
    r"(?P<link>https?://\S+|www\.\S+)|(?P<handle>@\w+)|(?P<placeholder>\[[A-Z]{3,8}\])"
    r"|(?P<face>[:;=8][-o*']?[)\](\[dDpP/\\|}{](?!\w)|(?<!\w)[)(][-o*']?[:;=]|<3)"
    r"|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)*)|(?P<number>\d[\d.,:]*)|(?P<marks>[!?？！]+|\.{2,}|…+|[.,;:，。；])|(?P<sign>[^\w\s])"
)
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af]")
_LINK = re.compile(r"https?://\S+|www\.\S+")
_HANDLE = re.compile(r"@\w+")
_NEGATION = re.compile(
    r"(?:not?|never|none|nobody|nothing|nowhere|neither|nor|cannot|without|hardly|barely|[a-z]+n't"
    r"|(?:do|does|did|is|was|wo|ca|could|would|should|has|have|had|are|were|ai)nt)"
)


@dataclass(frozen=True, slots=True)
class Surface:
    """What is counted of one utterance: its words and marks, and its runs of characters, by CRC-32."""

    words: Counts
    characters: Counts


def read_surface(text: str) -> Surface:
    """Return the counts of an utterance, of no more than its first 2,000 characters."""
    plain = text[:LONGEST_READ]
    plain = html.unescape(plain) if "&" in plain else plain
    return Surface(_hashed(_words(plain)), _hashed(_characters(plain)))


def _hashed(counted: Counter[str]) -> dict[int, int]:
    return {crc32(name.encode("utf-8", "replace")): count for name, count in counted.items()}


def _words(text: str) -> Counter[str]:
    """Words, words under a negation, neighbours by two and three, and marks counted up to MOST_MARKS."""
    marks: Counter[str] = Counter()
    plain: list[str] = []
    found: Counter[str] = Counter()
    negated = 0
    for kind, piece in _pieces(text):
        if kind == "marks":
            negated = 0
            marks.update(mark for mark in piece if mark in "!?！？")
            plain.append(piece[:3])
        elif kind != "word":
            plain.append({"link": "<link>", "number": "<number>"}.get(kind, piece.lower()))
        elif _CJK.search(piece):
            plain += words(piece)
        else:
            lower = piece.lower().replace("’", "'")
            if _DRAWN_OUT.search(lower):
                marks["<drawn out>"] += 1
                lower = _DRAWN_OUT.sub(r"\1\1", lower)
            if len(piece) >= 3 and piece.isupper():
                marks["<capitals>"] += 1
            if negated:
                found[f"not {lower}"] += 1
                negated -= 1
            if _NEGATION.fullmatch(lower):
                negated = NEGATED
            plain.append(lower)
    found.update(f"1 {word}" for word in plain)
    found.update(f"2 {a} {b}" for a, b in zip(["<", *plain], [*plain, ">"], strict=True))
    found.update(f"3 {a} {b} {c}" for a, b, c in zip(plain, plain[1:], plain[2:], strict=False))
    found.update(f"{mark}{n}" for mark, count in marks.items() for n in range(1, min(count, MOST_MARKS) + 1))
    return found


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    for match in _PIECE.finditer(text):
        yield match.lastgroup or "sign", match.group()


def _characters(text: str) -> Counter[str]:
    """Runs of two to five characters within a word and the spaces around it; links and names are all alike."""
    lower = _HANDLE.sub("@", _LINK.sub("<link>", text.lower()))
    found: Counter[str] = Counter()
    for word in lower.split():
        padded = f" {word} "
        found.update(padded[i : i + n] for n in GRAMS for i in range(len(padded) - n + 1))
    return found


@dataclass(frozen=True)
class Vocabulary:
    """The counts that are worth weighing: keys uint32 (V,), ascending, and how rare each is, idf float32 (V,)."""

    keys: Keys
    idf: Values

    @classmethod
    def learn(cls, counted: Sequence[Counts], least: int = 2) -> Vocabulary:
        """Keep what at least `least` utterances have; idf is smoothed, as if one more had everything."""
        every = [np.zeros(0, np.uint32), *(np.fromiter(counts, np.uint32, len(counts)) for counts in counted)]
        keys, seen = np.unique(np.concatenate(every), return_counts=True)
        kept = seen >= least
        idf = np.log((1 + len(counted)) / (1 + seen[kept])) + 1
        return cls(keys[kept], idf.astype(np.float32))

    def to_arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Return what `from_arrays` reads."""
        return {f"{name}_keys": self.keys, f"{name}_idf": self.idf}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], name: str) -> Vocabulary:
        """Return the vocabulary saved by that name. Raises KeyError if a part is missing."""
        return cls(arrays[f"{name}_keys"].astype(np.uint32), arrays[f"{name}_idf"].astype(np.float32))

    def weigh(self, counts: Counts) -> tuple[NDArray[np.int64], Values]:
        """Return columns (N,) and TF-IDF values (N,) of unit length, the counts damped by their logarithm."""
        keys = np.fromiter(counts, np.uint32, len(counts))
        columns = np.searchsorted(self.keys, keys)
        known = columns < len(self.keys)
        known[known] = self.keys[columns[known]] == keys[known]
        times = np.fromiter(counts.values(), np.float32, len(counts))[known]
        columns = columns[known]
        values = (1 + np.log(times)) * self.idf[columns]
        return columns, (values / max(float(np.linalg.norm(values)), 1e-9)).astype(np.float32)


@dataclass(frozen=True)
class SurfaceModel:
    """A linear model over surfaces: weight (V + U, C), the rows of words before those of characters, and bias (C,)."""

    words: Vocabulary
    characters: Vocabulary
    weight: NDArray[np.floating]
    bias: Values

    @property
    def rows(self) -> int:
        """V + U."""
        return len(self.words.keys) + len(self.characters.keys)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return what `from_arrays` reads: keys and idf of words and characters, the weight in half precision."""
        found = self.words.to_arrays("words") | self.characters.to_arrays("characters")
        return found | {"words_weight": np.ascontiguousarray(self.weight, np.float16), "words_bias": self.bias}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> SurfaceModel | None:
        """Return the model of these arrays, None if there is none among them. Raises KeyError if a part is missing."""
        if "words_weight" not in arrays:
            return None
        words, characters = (Vocabulary.from_arrays(arrays, name) for name in ("words", "characters"))
        return cls(words, characters, arrays["words_weight"], arrays["words_bias"].astype(np.float32))

    def logits(self, read: Sequence[Surface]) -> Values:
        """Return float32 (B, C)."""
        logits = np.tile(self.bias, (len(read), 1))
        for row, surface in zip(logits, read, strict=True):
            columns, values = self.words.weigh(surface.words)
            row += values @ self.weight[columns].astype(np.float32)
            columns, values = self.characters.weigh(surface.characters)
            row += values @ self.weight[len(self.words.keys) + columns].astype(np.float32)
        return logits
