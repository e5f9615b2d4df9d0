"""Read a retail world in τ²-bench's format: db.json, tasks.json, split_tasks.json, each plain or .gz, in one folder."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]
FOLDER = "NIGHTDESK_TAU2"  # the environment variable that names τ²-bench's own files
SAMPLE = Path(__file__).parent / "sample"
WRITES = (
    "cancel_pending_order",
    "modify_pending_order_address",
    "modify_pending_order_items",
    "modify_pending_order_payment",
    "return_delivered_order_items",
    "exchange_delivered_order_items",
    "modify_user_address",
)


@dataclass(frozen=True, slots=True)
class Action:
    """One call of a tool, as a task's gold list has it."""

    name: str
    arguments: Mapping[str, Any]

    @property
    def writes(self) -> bool:
        """True for a tool that changes the database."""
        return self.name in WRITES


@dataclass(frozen=True, slots=True)
class Task:
    """A customer's errand: the calls that do it and nothing else."""

    id: str
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class World:
    """`db` is {products, users, orders}; nobody changes it in place. `splits` names tasks by their ids."""

    db: Json
    tasks: Mapping[str, Task]
    splits: Mapping[str, tuple[str, ...]]

    def split(self, name: str) -> tuple[Task, ...]:
        """The tasks of one split, in its order."""
        return tuple(self.tasks[task] for task in self.splits[name])


def load_world(folder: Path) -> World:
    """Read the three files; raise FileNotFoundError naming the one that is neither there plain nor as .gz."""
    tasks = (_task(raw) for raw in _read(folder, "tasks.json"))
    splits = {name: tuple(map(str, ids)) for name, ids in _read(folder, "split_tasks.json").items()}
    return World(_read(folder, "db.json"), {task.id: task for task in tasks}, splits)


def worlds() -> dict[str, World]:
    """The sample, and the bench's own data where the environment says where it is."""
    found = {"sample": load_world(SAMPLE)}
    if folder := os.environ.get(FOLDER):
        found["tau2"] = load_world(Path(folder))
    return found


def _task(raw: Mapping[str, Any]) -> Task:
    calls = raw["evaluation_criteria"]["actions"] or ()
    return Task(str(raw["id"]), tuple(Action(call["name"], call["arguments"]) for call in calls))


def _read(folder: Path, name: str) -> Any:
    plain, packed = folder / name, folder / f"{name}.gz"
    if packed.exists():
        return json.loads(gzip.decompress(packed.read_bytes()))
    return json.loads(plain.read_text(encoding="utf-8"))
