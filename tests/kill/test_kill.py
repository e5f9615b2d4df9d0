"""Promises 1 to 3 hold while web and bot are killed with -9, at named points of a turn and at random times."""

from __future__ import annotations

import json
import os
import random
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from kill_orders import CUSTOMERS, ORDERS_EACH, order_number
from kill_people import Agent, Customer, Person, Watcher, vouched_for
from kill_service import AGENTS, Place, Supervised, eventually, running

from web.journal import Acknowledged, read_journals
from web.proof import prove

pytestmark = pytest.mark.kill

POINTS = (
    "web.before_commit", "web.after_commit", "web.leased", "web.bot_called", "web.before_apply_commit",
    "web.after_apply_commit", "bot.received", "bot.read", "bot.acted", "bot.before_reply",
)  # fmt: skip
KILLS = 20
QUESTIONS = (  # most are answered, one is asked back, one is not understood: twice, and the bot hands off
    "How long does delivery take and what does it cost?", "Is the discount voucher code valid twice?", "Good morning",
    "How long does delivery take?", "Where is my order?", "Why do penguins sing at midnight?",
)  # fmt: skip


def test_twenty_kills_lose_nothing_double_nothing_and_leave_no_turn_open(light_place: Place, tmp_path: Path) -> None:
    seed = os.environ.get("KILL_SEED") or secrets.token_hex(4)
    print(f"KILL_SEED={seed}")
    place, journals = light_place, tmp_path / "journals"
    service = Supervised(place.light_commands(), tmp_path / "service.log")
    with running(service):
        for name in ("bot", "web"):
            service.wait_ready(name)
        people = everybody(place, journals, seed)
        with at_work(people):
            kills = kill_twenty_times(service, place, people, seed)
            for name in ("bot", "web"):
                service.wait_ready(name)
        verdict = prove(place.url, sorted(journals.glob("*.jsonl")), **place.agent(), database=place.database)
        assert service.stop() == 0
    assert sum(kills.values()) == KILLS
    assert verdict.held, str(verdict)
    assert_cancelled_once(place, people)
    served(people, journals)


def everybody(place: Place, journals: Path, seed: str) -> list[Person]:
    shop = place.secret("shop")
    customers = [
        Customer(
            f"customer-{number}", place.url, journals, seed, QUESTIONS,
            [order_number(number, index) for index in range(ORDERS_EACH)], vouched_for(f"C-{number:04d}", shop),
        )
        for number in range(1, CUSTOMERS + 1)
    ]  # fmt: skip
    agents = [Agent(f"agent-{email[:3]}", place.url, journals, seed, email, AGENTS[email]) for email in AGENTS]
    return [*customers, *agents, Watcher(place.url, journals, **place.agent())]


@contextmanager
def at_work(people: Sequence[Person]) -> Iterator[None]:
    """Everybody works until the block ends, and then to the end of what they were doing: customers first."""
    for person in people:
        person.start()
    try:
        yield
    finally:
        for kind in (Customer, Agent, Watcher):
            those = [person for person in people if isinstance(person, kind)]
            for person in those:
                person.stop.set()
            for person in those:
                person.join(timeout=150)
        at_ease(people)
    for person in people:
        assert not person.is_alive(), f"{person.name} is still waiting"


def at_ease(people: Sequence[Person]) -> None:
    """Nobody has met anything they could not cope with."""
    for person in people:
        if person.failure is not None:
            raise AssertionError(f"{person.name} could not go on: {person.failure!r}") from person.failure


def kill_twenty_times(service: Supervised, place: Place, people: Sequence[Person], seed: str) -> Counter[str]:
    """Half at the named points, half at random times, in a random order; return what was killed how often."""
    chance = random.Random(f"{seed}/kills")
    kills: Counter[str] = Counter()
    plan: list[str | None] = [*POINTS, *[None] * (KILLS - len(POINTS))]
    chance.shuffle(plan)
    for point in plan:
        if point is not None:
            name = point.split(".")[0]
            kill_at(service, place, people, point)
            kills[point] += 1
        else:
            time.sleep(chance.uniform(0.2, 1.5))
            ways = (("web", False), ("web", True), ("bot", False))
            name, worker = chance.choices(ways, weights=(4, 3, 3))[0]
            service.kill(name, worker=worker)
            kills[f"{name} at random"] += 1
        print(f"{time.monotonic():.1f} killed {point or name}", flush=True)
        if chance.random() < 0.8:
            service.wait_ready(name)
    return kills


def kill_at(service: Supervised, place: Place, people: Sequence[Person], point: str) -> None:
    """Stop a turn exactly there, and kill the process it is in."""
    armed, hit = place.points / f"{point}.arm", place.points / f"{point}.hit"
    armed.touch()
    eventually(lambda: at_ease(people) or hit.exists(), 60.0, f"a turn reaches {point}")
    service.kill(point.split(".")[0])
    hit.unlink()  # only now: it would let the turn go on


def assert_cancelled_once(place: Place, people: Sequence[Person]) -> None:
    """The back office was written to once for each order, and for every order a customer was told is cancelled."""
    with sqlite3.connect(place.home / "backoffice.db") as office:
        writes = Counter(json.loads(data)["order_number"] for (data,) in office.execute("SELECT data FROM writes"))
        orders = [json.loads(data) for (data,) in office.execute("SELECT data FROM records WHERE kind = 'orders'")]
    office.close()
    assert {number: times for number, times in writes.items() if times > 1} == {}
    assert {order["order_number"] for order in orders if order["status"] == "cancelled"} == set(writes)
    told = {order for person in people if isinstance(person, Customer) for order in person.told_cancelled}
    assert told <= set(writes), "a customer was told of a cancellation that was not done"
    assert told, "no order was cancelled: the test did not test that"


def served(people: Sequence[Person], journals: Path) -> None:
    """The ordeal was one: turns ended both ways, and people took conversations."""
    endings = Counter(ending.kind for person in people if isinstance(person, Customer) for ending in person.endings)
    acknowledged = [
        entry for entry in read_journals(sorted(journals.glob("*.jsonl"))) if isinstance(entry, Acknowledged)
    ]
    agents = [person for person in people if isinstance(person, Agent)]
    print(f"{len(acknowledged)} messages, endings {dict(endings)}, served {sum(agent.served for agent in agents)}")
    assert endings["reply"] >= 20
    assert endings["handoff"] >= 1
    assert sum(agent.served for agent in agents) >= 1
