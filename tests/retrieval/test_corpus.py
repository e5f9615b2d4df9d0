"""What lies in corpus.db, and what does not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from retrieval_fakes import KEY, thread, write_rows

from retrieval.corpus import FILE, Corpus, check_readable
from retrieval.errors import CorpusError, WrongKey
from retrieval.ingest import IngestReport
from retrieval.keys import MasterKey
from retrieval.schema import MIGRATIONS

SECRET = "Zanzibarvogel"
TakeIn = Callable[..., IngestReport]


def secret_threads(tmp_path: Path) -> Path:
    said = f"My mail is {SECRET}@post.example and my order MG-77777 never came to Baker"
    return write_rows(tmp_path / "t.jsonl", [thread("T-1", said, f"Hello {SECRET}, noted.", customer="C-4242")])


def test_raw_words_numbers_and_customer_ids_are_nowhere_in_the_home(
    take_in: TakeIn, home: Path, tmp_path: Path
) -> None:
    take_in(secret_threads(tmp_path))
    for path in (p for p in home.rglob("*") if p.is_file()):
        blob = path.read_bytes()
        for word in (SECRET, SECRET.lower(), "MG-77777", "C-4242"):
            assert word.encode() not in blob, path


def test_the_master_key_gives_the_raw_turns_back(take_in: TakeIn, home: Path, tmp_path: Path) -> None:
    take_in(secret_threads(tmp_path))
    with Corpus.read(home, KEY) as corpus:
        assert SECRET in corpus.turns(1)[0].text
        assert [turn.role for turn in corpus.turns(1)] == ["customer", "agent"]
    with Corpus.read(home) as corpus, pytest.raises(WrongKey, match="master key"):
        corpus.turns(1)
    with Corpus.read(home, b"another key, also 32 bytes long!") as corpus, pytest.raises(WrongKey):
        corpus.turns(1)


def test_another_master_key_is_refused_before_anything_is_written(take_in: TakeIn, home: Path, tmp_path: Path) -> None:
    take_in(secret_threads(tmp_path))
    with pytest.raises(WrongKey, match="another master key"):
        Corpus.open(home, b"another key, also 32 bytes long!")


def test_each_customer_has_a_key_and_the_unknown_share_one(take_in: TakeIn, home: Path, tmp_path: Path) -> None:
    rows = [thread(n, "Do you ship?", "Yes we do.", customer=c) for n, c in enumerate(["A", "A", "B", None, None])]
    take_in(write_rows(tmp_path / "t.jsonl", rows))
    with Corpus.read(home) as corpus:
        assert corpus.count("customers") == 3
        assert len({e.customer_id for e in corpus.exchanges()}) == 3


def test_a_deleted_customer_key_seals_that_customer_for_good(take_in: TakeIn, home: Path, tmp_path: Path) -> None:
    take_in(secret_threads(tmp_path))
    with Corpus.open(home, KEY) as corpus:
        corpus.connection.execute("UPDATE customers SET wrapped_key = zeroblob(60)")
        with pytest.raises(WrongKey):
            corpus.turns(1)


def test_a_sealed_text_moved_to_another_document_does_not_open() -> None:
    master = MasterKey(KEY)
    wrapped, key = master.new_customer_key(b"tag")
    sealed = key.seal(b"words", b"document 1")
    assert master.unwrap(wrapped, b"tag").open(sealed, b"document 1") == b"words"
    with pytest.raises(WrongKey):
        key.open(sealed, b"document 2")
    with pytest.raises(WrongKey):
        master.unwrap(wrapped, b"another tag")


def test_the_file_is_for_its_owner_only(take_in: TakeIn, home: Path, tmp_path: Path) -> None:
    take_in(secret_threads(tmp_path))
    assert (home / FILE).stat().st_mode & 0o077 == 0


def test_a_newer_schema_is_refused_and_left_alone(home: Path) -> None:
    Corpus.open(home, KEY).close()
    with sqlite3.connect(home / FILE) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(CorpusError, match="newer nightdesk"):
        Corpus.open(home, KEY)
    with pytest.raises(CorpusError, match="schema"):
        Corpus.read(home)


def test_what_is_no_database_is_refused_with_a_sentence(home: Path) -> None:
    home.mkdir()
    (home / FILE).write_bytes(b"not a database at all, but long enough to look at" * 10)
    with pytest.raises(CorpusError, match="cannot be opened"):
        Corpus.read(home)
    with pytest.raises(CorpusError, match="cannot be opened"):
        check_readable(home)


def test_reading_creates_nothing(home: Path) -> None:
    with pytest.raises(CorpusError, match="does not exist"):
        Corpus.read(home)
    assert not home.exists()


def test_a_transaction_that_fails_leaves_no_trace_and_no_key(home: Path) -> None:
    with Corpus.open(home, KEY) as corpus:
        with pytest.raises(KeyError), corpus.transaction():
            {}[corpus._customer("C-1")]
        assert corpus.count("customers") == 0
        with corpus.transaction():
            corpus._customer("C-1")
        assert corpus.count("customers") == 1
