"""Measure the assistant on a retail world: gold actions driven, forbidden acts tried.

    python tests/tau2/retail_measure.py FOLDER [--split train] [--attempts 40]

FOLDER holds db.json, tasks.json and split_tasks.json, plain or .gz. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [part for part in (str(ROOT), str(ROOT / "tests" / "bot")) if part not in sys.path]

import retail_tools  # noqa: E402
from retail_data import Json, Task, World, load_world  # noqa: E402
from retail_driver import Step, drive, shop  # noqa: E402
from retail_forbidden import Row, Verdict, attempt, rows  # noqa: E402
from retail_office import copied  # noqa: E402


@dataclass(frozen=True, slots=True)
class Driven:
    """A task's gold actions done by us and by the bench's tools: the steps, what the tools took, the two states."""

    task: Task
    steps: tuple[Step, ...]
    taken: tuple[bool, ...]
    ours: Json
    gold: Json

    @property
    def equal(self) -> bool:
        """True where the whole databases are the same, to the last digit."""
        return self.ours == self.gold

    @property
    def strays(self) -> list[str]:
        """Where we and a tool part: done or shown by the one and not by the other. We may read what it cannot."""
        pairs = zip(self.steps, self.taken, strict=True)
        return [
            f"{step.action.name}: {step.why or 'the tool refuses it'}"
            for step, taken in pairs
            if step.expressed != taken and (taken or step.action.writes)
        ]


def driven(world: World, task: Task) -> Driven:
    """Drive one task in a shop of its own."""
    gold, taken = retail_tools.replay(world.db, task.actions)
    with shop(world.db) as visit:
        here = visit()
        steps = asyncio.run(drive(here, task))
        return Driven(task, steps, taken, here.office.db, gold)


def measure_gold(world: World, split: str) -> Json:
    """Count tasks and gold actions of a split, and what became of them."""
    results = [driven(world, task) for task in world.split(split)]
    kinds: dict[str, Counter[str]] = {}
    for result in results:
        for step, taken in zip(result.steps, result.taken, strict=True):
            kind = "writes" if step.action.writes else "reads"
            counts = kinds.setdefault(f"{kind}.{step.action.name}", Counter())
            counts["gold"] += 1
            counts["done by us" if step.expressed else "refused by us"] += 1
            counts["refused by the tool" if not taken else "done by the tool"] += 1
    return {
        "split": split,
        "tasks": len(results),
        "equal": sum(result.equal for result in results),
        "without a write": sum(not any(action.writes for action in result.task.actions) for result in results),
        "unequal": [result.task.id for result in results if not result.equal],
        "strays": {result.task.id: result.strays for result in results if result.strays},
        "actions": {name: dict(counts) for name, counts in sorted(kinds.items())},
    }


def tried(world: World, row: Row, most: int) -> Counter[tuple[Verdict, str | None]]:
    """How the attempts at a forbidden act ended, and the policy named."""
    found: Counter[tuple[Verdict, str | None]] = Counter()
    with shop(world.db) as visit:
        for one in row.some(world.db, most):
            here = visit(one.customer)
            found[asyncio.run(attempt(here, world.db, one))] += 1
            if here.office.log:
                here.office.db, here.office.log = copied(world.db), []
    return found


def measure_forbidden(world: World, most: int) -> Json:
    """Try every forbidden act on up to `most` orders."""
    found = {row.name: tried(world, row, most) for row in rows()}
    total: Counter[str] = Counter()
    for counts in found.values():
        for (verdict, _), count in counts.items():
            total[verdict.value] += count
    table = {
        name: {f"{verdict.value}{f' ({policy})' if policy else ''}": n for (verdict, policy), n in counts.items()}
        for name, counts in found.items()
    }
    return {"attempts": sum(total.values()), "rows": len(found), "total": dict(total), "table": table}


def main(arguments: Sequence[str]) -> None:
    """Print the measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="train")
    parser.add_argument("--attempts", type=int, default=40, help="per forbidden act; 0 leaves them out")
    asked = parser.parse_args(arguments)
    world = load_world(asked.folder)
    found = {"gold": measure_gold(world, asked.split)}
    if asked.attempts:
        found["forbidden"] = measure_forbidden(world, asked.attempts)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
