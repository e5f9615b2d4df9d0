"""The domain's part of an assistant: intents, forms, slots, actions, entities."""

from __future__ import annotations

from dataclasses import dataclass, field

from finetune.rasa_import.findings import Ledger, Place
from finetune.rasa_import.nodes import Node, Rows, Table, Text, entries, rows


@dataclass(slots=True)
class Domain:
    """Names with their places; `triggers` are intents that the domain itself leads to an action."""

    intents: dict[str, Place] = field(default_factory=dict)
    triggers: dict[str, tuple[str, Place]] = field(default_factory=dict)
    entities: dict[str, Place] = field(default_factory=dict)
    forms: dict[str, Place] = field(default_factory=dict)
    slots: dict[str, Place] = field(default_factory=dict)
    actions: dict[str, Place] = field(default_factory=dict)


def read_domain(table: Table, into: Domain, ledger: Ledger) -> None:
    """Add what a file of the domain holds; parts of another shape than Rasa's are named."""
    for key, kept in (("intents", into.intents), ("entities", into.entities), ("actions", into.actions)):
        node = table.get(key)
        if node is not None and not isinstance(node, Rows) and not _empty(node):
            ledger.left_out(node.place, key, "it should be a list of names")
        for name, place, options in _names(node):
            kept.setdefault(name, place)
            if key == "intents" and isinstance(options, Table) and (action := options.text("triggers")):
                into.triggers[name] = (action, place)
    for slot, _ in entries(table.get("slots")):
        into.slots.setdefault(slot.value, slot.place)
    for form, options in entries(table.get("forms")):
        if form.value not in into.forms:
            into.forms[form.value] = form.place
            _name_form(form, options, ledger)


def _empty(node: Node) -> bool:
    return isinstance(node, Text) and not node.value


def _names(node: Node | None) -> list[tuple[str, Place, Node | None]]:
    """Names of a list of names or of `name: options` tables."""
    found: list[tuple[str, Place, Node | None]] = []
    for item in rows(node):
        if isinstance(item, Text) and item.value.strip():
            found.append((item.value.strip(), item.place, None))
        found += [(name.value, name.place, options) for name, options in entries(item)]
    return found


def _name_form(name: Text, node: Node, ledger: Ledger) -> None:
    """Say which slots a form asks for: Rasa 3 lists them, Rasa 2 maps them."""
    required = node.get("required_slots") if isinstance(node, Table) else None
    if required is None and isinstance(node, Table):
        required = node
    slots = [slot for slot, _, _ in _names(required)] or [key.value for key, _ in entries(required)]
    ledger.left_out(
        name.place,
        f"form {name.value!r}",
        "Nightdesk asks for what it needs in the action itself, not in a form",
        "write or choose an action that asks for these",
        ", ".join(slots),
    )
