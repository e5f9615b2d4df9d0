"""Files to rows: what is read, what is put aside and why, what is refused before anything happens."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from retrieval_fakes import thread, write_rows

from retrieval.errors import BadInput
from retrieval.readers import MAX_ROW_BYTES, BadRow, Transcript, find_files, read_transcripts


def read(tmp_path: Path, *rows: object) -> list[Transcript | BadRow]:
    return list(read_transcripts(write_rows(tmp_path / "t.jsonl", list(rows))))  # type: ignore[arg-type]


def test_a_transcript_is_read_as_it_was_written(tmp_path: Path) -> None:
    [row] = read(
        tmp_path, thread(792, "Hello?", "Hi.", customer="C-1") | {"at": "2026-01-01T10:00:00Z", "channel": "chat"}
    )
    assert isinstance(row, Transcript)
    assert (row.id, row.customer, row.channel, row.at, row.line) == ("792", "C-1", "chat", "2026-01-01T10:00:00Z", 1)
    assert [(t.role, t.text) for t in row.turns] == [("customer", "Hello?"), ("agent", "Hi.")]


def test_gzip_reads_the_same(tmp_path: Path) -> None:
    plain = write_rows(tmp_path / "t.jsonl", [thread(1, "a", "b"), thread(2, "c", "d")])
    packed = tmp_path / "t.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert list(read_transcripts(packed)) == list(read_transcripts(plain))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{not json", "not JSON"),
        ('["a list"]', "expected an object"),
        ('{"turns": []}', '"id"'),
        ('{"id": true, "turns": [{"role": "agent", "text": "x"}]}', '"id"'),
        ('{"id": 1, "turns": []}', '"turns"'),
        ('{"id": 1, "turns": ["x"]}', "turn 1"),
        ('{"id": 1, "turns": [{"role": "bot", "text": "secret words"}]}', '"role" must be'),
        ('{"id": 1, "turns": [{"role": "agent", "text": 7}]}', '"text" must be'),
        ('{"id": 1, "turns": [{"role": "agent", "text": "\\ud800"}]}', "half a character"),
        ('{"id": 1, "customer": [], "turns": [{"role": "agent", "text": "x"}]}', '"customer"'),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_bad_row_is_named_by_line_and_the_next_is_read(tmp_path: Path, row: str, reason: str) -> None:
    bad, good = read(tmp_path, row, thread(2, "a", "b"))
    assert isinstance(bad, BadRow)
    assert (bad.file, bad.line) == ("t.jsonl", 1)
    assert reason in bad.reason
    assert "secret words" not in bad.reason
    assert isinstance(good, Transcript)


def test_bytes_that_are_no_text_are_one_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"id": "\xff"}\n' + json.dumps(thread(2, "a", "b")).encode())
    bad, good = read_transcripts(path)
    assert isinstance(bad, BadRow)
    assert isinstance(good, Transcript)


def test_an_endless_row_is_one_bad_row(tmp_path: Path) -> None:
    bad, good = read(tmp_path, "x" * (3 * MAX_ROW_BYTES), thread(2, "a", "b"))
    assert isinstance(bad, BadRow)
    assert isinstance(good, Transcript)
    assert good.line == 2


def test_an_id_given_twice_names_the_first_line(tmp_path: Path) -> None:
    _, second = read(tmp_path, thread(1, "a", "b"), thread(1, "c", "d"))
    assert isinstance(second, BadRow)
    assert "line 1" in second.reason


def test_a_file_that_breaks_off_keeps_the_rows_before(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(json.dumps(thread(n, "words " * 50, "b")).encode() + b"\n" for n in range(500)))
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    *good, bad = read_transcripts(path)
    assert good
    assert isinstance(bad, BadRow)
    assert "breaks off" in bad.reason


def test_a_file_that_is_no_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl.gz"
    path.write_bytes(b"plain words")
    with pytest.raises(BadInput, match=r"t\.jsonl\.gz cannot be read"):
        list(read_transcripts(path))


def test_empty_lines_and_a_byte_order_mark_are_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(thread(1, "a", "b")).encode() + b"\n\n  \n")
    assert [type(row) for row in read_transcripts(path)] == [Transcript]


def test_a_folder_gives_its_known_files_in_name_order(tmp_path: Path) -> None:
    for name in ("b.md", "a.html", "sub/c.jsonl", "notes.txt", ".hidden.md", ".git/x.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert [file.name for file in find_files([tmp_path])] == ["a.html", "b.md", "sub/c.jsonl"]


def test_what_cannot_be_ingested_is_said_before_anything_happens(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.md").write_text("x")
    (tmp_path / "a.pdf").write_text("x")
    for paths, said in (
        ([tmp_path / "none.md"], "does not exist"),
        ([tmp_path / "empty"], "holds no file"),
        ([tmp_path / "a.pdf"], "'.pdf'"),
        ([tmp_path / "a.md", tmp_path / "empty" / ".." / "a.md"], "given twice"),
        ([tmp_path, tmp_path / "a.md"], "given twice"),
    ):
        with pytest.raises(BadInput, match=said):
            find_files(paths)
