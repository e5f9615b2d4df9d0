"""What the company wants done with each intent: the words of intents.toml and intents.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.errors import HeadError


class Handle(StrEnum):
    """How an intent is served."""

    ACTION = "action"  # a business action runs
    RESPOND = "respond"  # one of the fixed responses is said
    SEARCH = "search"  # the best passages answer
    HANDOFF = "handoff"  # a person takes over


@dataclass(frozen=True, slots=True)
class IntentEntry:
    """One intent as the company describes it; `description` can stand on a button."""

    description: str
    handle: Handle
    action: str | None = None
    responses: tuple[str, ...] = ()


Catalogue = Mapping[str, IntentEntry]


def parse_catalogue(raw: object, where: str) -> dict[str, IntentEntry]:
    """Read `{name: {description, handle, action, responses}}`, or raise HeadError naming the intent at fault."""
    if not isinstance(raw, dict) or not raw:
        raise HeadError(f"{where} should map intent names to tables with description and handle, but is {raw!r:.80}")
    return {name: _entry(name, table, where) for name, table in raw.items()}


def dump_catalogue(catalogue: Catalogue) -> dict[str, dict[str, object]]:
    """The inverse of `parse_catalogue`, ready for JSON."""
    return {
        name: {
            "description": entry.description,
            "handle": entry.handle.value,
            "action": entry.action,
            "responses": list(entry.responses),
        }
        for name, entry in catalogue.items()
    }


def _entry(name: str, table: object, where: str) -> IntentEntry:
    if not isinstance(table, dict):
        raise HeadError(f"intent {name!r} in {where} should be a table with description and handle")
    unknown = set(table) - {"description", "handle", "action", "responses"}
    if unknown:
        raise HeadError(f"intent {name!r} in {where} has the unknown key {min(unknown)!r}")
    try:
        handle = Handle(table.get("handle", ""))
    except ValueError:
        kinds = ", ".join(kind.value for kind in Handle)
        raise HeadError(
            f"intent {name!r} in {where} has handle {table.get('handle')!r}; it should be one of {kinds}"
        ) from None
    action = table.get("action") or None
    responses = table.get("responses") or []
    if not isinstance(responses, list) or not all(isinstance(text, str) and text.strip() for text in responses):
        raise HeadError(f"intent {name!r} in {where}: responses should be a list of texts")
    if handle is Handle.ACTION and not (isinstance(action, str) and action.startswith("action_")):
        raise HeadError(f"intent {name!r} in {where} is served by an action, so it needs action = 'action_…'")
    if handle is Handle.RESPOND and not responses:
        raise HeadError(f"intent {name!r} in {where} is served by a response, so it needs at least one in responses")
    description = table.get("description") or name.replace("_", " ")
    return IntentEntry(str(description), handle, action, tuple(responses))
