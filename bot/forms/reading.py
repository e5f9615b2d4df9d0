"""Read a message against the form that is open: the value asked for, and corrections of what was given before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from bot.forms.addresses import read_address
from bot.forms.catalogue import Form
from bot.forms.choices import Option, alike, chosen, without_name
from bot.forms.draft import Draft
from bot.forms.slots import Kind, Slot, read_other, read_slot

CORRECTS = re.compile(
    r"\b(?:no|nope|not|actually|instead|rather|sorry|wait|mean|meant|make (?:it|that)|change (?:it|that)|only|just|"
    r"other|different|wrong|correction|oops)\b",
    re.IGNORECASE,
)
TOO = re.compile(r"\btoo \w+", re.IGNORECASE)  # "they are too small" is why, not what instead
SHORT = 6  # words of a reply that may correct something without saying so
PART_OF = re.compile(r"\b(\d{1,2}|one|two|three|four|five|six) of (?:the|them|those|these)\b", re.IGNORECASE)


def read_answers(form: Form, draft: Draft, text: str, order_number: str | None, today: date) -> Mapping[str, Any]:
    """Return what the words give the form, by slot: the slot asked for first; else what they correct.

    A value of None means: that one was wrong, ask again. Nothing that stands already is returned.
    """
    asked = form.slot(draft.asking)
    if order_number and form.slot("order_number") and order_number != draft.filled.get("order_number"):
        return {"order_number": order_number}
    if asked and (value := _value(asked, draft, text, today, asked=True)) is not None:
        return {asked.name: value}
    if not _may_correct(draft, text):
        return {}
    for slot in reversed(form.slots):
        if slot.name in draft.filled and slot is not asked:
            changed = _value(slot, draft, text, today, asked=False)
            if changed is not None and changed != draft.filled[slot.name]:
                return {slot.name: changed}
    return _other(form, draft, text)


def read_from_beginning(slot: Slot, draft: Draft, said: str, today: date) -> Any:
    """Return what the words that began the form say of a slot not asked for yet, or None."""
    if slot.kind is Kind.NUMBER:
        found = PART_OF.search(said)
        return read_slot(slot, found[1], (), today, asked=True) if found else None
    if slot.kind is Kind.EACH:
        return _instead(draft, draft.options.get(slot.name, ()), said)
    if slot.kind is Kind.ORDER:
        return _numbered(said, draft.options.get(slot.name, ()))
    return _value(slot, draft, said, today, asked=False)


def _instead(draft: Draft, options: tuple[Option, ...], said: str) -> list[str] | None:
    """What the one chosen thing is wanted as; words of its own name tell which it is, not what it should become."""
    items = draft.filled.get("items", ())
    own = next((option for option in draft.options.get("items", ()) if [option.value] == list(items)), None)
    if own is None:
        return None
    plain = TOO.sub(" ", without_name(said, own))
    picks = chosen(plain, options) or alike(plain, options)
    return [picks[0]] if len(picks) == 1 else None


def _numbered(said: str, options: tuple[Option, ...]) -> str | None:
    """The one order on offer whose number was said: of two that were named, the one for which it is possible."""
    named = [option.value for option in options if (digits := re.sub(r"\D", "", option.value)) and digits in said]
    return named[0] if len(named) == 1 else None


def _value(slot: Slot, draft: Draft, text: str, today: date, *, asked: bool) -> Any:
    options, current = draft.options.get(slot.name, ()), draft.filled.get(slot.name)
    if slot.kind is Kind.ADDRESS:
        address = read_address(text, draft.country)
        return asdict(address) if address else None
    if slot.kind is Kind.EACH:
        return _each(options, current, text, asked=asked)
    return read_slot(slot, text, options, today, asked=asked, current=current)


def _each(options: tuple[Any, ...], current: Any, text: str, *, asked: bool) -> list[str] | None:
    known = list(current) if isinstance(current, list) else []
    plain = TOO.sub(" ", text)
    picks = chosen(plain, options) or alike(plain, options)
    if len(picks) != 1:
        return None
    return [*known, picks[0]] if asked else [*known[:-1], picks[0]]


def _may_correct(draft: Draft, text: str) -> bool:
    if CORRECTS.search(text):
        return True
    return draft.asking is None and "?" not in text and len(text.split()) <= SHORT


def _other(form: Form, draft: Draft, text: str) -> Mapping[str, Any]:
    """Take "the other one" as meaning the last choice there was."""
    for slot in reversed(form.slots):
        options = draft.options.get(slot.name, ())
        if slot.name not in draft.filled or len(options) < 2 or slot.kind is Kind.EACH:
            continue
        meant = read_other(text, options, draft.filled[slot.name])
        if meant is None:
            return {}
        if not meant:
            return {slot.name: None}
        return {slot.name: list(meant) if slot.kind is Kind.CHOICES else meant[0]}
    return {}
