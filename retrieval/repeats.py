"""What agents say again and again: runs of clauses that recur, nearly word for word, in answers to many customers.

Agents wrap a saved reply into greetings, sign-offs and a sentence for this one customer. The wrapping differs each
time, the reply hardly: so answers are compared clause by clause, and the longest runs that enough customers were given
are taken out of them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from retrieval.alike import share
from retrieval.clauses import words_of
from retrieval.marks import Answer, Marked, Marking
from retrieval.rules import TRUE_ONCE, is_filler, leans_back, why_no_card

MAX_CLAUSES = 12
"""Longest run looked for."""

SAME_HEAD = 0.5
"""How alike the clauses before a run are that make it the tail of something longer."""

_OPENING = "\"'(“‘ "
_STOP = re.compile(r"[.!?…。！？][\"')”’]*$")


@dataclass(frozen=True, slots=True)
class Use:
    """A run in one answer: answers[answer].text[start:end]."""

    answer: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Repeat:
    """A run in its central wording, all its wordings, where it was given, and where no more than a part of it was."""

    text: str
    wordings: tuple[str, ...]
    uses: tuple[Use, ...]
    parts: tuple[Use, ...]


Run = tuple[int, ...]
"""Labels in a row."""
Place = tuple[int, int]
"""An answer, and the number of the mark in it where a run begins."""


def find_repeats(answers: Sequence[Answer], customers: int, least: int | None = None) -> list[Repeat]:
    """Return the runs given to at least this many distinct customers, longest first; then, of what is left, those given
    to at least `least`.

    A clause that states an act done, a promise or one customer's facts is in no run. A run neither begins nor ends with
    pleasantries, begins with nothing that points back ("It …", "Then …"), is not the tail of something longer that most
    of its customers were told, and passes the rules for cards as a whole. One clause between two of a run may be left
    out. Each stretch of an answer belongs to one run at most, and no word of a card was said to one customer alone.
    """
    needed = [customers] if least is None or least >= customers else [customers, least]
    if len({answer.customer for answer in answers}) < max(2, needed[-1]):
        return []
    marking = Marking(answers)
    found: list[Repeat] = []
    for number in needed:
        found += _Runs(answers, marking.marked(number), max(2, number), found).chosen()
    return found


class _Runs:
    """The runs of labels that enough customers were given, and the choice among them."""

    def __init__(self, answers: Sequence[Answer], marked: Marked, customers: int, before: Sequence[Repeat]) -> None:
        self._answers = answers
        self._marks = marked.marks
        self._spans = marked.spans
        self._needed = customers
        gone: dict[int, list[Use]] = defaultdict(list)
        for use in (use for repeat in before for use in (*repeat.uses, *repeat.parts)):
            gone[use.answer].append(use)
        self._taken = [
            [any(found.start < use.end and use.start < found.end for use in gone.get(answer, ())) for found in row]
            for answer, row in enumerate(marked.marks)
        ]
        self._begins = {label: not (is_filler(text) or leans_back(text)) for label, text in marked.samples.items()}
        self._ends = {
            label: not (is_filler(text) or text.rstrip().endswith(":")) for label, text in marked.samples.items()
        }

    def chosen(self) -> list[Repeat]:
        """Take the longest runs first; a shorter one needs enough customers of its own."""
        taken: list[tuple[Run, list[Place], str, tuple[str, ...]]] = []
        for run, places in [found for level in reversed(list(self._levels())) for found in level]:
            if not (self._begins[run[0]] and self._ends[run[-1]]):
                continue
            given = [place for place in places if self._stands_alone(place, len(run))]
            if self._count(given) < self._needed or self._is_tail(given):
                continue
            worded = self._worded(given, len(run))
            if not worded:
                continue
            taken.append((run, given, self._central(worded, len(run)), tuple(dict.fromkeys(worded.values()))))
            for answer, first in given:
                self._taken[answer][first : first + len(run)] = [True] * len(run)
        parts = self._parts([run for run, *_ in taken])
        return [
            Repeat(text, wordings, tuple(self._use(place, len(run)) for place in given), tuple(parts[run]))
            for run, given, text, wordings in taken
        ]

    def _levels(self) -> Iterator[list[tuple[Run, list[Place]]]]:
        """Yield the runs of one clause, of two, and so on, most given first, each with all its places."""
        level: dict[Run, list[Place]] = defaultdict(list)
        for answer, row in enumerate(self._marks):
            for number, found in enumerate(row):
                level[(found.label,)].append((answer, number))
        length = 1
        while level:
            level = {run: places for run, places in level.items() if self._count(places) >= self._needed}
            yield sorted(level.items(), key=lambda found: (-self._count(found[1]), found[1][0]))
            if length == MAX_CLAUSES:
                return
            longer: dict[Run, list[Place]] = defaultdict(list)
            for run, places in level.items():
                for answer, first in places:
                    label = self._next_label(answer, first + length)
                    if label is not None and (*run[1:], label) in level:
                        longer[(*run, label)].append((answer, first))
            level, length = longer, length + 1

    def _next_label(self, answer: int, number: int) -> int | None:
        """The label of this mark, if it follows on the one before it with no more than one clause between."""
        row = self._marks[answer]
        if number >= len(row) or row[number].position - row[number - 1].position > 2:
            return None
        return row[number].label

    def _stands_alone(self, place: Place, length: int) -> bool:
        """True if nothing of the stretch is taken, and it does not go on after a stretch that is."""
        answer, first = place
        row, taken = self._marks[answer], self._taken[answer]
        follows = first > 0 and taken[first - 1] and row[first].position - row[first - 1].position == 1
        return not follows and not any(taken[first : first + length])

    def _is_tail(self, places: Sequence[Place]) -> bool:
        """True if more than half of the customers were told nearly the same just before, which is not in the run."""
        heads = {place: words_of(head) for place in places if (head := self._head(place))}

        def like(words: tuple[str, ...]) -> list[Place]:
            return [place for place, other in heads.items() if share(words, other) >= SAME_HEAD]

        return any(2 * self._count(like(words)) > self._count(places) for words in set(heads.values()))

    def _head(self, place: Place) -> str:
        """The clause before a run that it may belong to; "" if there is none, or one that no card could begin with.

        What ends in a colon leads on, whatever it is.
        """
        answer, first = place
        mark = self._marks[answer][first]
        if not mark.exact or mark.position == 0:
            return ""
        start, end = self._spans[answer][mark.position - 1]
        head = self._answers[answer].text[start:end].strip()
        if head.endswith(":"):
            return head
        alone = len(head.split()) < 3 or is_filler(head) or leans_back(head) or why_no_card(head) in TRUE_ONCE
        return "" if alone else head

    def _worded(self, places: Sequence[Place], length: int) -> dict[Place, str]:
        """The wording at each place that says all clauses and nothing between them, where the rules let a card say it.

        A word that only one customer was told may be about that customer: such a wording is not taken.
        """
        worded = {place: as_said(self._text(place, length)) for place in places if self._unbroken(place, length)}
        told: dict[str, set[int]] = defaultdict(set)
        for place in places:
            for word in words_of(self._text(place, length)):
                told[word].add(self._answers[place[0]].customer)
        allowed = {
            text
            for text in set(worded.values())
            if why_no_card(text) is None and all(len(told[word]) > 1 for word in words_of(text))
        }
        return {place: text for place, text in worded.items() if text in allowed}

    def _unbroken(self, place: Place, length: int) -> bool:
        answer, first = place
        row = self._marks[answer][first : first + length]
        whole = all(found.exact for found in row) or length == 1
        return whole and row[-1].position - row[0].position == length - 1

    def _central(self, worded: Mapping[Place, str], length: int) -> str:
        """The wording that most customers were given, whole sentences first; of equals the one most like all others."""
        given: dict[str, set[int]] = defaultdict(set)
        clean: Counter[str] = Counter()
        for place, text in worded.items():
            given[text].add(self._answers[place[0]].customer)
            clean[text] += self._whole_sentences(place, length)
        words = {text: words_of(text) for text in given}

        def rank(text: str) -> tuple[bool, int, float]:
            likeness = sum(len(given[other]) * share(words[text], words[other]) for other in given)
            return clean[text] > 0, len(given[text]), round(likeness, 6)

        return max(given, key=rank)

    def _whole_sentences(self, place: Place, length: int) -> bool:
        use = self._use(place, length)
        text = self._answers[use.answer].text
        before = text[: use.start].rstrip()
        return (not before or _STOP.search(before) is not None) and _STOP.search(text[use.start : use.end]) is not None

    def _parts(self, runs: Sequence[Run]) -> Mapping[Run, list[Use]]:
        """Where at least half of a run was given, and nothing longer: the questions there lead to it too."""
        homes: dict[Run, Run] = {}
        for run in runs:
            for length in range((len(run) + 1) // 2, len(run) + 1):
                for first in range(len(run) - length + 1):
                    homes.setdefault(run[first : first + length], run)
        found: dict[Run, list[Use]] = defaultdict(list)
        for answer in range(len(self._marks)):
            for first, stretch in self._left(answer):
                if stretch in homes:
                    found[homes[stretch]].append(self._use((answer, first), len(stretch)))
        return found

    def _left(self, answer: int) -> Iterator[tuple[int, Run]]:
        """The stretches of an answer's marks that no run has taken."""
        row = self._marks[answer]
        first = 0
        for number in range(len(row) + 1):
            ends = number == len(row) or self._taken[answer][number]
            if number > first and (ends or self._next_label(answer, number) is None):
                yield first, tuple(found.label for found in row[first:number])
                first = number
            if ends:
                first = number + 1

    def _count(self, places: Sequence[Place]) -> int:
        return len({self._answers[answer].customer for answer, _ in places})

    def _text(self, place: Place, length: int) -> str:
        use = self._use(place, length)
        return self._answers[use.answer].text[use.start : use.end]

    def _use(self, place: Place, length: int) -> Use:
        answer, first = place
        row = self._marks[answer]
        return Use(answer, row[first].start, row[first + length - 1].end)


def as_said(text: str) -> str:
    """Return a stretch of an answer as sentences of its own: begun with a capital, ended with a stop."""
    plain = " ".join(text.split())
    if plain.count("(") != plain.count(")") or plain.count('"') % 2:
        plain = plain.strip(_OPENING + ")”’")
    plain = plain.rstrip(",;: ")
    if not plain:
        return plain
    stop = "" if _STOP.search(plain) or not plain[-1].isalnum() else "。" if plain[-1] > "\u3000" else "."
    return plain[:1].upper() + plain[1:] + stop
