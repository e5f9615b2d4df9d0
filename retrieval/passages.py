"""The passages of corpus.db: what was derived from the documents, ready to be searched and shown."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from retrieval.corpus import Corpus
from retrieval.progress import Progress, Step
from retrieval.types import Passage, PassageKind
from retrieval.words import words

COLUMNS = "id, kind, question, text, title, source, language, customers, trusted, approved, superseded_by IS NOT NULL"
FIELDS = (
    "key, digest, kind, question, text, title, source, language, customers, trusted, approved, public, "
    "first_at, last_at, superseded_by, doubt"
)
INSERT = f"INSERT INTO passages ({FIELDS}) VALUES ({', '.join('?' * 16)})"  # noqa: S608  # our own names
UPDATE = f"UPDATE passages SET ({FIELDS}) = ({', '.join('?' * 16)}) WHERE id = ?"  # noqa: S608
PUBLIC = "public"
INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Draft:
    """A passage before it has an id: `key` says which passage it is, the rest what is known of it now.

    `routes` are the hashes of the texts that lead to it (rows of the index); `asked` the questions searched by words;
    `exchanges` those it was made from. A card also has the keys of all its `wordings`, when it was first and last given
    (ISO 8601, UTC), the key of the passage that supersedes it, and why it may be out of date ("" if nothing says so).
    """

    key: bytes
    kind: PassageKind
    question: str
    text: str
    title: str
    source: str
    language: str
    customers: int
    trusted: bool
    approved: bool
    public: bool
    routes: tuple[bytes, ...]
    asked: tuple[str, ...]
    exchanges: tuple[int, ...]
    wordings: tuple[bytes, ...] = ()
    first_at: str | None = None
    last_at: str | None = None
    superseded_by: bytes | None = None
    doubt: str = ""

    def columns(self, digest: bytes) -> tuple[object, ...]:
        """The values of FIELDS, in order."""
        return (
            self.key, digest, self.kind.value, self.question, self.text, self.title, self.source, self.language,
            self.customers, self.trusted, self.approved, self.public,
            self.first_at, self.last_at, self.superseded_by, self.doubt,
        )  # fmt: skip

    def digest(self) -> bytes:
        """Sixteen bytes that change when anything about the passage does."""
        shown = (self.question, self.text, self.title, self.source, self.language, self.customers)
        standing = (self.trusted, self.approved, self.public)
        parts: tuple[object, ...] = (self.routes, self.asked, self.exchanges)
        if self.kind is PassageKind.CARD:
            parts += (self.wordings, self.first_at, self.last_at, self.superseded_by, self.doubt)
        return hashlib.sha256(repr((shown, standing, *parts)).encode()).digest()[:16]


def replace_passages(corpus: Corpus, drafts: Sequence[Draft], derived: str, *, tell: Progress = lambda _: None) -> None:
    """Make the corpus hold exactly these passages, in one step: kept ones keep their ids, new ones get ids never used.

    `derived` is remembered as what they were derived by.
    """
    with corpus.transaction() as connection:
        old = {row[0]: (row[1], row[2]) for row in connection.execute("SELECT key, id, digest FROM passages")}
        kept = {draft.key for draft in drafts}
        changed: list[tuple[int, Draft]] = []
        gone = [(number,) for key, (number, _) in old.items() if key not in kept]
        connection.executemany("DELETE FROM passage_words WHERE rowid = ?", gone)
        connection.executemany("DELETE FROM passages WHERE id = ?", gone)
        for place, draft in enumerate(drafts):
            if place % 1000 == 0:
                tell(Step("passages", place, len(drafts)))
            number, before = old.get(draft.key, (0, b""))
            digest = draft.digest()
            if digest == before:
                continue
            if number:
                for table in ("routes", "passage_exchanges", "wordings"):
                    connection.execute(f"DELETE FROM {table} WHERE passage_id = ?", (number,))  # noqa: S608
                connection.execute("DELETE FROM passage_words WHERE rowid = ?", (number,))
                connection.execute(UPDATE, (*draft.columns(digest), number))
            else:
                number = int(connection.execute(INSERT, draft.columns(digest)).lastrowid or 0)
            changed.append((number, draft))
        _write_parts(connection, changed)
        corpus.set_fact("derived", derived)


def _write_parts(connection: sqlite3.Connection, changed: Sequence[tuple[int, Draft]]) -> None:
    connection.executemany(
        "INSERT INTO routes VALUES (?, ?)", [(n, route) for n, draft in changed for route in draft.routes]
    )
    connection.executemany(
        "INSERT INTO passage_exchanges VALUES (?, ?)", [(n, e) for n, draft in changed for e in draft.exchanges]
    )
    connection.executemany(
        "INSERT INTO wordings VALUES (?, ?)", [(n, key) for n, draft in changed for key in sorted(set(draft.wordings))]
    )
    connection.executemany(
        "INSERT INTO passage_words (rowid, audience, question, text) VALUES (?, ?, ?, ?)",
        (
            (
                number,
                PUBLIC if draft.public else INTERNAL,
                " ".join(word for asked in draft.asked for word in words(asked)),
                " ".join(words(draft.text)),
            )
            for number, draft in changed
        ),
    )


def routes(corpus: Corpus) -> list[tuple[int, bytes]]:
    """Return (passage id, text hash) for every row of the index, in the index's order."""
    rows = corpus.connection.execute("SELECT passage_id, text_hash FROM routes ORDER BY passage_id, text_hash")
    return [(row[0], row[1]) for row in rows]


def passages_without_routes(corpus: Corpus) -> list[int]:
    """Return the ids of passages that only their words lead to."""
    rows = corpus.connection.execute(
        "SELECT id FROM passages WHERE id NOT IN (SELECT passage_id FROM routes) ORDER BY id"
    )
    return [row[0] for row in rows]


def fetch(connection: sqlite3.Connection, ids: Iterable[int], *, public_only: bool) -> Mapping[int, Passage]:
    """Return the passages with these ids that still exist (and customers may see, if asked for)."""
    wanted = list(dict.fromkeys(ids))
    marks = ",".join("?" * len(wanted))
    only = " AND public = 1" if public_only else ""
    rows = connection.execute(f"SELECT {COLUMNS} FROM passages WHERE id IN ({marks}){only}", wanted)  # noqa: S608
    return {row[0]: _passage(row) for row in rows}


def all_passages(corpus: Corpus, kind: PassageKind | None = None) -> list[Passage]:
    """Return every passage, or those of one kind, by id."""
    where = "" if kind is None else " WHERE kind = ?"
    rows = corpus.connection.execute(
        f"SELECT {COLUMNS} FROM passages{where} ORDER BY id",  # noqa: S608
        () if kind is None else (kind.value,),
    )
    return [_passage(row) for row in rows]


def count_by_kind(corpus: Corpus) -> dict[str, int]:
    """Return how many passages there are of each kind."""
    return dict(corpus.connection.execute("SELECT kind, count(*) FROM passages GROUP BY kind"))


def _passage(row: Sequence[object]) -> Passage:
    number, kind, question, text, title, source, language, customers, trusted, approved, superseded = row
    return Passage(
        id=int(str(number)),
        kind=PassageKind(str(kind)),
        question=str(question),
        text=str(text),
        title=str(title),
        source=str(source),
        language=str(language),
        customers=int(str(customers)),
        trusted=bool(trusted),
        approved=bool(approved),
        superseded=bool(superseded),
    )
