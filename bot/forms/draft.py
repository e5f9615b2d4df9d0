"""A form being filled: what is known, what was offered, what was asked. It travels in the slot `pending_action`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.forms.choices import Option
from bot.types import PendingAction

MOST_OPTIONS = 12


@dataclass(frozen=True, slots=True)
class Draft:
    """`filled` maps slots to JSON values; `options` what was offered for each; `said` the words that began it.

    `asking` is the slot asked for, None once everything is known and the yes is awaited; `confirm` is the write that
    the yes is for, as JSON; `at` the time of the message it was asked after, in seconds; `country` where parcels go
    unless an address says otherwise; `rejected` is the slot for which this very message pressed what isn't offered,
    and what it pressed: it does not travel.
    """

    action: str
    filled: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, tuple[Option, ...]] = field(default_factory=dict)
    said: str = ""
    question: str = ""
    asking: str | None = None
    confirm: Mapping[str, Any] | None = None
    at: float | None = None
    country: str = ""
    rejected: tuple[str, Any] | None = None

    def with_value(self, slot: str, value: Any, dependents: tuple[str, ...] = ()) -> Draft:
        """Fill a slot; where that changes it, what depended on it is forgotten."""
        known = dict(self.filled)
        changed = known.get(slot) != value
        known[slot] = value
        if changed:
            for name in dependents:
                known.pop(name, None)
        options = {n: o for n, o in self.options.items() if not (changed and n in dependents)}
        return replace(self, filled=known, options=options)

    def without(self, slot: str) -> Draft:
        """Forget a slot, so that it is asked again."""
        return replace(self, filled={name: value for name, value in self.filled.items() if name != slot})

    def offering(self, slot: str, options: tuple[Option, ...]) -> Draft:
        """Note what was offered for a slot."""
        return replace(self, options={**self.options, slot: options[:MOST_OPTIONS]})

    def pending(self, message_id: str) -> PendingAction:
        """The value of slot pending_action."""
        values = {
            "filled": dict(self.filled),
            "options": {slot: [[o.value, o.title, o.words] for o in offered] for slot, offered in self.options.items()},
            "said": self.said,
            "question": self.question,
            "asking": self.asking,
            "confirm": dict(self.confirm) if self.confirm is not None else None,
            "at": self.at,
            "country": self.country,
        }
        return PendingAction(self.action, values, message_id)


def draft_of(pending: PendingAction | None) -> Draft | None:
    """Read a form's state back; None for a pending question that is no form's, or is damaged."""
    if pending is None or not isinstance(pending.values.get("filled"), dict):
        return None
    values = pending.values
    offered = values.get("options")
    confirm, asking, at = values.get("confirm"), values.get("asking"), values.get("at")
    return Draft(
        action=pending.name,
        filled=values["filled"],
        options={str(s): _options(o) for s, o in offered.items()} if isinstance(offered, dict) else {},
        said=str(values.get("said") or ""),
        question=str(values.get("question") or ""),
        asking=asking if isinstance(asking, str) else None,
        confirm=confirm if isinstance(confirm, dict) else None,
        at=float(at) if isinstance(at, int | float) else None,
        country=str(values.get("country") or ""),
    )


def _options(raw: Any) -> tuple[Option, ...]:
    rows = raw if isinstance(raw, list) else []
    return tuple(Option(*map(str, row)) for row in rows if isinstance(row, list) and len(row) == 3)
