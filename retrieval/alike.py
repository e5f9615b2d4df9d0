"""Which of many short word sequences are nearly the same: an inverted index over each one's rarest pairs of words.

Two sequences are alike when they share `likeness` of their words in the same order (Dice: 2 · common / (length +
length)). However the changed words fall, such sequences share a pair of neighbours among the rarest of each (prefix
filtering, Chaudhuri, Ganti and Kaushik, ICDE 2006), so that only sequences which meet there are compared: near to
linear, not every one with every other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import chain, pairwise
from math import ceil

Words = tuple[str, ...]
SHORTEST = 5
"""Words of the shortest sequence that is compared; a word changed in fewer changes what is said."""

COMMON = 300
"""A pair of neighbours that more rows have tells nothing ("we are"). In 43,760 answers of tweets (59,546 distinct
clauses) about as many runs are found as without this bound, in half the time: 33 against 76 s of CPU, 28 where nothing
else runs (2 cores, 2026-11)."""


def near_pairs(
    rows: Sequence[Words], likeness: float, same: Callable[[int, int], bool] = lambda _, __: True
) -> list[tuple[int, int]]:
    """Return all pairs (i, j), i < j, of rows that are alike and for which `same(i, j)` holds, in order.

    rows: distinct. `same` is asked only about pairs that share enough words, before their order is compared.
    """
    found = [
        (min(i, j), max(i, j))
        for i, j in _candidates(rows, likeness)
        if same(i, j) and share(rows[i], rows[j]) >= likeness
    ]
    return sorted(found)


def share(left: Words, right: Words) -> float:
    """Return how much of two sequences is common and in the same order, in [0, 1]."""
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    return 2 * sum(block.size for block in matcher.get_matching_blocks()) / (len(left) + len(right))


def neighbours(rows: Sequence[Words]) -> tuple[list[set[tuple[str, str]]], Counter[tuple[str, str]]]:
    """Return the pairs of neighbouring words of each row, and in how many rows each stands."""
    pairs = [set(pairwise(row)) for row in rows]
    return pairs, Counter(pair for row in pairs for pair in row)


def rarest(pairs: set[tuple[str, str]], counts: Counter[tuple[str, str]], number: int) -> list[tuple[str, str]]:
    """Return this many of the pairs, those of fewest rows first."""
    return sorted(pairs, key=lambda pair: (counts[pair], pair))[:number]


def _candidates(rows: Sequence[Words], likeness: float) -> Iterator[tuple[int, int]]:
    """Yield pairs whose words, in whatever order, are common enough.

    Rows of s ≤ t words that share L in order share at least L - (s + t - 2L) - 1 pairs of neighbours, as each other
    word parts two of them: at least (s + t) (3/2 likeness - 1) - 1. A row looks with so many of its rarest pairs, among
    so many of the shorter rows' rarest, that one of those must be met; and with one more each, two, where both are
    long. Nobody is met by a COMMON pair.
    """
    pairs, counts = neighbours(rows)
    words = [frozenset(row) for row in rows]
    twice = [len(row) - len(distinct) for row, distinct in zip(rows, words, strict=True)]
    kept = max(0.0, 1.5 * likeness - 1)
    shortest = likeness / (2 - likeness)
    long = ceil(3 / (2 * kept) - 1e-9) if kept else max(map(len, rows), default=0) + 1
    index: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number in sorted((n for n, row in enumerate(rows) if len(row) >= SHORTEST), key=lambda n: (len(rows[n]), n)):
        size = len(rows[number])
        more = 2 if size >= long else 1
        looked = rarest(pairs[number], counts, int(size * (1 - kept * (1 + shortest)) + 1e-9) + more)
        shared = [pair for pair in looked if 1 < counts[pair] <= COMMON]
        met = Counter(chain.from_iterable([index[pair] for pair in shared]))
        for pair in looked[: int(size * (1 - 2 * kept) + 1e-9) + more]:
            index[pair].append(number)
        for other, times in met.items():
            if times == 1 and len(rows[other]) >= long:
                continue
            most = len(words[number] & words[other]) + min(twice[number], twice[other])
            if 2 * most >= likeness * (size + len(rows[other])) - 1e-9:
                yield other, number
