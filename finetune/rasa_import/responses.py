"""The `responses:` part: what of each response can be a fixed template."""

from __future__ import annotations

import re
from dataclasses import dataclass

from finetune.rasa_import.findings import Ledger, Place
from finetune.rasa_import.nodes import Node, Table, Text, entries, rows

VARIABLE = re.compile(r"(?<!\{)\{([^{}\n]+)\}(?!\})")
LOST_PARTS = {
    "image": "an image",
    "attachment": "an attachment",
    "custom": "a custom payload",
    "elements": "elements",
    "quick_replies": "quick replies",
}


@dataclass(frozen=True, slots=True)
class Response:
    """A response and the variations of it that can be said as they stand."""

    name: str
    place: Place
    texts: tuple[str, ...]


def read_responses(node: Node, ledger: Ledger) -> list[Response]:
    """Return the responses of a `responses:` part; what cannot be said as it stands is named and kept in the report."""
    if not isinstance(node, Table):
        ledger.left_out(node.place, "responses", "it should map names such as utter_greet to a list of variations")
    found = []
    for name, variations in entries(node):
        if not rows(variations):
            ledger.left_out(
                name.place, f"response {name.value!r}", "it has no list of variations", "write `- text: …` below it"
            )
        texts = [text for row in rows(variations) if (text := _text(name.value, row, ledger))]
        found.append(Response(name.value, name.place, tuple(dict.fromkeys(texts))))
    return found


def _text(name: str, row: Node, ledger: Ledger) -> str:
    """The words of one variation, or "" where they cannot be said."""
    what = f"response {name!r}"
    text = row.text("text") if isinstance(row, Table) else row.value.strip() if isinstance(row, Text) else ""
    if not text:
        extra = ", ".join(LOST_PARTS[key] for key in _parts(row)) or "nothing"
        ledger.left_out(row.place, what, f"this variation has no text, only {extra}", kept=_said(row))
        return ""
    if why := _unsayable(row, text):
        ledger.left_out(row.place, what, *why, kept=text)
        return ""
    _name_lost_parts(what, row, ledger)
    return text.replace("{{", "{").replace("}}", "}")


def _unsayable(row: Node, text: str) -> tuple[str, str] | None:
    """Why a variation cannot be a fixed template, and what to do; None if it can."""
    if isinstance(row, Table) and row.get("condition") is not None:
        slots = ", ".join(sorted({c.text("name") for c in rows(row.get("condition")) if isinstance(c, Table)}))
        return (
            f"it is said only under a condition on {slots or 'a slot'}, and templates know no slots",
            "say it in an article, or write an action",
        )
    if isinstance(row, Table) and (channel := row.text("channel")):
        return f"it is for the channel {channel!r} alone", "add its text to intents.toml if it suits the widget"
    if names := [match.strip() for match in VARIABLE.findall(text)]:
        filled = ", ".join(dict.fromkeys(names))
        return (
            f"it is filled from {filled}, and templates have no slots",
            "word it without, or write an action that says it",
        )
    return None


def _parts(row: Node) -> list[str]:
    return [key for key in LOST_PARTS if isinstance(row, Table) and row.get(key) is not None]


def _name_lost_parts(what: str, row: Node, ledger: Ledger) -> None:
    if not isinstance(row, Table):
        return
    buttons = [button for button in rows(row.get("buttons")) if isinstance(button, Table)]
    if buttons:
        ledger.changed(
            row.place, f"{what}: buttons", "a template is text alone; the text was taken, the buttons were not",
            "name the choices in the text", "; ".join(f"{b.text('title')} → {b.text('payload')}" for b in buttons),
        )  # fmt: skip
    for key in _parts(row):
        ledger.changed(
            row.place, f"{what}: {LOST_PARTS[key]}", "a template is text alone; the text was taken",
            "check that the text makes sense without it", row.text(key),
        )  # fmt: skip


def _said(row: Node) -> str:
    return "; ".join(row.text(key) for key in _parts(row) if isinstance(row, Table) and row.text(key))
