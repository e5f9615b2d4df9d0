"""corpus.db: every document once, raw turns sealed, exchanges and pieces masked, and what was derived from them.

SQLite in WAL mode: one writer (an ingest, under the home's lock), any number of readers. `passages` and `vectors`
hold the derived side; this module holds the documents.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from retrieval.articles import Piece
from retrieval.errors import CorpusError, WrongKey
from retrieval.exchanges import Cut, Exchange
from retrieval.keys import CustomerKey, MasterKey
from retrieval.readers import SourceFile, Transcript, Turn
from retrieval.schema import MIGRATIONS, migrate

FILE = "corpus.db"


def now() -> str:
    """Return the time as ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def in_utc(at: str | None) -> str | None:
    """Return the time a transcript gives as ISO 8601 in UTC, whole seconds; None if there is none to be read."""
    try:
        read = datetime.fromisoformat(at) if at else None
    except ValueError:
        return None
    if read is None:
        return None
    aware = read if read.tzinfo else read.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="seconds")


def connect(path: Path, *, writable: bool) -> sqlite3.Connection:
    """Open corpus.db; a reader never creates or changes it. Raises CorpusError if it is not there or unreadable."""
    if not writable and not path.is_file():
        raise CorpusError(f"{path} does not exist; run `nightdesk ingest PATH…` first")
    mode = "rwc" if writable else "ro"
    try:
        connection = sqlite3.connect(
            f"file:{_uri(path)}?mode={mode}", uri=True, isolation_level=None, timeout=30, check_same_thread=False
        )
        connection.execute("PRAGMA foreign_keys = ON")
        if writable:
            path.chmod(0o600)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")  # a crash of the machine may cost a commit, never order
            connection.execute("PRAGMA cache_size = -65536")  # KiB; the default 2 MiB thrashes while passages go in
            connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten, not only forgotten
            migrate(connection)
        taken = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise CorpusError(f"{path} cannot be opened: {error}; restore it, or move it away and ingest again") from error
    if taken != len(MIGRATIONS):
        raise CorpusError(
            f"{path} has schema {taken}, this program wants {len(MIGRATIONS)}; run `nightdesk ingest` once"
        )
    return connection


