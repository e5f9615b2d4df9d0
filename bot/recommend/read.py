"""Read interactions from a CSV, plain or gzipped; name file and line of each row that is no good."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from bot.recommend.errors import BadRatings
from bot.recommend.types import Interaction

COLUMNS = {
    "user": ("user", "userid", "user_id", "customer", "customer_id"),
    "item": ("item", "itemid", "item_id", "movieid", "product", "sku"),
    "rating": ("rating",),
    "at": ("at", "timestamp", "time", "date"),
}
MILLISECONDS_FROM = 1e11  # as seconds that would be the year 5138


@dataclass(frozen=True, slots=True)
class Ratings:
    """What a file holds; `bad` names each row left out, as `file:line why`."""

    interactions: tuple[Interaction, ...]
    bad: tuple[str, ...]


def read_ratings(path: Path) -> Ratings:
    """Read a CSV with the columns user, item, at and perhaps rating, or MovieLens' header.

    Ids may be any strings; times are seconds or milliseconds since 1970, or ISO 8601 (UTC where it names no zone). A
    rating must be a number, but counts for nothing: whoever rated has taken it. Raises BadRatings if the file cannot
    be read, has other columns or no good row.
    """
    good: list[Interaction] = []
    bad: list[str] = []
    try:
        with _open(path) as file:
            for line, row in _rows(path, file):
                try:
                    good.append(_interaction(row))
                except ValueError as error:
                    bad.append(f"{path}:{line} {error}")
    except FileNotFoundError:
        raise BadRatings(f"{path} does not exist; give a CSV with the columns user,item,rating,at") from None
    except UnicodeDecodeError as error:
        raise BadRatings(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
    except (OSError, EOFError, csv.Error) as error:
        raise BadRatings(f"{path} cannot be read: {error}") from error
    if not good:
        raise BadRatings(f"{path} holds no interaction" + (f"; {bad[0]}" if bad else " below its header"))
    return Ratings(tuple(good), tuple(bad))


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _rows(path: Path, file: TextIO) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(file)
    header = [name.strip().lower() for name in next(reader, [])]
    places = {
        column: next((header.index(name) for name in names if name in header), -1) for column, names in COLUMNS.items()
    }
    if min(places[column] for column in ("user", "item", "at")) < 0:
        expected = "user,item,rating,at or userId,movieId,rating,timestamp"
        raise BadRatings(f"{path}:1 has the header {','.join(header)!r:.120}; expected {expected}")
    for row in reader:
        if row:
            yield reader.line_num, {c: row[at].strip() if at < len(row) else "" for c, at in places.items() if at >= 0}


def _interaction(row: dict[str, str]) -> Interaction:
    for column in ("user", "item", "at"):
        if not row[column]:
            raise ValueError(f"has no {column}")
    if row.get("rating"):
        _number(row["rating"], "rating")
    return Interaction(row["user"], row["item"], _time(row["at"]))


def _time(text: str) -> float:
    try:
        at = float(text)
    except ValueError:
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"has the time {text!r:.40}; expected seconds since 1970 or ISO 8601") from None
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    _number(text, "time")
    return at / 1000 if abs(at) >= MILLISECONDS_FROM else at


def _number(text: str, what: str) -> None:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if number - number != 0:  # neither a number nor finite
        raise ValueError(f"has the {what} {text!r:.40}; expected a number")
