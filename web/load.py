"""Customers in numbers: drives whole durable turns, one thread a client. Runs in a process of its own.

    python -m web.load PLAN.json

A turn is measured from the first byte of the POST to the reply's arrival on the client's event stream, and counts
only if both lie within the measured time. The figures are printed as one JSON document.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from web.client import Visitor
from web.journal import Journal
from web.plain_http import ClientError

_TURN_LIMIT_S = 75.0  # the service hands a turn off after 60


@dataclass(frozen=True)
class Plan:
    """What to drive, for how long, and where each client keeps its journal."""

    base_url: str
    clients: int
    warm_up_s: float
    measured_s: float
    questions: Sequence[str]
    journals: str
    seed: int = 0


@dataclass
class Tally:
    """What one client measured."""

    latencies_ms: list[float] = field(default_factory=list)
    handoffs: int = 0
    errors: list[str] = field(default_factory=list)
    retries: int = 0


_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]


def distinct(questions: Sequence[str], client: int, seed: int) -> Iterator[str]:
    """Yield questions without end, each text once: a word of its own follows each.

    A word and not a number: the assistant reads numbers as placeholders, and texts that it reads alike could be
    remembered instead of read.
    """
    chance = random.Random(f"{seed}/{client}")  # noqa: S311 - load, not secrets
    number = 0
    while True:
        for question in chance.sample(questions, len(questions)):
            number += 1
            yield f"{question.rstrip()} (my note {_word(client)} {_word(number)})"


def _word(number: int) -> str:
    """A pronounceable word, another one for each number."""
    word = ""
    while True:
        number, syllable = divmod(number, len(_SYLLABLES))
        word += _SYLLABLES[syllable]
        if not number:
            return word


def drive(plan: Plan) -> dict[str, object]:
    """Run every client to the end of the measured time; return figures over all of them."""
    tallies = [Tally() for _ in range(plan.clients)]
    ready = threading.Barrier(plan.clients + 1)
    clock = _Clock()
    threads = [
        threading.Thread(target=_client, args=(plan, number, tally, ready, clock), daemon=True)
        for number, tally in enumerate(tallies)
    ]
    for thread in threads:
        thread.start()
    ready.wait(timeout=120)
    clock.begin(plan.warm_up_s, plan.measured_s)
    time.sleep(plan.warm_up_s)
    cpu_s = time.process_time()
    time.sleep(plan.measured_s)
    cpu_s = time.process_time() - cpu_s
    for thread in threads:
        thread.join(timeout=_TURN_LIMIT_S + 30)
    return _figures(plan, tallies, cpu_s)


class _Clock:
    """When the measured time begins and ends; set once every client is listening."""

    def __init__(self) -> None:
        self.from_s = self.until_s = 0.0
        self._begun = threading.Event()

    def begin(self, warm_up_s: float, measured_s: float) -> None:
        self.from_s = time.monotonic() + warm_up_s
        self.until_s = self.from_s + measured_s
        self._begun.set()

    def wait(self) -> None:
        self._begun.wait()


def _client(plan: Plan, number: int, tally: Tally, ready: threading.Barrier, clock: _Clock) -> None:
    journal = Journal(Path(plan.journals) / f"{plan.clients}-{number}.jsonl", fsync=False)
    visitor = Visitor(plan.base_url, journal)
    try:
        visitor.open()
    except ClientError as error:
        tally.errors.append(str(error))
        ready.wait()
        return
    ready.wait()
    clock.wait()
    for text in distinct(plan.questions, number, plan.seed):
        if time.monotonic() >= clock.until_s:
            break
        try:
            _turn(visitor, text, tally, clock)
        except ClientError as error:
            tally.errors.append(str(error))
            break
    tally.retries = visitor.retries
    visitor.close()
    journal.close()


def _turn(visitor: Visitor, text: str, tally: Tally, clock: _Clock) -> None:
    receipt = visitor.say(text)
    ending = visitor.wait_for_ending(receipt, _TURN_LIMIT_S)
    if ending.kind != "people" and receipt.sent_s >= clock.from_s and ending.event.arrived_s <= clock.until_s:
        tally.latencies_ms.append((ending.event.arrived_s - receipt.sent_s) * 1000)
    if ending.kind != "reply" or visitor.with_people():
        tally.handoffs += 1
        visitor.listening.close()
        visitor.open()  # people have that conversation now


def _figures(plan: Plan, tallies: Sequence[Tally], cpu_s: float) -> dict[str, object]:
    latencies = sorted(latency for tally in tallies for latency in tally.latencies_ms)
    errors = [error for tally in tallies for error in tally.errors]
    return {
        "turns_per_s": round(len(latencies) / plan.measured_s, 1),
        "p50_ms": percentile(latencies, 50),
        "p95_ms": percentile(latencies, 95),
        "p99_ms": percentile(latencies, 99),
        "turns": len(latencies),
        "errors": len(errors),
        "first_error": errors[0] if errors else None,
        "handoffs": sum(tally.handoffs for tally in tallies),
        "retries": sum(tally.retries for tally in tallies),
        "client_cpu_ms_per_turn": round(cpu_s * 1000 / max(1, len(latencies)), 2),
    }


def percentile(ordered: Sequence[float], percent: int) -> float | None:
    """Return the nearest-rank percentile of ordered values, to a tenth; None of none."""
    if not ordered:
        return None
    return round(ordered[max(0, -(-len(ordered) * percent // 100) - 1)], 1)


def main() -> None:
    """Read the plan that the command line names, drive it, print the figures."""
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    sys.stdout.write(json.dumps(drive(plan)) + "\n")


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan for `main`."""
    path.write_text(json.dumps(asdict(plan)), encoding="utf-8")


if __name__ == "__main__":
    main()
