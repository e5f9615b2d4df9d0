"""Which cards still stand: a card whose words a later card or an article repeats with another figure does not.

Two passages contradict each other where a clause of one is a clause of the other but for a figure, or but for a "not".
Then the article wins, or the card that was given later; the other is superseded. A rule that changed in words leaves no
such mark. There a card is doubtful if an article tells of its rule as a thing of the past, or if it ceased to be given
just when another answer to the same questions began and no article says what it says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from retrieval.bygone import MUCH, bygones, gone_by, overlap
from retrieval.clauses import clauses, guard_of, is_figure, is_negation
from retrieval.encoder import Embeddings
from retrieval.passages import Draft
from retrieval.settings import Settings
from retrieval.types import PassageKind
from retrieval.verdicts import Verdicts, latest
from retrieval.words import STOP_WORDS, words

SUPERSEDED = " (superseded)"
"""What agents read behind a card's title."""

LEAST_WORDS = 3
"""Words, besides the common ones, of the shortest clause that can contradict another."""

LEAST_CUSTOMERS = 2
"""Customers that must have been given what supersedes a card: one agent may be wrong."""

DOUBT_CUSTOMERS = 3
"""Customers of each of two cards before one makes the other doubtful."""

STRAGGLERS = 0.25
"""Share of an old answer's uses that may come after the new one began: somebody always has last month's rules in mind.
Two answers that were in use together for longer are both in use."""

SAME_QUESTION = 0.65
"""Cosine of the mean questions of two cards that are asked the same."""


@dataclass(frozen=True, slots=True)
class _Said:
    """A clause with a figure or a negation: its telling words, and what it says with them."""

    passage: int
    words: tuple[str, ...]
    fixed: tuple[str, ...]
    figures: tuple[str, ...]
    negations: int


@dataclass(frozen=True, slots=True)
class Uses:
    """When the answers of exchanges were given: ISO 8601 in UTC by exchange, those that nobody dated left out."""

    at: Mapping[int, str]

    def follow(self, old: Draft, new: Draft) -> bool:
        """True if `new` was given last, and hardly ever while `old` was still given, nor `old` since `new` is."""
        if not (old.last_at and new.last_at and old.first_at and new.first_at) or new.last_at <= old.last_at:
            return False
        after = self._share(old, lambda at: at >= str(new.first_at))
        before = self._share(new, lambda at: at <= str(old.last_at))
        return after <= STRAGGLERS and before <= 2 * STRAGGLERS and new.first_at > old.first_at

    def _share(self, card: Draft, holds: Callable[[str], bool]) -> float:
        times = [self.at[number] for number in card.exchanges if number in self.at]
        return sum(holds(at) for at in times) / max(1, len(times))


def judged(
    cards: Sequence[Draft],
    articles: Sequence[Draft],
    uses: Uses,
    vectors: Callable[[Sequence[bytes]], Embeddings],
    verdicts: Verdicts,
    settings: Settings,
) -> list[Draft]:
    """Return the cards in their order, those that do not stand or are doubtful marked.

    Customers do not see a superseded card, unless it was approved in spite of what supersedes it; nor one whose rule an
    article calls past, unless it was approved. A doubt for other reasons is for the operator's eye alone.
    """
    superseded = _superseded(cards, articles, uses)
    past = _past(cards, articles)
    doubts = _doubts(cards, articles, {*superseded, *past}, uses, vectors)
    return [
        _superseded_card(card, superseded[number], verdicts, settings)
        if number in superseded
        else replace(card, doubt=past[number], public=card.approved)
        if number in past
        else replace(card, doubt=doubts.get(number, ""))
        for number, card in enumerate(cards)
    ]


def _superseded_card(card: Draft, by: Draft, verdicts: Verdicts, settings: Settings) -> Draft:
    verdict = latest(verdicts, card.wordings) if card.approved else None
    if verdict is not None and verdict[1].against == by.key:
        return card
    return replace(card, superseded_by=by.key, public=False, title=settings.card_title + SUPERSEDED)


def _superseded(cards: Sequence[Draft], articles: Sequence[Draft], uses: Uses) -> dict[int, Draft]:
    """Return for each card that does not stand what says otherwise: an article, else the card given last."""
    passages = [*cards, *articles]
    rivals: dict[int, set[int]] = defaultdict(set)
    for group in _alike(passages):
        for old, new in product(group, group):
            card, other = passages[old.passage], passages[new.passage]
            if old.passage >= len(cards) or not _contradict(old, new) or not _wins(other, card, uses):
                continue
            if not any(_agree(old, each) and each.passage >= len(cards) for each in group):
                rivals[old.passage].add(new.passage)

    def rank(number: int) -> tuple[bool, str, int]:
        return passages[number].kind is PassageKind.ARTICLE, passages[number].last_at or "", -number

    return {number: passages[max(others, key=rank)] for number, others in rivals.items()}


