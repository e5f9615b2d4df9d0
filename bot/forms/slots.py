"""What a form can ask for: each slot knows its options, its question, and how to read a customer's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from bot.forms.choices import Option, adds, chosen, other, volunteered
from bot.forms.days import read_day
from bot.forms.desk import Desk

Filled = Mapping[str, Any]
EMAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?![\w-])", re.ASCII)
LONGEST_EMAIL = 254  # RFC 5321, 4.5.3.1.3
PHONE = re.compile(r"(?<![\w+])\+?\d[\d ()/.-]{5,18}\d(?!\w)", re.ASCII)
NUMBERS = {"one": 1, "a": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9}
COUNT = re.compile(r"\b(\d{1,3}|one|two|three|four|five|six|seven|eight|nine)\b")
ALL_OF = re.compile(r"\b(?:all|both|every one|the lot)\b")


class Kind(StrEnum):
    """How a slot's value is read."""

    ORDER = "order"  # one of the customer's orders
    CHOICE = "choice"  # one of the options
    CHOICES = "choices"  # one or more of the options
    EACH = "each"  # one option for every chosen item, asked one after the other
    NUMBER = "number"  # how many
    ADDRESS = "address"
    DAY = "day"
    EMAIL = "email"
    PHONE = "phone"


CHOSEN = frozenset({Kind.ORDER, Kind.CHOICE, Kind.CHOICES, Kind.EACH})  # kinds that have options


def _always(_desk: Desk, _filled: Filled) -> bool:
    return True


def _no_options(_desk: Desk, _filled: Filled) -> tuple[Option, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Slot:
    """One value that a form needs.

    `options` are what may be chosen, `needed` whether it is asked at all, `question` what is asked; `dependents` are
    forgotten when it changes. A slot that `guesses` is filled by itself where there is one option only.
    """

    name: str
    kind: Kind
    question: Callable[[Desk, Filled], str]
    options: Callable[[Desk, Filled], tuple[Option, ...]] = _no_options
    needed: Callable[[Desk, Filled], bool] = _always
    dependents: tuple[str, ...] = ()
    guesses: bool = True


def read_slot(
    slot: Slot, text: str, options: tuple[Option, ...], today: date, *, asked: bool, current: Any = None
) -> Any:
    """Return the slot's value that the words hold, or None. Only of what was `asked` loose words are taken.

    Values: text; a list of texts for CHOICES; a whole number for NUMBER.
    """
    match slot.kind:
        case Kind.CHOICE:
            picks = chosen(text, options) if asked else volunteered(text, options, corrects=current is not None)
            return picks[0] if len(picks) == 1 else None
        case Kind.CHOICES:
            return _choices(text, options, current)
        case Kind.ORDER | Kind.EACH:
            picks = chosen(text, options) if asked else ()
            return picks[0] if len(picks) == 1 else None
        case Kind.NUMBER:
            return _number(text) if asked else None
        case Kind.DAY:
            return read_day(text, today)
        case Kind.EMAIL:
            found = EMAIL.search(text)
            return found[0].lower() if found and len(found[0]) <= LONGEST_EMAIL else None
        case Kind.PHONE:
            found = PHONE.search(text)
            return " ".join(found[0].split()) if found and sum(c.isdigit() for c in found[0]) >= 7 else None
        case _:
            return None


def read_other(text: str, options: tuple[Option, ...], current: Any) -> tuple[str, ...] | None:
    """Return what "the other one" means of this slot; see `choices.other`."""
    values = current if isinstance(current, list) else [current]
    return other(text, options, [str(value) for value in values])


def valid(slot: Slot, value: Any, options: tuple[Option, ...], today: date) -> Any:
    """Return a pressed button's value if the slot takes it, else None: what a button says is not believed."""
    allowed = {option.value for option in options}
    match slot.kind:
        case Kind.CHOICES:
            values = value if isinstance(value, list) else [value]
            return [str(v) for v in values] if values and all(str(v) in allowed for v in values) else None
        case Kind.ORDER | Kind.CHOICE:
            return value if isinstance(value, str) and value in allowed else None
        case Kind.NUMBER:
            return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,3}", value) else None
        case Kind.DAY:
            return read_day(str(value), today)
        case Kind.EMAIL | Kind.PHONE:
            return read_slot(slot, str(value), (), today, asked=True)
        case _:
            return value if isinstance(value, str | dict | list) else None


def _choices(text: str, options: tuple[Option, ...], current: Any) -> list[str] | None:
    picks = list(chosen(text, options, several=True))
    if not picks:
        return None
    if adds(text) and isinstance(current, list):
        return [o.value for o in options if o.value in picks or o.value in current]
    return picks


def _number(text: str) -> int | None:
    plain = text.casefold()
    if ALL_OF.search(plain):
        return -1
    found = COUNT.search(plain)
    if not found:
        return None
    return int(found[1]) if found[1].isdigit() else NUMBERS[found[1]]
