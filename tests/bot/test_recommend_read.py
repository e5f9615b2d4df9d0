"""Interactions read from the files people have."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from bot.recommend.errors import BadRatings
from bot.recommend.read import read_ratings
from bot.recommend.types import Interaction


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "header", ["user,item,rating,at", "userId,movieId,rating,timestamp", "customer_id,sku,rating,date"]
)
def test_each_accepted_header_reads_the_same(tmp_path: Path, header: str) -> None:
    read = read_ratings(write(tmp_path / "r.csv", f"{header}\nada,fern 3,4.5,964982703\n"))
    assert read.interactions == (Interaction("ada", "fern 3", 964982703.0),)


def test_a_gzipped_file_and_a_file_without_ratings_are_read(tmp_path: Path) -> None:
    (tmp_path / "r.csv.gz").write_bytes(gzip.compress(b"at,item,user\n5,x,1\n"))
    assert read_ratings(tmp_path / "r.csv.gz").interactions == (Interaction("1", "x", 5.0),)


@pytest.mark.parametrize("at", ["1704110400", "1704110400.0", "1704110400000", "2024-01-01T12:00:00Z",
                                "2024-01-01T13:00:00+01:00", "2024-01-01 12:00"])  # fmt: skip
def test_times_are_seconds_milliseconds_or_iso(tmp_path: Path, at: str) -> None:
    (row,) = read_ratings(write(tmp_path / "r.csv", f"user,item,rating,at\na,b,1,{at}\n")).interactions
    assert row.at == 1704110400.0


def test_bad_rows_are_left_out_and_named_with_their_line(tmp_path: Path) -> None:
    rows = ["a,b,1,5", ",b,1,5", "a,,1,5", "a,b,1,", "a,b,lots,5", "a,b,1,yesterday", "a,b,1,inf", "a", "", "a,c,,6"]
    read = read_ratings(write(tmp_path / "r.csv", "\n".join(["user,item,rating,at", *rows]) + "\n"))
    assert [row.item for row in read.interactions] == ["b", "c"]
    assert [row.split("r.csv:")[1] for row in read.bad] == [
        "3 has no user",
        "4 has no item",
        "5 has no at",
        "6 has the rating 'lots'; expected a number",
        "7 has the time 'yesterday'; expected seconds since 1970 or ISO 8601",
        "8 has the time 'inf'; expected a number",
        "9 has no item",
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "expected user,item,rating,at"),
        ("who,what,when\n1,2,3\n", "r.csv:1 has the header 'who,what,when'; expected user,item,rating,at"),
        ("user,item,rating,at\n", "holds no interaction below its header"),
        ("user,item,rating,at\na,b,1,x\n", "holds no interaction; .*r.csv:2 has the time 'x'"),
    ],
)
def test_a_file_that_holds_nothing_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(BadRatings, match=sentence):
        read_ratings(write(tmp_path / "r.csv", text))


def test_a_missing_damaged_or_foreign_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadRatings, match="does not exist"):
        read_ratings(tmp_path / "none.csv")
    (tmp_path / "bad.csv.gz").write_bytes(b"not gzip at all")
    with pytest.raises(BadRatings, match="cannot be read"):
        read_ratings(tmp_path / "bad.csv.gz")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"user,item,at\n" + b"a,b,1\n" * 999)[:-20])
    with pytest.raises(BadRatings, match="cannot be read"):
        read_ratings(tmp_path / "cut.csv.gz")
    (tmp_path / "latin.csv").write_bytes(b"user,item,at\ncaf\xe9,b,1\n")
    with pytest.raises(BadRatings, match="not UTF-8"):
        read_ratings(tmp_path / "latin.csv")
