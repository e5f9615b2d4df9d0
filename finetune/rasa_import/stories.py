"""Rules and stories as reactions: after this intent, these actions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from finetune.rasa_import.findings import Ledger, Place
from finetune.rasa_import.nodes import Node, Table, Text, entries, rows

SILENT = frozenset({"action_listen", "action_deactivate_loop", "action_session_start", "action_extract_slots"})


class Weight(IntEnum):
    """How much a reaction says of what should follow an intent wherever it comes; less is more."""

    RULE = 0  # always so
    OPENING = 1  # the first thing a customer says in a story
    LATER = 2  # said after something else
    CONDITION = 3  # only while a form runs or a slot is set


@dataclass(frozen=True, slots=True)
class Reaction:
    """What follows an intent: `utter_…` responses, then at most one action or form."""

    intent: str
    actions: tuple[str, ...]
    weight: Weight
    place: Place


def read_stories(node: Node, kind: str, ledger: Ledger) -> Iterator[Reaction]:
    """Yield the reactions of a `rules:` or `stories:` part; `kind` is "rule" or "story"."""
    for item in rows(node):
        if not isinstance(item, Table) or not item.text(kind):
            ledger.left_out(item.place, f"an item of {kind}s", f"it should begin with `- {kind}: its name`")
        elif not rows(item.get("steps")):
            ledger.left_out(item.place, f"{kind} {item.text(kind)!r}", "it has no steps")
        else:
            yield from _Telling(item, kind, ledger).reactions()


class _Telling:
    """One rule or story, read step by step."""

    def __init__(self, item: Table, kind: str, ledger: Ledger) -> None:
        self._what = f"{kind} {item.text(kind)!r}"
        self._steps = rows(item.get("steps"))
        self._ledger = ledger
        self._weight = Weight.RULE if kind == "rule" else Weight.OPENING
        if item.get("condition") is not None:
            self._weight = Weight.CONDITION
        self._open: list[Reaction] = []  # the intents of the last user step, and what follows them so far
        self._full = False  # an action or form has come; what follows depends on how it ends

    def reactions(self) -> Iterator[Reaction]:
        for step in self._steps:
            yield from self._step(step)
        yield from self._open

    def _step(self, step: Node) -> Iterator[Reaction]:
        if not isinstance(step, Table):
            if isinstance(step, Text) and step.value.strip() == "...":
                return  # Rasa's sign for "whatever came before"
            self._ledger.left_out(step.place, f"a step of {self._what}", "it is neither an intent nor an action")
        elif asked := self._intents(step):
            yield from self._open
            self._open = [Reaction(intent, (), self._weight, step.place) for intent in asked]
            self._full = False
            if self._weight is Weight.OPENING:
                self._weight = Weight.LATER
        elif name := step.text("action"):
            self._act(name)
        elif step.get("active_loop") is not None:
            self._act(step.text("active_loop"))
        elif step.get("slot_was_set") is not None:
            self._condition()
        elif step.get("checkpoint") is not None:
            self._weight = max(self._weight, Weight.LATER)
        else:
            self._refuse(step)

    def _intents(self, step: Table) -> list[str]:
        if intent := step.text("intent"):
            return [intent]
        return [choice.text("intent") for choice in rows(step.get("or")) if isinstance(choice, Table)]

    def _act(self, name: str) -> None:
        if not name or name in SILENT or self._full:
            return
        self._full = not name.startswith("utter_")
        self._open = [replace(reaction, actions=(*reaction.actions, name)) for reaction in self._open]

    def _condition(self) -> None:
        """A slot set before anything was done decides what is done; set later, it is a consequence."""
        if any(reaction.actions for reaction in self._open):
            return
        self._weight = max(self._weight, Weight.CONDITION) if self._weight is not Weight.RULE else Weight.CONDITION
        self._open = [replace(reaction, weight=Weight.CONDITION) for reaction in self._open]

    def _refuse(self, step: Table) -> None:
        key = next((name.value for name, _ in entries(step)), "nothing")
        words = step.text("user") or step.text("bot")
        why = "it tells words without an intent" if words else f"{key!r} is no step of Rasa's that this importer knows"
        self._ledger.left_out(step.place, f"a step of {self._what}", why, "give it an intent or an action", words)
