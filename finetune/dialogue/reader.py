"""Dialogues with labelled actions: STAR's JSON lines, or transcripts whose agent turns name an action.

STAR (Mosig et al. 2020) logs everything that happened on both screens. Kept are the four kinds of event that a desk
would know of; left out is what a crowd worker was told (`instruct`), and what an agent did on the way to the very
action that is to be foretold: the words typed to have actions suggested (`request_suggestions`, `ActionLabelOptions`),
the task and the item clicked on (`select_task`, `select_primary`).
"""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from finetune.errors import BadLabels

FREE = "custom"
"""The action of an agent who wrote a reply of his own although actions were on offer."""
OUT_OF_SCOPE = "out_of_scope"
"""STAR's name for the reply "I am only able to help you with …"."""
OUTSIDE: Mapping[str, frozenset[str]] = MappingProxyType(
    {OUT_OF_SCOPE: frozenset({OUT_OF_SCOPE}), "off_script": frozenset({OUT_OF_SCOPE, FREE})}
)
"""What it may mean that a request is none the company has an action for: the agent says so, or he also leaves the
actions on offer for words of his own."""
GZIP = b"\x1f\x8b"


class Kind(IntEnum):
    """What an event is: the customer's words, the agent's reply, the agent's lookup, what the lookup found."""

    USER = 0
    REPLY = 1
    LOOKUP = 2
    RESULT = 3


@dataclass(frozen=True, slots=True)
class Event:
    """Something said, done or found; `action` names what an agent did and is "" for customers and results."""

    kind: Kind
    text: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A conversation in the order it happened."""

    id: str
    events: tuple[Event, ...]

    @property
    def actions(self) -> list[str]:
        """What the agent did, in order: one to foretell for each."""
        return [event.action for event in self.events if event.action]


def read_dialogues(path: Path) -> list[Dialogue]:
    """Read JSON lines, gzipped or not; dialogues in which no agent acts are left out.

    Raises BadLabels naming file and line.
    """
    found = [_dialogue(raw, f"{path}:{line}") for line, raw in _lines(path) if raw.strip()]
    acted = [dialogue for dialogue in found if dialogue.actions]
    if not acted:
        raise BadLabels(f"{path} holds {len(found)} dialogues and in none does an agent take an action")
    return acted


def split(dialogues: Sequence[Dialogue], share: float, seed: int) -> tuple[list[Dialogue], list[Dialogue]]:
    """Return the dialogues without a share of them, and that share: whole dialogues, one at least on either side."""
    if len(dialogues) < 2:
        raise BadLabels(f"there is {len(dialogues)} dialogue; at least two are needed to hold one out")
    held = max(1, min(len(dialogues) - 1, round(share * len(dialogues))))
    out = set(np.random.default_rng([seed, 11]).permutation(len(dialogues))[:held].tolist())
    kept = [dialogue for number, dialogue in enumerate(dialogues) if number not in out]
    return kept, [dialogues[number] for number in sorted(out)]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if raw.startswith(GZIP) else raw).decode("utf-8-sig")
    except FileNotFoundError:
        raise BadLabels(f"{path} does not exist; give JSON lines of dialogues (.jsonl or .jsonl.gz)") from None
    except UnicodeDecodeError as error:
        raise BadLabels(f"{path} is not UTF-8: {error}") from error
    except (OSError, EOFError) as error:
        raise BadLabels(f"{path} cannot be read: {error}") from error
    return enumerate(io.StringIO(text), start=1)


def _dialogue(raw: str, where: str) -> Dialogue:
    try:
        row = json.loads(raw)
    except ValueError as error:
        raise BadLabels(f"{where} is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise BadLabels(f"{where} is a {type(row).__name__}; expected an object with Events or turns")
    read, name = (_star_event, "Events") if "Events" in row else (_turn, "turns")
    listed = row.get(name)
    if not isinstance(listed, list):
        raise BadLabels(f"{where} has no list named Events (STAR) or turns (role, text, action)")
    events = [read(event, f"{where}, {name}[{number}]") for number, event in enumerate(listed)]
    return Dialogue(str(row.get("DialogueID", row.get("id", where))), tuple(filter(None, events)))


def _star_event(event: Any, where: str) -> Event | None:
    """One event of STAR's log, or None for what is not part of the conversation."""
    if not isinstance(event, dict):
        raise BadLabels(f"{where} is {event!r:.60}; expected an object with Agent and Action")
    match _word(event, "Agent", where), _word(event, "Action", where):
        case "User", "utter":
            return Event(Kind.USER, _word(event, "Text", where))
        case "Wizard", "utter" | "pick_suggestion":
            label = event.get("ActionLabel") or FREE
            if not isinstance(label, str):
                raise BadLabels(f"{where} has the ActionLabel {label!r:.60}; expected a name")
            return Event(Kind.REPLY, _word(event, "Text", where), label)
        case "Wizard", "query":
            return Event(
                Kind.LOOKUP, _constraints(event.get("Constraints")), f"query {event.get('APIName', '')}".strip()
            )
        case "KnowledgeBase", "return_item":
            found = event.get("Item") or {}
            fields = " ".join(f"{key} {value}" for key, value in found.items() if key not in ("id", "APIName"))
            return Event(Kind.RESULT, fields if found else "nothing found")
        case _:
            return None


def _turn(turn: Any, where: str) -> Event:
    """One turn of a transcript; an agent's without an action counts as free words."""
    if not isinstance(turn, dict) or turn.get("role") not in ("customer", "agent"):
        raise BadLabels(f"{where} is {turn!r:.60}; expected an object with the role customer or agent, and text")
    text = _word(turn, "text", where)
    if turn["role"] == "customer":
        return Event(Kind.USER, text)
    action = turn.get("action") or FREE
    if not isinstance(action, str):
        raise BadLabels(f"{where} has the action {action!r:.60}; expected a name")
    return Event(Kind.REPLY, text, action)


def _word(event: dict[str, Any], key: str, where: str) -> str:
    value = event.get(key)
    if not isinstance(value, str):
        raise BadLabels(f"{where} has {key} = {value!r:.60}; expected words")
    return value


def _constraints(listed: Any) -> str:
    """The names of what a lookup was asked for with, and what kind of lookup it was; the values are a customer's."""
    pairs = [pair for pair in listed or [] if isinstance(pair, dict)]
    return " ".join(
        f"{key} {value}" if key.startswith("Request") else key for pair in pairs for key, value in pair.items()
    )
