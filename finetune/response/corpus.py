"""From a home's corpus and its current bundle to examples, searched as a customer's questions are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from finetune.response.examples import UNKNOWN_SHARE, Example, examples_of
from retrieval.bundle import Bundle
from retrieval.corpus import Corpus
from retrieval.encoder import Encoder
from retrieval.masking import Masker
from retrieval.passages import all_passages
from retrieval.search import Searcher
from retrieval.settings import Settings as RetrievalSettings
from retrieval.types import Hit, PassageKind

LOOKED_AT = 8


def read_examples(
    bundle: Bundle, home: Path, retrieval: RetrievalSettings, encoder: Encoder, *, unknown_share: float = UNKNOWN_SHARE
) -> list[Example]:
    """Return the examples of every exchange in the corpus; all of it masked text."""
    mask = Masker.from_settings(retrieval).mask_identifiers
    searcher = Searcher(bundle, home, retrieval)

    def find(questions: Sequence[str]) -> Sequence[Sequence[Hit]]:
        texts = [mask(question) for question in questions]
        return searcher.search(texts, encoder.encode(texts), LOOKED_AT, "customers")

    try:
        with Corpus.read(home) as corpus:
            return examples_of(list(corpus.exchanges()), find, unknown_share=unknown_share)
    finally:
        searcher.close()


def company_text(home: Path) -> list[str]:
    """Return the company's own words, each once: its articles, then its agents' turns, masked; English only."""
    with Corpus.read(home) as corpus:
        articles = [f"{p.question}\n{p.text}" for p in all_passages(corpus, PassageKind.ARTICLE) if p.language == "en"]
        said = [exchange.answer for exchange in corpus.exchanges() if exchange.whole and exchange.language == "en"]
    return list(dict.fromkeys([*articles, *said]))
