"""Exchanges and articles to passages: which answers are one card, whom it served, which questions lead to it.

Everything here is a function of the corpus, the vectors and the settings: deriving twice gives the same passages.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.articles import Piece
from retrieval.encoder import Embeddings
from retrieval.exchanges import Exchange
from retrieval.passages import Draft
from retrieval.rules import card_text, why_no_card
from retrieval.settings import Settings
from retrieval.types import PassageKind
from retrieval.vectors import text_hash

ASKED_BY_WORDS = 20
"""Questions of one card that BM25 searches; more would drown its answer's own words."""

Vectors = Callable[[Sequence[bytes]], Embeddings]
"""Hashes of texts to their unit vectors."""

_FIGURES = re.compile(r"\d+(?:[.,:]\d+)*|https?://\S+")
_NEGATION = re.compile(r"\b(?:no|not|never|none|cannot|without|unable|\w+n['’]t)\b|不|没|无法|未", re.IGNORECASE)
_PLAIN = re.compile(r"[^\w]+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A distinct answer that may become a card, with the exchanges that gave it."""

    text: str
    key: bytes
    language: str
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class Sorted:
    """The exchanges of a corpus: those whose answers may be cards, grouped by answer, and those for agents only."""

    candidates: tuple[Candidate, ...]
    internal: tuple[Exchange, ...]


def answer_key(text: str) -> bytes:
    """Return what two answers share that differ only in case, punctuation and spaces."""
    return hashlib.sha256(_PLAIN.sub(" ", text.casefold()).strip().encode()).digest()[:16]


def sort_exchanges(exchanges: Iterable[Exchange]) -> Sorted:
    """Apply the rules and join equal answers, in the order in which they were first given."""
    grouped: dict[tuple[str, bytes], list[Exchange]] = defaultdict(list)
    texts: dict[tuple[str, bytes], str] = {}
    internal: list[Exchange] = []
    for exchange in exchanges:
        text = card_text(exchange.answer)
        if why_no_card(text, whole=exchange.whole) is not None:
            internal.append(exchange)
            continue
        key = (exchange.language, answer_key(text))
        texts.setdefault(key, text)
        grouped[key].append(exchange)
    candidates = (Candidate(texts[key], key[1], key[0], tuple(group)) for key, group in grouped.items())
    return Sorted(tuple(candidates), tuple(internal))


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
        for exchange in candidate.exchanges:
            add(exchange.leading_text, exchange.language)
    for exchange in found.internal:
        add(exchange.leading_text, exchange.language)
    for _, piece, language in pieces:
        add(article_text(piece), language)
    return texts


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
    candidates: Sequence[Candidate], vectors: Vectors, approvals: Mapping[bytes, str], settings: Settings
) -> list[Draft]:
    """Return one card for each cluster of answers that say the same; customers see those that qualify."""
    drafts: list[Draft] = []
    for group in _clusters(candidates, vectors, settings):
        drafts.append(_card(group, vectors, approvals, settings))
    return drafts


def _card(group: list[Candidate], vectors: Vectors, approvals: Mapping[bytes, str], settings: Settings) -> Draft:
    """The first of the group is its most central answer."""
    lead = group[0]
    approved = next((candidate for candidate in group if candidate.key in approvals), None)
    text = approvals[approved.key] if approved else lead.text
    exchanges = sorted((e for candidate in group for e in candidate.exchanges), key=lambda e: e.id)
    customers = len({e.customer_id for e in exchanges})
    trusted = any(e.trusted for e in exchanges)
    asked = _most_central_first(exchanges, lead.language, vectors, settings)
    return Draft(
        key=_key("card", lead.language, (approved or lead).key.hex()),
        kind=PassageKind.CARD,
        question=asked[0].leading_text,
        text=text,
        title=settings.card_title,
        source=lead.exchanges[0].source,
        language=lead.language,
        customers=customers,
        trusted=trusted,
        approved=approved is not None,
        public=trusted or approved is not None or customers >= settings.min_customers,
        routes=_routes([e.leading_text for e in asked], lead.language, settings),
        asked=tuple(dict.fromkeys(e.leading_text for e in asked))[:ASKED_BY_WORDS],
        exchanges=tuple(e.id for e in exchanges),
    )


def _most_central_first(
    exchanges: list[Exchange], language: str, vectors: Vectors, settings: Settings
) -> list[Exchange]:
    """Exchanges ordered by how close their question is to the mean of all; ties keep their order."""
    if len(exchanges) < 3 or language in settings.words_only_languages:
        return exchanges
    rows = vectors([text_hash(e.leading_text) for e in exchanges])
    closeness = np.round(rows @ rows.mean(axis=0), 5)
    return [exchanges[i] for i in np.argsort(-closeness, kind="stable")]


