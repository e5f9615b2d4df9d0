"""Candidates and articles to passages: which answers are one card, whom it served, which questions lead to it.

Everything here is a function of the corpus, the vectors and the settings: deriving twice gives the same passages.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.articles import Piece
from retrieval.candidates import Asked, Candidate, article_text
from retrieval.clusters import paraphrases
from retrieval.encoder import Embeddings
from retrieval.exchanges import Exchange
from retrieval.passages import Draft
from retrieval.settings import Settings
from retrieval.types import PassageKind
from retrieval.vectors import text_hash
from retrieval.verdicts import Verdicts, latest

ASKED_BY_WORDS = 20
"""Questions of one card that BM25 searches; more would drown its answer's own words."""

ASKING = 0.1
"""What a question mark counts for, in cosine, where one sentence of a message is to be its question."""

Vectors = Callable[[Sequence[bytes]], Embeddings]
"""Hashes of texts to their unit vectors."""

_FIGURES = re.compile(r"\d+(?:[.,:]\d+)*|https?://\S+")
_NEGATION = re.compile(r"\b(?:no|not|never|none|cannot|without|unable|\w+n['’]t)\b|不|没|无法|未", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Question:
    """What a customer asked before an answer, in the words that fit the answer best."""

    text: str
    exchange: Exchange


def article_drafts(pieces: Iterable[tuple[str, Piece, str]], settings: Settings) -> list[Draft]:
    """Return a passage for each piece of an article; customers see them all."""
    drafts: dict[bytes, Draft] = {}
    for source, piece, language in pieces:
        key = _key("article", source, piece.title, piece.heading, piece.text)
        drafts[key] = Draft(
            key=key,
            kind=PassageKind.ARTICLE,
            question=piece.place,
            text=piece.text,
            title=piece.title,
            source=source,
            language=language,
            customers=0,
            trusted=False,
            approved=False,
            public=True,
            routes=_routes([article_text(piece)], language, settings),
            asked=(piece.place,),
            exchanges=(),
        )
    return list(drafts.values())


def exchange_drafts(internal: Iterable[Exchange], settings: Settings) -> list[Draft]:
    """Return a passage for agents only for each exchange whose answer is no card."""
    return [
        Draft(
            key=_key("exchange", str(e.id), e.question, e.answer),
            kind=PassageKind.EXCHANGE,
            question=e.leading_text,
            text=e.answer,
            title=e.source,
            source=e.source,
            language=e.language,
            customers=1,
            trusted=e.trusted,
            approved=False,
            public=False,
            routes=_routes([e.leading_text], e.language, settings),
            asked=(e.leading_text,),
            exchanges=(e.id,),
        )
        for e in internal
    ]


def card_drafts(
    candidates: Sequence[Candidate], vectors: Vectors, verdicts: Verdicts, settings: Settings
) -> list[Draft]:
    """Return one card for each cluster of answers that say the same; customers see those that qualify."""
    return [_card(group, vectors, verdicts, settings) for group in _clusters(candidates, vectors, settings)]


def _card(group: list[Candidate], vectors: Vectors, verdicts: Verdicts, settings: Settings) -> Draft:
    """The card of a group that begins with the answer that speaks for it."""
    lead = group[0]
    keys = tuple(dict.fromkeys(key for candidate in group for key in candidate.keys))
    verdict = latest(verdicts, keys)
    approved = verdict is not None and not verdict[1].withdrawn
    given = {e.id: e for candidate in group for e in candidate.exchanges}
    exchanges = [given[number] for number in sorted(given)]
    customers = len({e.customer_id for e in exchanges})
    trusted = any(e.trusted for e in exchanges)
    asked = _most_central_first(_questions(group, vectors, settings), lead.language, vectors, settings)
    times = sorted(e.at for e in exchanges if e.at)
    return Draft(
        key=_key("card", lead.language, (verdict[0] if approved and verdict else lead.keys[0]).hex()),
        kind=PassageKind.CARD,
        question=asked[0].text,
        text=verdict[1].text if approved and verdict else lead.text,
        title=settings.card_title,
        source=exchanges[0].source,
        language=lead.language,
        customers=customers,
        trusted=trusted,
        approved=approved,
        public=approved or (verdict is None and (trusted or customers >= settings.min_customers)),
        routes=_routes([question.text for question in asked], lead.language, settings),
        asked=tuple(dict.fromkeys(question.text for question in asked))[:ASKED_BY_WORDS],
        exchanges=tuple(given),
        wordings=keys,
        first_at=times[0] if times else None,
        last_at=times[-1] if times else None,
    )


def _questions(group: Sequence[Candidate], vectors: Vectors, settings: Settings) -> list[Question]:
    """What was asked before each answer; of a message that asks more than one thing the sentence nearest the answer."""
    found: dict[int, Question] = {}
    for candidate in group:
        several = [asked for asked in candidate.asked if len(asked.texts) > 1]
        read = bool(several) and candidate.language not in settings.words_only_languages
        answer = vectors([text_hash(candidate.text)])[0] if read else None
        for asked in candidate.asked:
            text = asked.texts[0] if answer is None else _nearest(asked, answer, vectors)
            found.setdefault(asked.exchange.id, Question(text, asked.exchange))
    return [found[number] for number in sorted(found)]


def _nearest(asked: Asked, answer: Embeddings, vectors: Vectors) -> str:
    if len(asked.texts) == 1:
        return asked.texts[0]
    closeness = vectors([text_hash(text) for text in asked.texts]) @ answer + _asking(asked.texts)
    return asked.texts[int(np.round(closeness, 4).argmax())]


def _most_central_first(asked: list[Question], language: str, vectors: Vectors, settings: Settings) -> list[Question]:
    """Questions ordered by how close they are to the mean of all; ties keep their order."""
    if len(asked) < 3 or language in settings.words_only_languages:
        return asked
    rows = vectors([text_hash(question.text) for question in asked])
    closeness = np.round(rows @ rows.mean(axis=0) + _asking([question.text for question in asked]), 5)
    return [asked[i] for i in np.argsort(-closeness, kind="stable")]


def _asking(texts: Sequence[str]) -> NDArray[np.float64]:
    return np.array([ASKING if text.rstrip().endswith(("?", "？")) else 0.0 for text in texts])


def _clusters(candidates: Sequence[Candidate], vectors: Vectors, settings: Settings) -> list[list[Candidate]]:
    """Groups of answers that say the same, the one that speaks for it first: a repeat where there is one."""
    read = [c for c in candidates if c.language not in settings.words_only_languages]
    unread = [[c] for c in candidates if c.language in settings.words_only_languages]
    if not read:
        return unread
    rows = vectors([text_hash(c.text) for c in read])
    weights = np.array([len(c.exchanges) for c in read])
    labels = paraphrases(rows, weights, [_guard(c.text) for c in read], settings.paraphrase_cosine)
    groups: dict[int, list[int]] = defaultdict(list)
    for number, label in enumerate(labels):
        groups[int(label)].append(number)

    def rank(number: int) -> tuple[bool, int, bool, int]:
        candidate = read[number]
        given = len(candidate.exchanges) if candidate.repeated else 0
        return not candidate.repeated, -given, number != labels[number], number

    return [[read[number] for number in sorted(groups[label], key=rank)] for label in sorted(groups)] + unread


def _guard(text: str) -> object:
    return tuple(sorted(_FIGURES.findall(text))), len(_NEGATION.findall(text)) % 2


def _routes(texts: Sequence[str], language: str, settings: Settings) -> tuple[bytes, ...]:
    if language in settings.words_only_languages:
        return ()
    return tuple(sorted({text_hash(text) for text in texts}))


def _key(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()[:16]
