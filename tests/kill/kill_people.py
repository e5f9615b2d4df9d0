"""Customers and agents who go on while processes die under them, and write down what they were told."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jwt

from web.client import DeskAgent, Ending, Visitor
from web.journal import Journal
from web.plain_http import Rejected, Silence

PATIENCE_S = 100.0  # longer than any turn may take


class Person(threading.Thread):
    """Does one thing after another until told to stop; an exception ends it and is kept."""

    def __init__(self, name: str, journals: Path, seed: str) -> None:
        super().__init__(name=name, daemon=True)
        self.journal = Journal(journals / f"{name}.jsonl")
        self.chance = random.Random(f"{seed}/{name}")
        self.stop = threading.Event()
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            self.arrive()
            while not self.stop.is_set():
                self.act()
                time.sleep(self.chance.uniform(0.0, 0.3))
        except Exception as error:
            self.failure = error
        finally:
            self.journal.close()

    def arrive(self) -> None:
        raise NotImplementedError

    def act(self) -> None:
        raise NotImplementedError


class Customer(Person):
    """Asks, asks twice at once, cancels orders, wants a person; always waits for how it ends."""

    def __init__(
        self, name: str, url: str, journals: Path, seed: str, questions: Sequence[str], orders: list[str], identity: str
    ) -> None:
        super().__init__(name, journals, seed)
        self.visitor = Visitor(url, self.journal, patience_s=PATIENCE_S)
        self.questions, self.orders, self.identity = questions, orders, identity
        self.endings: list[Ending] = []
        self.told_cancelled: list[str] = []

    def arrive(self) -> None:
        self.visitor.arrive(self.identity)
        self.visitor.open()

    def act(self) -> None:
        self.wait_for_the_assistant()
        if self.stop.is_set():
            return
        deeds = (self.ask, self.ask_twice_at_once, self.cancel, self.ask_for_person, self.wish_for_person)
        self.chance.choices(deeds, weights=(8, 3, 5, 1, 1))[0]()

    def ask(self) -> None:
        self.say(self.question())

    def ask_twice_at_once(self) -> None:
        self.visitor.say(self.question())
        self.say(self.question())

    def cancel(self) -> None:
        """Ask for an order to be cancelled, and press Yes when the assistant repeats it."""
        order = self.orders.pop()
        asked = self.say(f"Please cancel {order}", f'/cancel_order{{"order_number": "{order}"}}')
        buttons = asked.event.data.get("buttons", []) if asked.kind == "reply" else []
        if not any(button["payload"] == "/affirm" for button in buttons):
            return
        done = self.say("Yes", "/affirm")
        if done.kind == "reply" and order in done.event.data["text"] and not done.event.data["buttons"]:
            self.told_cancelled.append(order)

    def ask_for_person(self) -> None:
        self.visitor.ask_for_person()

    def wish_for_person(self) -> None:
        self.say("I want to talk to a person")

    def question(self) -> str:
        return self.chance.choice(self.questions)

    def say(self, text: str, payload: str | None = None) -> Ending:
        ending = self.visitor.wait_for_ending(self.visitor.say(text, payload=payload), PATIENCE_S)
        self.endings.append(ending)
        return ending

    def wait_for_the_assistant(self) -> None:
        """People have the conversation: wait until they give it back or are done with it."""
        while self.visitor.with_people() and not self.stop.is_set():
            with contextlib.suppress(Silence):
                self.visitor.wait_for(lambda seen: seen.kind == "status", 0.5)


class Agent(Person):
    """Takes what waits, answers, gives it back or resolves it; now and then takes what the assistant has."""

    def __init__(self, name: str, url: str, journals: Path, seed: str, email: str, password: str) -> None:
        super().__init__(name, journals, seed)
        self.desk = DeskAgent(url, self.journal, patience_s=PATIENCE_S, email=email, password=password)
        self.served = self.taken_over = 0

    def arrive(self) -> None:
        self.desk.log_in()

    def act(self) -> None:
        waiting = [conversation["id"] for conversation in self.desk.queue(status="open")]
        if waiting:
            self.attempt(lambda: self.serve(self.chance.choice(waiting)))
        elif self.chance.random() < 0.05 and (others := self.desk.queue(status="pending")):
            self.taken_over += self.attempt(lambda: self.serve(self.chance.choice(others)["id"]))

    def attempt(self, deed: Callable[[], None]) -> bool:
        """Somebody else may have been faster: that is no failure."""
        try:
            deed()
        except Rejected as error:
            if error.status != 409:
                raise
            return False
        return True

    def serve(self, id: str) -> None:
        self.desk.act(id, "claim")
        self.desk.say(id, f"This is {self.name}. I have looked into it for you.")
        self.desk.act(id, self.chance.choices(("give-back", "resolve"), weights=(2, 1))[0])
        self.served += 1


class Watcher(Person):
    """Reads the desk's stream of everything, through every restart."""

    def __init__(self, url: str, journals: Path, email: str, password: str) -> None:
        super().__init__("watcher", journals, "")
        self.desk = DeskAgent(url, self.journal, patience_s=PATIENCE_S, email=email, password=password)

    def arrive(self) -> None:
        self.desk.log_in()
        self.stream = self.desk.listen()

    def act(self) -> None:
        try:
            while not self.stop.is_set():
                self.stream.next(0.5)
        except Silence:
            pass


def vouched_for(customer_id: str, secret: str) -> str:
    """What the shop would sign for a customer who is signed in."""
    claims = {"aud": "nightdesk", "sub": customer_id, "name": customer_id, "exp": int(time.time()) + 3600}
    return jwt.encode(claims, secret, "HS256")