def _clusters(candidates: Sequence[Candidate], vectors: Vectors, settings: Settings) -> list[list[Candidate]]:
    read = [c for c in candidates if c.language not in settings.words_only_languages]
    unread = [[c] for c in candidates if c.language in settings.words_only_languages]
    if not read:
        return unread
    rows = vectors([text_hash(c.text) for c in read])
    weights = np.array([len(c.exchanges) for c in read])
    labels = paraphrases(rows, weights, [_guard(c.text) for c in read], settings.paraphrase_cosine)
    groups: dict[int, list[Candidate]] = defaultdict(list)
    for number in np.lexsort((np.arange(len(read)), labels != np.arange(len(read)))):  # leaders first
        groups[int(labels[number])].append(read[number])
    return [groups[leader] for leader in sorted(groups)] + unread


def paraphrases(
    rows: Embeddings, weights: NDArray[np.int64], guards: Sequence[object], cosine: float
) -> NDArray[np.int64]:
    """Return for each answer the number of the answer that leads its cluster (itself, if it stands alone).

    rows float32 (N, D) unit length; weights say how often each answer was given. Every member is within `cosine` of its
    leader and shares its guard (figures, links, negation): "within 14 days" never joins "within 30 days". Leaders are
    taken greedily, heaviest surroundings first, so no two leaders are within `cosine` of each other.
    """
    pairs = _near_pairs(rows, _numbered(guards), cosine)
    return _star_leaders(len(rows), pairs, weights)


def _near_pairs(rows: Embeddings, guard: NDArray[np.int64], cosine: float) -> NDArray[np.int64]:
    """Return (M, 2) pairs i < j with the same guard and at least this cosine, block by block within each guard.

    Guards split the answers; a block of equal guard is compared through inverted lists when it is large, so that 45,000
    answers take seconds instead of a thousand million comparisons.
    """
    order = np.argsort(guard, kind="stable")
    edges = np.flatnonzero(np.diff(guard[order])) + 1
    found = [np.empty((0, 2), dtype=np.int64)]
    for block in np.split(order, edges):
        if len(block) < 2:
            continue
        found.append(block[_pairs_within(rows[block], cosine)])
    pairs = np.concatenate(found)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


DENSE_BLOCK = 4096


def _pairs_within(rows: Embeddings, cosine: float) -> NDArray[np.int64]:
    """Exact for up to 4096 rows; above, rows are compared with those that share one of their two nearest centres."""
    if len(rows) <= DENSE_BLOCK:
        near = np.triu(rows @ rows.T >= cosine, k=1)
        return np.argwhere(near)
    centres = rows[:: max(1, len(rows) // int(np.sqrt(len(rows)) * 1.5))]
    nearest = np.empty((len(rows), 2), dtype=np.int64)
    for start in range(0, len(rows), DENSE_BLOCK):
        likeness = rows[start : start + DENSE_BLOCK] @ centres.T
        nearest[start : start + DENSE_BLOCK] = np.argpartition(-likeness, 1, axis=1)[:, :2]
    found = [np.empty((0, 2), dtype=np.int64)]
    for centre in range(len(centres)):
        members = np.flatnonzero((nearest == centre).any(axis=1))
        for part in np.array_split(members, max(1, -(-len(members) // DENSE_BLOCK))):
            left, right = np.nonzero(rows[part] @ rows[members].T >= cosine)
            pairs = np.stack([part[left], members[right]], axis=1)
            found.append(pairs[pairs[:, 0] < pairs[:, 1]])
    return np.unique(np.concatenate(found), axis=0)


def _star_leaders(count: int, pairs: NDArray[np.int64], weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each node's leader: the node with most weight around it takes its free neighbours, then the next one."""
    if not len(pairs):
        return np.arange(count)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    starts = np.searchsorted(both[:, 0], np.arange(count + 1))
    around = weights + np.bincount(both[:, 0], weights=weights[both[:, 1]], minlength=count).astype(np.int64)
    leader = np.full(count, -1, dtype=np.int64)
    for node in np.lexsort((np.arange(count), -around)):
        if leader[node] < 0:
            leader[node] = node
            neighbours = both[starts[node] : starts[node + 1], 1]
            leader[neighbours[leader[neighbours] < 0]] = node
    return leader


def _guard(text: str) -> object:
    return tuple(sorted(_FIGURES.findall(text))), len(_NEGATION.findall(text)) % 2


def _numbered(values: Sequence[object]) -> NDArray[np.int64]:
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)


def _routes(texts: Sequence[str], language: str, settings: Settings) -> tuple[bytes, ...]:
    if language in settings.words_only_languages:
        return ()
    return tuple(sorted({text_hash(text) for text in texts}))


def _key(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode()).digest()[:16]
