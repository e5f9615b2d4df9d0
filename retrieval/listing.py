"""The cards of a home as the operator reads them: what is said, to how many, until when, and where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retrieval.corpus import Corpus
from retrieval.errors import CorpusError

_CARDS = """
    SELECT c.id, c.question, c.text, c.language, c.customers, c.trusted, c.approved, c.public, c.first_at, c.last_at,
           c.superseded_by, n.id, n.kind, n.text, c.doubt,
           EXISTS (SELECT 1 FROM wordings w JOIN approvals a ON a.answer_key = w.answer_key
                   WHERE w.passage_id = c.id AND a.verdict = 'withdrawn')
    FROM passages c LEFT JOIN passages n ON n.key = c.superseded_by
    WHERE c.kind = 'card' ORDER BY c.customers DESC, c.id
"""

STATES = ("approved", "public", "hidden", "superseded", "doubtful", "withdrawn")


@dataclass(frozen=True, slots=True)
class Card:
    """One card. `first_at` and `last_at` say when its answer was first and last given; `superseded_by` is the id of the
    passage that says otherwise today, with its kind and words; `doubt` is why it may be out of date.
    """

    id: int
    question: str
    answer: str
    language: str
    customers: int
    trusted: bool
    approved: bool
    public: bool
    first_at: str | None
    last_at: str | None
    superseded_by: int | None
    superseded_by_kind: str | None
    superseded_by_text: str | None
    doubt: str
    withdrawn: bool

    @property
    def states(self) -> tuple[str, ...]:
        """Which of STATES hold; "hidden" is what customers do not see."""
        holds = {
            "approved": self.approved,
            "public": self.public,
            "hidden": not self.public,
            "superseded": self.superseded_by is not None,
            "doubtful": bool(self.doubt),
            "withdrawn": self.withdrawn and not self.approved,
        }
        return tuple(state for state in STATES if holds[state])

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON, with the states."""
        return asdict(self) | {"states": list(self.states)}


def list_cards(
    home: Path,
    *,
    states: Iterable[str] = (),
    language: str | None = None,
    least_customers: int = 0,
    containing: str = "",
) -> list[Card]:
    """Return the cards in all of these states, most customers first; `containing` is looked for in question and answer.

    Raises CorpusError if a state is none, or there is no corpus.
    """
    wanted = tuple(states)
    for state in wanted:
        if state not in STATES:
            raise CorpusError(f"{state!r} is no state of a card; there are {', '.join(STATES)}")
    with Corpus.read(home) as corpus:
        cards = read_cards(corpus)
    sought = containing.casefold()
    return [
        card
        for card in cards
        if all(state in card.states for state in wanted)
        and language in (None, card.language)
        and card.customers >= least_customers
        and sought in f"{card.question}\n{card.answer}".casefold()
    ]


def read_cards(corpus: Corpus) -> list[Card]:
    """Return all cards of an open corpus, most customers first."""
    return [_card(row) for row in corpus.connection.execute(_CARDS)]


def _card(row: tuple[Any, ...]) -> Card:
    number, question, answer, language, customers, trusted, approved, public, first, last, *rest = row
    key, newer, kind, text, doubt, withdrawn = rest
    return Card(
        id=number,
        question=question,
        answer=answer,
        language=language,
        customers=customers,
        trusted=bool(trusted),
        approved=bool(approved),
        public=bool(public),
        first_at=first,
        last_at=last,
        superseded_by=newer if key is not None else None,
        superseded_by_kind=kind,
        superseded_by_text=text,
        doubt=doubt,
        withdrawn=bool(withdrawn),
    )
