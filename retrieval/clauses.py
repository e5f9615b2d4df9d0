"""An answer as clauses: where each stands, its words, and what two clauses must share to say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_END = re.compile(
    r"(?<=[.!?…])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9À-ÖØ-Þ€£$])|(?<=[。！？；])|(?<=[;:])\s+|\s*\n\s*"
    r"|(?:(?<=Dear \[NAME\],)|(?<=Hello \[NAME\],)|(?<=Hi \[NAME\],))\s+"
    r"|(?<=[\U0001F300-\U0001FAFF])\s+"
)
_FIGURE = r"(?:\u2212|(?<![\w)])-)?\d+(?:[.,:]\d+)*"
_CJK = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_ASCII_WORD = re.compile(r"[a-z]+|(?:(?<![\w)])-)?\d+(?:[.,:]\d+)*")
_WORD = re.compile(rf"[^\W\d_]+|{_FIGURE}")
_MIXED_WORD = re.compile(rf"[{_CJK}]|[^\W\d_{_CJK}]+|{_FIGURE}")
_HAS_CJK = re.compile(rf"[{_CJK}]")
_CONTRACTED = re.compile(r"\b(can't|won't|shan't)\b|n't\b|'(s|re|ve|ll|d|m)\b")
_FULL = {"s": "", "re": " are", "ve": " have", "ll": " will", "d": " would", "m": " am"}
_RUN = re.compile(r"[^\s\u3400-\u9fff]+|[\u3400-\u9fff]")
_IRREGULAR = {"can't": "can not", "won't": "will not", "shan't": "shall not"}
_PROPER = re.compile(r"(?<=[\w,] )[A-ZÀ-ÖØ-Þ][A-Za-zÀ-ÖØ-öø-ÿ]+")
_NUMBER_NAMES = """
two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
twenty
"""
_NUMBER_WORDS = {name: str(number) for number, name in enumerate(_NUMBER_NAMES.split(), 2)}  # "one" is a pronoun too
_NUMBER_WORDS |= {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100"}
_NEGATION_WORDS = "no not never none nothing nobody nor neither without cannot unable nowhere"
_NEGATIONS = frozenset(_NEGATION_WORDS.split()) | frozenset("不没無无未别勿")
_DECISIVE_WORDS = """
before after until since above below under over more less most least always only except unless both free
monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october
november december day days week weeks month months year years hour hours minute minutes cm mm kg g litre litres km
percent euro euros dollar dollars
"""
_DECISIVE = frozenset(_DECISIVE_WORDS.split())
"""Words that turn a sentence round or say of what there are so many; two clauses that differ in one differ."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of an answer between two stops: text[start:end], its words, and its guard.

    Two clauses say the same only if their guards are equal: the same figures with what they count, the same number of
    negations, the same proper names.
    """

    start: int
    end: int
    words: tuple[str, ...]
    guard: tuple[str, ...]


def clauses(text: str) -> Iterator[Clause]:
    """Yield the clauses of a text in order; those without a word are left out."""
    start = 0
    for stop in [*_END.finditer(text), None]:
        end = stop.start() if stop else len(text)
        part = text[start:end]
        if part.strip():
            words = words_of(part)
            if words:
                yield Clause(start, end, words, guard_of(part, words))
        start = stop.end() if stop else end


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text, folded, contractions written out, number words as figures, CJK one by one."""
    lower = text.lower().replace("’", "'")
    if "'" in lower:
        lower = _CONTRACTED.sub(_written_out, lower)
    pattern = _ASCII_WORD if lower.isascii() else _MIXED_WORD if _HAS_CJK.search(lower) else _WORD
    return tuple([_NUMBER_WORDS.get(word, word) for word in pattern.findall(lower)])


def guard_of(text: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return what may not differ: figures, decisive words, negations, and proper names after the first word."""
    fixed = [word for word in words if is_figure(word) or word in _DECISIVE or is_negation(word)]
    proper = [name.lower() for name in _PROPER.findall(text.lstrip(" \"'(["), 1)] if not text.isupper() else []
    return tuple(sorted(_negated(fixed) + proper))


def placed_words(text: str) -> list[tuple[str, int, int]]:
    """Return the words of a text, each with where the run of letters that holds it begins and ends."""
    return [(word, run.start(), run.end()) for run in _RUN.finditer(text) for word in words_of(run[0])]


def is_figure(word: str) -> bool:
    """True for a number in figures."""
    return word[-1].isdigit()


def is_negation(word: str) -> bool:
    """True for a word that denies."""
    return word in _NEGATIONS


def _negated(fixed: list[str]) -> list[str]:
    """ "nothing" and "not … anything" deny alike: every negation counts as one and the same."""
    return ["not" if is_negation(word) else word for word in fixed]


def _written_out(match: re.Match[str]) -> str:
    if match[1]:
        return _IRREGULAR[match[1]]
    return _FULL[match[2]] if match[2] else " not"
