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
from itertools import pairwise

Words = tuple[str, ...]
SHORTEST = 3
"""Words of the shortest sequence that is compared; below, a changed word changes all."""


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

    A row of n words that is matched whole by one with as many words more as likeness allows, each between two of its
    own, keeps n - 1 - n · 2 (1 - likeness) / likeness pairs of neighbours: one of the others must be met.
    """
    pairs, counts = neighbours(rows)
    apart = 2 * (1 - likeness) / likeness
    words = [frozenset(row) for row in rows]
    twice = [len(row) - len(distinct) for row, distinct in zip(rows, words, strict=True)]
    index: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number in sorted((n for n, row in enumerate(rows) if len(row) >= SHORTEST), key=lambda n: (len(rows[n]), n)):
        size = len(rows[number])
        met: set[int] = set()
        for pair in rarest(pairs[number], counts, int(size * apart) + 1):
            if counts[pair] > 1:
                met.update(index[pair])
                index[pair].append(number)
        for other in met:
            most = len(words[number] & words[other]) + min(twice[number], twice[other])
            if 2 * most >= likeness * (size + len(rows[other])) - 1e-9:
                yield other, number
