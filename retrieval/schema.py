"""The tables of corpus.db, as numbered steps: PRAGMA user_version says how many have been taken."""

from __future__ import annotations

import sqlite3

from retrieval.errors import CorpusError

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE customers (
        id INTEGER PRIMARY KEY,
        tag BLOB NOT NULL UNIQUE,               -- keyed hash of the customer's id
        wrapped_key BLOB NOT NULL
    );
    CREATE TABLE sources (
        id INTEGER PRIMARY KEY,
        path TEXT NOT NULL UNIQUE,              -- where the file lay
        name TEXT NOT NULL,                     -- how citations call it
        root TEXT,                              -- the folder that was ingested, if one was
        trusted_at TEXT                         -- when the operator vouched for it
    );
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('transcript', 'article')),
        source_id INTEGER NOT NULL REFERENCES sources (id),
        external_id TEXT NOT NULL,              -- the transcript's id; '' for an article
        content_hash BLOB NOT NULL,
        customer_id INTEGER REFERENCES customers (id),
        at TEXT,
        channel TEXT,
        sealed BLOB,                            -- a transcript's raw turns, AES-GCM under the customer's key
        UNIQUE (source_id, external_id)
    );
    CREATE INDEX documents_by_content ON documents (content_hash);
    CREATE TABLE exchanges (
        id INTEGER PRIMARY KEY,
        document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        context TEXT NOT NULL,                  -- masked turns before the question
        question TEXT NOT NULL,                 -- masked
        answer TEXT NOT NULL,                   -- masked
        language TEXT NOT NULL,
        whole INTEGER NOT NULL,                 -- 0: a part of a split message never came
        UNIQUE (document_id, position)
    );
    CREATE TABLE pieces (
        id INTEGER PRIMARY KEY,
        document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        title TEXT NOT NULL,
        heading TEXT NOT NULL,
        text TEXT NOT NULL,
        language TEXT NOT NULL,
        UNIQUE (document_id, position)
    );
    CREATE TABLE passages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used twice: an older index must not lead elsewhere
        key BLOB NOT NULL UNIQUE,               -- hash of what makes it this passage
        digest BLOB NOT NULL,                   -- hash of all that is known of it
        kind TEXT NOT NULL CHECK (kind IN ('article', 'card', 'exchange')),
        question TEXT NOT NULL,
        text TEXT NOT NULL,
        title TEXT NOT NULL,
        source TEXT NOT NULL,
        language TEXT NOT NULL,
        customers INTEGER NOT NULL,
        trusted INTEGER NOT NULL,
        approved INTEGER NOT NULL,
        public INTEGER NOT NULL                 -- 1: customers may see it
    );
    CREATE TABLE routes (                       -- what leads to a passage: one row in the index each
        passage_id INTEGER NOT NULL REFERENCES passages (id) ON DELETE CASCADE,
        text_hash BLOB NOT NULL,
        PRIMARY KEY (passage_id, text_hash)
    ) WITHOUT ROWID;
    CREATE TABLE passage_exchanges (
        passage_id INTEGER NOT NULL REFERENCES passages (id) ON DELETE CASCADE,
        exchange_id INTEGER NOT NULL,
        PRIMARY KEY (passage_id, exchange_id)
    ) WITHOUT ROWID;
    CREATE TABLE approvals (
        answer_key BLOB PRIMARY KEY,            -- hash of the approved answer's words
        text TEXT NOT NULL,
        by TEXT NOT NULL,
        at TEXT NOT NULL
    );
    CREATE VIRTUAL TABLE passage_words USING fts5 (
        audience, question, text,               -- words cut and stemmed by retrieval.words
        tokenize = "unicode61 remove_diacritics 0"
    );
    CREATE TABLE vectors (
        id INTEGER PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        text_hash BLOB NOT NULL,
        vector BLOB NOT NULL,                   -- float16, unit length
        UNIQUE (fingerprint, text_hash)
    );
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        started_at TEXT NOT NULL,
        finished_at TEXT,
        paths TEXT NOT NULL,
        report TEXT
    );
    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    """,
    """
    ALTER TABLE passages ADD COLUMN first_at TEXT;      -- when a card's answer was first and last given, UTC
    ALTER TABLE passages ADD COLUMN last_at TEXT;
    ALTER TABLE passages ADD COLUMN superseded_by BLOB; -- key of the passage that says otherwise today
    ALTER TABLE passages ADD COLUMN doubt TEXT NOT NULL DEFAULT '';  -- why it may be out of date
    ALTER TABLE approvals ADD COLUMN verdict TEXT NOT NULL DEFAULT 'approved'
        CHECK (verdict IN ('approved', 'withdrawn'));
    ALTER TABLE approvals ADD COLUMN against BLOB;      -- what superseded the card when it was approved all the same
    CREATE TABLE wordings (                             -- keys of all wordings of a card's answer
        passage_id INTEGER NOT NULL REFERENCES passages (id) ON DELETE CASCADE,
        answer_key BLOB NOT NULL,
        PRIMARY KEY (passage_id, answer_key)
    ) WITHOUT ROWID;
    DELETE FROM facts WHERE name = 'derived';
    """,
)


def migrate(connection: sqlite3.Connection) -> None:
    """Take the steps this file has not taken yet, each whole or not at all.

    Raises CorpusError if the file was written by a newer program.
    """
    taken = connection.execute("PRAGMA user_version").fetchone()[0]
    if taken > len(MIGRATIONS):
        raise CorpusError(
            f"corpus.db has schema {taken}, this program knows {len(MIGRATIONS)}; run the newer nightdesk that wrote it"
        )
    for number, script in enumerate(MIGRATIONS[taken:], taken + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")
