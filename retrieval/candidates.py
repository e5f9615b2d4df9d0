"""Exchanges to candidates for cards: whole answers, and what agents repeat inside them, with what was asked before."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from retrieval.articles import Piece, sentences, word_count
from retrieval.cleaning import CJK
from retrieval.exchanges import SHORT_QUESTION_WORDS, Exchange
from retrieval.marks import Answer
from retrieval.repeats import Repeat, find_repeats
from retrieval.rules import card_text, is_filler, why_no_card
from retrieval.settings import Settings
from retrieval.vectors import text_hash

LEAST_REPEATED = 3
"""Customers that must have been given a run for agents to see it as a card, where fewer than k were."""

MOSTLY = 0.5
"""Share of an answer's words, pleasantries not counted, that makes it no more than its repeats in their wrapping."""

MOST_ASKED = 12
"""Sentences of one message that are looked at for the question; a letter has its question near its end."""

_PLAIN = re.compile(r"[^\w]+")
_BETWEEN_CJK = re.compile(rf"(?<={CJK.pattern})\s+(?={CJK.pattern})")


@dataclass(frozen=True, slots=True)
class Asked:
    """An exchange that led to an answer: the texts that may have been its question, and whether all of it was given."""

    exchange: Exchange
    texts: tuple[str, ...]
    gave: bool = True


@dataclass(frozen=True, slots=True)
class Candidate:
    """A distinct answer that may become a card, the keys of its wordings, and the exchanges that led to it.

    `repeated` says that it was taken out of longer answers.
    """

    text: str
    keys: tuple[bytes, ...]
    language: str
    asked: tuple[Asked, ...]
    repeated: bool = False

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The exchanges that gave it whole."""
        return tuple(asked.exchange for asked in self.asked if asked.gave)


@dataclass(frozen=True, slots=True)
class Sorted:
    """The exchanges of a corpus: those whose answers may be cards, grouped by answer, and those for agents only."""

    candidates: tuple[Candidate, ...]
    internal: tuple[Exchange, ...]


def answer_key(text: str) -> bytes:
    """Return what two answers share that differ only in case, punctuation and spaces."""
    plain = _BETWEEN_CJK.sub("", _PLAIN.sub(" ", text.casefold()).strip())
    return hashlib.sha256(plain.encode()).digest()[:16]


def sort_exchanges(exchanges: Iterable[Exchange], customers: int, approved: Collection[bytes] = frozenset()) -> Sorted:
    """Take out what was repeated to this many customers, apply the rules, and join equal answers.

    An answer that is mostly such repeats is no candidate of its own, unless an agent approved it. Candidates come in
    the order in which they were first given, repeats before whole answers.
    """
    everything = list(exchanges)
    repeated, covered = _repeated(everything, customers)
    taken = {(candidate.language, key) for candidate in repeated for key in candidate.keys}
    grouped: dict[tuple[str, bytes], list[Exchange]] = defaultdict(list)
    texts: dict[tuple[str, bytes], str] = {}
    internal: list[Exchange] = []
    for exchange in everything:
        text = card_text(exchange.answer)
        if why_no_card(text, whole=exchange.whole) is not None:
            internal.append(exchange)
            continue
        key = (exchange.language, answer_key(text))
        if key in taken or (covered.get(exchange.id, 0.0) >= MOSTLY and key[1] not in approved):
            continue
        texts.setdefault(key, text)
        grouped[key].append(exchange)
    whole = [
        Candidate(texts[key], (key[1],), key[0], tuple(Asked(e, (e.leading_text,)) for e in group))
        for key, group in grouped.items()
    ]
    return Sorted((*repeated, *whole), tuple(internal))


def _repeated(exchanges: Sequence[Exchange], customers: int) -> tuple[list[Candidate], dict[int, float]]:
    """Return a candidate for each repeat, and for each exchange which share of its answer's words they take up."""
    by_language: dict[str, list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        if exchange.whole:
            by_language[exchange.language].append(exchange)
    candidates: dict[tuple[str, bytes], Candidate] = {}
    covered: dict[int, float] = defaultdict(float)
    for language in sorted(by_language):
        group = by_language[language]
        answers = [Answer(exchange.customer_id, exchange.answer) for exchange in group]
        for repeat in find_repeats(answers, customers, min(customers, LEAST_REPEATED)):
            candidate = _candidate(repeat, language, group)
            same = candidates.get((language, candidate.keys[0]))
            candidates[language, candidate.keys[0]] = _joined(same, candidate) if same else candidate
            for use in (*repeat.uses, *repeat.parts):
                said = group[use.answer].answer
                share = word_count(said[use.start : use.end]) / max(1, word_count(_telling(said)))
                covered[group[use.answer].id] += share
    return list(candidates.values()), covered


def _candidate(repeat: Repeat, language: str, group: Sequence[Exchange]) -> Candidate:
    asked: dict[int, Asked] = {}
    for use in repeat.uses:
        exchange = group[use.answer]
        asked.setdefault(exchange.id, Asked(exchange, questions(exchange)))
    for use in repeat.parts:
        exchange = group[use.answer]
        asked.setdefault(exchange.id, Asked(exchange, questions(exchange), gave=False))
    keys = dict.fromkeys(answer_key(text) for text in (repeat.text, *repeat.wordings))
    return Candidate(repeat.text, tuple(keys), language, tuple(asked[n] for n in sorted(asked)), repeated=True)


def _joined(first: Candidate, second: Candidate) -> Candidate:
    asked = {asked.exchange.id: asked for asked in (*second.asked, *first.asked)}
    keys = tuple(dict.fromkeys((*first.keys, *second.keys)))
    return replace(first, keys=keys, asked=tuple(asked[number] for number in sorted(asked)))


def _telling(answer: str) -> str:
    """An answer without its greeting and its pleasantries."""
    return " ".join(sentence for sentence in sentences(card_text(answer)) if not is_filler(sentence))


def questions(exchange: Exchange) -> tuple[str, ...]:
    """Return what of an exchange may be the question: its sentences, a very short one with what precedes it."""
    said = [sentence for sentence in sentences(exchange.question) if any(letter.isalpha() for letter in sentence)]
    telling = [n for n, sentence in enumerate(said) if not is_filler(sentence)][-MOST_ASKED:]
    if len(telling) < 2 or CJK.search(exchange.question):  # a Chinese message is short, and no vector could choose
        return (exchange.leading_text,)
    texts = (_with_lead(said, n, exchange) for n in telling)
    return tuple(dict.fromkeys(texts))


def _with_lead(said: Sequence[str], number: int, exchange: Exchange) -> str:
    sentence = said[number]
    if len(sentence.split()) >= SHORT_QUESTION_WORDS:
        return sentence
    before = said[number - 1] if number else exchange.before
    return f"{before} {sentence}".strip()


def article_text(piece: Piece) -> str:
    """Return the text a piece is embedded by."""
    return f"{piece.place}: {piece.text}"


def texts_to_embed(found: Sorted, pieces: Iterable[tuple[str, Piece, str]], settings: Settings) -> dict[bytes, str]:
    """Return every text that needs a vector, by hash: questions, candidate answers, pieces."""
    texts: dict[bytes, str] = {}

    def add(text: str, language: str) -> None:
        if language not in settings.words_only_languages:
            texts[text_hash(text)] = text

    for candidate in found.candidates:
        add(candidate.text, candidate.language)
        for asked in candidate.asked:
            for text in asked.texts:
                add(text, candidate.language)
    for exchange in found.internal:
        add(exchange.leading_text, exchange.language)
    for _, piece, language in pieces:
        add(article_text(piece), language)
    return texts
