"""Take a message into a form: a pressed button, an answer, a correction, or the words that begin it."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import Any

from bot.actions.outcome import Scene
from bot.backoffice.records import read_address
from bot.forms.addresses import fits_a_label
from bot.forms.catalogue import Form, possible
from bot.forms.choices import volunteered
from bot.forms.desk import Desk
from bot.forms.draft import Draft, draft_of
from bot.forms.slots import CHOSEN, Kind, Slot, valid
from bot.reading import orders_meant, parse_payload

POINTS_BACK = re.compile(r"\b(?:it|this|that|that one|this one|the order|my order)\b", re.IGNORECASE)


def begin(form: Form, scene: Scene) -> Draft:
    """Return the form as it was left, or a new one that remembers the words it began with."""
    draft = draft_of(scene.conversation.pending)
    if draft is not None and draft.action == form.action:
        return draft
    pressed = parse_payload(scene.conversation.text)
    plain = pressed is None or set(pressed[1]) <= {"order_number"}  # a button that only says which wish the words were
    return Draft(form.action, said=scene.reading.text if plain else "")


def take(form: Form, scene: Scene, desk: Desk, draft: Draft) -> Draft | str:
    """Return the form with what the message gives it; or the number of an order that isn't the customer's."""
    if scene.reading.payload == form.intent:
        draft = _pressed(form, scene, desk, draft)
    elif scene.conversation.pending and scene.conversation.pending.name == form.action:
        draft = _answered(form, scene, draft)
    if form.slot("order_number") is None:
        return draft
    named = orders_meant(scene.reading.text, scene.reading.entities, draft.filled.get("order_number"))
    if unknown := next((number for number in named if desk.order(number) is None), None):
        return unknown
    number = named[0] if len(named) == 1 else None  # of several the form finds out, or asks
    if not named and not draft.filled and scene.reading.payload is None:
        number = _by_its_things(form, scene, desk) or _remembered(form, scene, desk)
    if number and number != draft.filled.get("order_number"):
        slot = form.slot("order_number")
        assert slot is not None
        draft = draft.with_value("order_number", number, slot.dependents)
    number = draft.filled.get("order_number")
    return str(number) if number and desk.order(number) is None else draft


def _by_its_things(form: Form, scene: Scene, desk: Desk) -> str | None:
    """The order that the words name by what is in it: "the trowel" is in one only."""
    slot = form.slot("order_number")
    picks = volunteered(scene.reading.text, slot.options(desk, {})) if slot else ()
    return picks[0] if len(picks) == 1 else None


def _remembered(form: Form, scene: Scene, desk: Desk) -> str | None:
    """The order spoken of before, if the wish is possible for it, or if the words point back to it."""
    order = desk.order(scene.conversation.slot("order_number"))
    if order and (POINTS_BACK.search(scene.reading.text) or possible(desk, form.write, order)):
        return order.order_number
    return None


def _answered(form: Form, scene: Scene, draft: Draft) -> Draft:
    for name, value in scene.reading.answers.items():
        slot = form.slot(name)
        if slot and value is None:
            draft = replace(draft.without(name), said="")
        elif slot:
            draft = draft.with_value(name, value, slot.dependents)
    return draft


def _pressed(form: Form, scene: Scene, desk: Desk, draft: Draft) -> Draft:
    """Take the values of a button in the order of the slots, since what one offers depends on those before it."""
    pressed = parse_payload(scene.conversation.text)
    values = pressed[1] if pressed else {}
    for slot in form.slots:
        if slot.name in values and slot.kind is not Kind.ORDER:
            value = _believed(slot, values[slot.name], desk, draft)
            if value is not None:
                draft = draft.with_value(slot.name, value, slot.dependents)
            elif slot.kind in CHOSEN:
                return replace(draft.without(slot.name), rejected=(slot.name, values[slot.name]))
        elif slot.kind is Kind.ORDER and (number := scene.reading.value("order_number")):
            draft = draft.with_value(slot.name, number, slot.dependents)
    return draft


def _believed(slot: Slot, value: Any, desk: Desk, draft: Draft) -> Any:
    if slot.kind is Kind.ADDRESS:
        address = read_address(value) if isinstance(value, dict) else None
        return asdict(address) if address and fits_a_label(address) else None
    if slot.kind is Kind.EACH:
        return _each(slot, value, desk, draft)
    return valid(slot, value, slot.options(desk, draft.filled), desk.today)


def _each(slot: Slot, value: Any, desk: Desk, draft: Draft) -> list[str] | None:
    """Check every choice against what is offered at its place."""
    known: list[str] = []
    for one in value if isinstance(value, list) else [value]:
        options = slot.options(desk, {**draft.filled, slot.name: known})
        if not isinstance(one, str) or one not in {option.value for option in options}:
            return known or None
        known.append(one)
    return known
