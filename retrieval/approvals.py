"""An agent's yes to a card: customers may see it, however few it has served, in the words that were approved."""

from __future__ import annotations

from pathlib import Path

from retrieval.cards import answer_key
from retrieval.corpus import Corpus, now
from retrieval.errors import CorpusError
from retrieval.passages import PUBLIC, all_passages
from retrieval.types import Passage, PassageKind


def approve(home: Path, master_key: bytes, passage: int, *, by: str) -> None:
    """Approve a card: public at once, and still when it is derived again. Raises CorpusError if it is no card."""
    with Corpus.open(home, master_key) as corpus, corpus.transaction() as connection:
        card = _card(corpus, passage)
        connection.execute(
            "INSERT OR REPLACE INTO approvals VALUES (?, ?, ?, ?)", (answer_key(card.text), card.text, by, now())
        )
        connection.execute("UPDATE passages SET approved = 1, public = 1, digest = x'' WHERE id = ?", (passage,))
        connection.execute("UPDATE passage_words SET audience = ? WHERE rowid = ?", (PUBLIC, passage))
        corpus.touch()


def withdraw(home: Path, master_key: bytes, passage: int) -> None:
    """Take an approval back: until cards are derived again, customers do not see it even if it served many."""
    with Corpus.open(home, master_key) as corpus, corpus.transaction() as connection:
        card = _card(corpus, passage)
        connection.execute("DELETE FROM approvals WHERE answer_key = ?", (answer_key(card.text),))
        connection.execute("UPDATE passages SET approved = 0, public = 0, digest = x'' WHERE id = ?", (passage,))
        connection.execute("UPDATE passage_words SET audience = 'internal' WHERE rowid = ?", (passage,))
        corpus.touch()


def _card(corpus: Corpus, passage: int) -> Passage:
    found = next((p for p in all_passages(corpus, PassageKind.CARD) if p.id == passage), None)
    if found is None:
        raise CorpusError(f"passage {passage} is no card; `nightdesk cards` lists them")
    return found
