"""Answers to labels: which clauses many customers were told, numbered by what they say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from math import ceil

import numpy as np

from retrieval.alike import near_pairs, neighbours, rarest
from retrieval.clauses import clauses, guard_of, is_negation, placed_words
from retrieval.clusters import star_leaders
from retrieval.rules import TRUE_ONCE, why_no_card

LIKENESS = 0.8
"""How alike two clauses are that say the same: of ten words two may differ."""

INSIDE = 0.85
"""How much of a clause a longer one must hold, in one stretch, to say it too."""

LEAST_INSIDE = 6
"""Words of the shortest clause looked for inside others."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is searched for repeats, and the number of the customer it was given to."""

    customer: int
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Where an answer says what `label` stands for: text[start:end], in its clause number `position`.

    `exact` is false if that is only a part of the clause.
    """

    label: int
    position: int
    start: int
    end: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Marked:
    """The marks of each answer, in order; where each clause begins and ends; and for each label a clause saying it."""

    marks: list[list[Mark]]
    spans: list[list[tuple[int, int]]]
    samples: dict[int, str]


class Marking:
    """The distinct clauses of all answers: their words, a text, who was told; and which say the same."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        numbers: dict[tuple[str, ...], int] = {}
        self._texts: list[str] = []
        self._told: list[set[int]] = []
        self._said: list[list[int]] = []
        self.spans: list[list[tuple[int, int]]] = []
        for answer in answers:
            said, spans = [], []
            for part in clauses(answer.text):
                number = numbers.setdefault(part.words, len(numbers))
                if number == len(self._texts):
                    self._texts.append(answer.text[part.start : part.end])
                    self._told.append(set())
                self._told[number].add(answer.customer)
                said.append(number)
                spans.append((part.start, part.end))
            self._said.append(said)
            self.spans.append(spans)
        self._rows = list(numbers)
        self._guards: dict[int, tuple[str, ...]] = {}
        self._bags: dict[int, frozenset[str]] = {}

    def marked(self, customers: int) -> Marked:
        """Label every clause that this many customers were told and that is not true only once."""
        leaders = self._leaders
        told: dict[int, set[int]] = defaultdict(set)
        for number, leader in enumerate(leaders):
            told[leader] |= self._told[number]
        inside = self._inside(leaders, {leader: len(people) for leader, people in told.items()}, customers)
        for number, (leader, _, _) in inside.items():
            told[leader] |= self._told[number]
        often = {leader for leader, people in told.items() if len(people) >= customers}
        where: dict[int, tuple[int, int, int, bool]] = {}
        for number, leader in enumerate(leaders):
            text = self._texts[number]
            start, end, exact = 0, len(text), True
            if leader not in often and number in inside:
                leader, start, end = inside[number]
                exact = False
            if leader in often and why_no_card(text[start:end]) not in TRUE_ONCE:
                where[number] = (leader, start, end, exact)
        marks = [list(self._row(answer, where)) for answer in range(len(self._said))]
        return Marked(marks, self.spans, {leader: self._texts[leader] for leader in often})

    def _row(self, answer: int, where: dict[int, tuple[int, int, int, bool]]) -> Iterator[Mark]:
        for position, number in enumerate(self._said[answer]):
            if number in where:
                label, start, end, exact = where[number]
                first = self.spans[answer][position][0]
                yield Mark(label, position, first + start, first + end, exact)

    @cached_property
    def _leaders(self) -> list[int]:
        """Join clauses that say the same; each has the number of the one that leads its group."""
        pairs = near_pairs(self._rows, LIKENESS, lambda left, right: self._guard(left) == self._guard(right))
        weights = np.array([len(people) for people in self._told], dtype=np.int64)
        found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        return [int(leader) for leader in star_leaders(len(self._rows), found, weights)]

    def _guard(self, number: int) -> tuple[str, ...]:
        if number not in self._guards:
            self._guards[number] = guard_of(self._texts[number], self._rows[number])
        return self._guards[number]

    def _distinct(self, number: int) -> frozenset[str]:
        if number not in self._bags:
            self._bags[number] = frozenset(self._rows[number])
        return self._bags[number]

    def _inside(self, leaders: Sequence[int], told: dict[int, int], customers: int) -> dict[int, tuple[int, int, int]]:
        """Find clauses that hold another one whole, wrapped in words of their own: number → (leader, start, end).

        Looked for are clauses that more than half as many customers as needed were told; looked into, those that are
        not told often themselves.
        """
        pairs, counts = neighbours(self._rows)
        sought: dict[tuple[str, str], list[int]] = defaultdict(list)
        for leader, people in told.items():
            size = len(self._rows[leader])
            if 2 * people > customers and size >= LEAST_INSIDE:
                for pair in rarest(pairs[leader], counts, 2 * (size - ceil(INSIDE * size)) + 4):
                    sought[pair].append(leader)
        found: dict[int, tuple[int, int, int]] = {}
        for number, mine in enumerate(pairs):
            if told[leaders[number]] >= customers:
                continue
            met = Counter(leader for pair in mine if pair in sought for leader in sought[pair])
            near = sorted(leader for leader, pairs_met in met.items() if pairs_met > 1 and leader != leaders[number])
            best = max((held for leader in near if (held := self._held(leader, number))), default=None)
            if best is not None:
                found[number] = best[1:]
        return found

    def _held(self, leader: int, number: int) -> tuple[float, int, int, int] | None:
        """Return how much of the leader stands in this clause, the leader, and where; None if it is not said there."""
        part, row = self._rows[leader], self._rows[number]
        words = self._distinct(leader)
        if len(row) <= len(part) or len(words.intersection(row)) < (INSIDE - 0.1) * len(words):
            return None
        blocks = SequenceMatcher(None, part, row, autojunk=False).get_matching_blocks()[:-1]
        size = sum(block.size for block in blocks)
        first, last = blocks[0].b, blocks[-1].b + blocks[-1].size
        if size < INSIDE * len(part) or last - first > len(part) + 2:
            return None
        if any(is_negation(word) for word in (*row[:first], *row[last:])):
            return None  # "it is not true that …"
        placed = placed_words(self._texts[number])
        if len(placed) != len(row):
            return None
        start, end = placed[first][1], placed[last - 1][2]
        if guard_of(self._texts[number][start:end], row[first:last]) != self._guard(leader):
            return None
        return size / len(part), leader, start, end
