"""The tables, their migrations, and the two ways into the database."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable
from web_fakes import eventually

from web.database import Database
from web.errors import StorageAway
from web.migrations import migrate
from web.schema import metadata
from web.store import agents, conversations, events, messages, turns, visitors
from web.store.statement import Statement
from web.types import Audience, Conversation, Kind, Status, Visitor


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'nightdesk.db'}"


def test_the_migrations_make_the_tables_the_code_knows(tmp_path: Path) -> None:
    migrate(url(tmp_path))
    with create_engine(url(tmp_path)).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrating_again_changes_nothing(tmp_path: Path) -> None:
    migrate(url(tmp_path))
    database = Database(url(tmp_path))
    database.write(lambda connection: visitors.add(connection, Visitor("v_1"), 1.0))
    migrate(url(tmp_path))
    assert database.read(lambda connection: visitors.get(connection, "v_1")) is not None
    database.close()


def test_two_processes_may_migrate_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", f"from web.migrations import migrate; migrate({url(tmp_path / 'new')!r})"]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(30) for process in both] == [0, 0]


def test_every_table_and_statement_can_be_said_to_postgresql() -> None:
    dialect = postgresql.dialect()
    for table in metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert str(CreateIndex(index).compile(dialect=dialect))
    statements = [
        value
        for module in (agents, conversations, events, messages, turns, visitors)
        for value in vars(module).values()
        if isinstance(value, Statement)
    ]
    assert len(statements) > 30
    for statement in statements:
        text, constants = statement.compile(dialect)
        assert all(f"%({name})s" in text for name in constants)
        assert " :" not in text


def test_commits_survive_a_power_cut(tmp_path: Path) -> None:
    migrate(url(tmp_path))
    database = Database(url(tmp_path))

    def pragmas(connection: Connection) -> list[object]:
        cursor = connection.connection.cursor()
        return [cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]

    assert database.write(pragmas) == ["wal", 2]  # 2 is FULL
    database.close()


def test_what_is_read_is_one_state_of_the_database(tmp_path: Path) -> None:
    migrate(url(tmp_path))
    database = Database(url(tmp_path))

    def twice(connection: Connection) -> tuple[bool, bool]:
        before = visitors.get(connection, "v_1") is None
        database.write(lambda other: visitors.add(other, Visitor("v_1"), 1.0))
        return before, visitors.get(connection, "v_1") is None

    assert database.read(twice) == (True, True)
    assert database.read(lambda connection: visitors.get(connection, "v_1")) is not None
    database.close()


def test_event_ids_grow_in_the_order_of_commits_however_many_write(tmp_path: Path) -> None:
    migrate(url(tmp_path))
    database, other = Database(url(tmp_path)), Database(url(tmp_path))
    database.write(_begin_conversation)
    told: list[int] = []

    def write(here: Database) -> None:
        for _ in range(30):
            told.append(here.write(_append))

    writers = [threading.Thread(target=write, args=(here,)) for here in (database, other, database, other)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(told) == list(range(1, 121))
    database.close()
    other.close()


def test_writers_that_share_a_commit_do_not_share_a_failure(tmp_path: Path) -> None:
    migrate(url(tmp_path))
    database = Database(url(tmp_path))
    gate = threading.Barrier(8)
    failed: list[int] = []

    def write(number: int) -> None:
        def work(connection: Connection) -> None:
            visitors.add(connection, Visitor(f"v_{number}"), 1.0)
            if number % 2:
                raise ValueError(str(number))

        gate.wait()
        try:
            database.write(work)
        except ValueError as failure:
            failed.append(int(str(failure)))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(failed) == [1, 3, 5, 7]
    kept = [number for number in range(8) if database.read(lambda c, n=number: visitors.get(c, f"v_{n}"))]
    assert kept == [0, 2, 4, 6]
    database.close()


def test_a_database_somebody_else_holds_is_a_sentence(tmp_path: Path) -> None:
    migrate(url(tmp_path))
    database, holder = Database(url(tmp_path)), Database(url(tmp_path))
    database.write(lambda connection: connection.connection.cursor().execute("PRAGMA busy_timeout = 50"))
    held, release = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        held.set()
        release.wait(5)

    thread = threading.Thread(target=holder.write, args=(hold,))
    thread.start()
    held.wait(5)
    with pytest.raises(StorageAway):
        database.write(_begin_conversation)
    release.set()
    thread.join()
    eventually(lambda: database.write(_begin_conversation) or True)
    database.close()
    holder.close()


def _begin_conversation(connection: Connection) -> None:
    visitor = Visitor("v_1")
    visitors.add(connection, visitor, 1.0)
    conversations.add(connection, Conversation("c_1", visitor, Status.PENDING, 1, 1.0, 1.0))


def _append(connection: Connection) -> int:
    return events.append(connection, "c_1", Kind.MESSAGE, {}, 1.0, Audience.EVERYONE)
