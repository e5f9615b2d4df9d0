"""Journeys as data: what a customer says turn by turn, what is heard, and what the back office is like afterwards.

A journey's `talk` is a little play:

    > what the customer types; several such lines are one message of several lines
    > [Yes]                          presses the button whose title begins so
    < words | that the reply | must hold
    <! words that it must not hold
    = handed off                     the turn ends with a person

`{thursday}` is the next Thursday after today, `{thursday+7}` the one after, `{thursday:%-d %B}` written out.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY = re.compile(rf"\{{({'|'.join(DAYS)})(?:\+(\d+))?(?::([^}}]+))?\}}")
SOMEBODY_ELSE = "C-0097"  # one parcel under way, nothing that could be cancelled, changed or returned
HANDED_OFF = "handed off"

# Kind and key of a record, its fields with their values afterwards. A field that is not named must not change.
Changes = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Turn:
    """One message, or one pressed button, and what must come back."""

    text: str
    button: bool = False
    hears: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    handed_off: bool = False


@dataclass(frozen=True)
class Result:
    """What a way of playing a journey leaves behind: changed records, done writes, words heard on the way."""

    hears: tuple[str, ...] = ()
    changes: Changes = field(default_factory=dict)
    writes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Journey:
    """One customer's conversation. `other` is another customer, who says the same."""

    name: str
    shows: str
    customer: str
    other: str
    turns: tuple[Turn, ...]
    itself: Result
    anonymous: Result
    another: Result
    again: Result

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def journeys(today: date, folder: Path = HERE) -> list[Journey]:
    """Read every theme of the folder; a journey with a key that nobody knows is an error."""
    found = [
        _journey(raw, f"{path.name}: {raw.get('name')}")
        for path in sorted(folder.glob("*.toml"))
        for raw in _dated(tomllib.loads(path.read_text(encoding="utf-8")), today)["journey"]
    ]
    names = [journey.name for journey in found]
    assert len(set(names)) == len(names), f"two journeys have one name: {sorted(names)}"
    return found


def _journey(raw: dict[str, Any], where: str) -> Journey:
    known = {"name", "shows", "customer", "other", "talk", "changes", "writes", "anonymous", "another", "again"}
    assert set(raw) <= known, f"{where} has {sorted(set(raw) - known)}; known are {sorted(known)}"
    return Journey(
        raw["name"],
        raw["shows"],
        raw["customer"],
        raw.get("other", SOMEBODY_ELSE),
        _turns(raw["talk"], where),
        _result({"changes": raw.get("changes", {}), "writes": raw.get("writes", [])}),
        _result(raw.get("anonymous", {"hears": ["signed in"]})),
        _result(raw.get("another", {"hears": ["I can't find an order"]})),
        _result(raw.get("again", {})),
    )


def _result(raw: dict[str, Any]) -> Result:
    return Result(tuple(raw.get("hears", ())), raw.get("changes", {}), tuple(raw.get("writes", ())))


def _turns(talk: str, where: str) -> tuple[Turn, ...]:
    turns: list[dict[str, Any]] = []
    speaking = False
    for line in filter(None, map(str.strip, talk.splitlines())):
        sign, _, rest = line.partition(" ")
        if sign == ">" and speaking:
            turns[-1]["text"] += f"\n{rest}"
        elif sign == ">":
            turns.append({"text": rest, "hears": [], "never": [], "handed_off": False})
        elif sign in ("<", "<!") and turns:
            turns[-1]["hears" if sign == "<" else "never"] += [words.strip() for words in rest.split("|")]
        elif line == f"= {HANDED_OFF}" and turns:
            turns[-1]["handed_off"] = True
        else:
            raise AssertionError(f"{where}: a line of its talk is {line!r}; it should begin with >, <, <! or =")
        speaking = sign == ">"
    return tuple(_turn(**turn) for turn in turns)


def _turn(text: str, hears: list[str], never: list[str], handed_off: bool) -> Turn:
    pressed = re.fullmatch(r"\[(.+)\]", text)
    return Turn(pressed[1] if pressed else text, bool(pressed), tuple(hears), tuple(never), handed_off)


def _dated(value: Any, today: date) -> Any:
    """The same with every {day} written out."""
    if isinstance(value, dict):
        return {_dated(name, today): _dated(part, today) for name, part in value.items()}
    if isinstance(value, list):
        return [_dated(part, today) for part in value]
    return DAY.sub(lambda match: _day(match, today), value) if isinstance(value, str) else value


def _day(match: re.Match[str], today: date) -> str:
    ahead = (DAYS.index(match[1]) - today.weekday() - 1) % 7 + 1
    day = today + timedelta(days=ahead + int(match[2] or 0))
    return day.strftime(match[3]) if match[3] else day.isoformat()
