"""A small made-up company: what its agents do next follows from what was said, done and found."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any


def said(text: str) -> dict[str, Any]:
    return {"Agent": "User", "Action": "utter", "Text": text}


def done(label: str | None, text: str) -> dict[str, Any]:
    return {"Agent": "Wizard", "Action": "pick_suggestion" if label else "utter", "Text": text, "ActionLabel": label}


def looked_up(api: str, *names: str) -> dict[str, Any]:
    return {
        "Agent": "Wizard",
        "Action": "query",
        "APIName": api,
        "Constraints": [{name: '"secret"'} for name in names],
    }


def found(**item: str) -> dict[str, Any]:
    return {"Agent": "KnowledgeBase", "Action": "return_item", "Item": item or None}


def typed(text: str) -> dict[str, Any]:
    return {"Agent": "Wizard", "Action": "request_suggestions", "Text": text}


def talk(number: int) -> dict[str, Any]:
    """One dialogue: greeted, asked for the number, looked up, told what was found; some wander off."""
    rng = random.Random(number)
    events = [said(rng.choice(["hello there", "good day"])), done("hello", "Hello, how can I help?")]
    if rng.random() < 0.3:
        events += [said("do you like jazz"), done("out_of_scope", "I can only help with parcels.")]
    late = rng.random() < 0.5
    events += [
        said("where is my parcel"),
        typed("number?"),
        done("ask_number", "What is the number?"),
        said(f"it is {rng.randrange(10**6)}"),
        looked_up("tracking", "Number"),
        found(Status="late") if late else found(Status="arrived"),
        done("say_late", "It is late.") if late else done("say_arrived", "It has arrived."),
        said("thank you"),
        done("goodbye", "Goodbye."),
    ]
    return {"DialogueID": number, "Events": events}


def write_dialogues(path: Path, numbers: range) -> Path:
    path.write_text("".join(json.dumps(talk(number)) + "\n" for number in numbers), encoding="utf-8")
    return path
