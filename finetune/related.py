"""Learn which help articles go together, from what the corpus's customers asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from retrieval.bundle import Bundle
from retrieval.corpus import Corpus
from retrieval.encoder import Encoder
from retrieval.exchanges import Exchange
from retrieval.related import NEAR, relate, related_json
from retrieval.search import Searcher
from retrieval.settings import Settings
from retrieval.types import Hit, PassageKind

LOOKED_AT = 8
MOST_EXCHANGES = 5000
"""The newest exchanges that are looked at: 5,000 cost about half a minute of one core."""


def learn_related(bundle: Bundle, home: Path, settings: Settings, encoder: Encoder) -> bytes:
    """Return the contents of related.json: articles that the same customers asked about."""
    with Corpus.read(home) as corpus:
        exchanges = [e for e in corpus.exchanges() if e.language not in settings.words_only_languages]
    newest = sorted(exchanges, key=lambda e: (e.at or "", e.id))[-MOST_EXCHANGES:]
    if not newest:
        return related_json({})
    texts = [exchange.leading_text for exchange in newest]
    searcher = Searcher(bundle, home, settings)
    found = searcher.search(texts, encoder.encode(texts), LOOKED_AT, "customers")
    searcher.close()
    return related_json(relate(_asked(newest, found)))


def _asked(exchanges: Sequence[Exchange], found: Sequence[Sequence[Hit]]) -> list[tuple[int, str, str]]:
    rows = []
    for exchange, hits in zip(exchanges, found, strict=True):
        articles = [h for h in hits if h.passage.kind is PassageKind.ARTICLE and (h.cosine or 0.0) >= NEAR]
        if articles:
            best = max(articles, key=lambda hit: hit.cosine or 0.0).passage
            rows.append((exchange.customer_id, best.source, best.title))
    return rows
