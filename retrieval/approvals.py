"""An agent's word on cards: approved, customers may see it however few it served; withdrawn, they never do."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from retrieval.candidates import answer_key
from retrieval.corpus import Corpus, now
from retrieval.errors import BadInput, CorpusError
from retrieval.listing import Card, read_cards
from retrieval.passages import INTERNAL, PUBLIC
from retrieval.standing import SUPERSEDED


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A line of an approval list that approved nothing, and why."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an approval list did: cards approved now, lines whose card was approved already, lines put aside."""

    approved: int
    already: int
    unmatched: tuple[Unmatched, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {"approved": self.approved, "already": self.already, "unmatched": [asdict(u) for u in self.unmatched]}


def approve(home: Path, master_key: bytes, cards: Sequence[int], *, by: str, anyway: bool = False) -> list[Card]:
    """Approve cards by id: public at once, and still when they are derived again. All of them or none.

    A superseded card is approved only with `anyway`, which overrules what superseded it. Raises CorpusError naming the
    id if one is no card, or is superseded.
    """
    with Corpus.open(home, master_key) as corpus, corpus.transaction() as connection:
        for card in _named(corpus, cards):
            if card.superseded_by is not None and not anyway:
                choice = "approve that one, or this one all the same with --anyway"
                raise CorpusError(f"card {card.id} is superseded by {_newer(card)}; {choice}")
            _approve(connection, card, card.answer, by)
        corpus.touch()
        return _named(corpus, cards)


def withdraw(home: Path, master_key: bytes, cards: Sequence[int], *, by: str) -> list[Card]:
    """Withdraw cards by id: customers see them no more, however many they served, until they are approved (again).

    Raises CorpusError naming the id if one is no card.
    """
    with Corpus.open(home, master_key) as corpus, corpus.transaction() as connection:
        for card in _named(corpus, cards):
            _forget(connection, card)
            connection.execute(
                "INSERT OR REPLACE INTO approvals (answer_key, text, by, at, verdict) VALUES (?, ?, ?, ?, 'withdrawn')",
                (answer_key(card.answer), card.answer, by, now()),
            )
            connection.execute("UPDATE passages SET approved = 0, public = 0, digest = x'' WHERE id = ?", (card.id,))
            connection.execute("UPDATE passage_words SET audience = ? WHERE rowid = ?", (INTERNAL, card.id))
        corpus.touch()
        return _named(corpus, cards)


def export_approvals(home: Path, file: Path) -> int:
    """Write the approved cards as JSONL of {"question", "answer", "language"}; return how many."""
    with Corpus.read(home) as corpus:
        cards = [card for card in read_cards(corpus) if card.approved]
    lines = [
        json.dumps({"question": card.question, "answer": card.answer, "language": card.language}, ensure_ascii=False)
        for card in cards
    ]
    try:
        file.write_text("".join(line + "\n" for line in lines), "utf-8")
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror}") from error
    return len(lines)


def import_approvals(home: Path, master_key: bytes, file: Path, *, by: str) -> Imported:
    """Approve the cards that a JSONL file of {"question", "answer", "language"} names by their answers.

    An answer is that of a card if they differ only in case, punctuation and spaces; any wording of a card will do, and
    the file's wording is what customers read from then on. Lines that are no such object, match no card, or match a
    superseded one are reported and change nothing; all others are taken. Raises BadInput if the file cannot be read.
    """
    with Corpus.open(home, master_key) as corpus, corpus.transaction() as connection:
        cards = {card.id: card for card in read_cards(corpus)}
        by_key = _by_key(corpus, cards)
        approved = already = 0
        unmatched: list[Unmatched] = []
        for line, row in _rows(file):
            card = by_key.get((row["language"], answer_key(row["answer"]))) if isinstance(row, dict) else None
            if isinstance(row, str):
                unmatched.append(Unmatched(file.name, line, row))
            elif card is None:
                unmatched.append(Unmatched(file.name, line, f"no card answers {_short(row['answer'])!r}"))
            elif card.superseded_by is not None and not card.public:
                unmatched.append(Unmatched(file.name, line, f"card {card.id} is superseded by {_newer(card)}"))
            elif card.approved and card.answer == row["answer"]:
                already += 1
            else:
                _approve(connection, card, row["answer"], by)
                approved += 1
        if approved:
            corpus.touch()
    return Imported(approved, already, tuple(unmatched))


def _approve(connection: sqlite3.Connection, card: Card, text: str, by: str) -> None:
    _forget(connection, card)
    connection.execute(
        "INSERT OR REPLACE INTO approvals (answer_key, text, by, at, against) VALUES "
        "(?, ?, ?, ?, (SELECT superseded_by FROM passages WHERE id = ?))",
        (answer_key(text), text, by, now(), card.id),
    )
    connection.execute(
        "UPDATE passages SET approved = 1, public = 1, text = ?, superseded_by = NULL, title = replace(title, ?, ''), "
        "digest = x'' WHERE id = ?",
        (text, SUPERSEDED, card.id),
    )
    connection.execute("UPDATE passage_words SET audience = ? WHERE rowid = ?", (PUBLIC, card.id))


def _forget(connection: sqlite3.Connection, card: Card) -> None:
    """Take back earlier verdicts on any wording of a card."""
    connection.execute(
        "DELETE FROM approvals WHERE answer_key IN (SELECT answer_key FROM wordings WHERE passage_id = ?)", (card.id,)
    )


def _by_key(corpus: Corpus, cards: dict[int, Card]) -> dict[tuple[str, bytes], Card]:
    """Cards by language and key of any wording; where two share one, the card that says just that, then the first."""
    found: dict[tuple[str, bytes], Card] = {}
    for number, key in corpus.connection.execute("SELECT passage_id, answer_key FROM wordings ORDER BY 1, 2"):
        found.setdefault((cards[number].language, key), cards[number])
    return found | {(card.language, answer_key(card.answer)): card for card in cards.values()}


def _named(corpus: Corpus, ids: Sequence[int]) -> list[Card]:
    cards = {card.id: card for card in read_cards(corpus)}
    for number in ids:
        if number not in cards:
            raise CorpusError(f"passage {number} is no card; `nightdesk cards` shows them with their ids")
    return [cards[number] for number in dict.fromkeys(ids)]


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Yield (line number, row), or (line number, what is wrong with it)."""
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise BadInput(f"{file} is not UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _row(line)


def _row(line: str) -> dict[str, str] | str:
    wanted = 'expected {"question": text, "answer": text, "language": text}'
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return f"not JSON; {wanted}"
    if not isinstance(row, dict):
        return wanted
    answer, language = row.get("answer"), row.get("language", "en")
    if not (isinstance(answer, str) and answer.strip() and isinstance(language, str)):
        return f'"answer" must be a text that is not empty; {wanted}'
    return {"answer": answer.strip(), "language": language}


def _newer(card: Card) -> str:
    return f"card {card.superseded_by}" if card.superseded_by_kind == "card" else f"passage {card.superseded_by}"


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= 60 else f"{plain[:57]}…"