def _wins(other: Draft, card: Draft, uses: Uses) -> bool:
    if other.kind is PassageKind.ARTICLE:
        return True
    return other.customers >= LEAST_CUSTOMERS and uses.follow(card, other)


def _alike(passages: Sequence[Draft]) -> Iterator[list[_Said]]:
    """Yield clauses that use the same telling words, names and measures, in whatever passages, where they differ."""
    groups: dict[tuple[object, ...], list[_Said]] = defaultdict(list)
    for number, passage in enumerate(passages):
        for said in _said(number, passage):
            groups[passage.language, tuple(sorted(said.words)), said.fixed].append(said)
    for group in groups.values():
        if len({(said.figures, said.negations) for said in group}) > 1:
            yield group


def _said(number: int, passage: Draft) -> Iterator[_Said]:
    for clause in clauses(passage.text):
        text = passage.text[clause.start : clause.end]
        figures = tuple(word for word in clause.words if is_figure(word))
        negations = sum(is_negation(word) for word in clause.words)
        telling = tuple(
            word for word in clause.words if not (is_figure(word) or is_negation(word) or word in STOP_WORDS)
        )
        if len(telling) >= LEAST_WORDS:
            fixed = tuple(word for word in guard_of(text, clause.words) if word != "not" and not is_figure(word))
            yield _Said(number, telling, fixed, figures, negations)


def _contradict(one: _Said, other: _Said) -> bool:
    """True if only a figure differs, or only a negation, and nothing but common words otherwise.

    Where all of several figures differ the clauses speak of two things ("the 18 cm pot costs €12").
    """
    if one.passage == other.passage or len(one.figures) != len(other.figures):
        return False
    differing = sum(a != b for a, b in zip(one.figures, other.figures, strict=True))
    if one.negations != other.negations:
        return differing == 0 and (one.negations - other.negations) % 2 == 1 and one.words == other.words
    return differing > 0 and (differing < len(one.figures) or len(one.figures) == 1) and one.words == other.words


def _agree(one: _Said, other: _Said) -> bool:
    return (one.figures, one.negations) == (other.figures, other.negations)


def _past(cards: Sequence[Draft], articles: Sequence[Draft]) -> dict[int, str]:
    """Return for each card whose rule an article calls past where it says so."""
    today = max((card.last_at for card in cards if card.last_at), default="")[:10]
    known = bygones(articles, today)
    if not known:
        return {}
    found = ((number, gone_by(card, known)) for number, card in enumerate(cards))
    return {number: f"{bygone.source} says: {bygone.sentence}" for number, bygone in found if bygone is not None}


def _doubts(
    cards: Sequence[Draft],
    articles: Sequence[Draft],
    settled: Set[int],
    uses: Uses,
    vectors: Callable[[Sequence[bytes]], Embeddings],
) -> dict[int, str]:
    """Return for each doubtful card what took its place: a later answer to its questions, where no article has it."""
    known = [
        number
        for number, card in enumerate(cards)
        if card.customers >= DOUBT_CUSTOMERS and card.last_at and card.routes and number not in settled
    ]
    if not known:
        return {}
    told = [frozenset(words(f"{article.question} {article.text}")) for article in articles]
    said = {number: frozenset(words(cards[number].text)) for number in known}
    near = _same_question([cards[number] for number in known], vectors)
    doubts: dict[int, str] = {}
    for place, number in enumerate(known):
        if any(len(said[number] & page) >= MUCH * len(said[number]) for page in told):
            continue
        others = [known[other] for other in np.flatnonzero(near[place]) if known[other] != number]
        differ = [cards[other] for other in others if overlap(said[number], said[other]) < MUCH]
        new = [card for card in differ if uses.follow(cards[number], card)]
        if new:
            doubts[number] = _why(cards[number], max(new, key=lambda card: (card.customers, card.last_at or "")))
    return doubts


def _same_question(cards: Sequence[Draft], vectors: Callable[[Sequence[bytes]], Embeddings]) -> NDArray[np.bool_]:
    """Return (N, N): whether the questions of two cards are the same in the mean."""
    means = np.stack([vectors(card.routes).mean(axis=0) for card in cards])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    return np.asarray(np.round(means @ means.T, 4) >= SAME_QUESTION)


def _why(old: Draft, new: Draft) -> str:
    since, until = str(new.first_at)[:10], str(old.last_at)[:10]
    return f"last given {until}; since {since} {new.customers} customers with such questions were told: {new.text}"