class Corpus:
    """The documents of a home. Without a master key everything but the raw turns can be read."""

    def __init__(self, connection: sqlite3.Connection, path: Path, master: MasterKey | None) -> None:
        self.connection = connection
        self.path = path
        self._master = master
        self._customers: dict[bytes, tuple[int, CustomerKey]] = {}

    @classmethod
    def open(cls, home: Path, master_key: bytes) -> Self:
        """Open for writing, creating or migrating the file. Raises WrongKey if it was written under another key."""
        home.mkdir(parents=True, exist_ok=True)
        corpus = cls(connect(home / FILE, writable=True), home / FILE, MasterKey(master_key))
        try:
            corpus._check_key()
        except WrongKey:
            corpus.close()
            raise
        return corpus

    @classmethod
    def read(cls, home: Path, master_key: bytes | None = None) -> Self:
        """Open for reading. Raises CorpusError if there is nothing to read."""
        master = MasterKey(master_key) if master_key is not None else None
        return cls(connect(home / FILE, writable=False), home / FILE, master)

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing: commits at the end, rolls back on any exception, Ctrl-C included."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
        except BaseException:
            self._customers.clear()  # keys made in this transaction are gone with it
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    # Facts: small values that outlive a run.

    def fact(self, name: str) -> str | None:
        """Return a remembered value, or None."""
        row = self.connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_fact(self, name: str, value: str) -> None:
        """Remember a value."""
        self.connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def touch(self) -> None:
        """Note that the documents changed, so that what is derived from them is derived again."""
        self.connection.execute("DELETE FROM facts WHERE name = 'derived'")

    # Sources

    def source(self, file: SourceFile, *, trust: bool) -> int:
        """Return the id of a file's source, adding it if it is new; trust is recorded and never taken back here."""
        execute = self.connection.execute
        row = execute("SELECT id, trusted_at FROM sources WHERE path = ?", (str(file.path),)).fetchone()
        root = str(file.root) if file.root else None
        if row is None:
            cursor = execute(
                "INSERT INTO sources (path, name, root, trusted_at) VALUES (?, ?, ?, ?)",
                (str(file.path), file.name, root, now() if trust else None),
            )
            return int(cursor.lastrowid or 0)
        if trust and row[1] is None:
            execute("UPDATE sources SET trusted_at = ? WHERE id = ?", (now(), row[0]))
            self.touch()
        return int(row[0])

    def moved_article(self, file: SourceFile) -> int | None:
        """Return the source of an article of the same name whose file is gone: the same article, moved."""
        rows = self.connection.execute(
            "SELECT s.id, s.path FROM sources s JOIN documents d ON d.source_id = s.id "
            "WHERE d.kind = 'article' AND s.name = ? AND s.path != ? ORDER BY s.id",
            (file.name, str(file.path)),
        ).fetchall()
        return next((int(row[0]) for row in rows if not Path(row[1]).exists()), None)

    def move_source(self, source_id: int, file: SourceFile) -> None:
        """Record a source's new place."""
        self.connection.execute("DELETE FROM sources WHERE path = ? AND id != ?", (str(file.path), source_id))
        self.connection.execute(
            "UPDATE sources SET path = ?, root = ? WHERE id = ?",
            (str(file.path), str(file.root) if file.root else None, source_id),
        )

    def vanished_articles(self, root: Path) -> list[int]:
        """Return the documents of articles that were ingested from this folder and lie there no more."""
        rows = self.connection.execute(
            "SELECT d.id, s.path FROM documents d JOIN sources s ON s.id = d.source_id "
            "WHERE d.kind = 'article' AND s.root = ? ORDER BY d.id",
            (str(root),),
        ).fetchall()
        return [int(row[0]) for row in rows if not Path(row[1]).exists()]

    # Documents

    def known(self, source_id: int) -> dict[str, tuple[int, bytes]]:
        """Return a source's documents: external id → (document id, content hash)."""
        rows = self.connection.execute(
            "SELECT external_id, id, content_hash FROM documents WHERE source_id = ?", (source_id,)
        )
        return {row[0]: (row[1], row[2]) for row in rows}

    def contents(self) -> set[bytes]:
        """Return the content hash of every document, from whatever source."""
        return {row[0] for row in self.connection.execute("SELECT content_hash FROM documents")}

    def vouch(self, content_hash: bytes, source_id: int) -> None:
        """Count a document that came from an untrusted source to this trusted one, where it was met again."""
        cursor = self.connection.execute(
            "UPDATE documents SET source_id = ? WHERE content_hash = ? AND kind = 'transcript' AND source_id IN "
            "(SELECT id FROM sources WHERE trusted_at IS NULL)",
            (source_id, content_hash),
        )
        if cursor.rowcount:
            self.touch()

    def put_transcript(
        self,
        source_id: int,
        transcript: Transcript,
        turns: bytes,
        content_hash: bytes,
        cuts: list[Cut],
        replaced: int | None,
    ) -> int:
        """Store a transcript and its exchanges, in the place of document `replaced` if given; return its id.

        turns: as `turns_json` gives them; they are sealed here.
        Like `put_article`, it leaves it to the caller to `touch` the corpus in the same transaction.
        """
        customer_id, key = self._customer(transcript.customer)
        sealed = key.seal(turns, content_hash)
        values = (content_hash, customer_id, transcript.at, transcript.channel, sealed)
        document = self._put(source_id, "transcript", transcript.id, values, replaced)
        self.connection.execute(  # a row's number may be used again: what stands there now was not masked again
            "UPDATE facts SET value = min(CAST(value AS INTEGER), (SELECT coalesce(max(id), 0) FROM exchanges)) "
            "WHERE name = 'masked_through'"
        )
        self.connection.executemany(
            "INSERT INTO exchanges (document_id, position, context, question, answer, language, whole) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(document, c.position, c.context, c.question, c.answer, c.language, c.whole) for c in cuts],
        )
        return document

    def put_article(
        self, source_id: int, content_hash: bytes, pieces: list[tuple[Piece, str]], replaced: int | None
    ) -> int:
        """Store an article's pieces with their languages, in the place of document `replaced` if given."""
        document = self._put(source_id, "article", "", (content_hash, None, None, None, None), replaced)
        self.connection.executemany(
            "INSERT INTO pieces (document_id, position, title, heading, text, language) VALUES (?, ?, ?, ?, ?, ?)",
            [(document, n, p.title, p.heading, p.text, language) for n, (p, language) in enumerate(pieces)],
        )
        return document

    def remove(self, document: int) -> None:
        """Delete a document with its exchanges and pieces."""
        self.touch()
        self.connection.execute("DELETE FROM documents WHERE id = ?", (document,))

    def turns(self, document: int) -> list[Turn]:
        """Return a transcript's raw turns, unsealed. Raises CorpusError if it is none, WrongKey without its key."""
        row = self.connection.execute(
            "SELECT d.sealed, d.content_hash, c.tag, c.wrapped_key FROM documents d "
            "JOIN customers c ON c.id = d.customer_id WHERE d.id = ?",
            (document,),
        ).fetchone()
        if row is None or row[0] is None:
            raise CorpusError(f"document {document} is no transcript of {self.path}")
        if self._master is None:
            raise WrongKey("raw turns are sealed; open the corpus with the master key to read them")
        opened = self._master.unwrap(row[3], row[2]).open(row[0], row[1])
        return [Turn(turn["role"], turn["text"], turn.get("at")) for turn in json.loads(opened)]

    def exchanges(self) -> Iterator[Exchange]:
        """Yield all exchanges in the order they were cut."""
        rows = self.connection.execute(
            "SELECT e.id, d.customer_id, s.name || '#' || d.external_id, s.trusted_at IS NOT NULL, "
            "e.context, e.question, e.answer, e.language, e.whole, d.at "
            "FROM exchanges e JOIN documents d ON d.id = e.document_id JOIN sources s ON s.id = d.source_id "
            "ORDER BY e.id"
        )
        for number, customer, source, trusted, context, question, answer, language, whole, at in rows:
            yield Exchange(
                number, customer, source, bool(trusted), context, question, answer, language, bool(whole), in_utc(at)
            )

    def pieces(self) -> Iterator[tuple[str, Piece, str]]:
        """Yield all pieces of articles with their source's name and language, in the order of source and place."""
        rows = self.connection.execute(
            "SELECT s.name, p.title, p.heading, p.text, p.language FROM pieces p "
            "JOIN documents d ON d.id = p.document_id JOIN sources s ON s.id = d.source_id "
            "ORDER BY s.name, d.id, p.position"
        )
        for name, title, heading, text, language in rows:
            yield name, Piece(title, heading, text), language

    def count(self, table: str) -> int:
        """Return how many rows a table of the schema has."""
        return int(self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  # our own names

    def _put(
        self, source_id: int, kind: str, external_id: str, values: tuple[object, ...], replaced: int | None
    ) -> int:
        execute = self.connection.execute
        if replaced is not None:
            execute("DELETE FROM exchanges WHERE document_id = ?", (replaced,))
            execute("DELETE FROM pieces WHERE document_id = ?", (replaced,))
            execute(
                "UPDATE documents SET content_hash = ?, customer_id = ?, at = ?, channel = ?, sealed = ? WHERE id = ?",
                (*values, replaced),
            )
            return replaced
        cursor = execute(
            "INSERT INTO documents (source_id, kind, external_id, content_hash, customer_id, at, channel, sealed) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (source_id, kind, external_id, *values),
        )
        return int(cursor.lastrowid or 0)

    def _customer(self, customer: str | None) -> tuple[int, CustomerKey]:
        assert self._master is not None
        tag = self._master.tag(customer)
        known = self._customers.get(tag)
        if known is not None:
            return known
        row = self.connection.execute("SELECT id, wrapped_key FROM customers WHERE tag = ?", (tag,)).fetchone()
        if row is not None:
            known = (int(row[0]), self._master.unwrap(row[1], tag))
        else:
            wrapped, key = self._master.new_customer_key(tag)
            cursor = self.connection.execute("INSERT INTO customers (tag, wrapped_key) VALUES (?, ?)", (tag, wrapped))
            known = (int(cursor.lastrowid or 0), key)
        self._customers[tag] = known
        return known

    def _check_key(self) -> None:
        assert self._master is not None
        mine = self._master.tag("which master key").hex()
        theirs = self.fact("master_key")
        if theirs is None:
            with self.transaction():
                self.set_fact("master_key", mine)
        elif theirs != mine:
            raise WrongKey(
                f"{self.path} was written under another master key; start with the secret it was ingested with"
            )


def content_hash(transcript: Transcript, turns: bytes) -> bytes:
    """Return 32 bytes that two transcripts share exactly if id, customer, channel, time and turns are the same."""
    about = [transcript.id, transcript.customer, transcript.channel, transcript.at]
    return hashlib.sha256(json.dumps(about).encode() + turns).digest()


def turns_json(turns: tuple[Turn, ...]) -> bytes:
    """Return raw turns as the bytes that are hashed and sealed."""
    plain = [{"role": t.role, "text": t.text} | ({"at": t.at} if t.at else {}) for t in turns]
    return json.dumps(plain, ensure_ascii=False).encode()


def _uri(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path.resolve()))


def check_readable(home: Path) -> None:
    """Raise CorpusError unless corpus.db opens and passes SQLite's own quick check."""
    with closing(connect(home / FILE, writable=False)) as connection:
        try:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            raise CorpusError(f"{home / FILE} is damaged: {error}") from error
    if verdict != "ok":
        raise CorpusError(f"{home / FILE} is damaged: {verdict}")
