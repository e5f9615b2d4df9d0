"""Play a journey through a running service: as its customer, as a stranger, as somebody else, and all over again."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import jwt
from journey_office import Difference, Office, difference
from journey_script import HANDED_OFF, Journey, Turn

from web.client import Receipt, Visitor
from web.plain_http import Json

PATIENCE_S = 30.0
NO_BUTTON = "(there is no such button)"


@dataclass(frozen=True)
class Heard:
    """What came back for a message, and whether people have the conversation now."""

    said: str
    text: str
    buttons: tuple[Json, ...] = ()
    handed_off: bool = False

    def __str__(self) -> str:
        titles = "".join(f" [{button['title']}]" for button in self.buttons)
        return f"> {self.said}\n< {self.text}{titles}" + (f"\n= {HANDED_OFF}" if self.handed_off else "")


@dataclass
class Played:
    """A conversation as it went, and what it left behind."""

    heard: list[Heard] = field(default_factory=list)
    posted: list[tuple[Json, Receipt]] = field(default_factory=list)
    left: Difference = field(default_factory=lambda: Difference({}, []))

    @property
    def words(self) -> str:
        """All that was heard."""
        return "\n".join(heard.text for heard in self.heard)

    def __str__(self) -> str:
        return "\n".join(map(str, self.heard))


@dataclass(frozen=True)
class Performance:
    """One journey played in every way. `again` begins with every message posted once more under its nonce."""

    itself: Played
    same_receipts: bool
    events_added: int
    again: Played
    anonymous: Played
    another: Played


class Stage:
    """A service, its back office, and the key that the shop signs its customers' identities with."""

    def __init__(self, url: str, home: Path, office: Office) -> None:
        self._url, self._office = url, office
        self._key = json.loads((home / "secrets.json").read_text())["shop"]
        self._performed: dict[str, Performance] = {}
        self.start = office.state()

    def perform(self, journey: Journey) -> Performance:
        """Play the journey in every way, each from a back office as it was at the start; once a session."""
        if journey.name not in self._performed:
            self._performed[journey.name] = self._perform(journey)
        return self._performed[journey.name]

    def _perform(self, journey: Journey) -> Performance:
        self._office.restore()
        itself, visitor = self.play(journey.turns, journey.customer)
        pressed = tuple(body.get("payload") for body, _ in itself.posted)
        cursor = visitor.events()["cursor"]
        before, began = self._office.state(), datetime.now(UTC)
        receipts = [self._post(visitor, body) for body, _ in itself.posted]
        again, _ = self.play(journey.turns, journey.customer, pressed)
        again.left = difference(before, self._office.state(), began)
        same = [receipt.message for receipt in receipts] == [receipt.message for _, receipt in itself.posted]
        added = visitor.events()["cursor"] - cursor
        self._office.restore()
        anonymous, _ = self.play(journey.turns, None, pressed)
        self._office.restore()
        another, _ = self.play(journey.turns, journey.other, pressed)
        return Performance(itself, same, added, again, anonymous, another)

    def play(
        self, turns: tuple[Turn, ...], customer: str | None, pressed: tuple[str | None, ...] = ()
    ) -> tuple[Played, Visitor]:
        """Say it turn by turn until a person takes over; a button that is not offered is forged with what it sent."""
        visitor, played = Visitor(self._url), Played()
        visitor.arrive(self._identity(customer) if customer else None)
        visitor.open()
        before, began = self._office.state(), datetime.now(UTC)
        for place, turn in enumerate(turns):
            body = self._body(turn, played, pressed[place] if place < len(pressed) else None)
            if body is None:
                played.heard.append(Heard(turn.text, NO_BUTTON))
                break
            receipt = self._post(visitor, body)
            played.posted.append((body, receipt))
            played.heard.append(self._heard(turn.text, visitor, receipt))
            if played.heard[-1].handed_off:
                break
        visitor.close()
        played.left = difference(before, self._office.state(), began)
        return played, visitor

    def _identity(self, customer: str) -> str:
        """What the shop's server signs for whoever is signed in."""
        name = self.start.records.get(f"customers/{customer}", {}).get("name", "")
        claims = {"aud": "nightdesk", "sub": customer, "name": name, "exp": int(time.time()) + 300}
        return jwt.encode(claims, self._key, "HS256")

    def _body(self, turn: Turn, played: Played, forged: str | None) -> Json | None:
        body: Json = {"nonce": secrets.token_hex(12), "text": turn.text}
        if turn.button:
            offered = played.heard[-1].buttons if played.heard else ()
            button = next((button for button in offered if button["title"].startswith(turn.text)), None)
            if button is None and forged is None:
                return None
            body |= {"text": button["title"], "payload": button["payload"]} if button else {"payload": forged}
        return body

    def _post(self, visitor: Visitor, body: Json) -> Receipt:
        path = f"/api/conversations/{visitor.conversation}/messages"
        return visitor.post_message(path, visitor.conversation, "customer", body)

    def _heard(self, said: str, visitor: Visitor, receipt: Receipt) -> Heard:
        visitor.wait_for_ending(receipt, PATIENCE_S)
        state = visitor.events()
        messages = [event for event in state["events"] if event["kind"] == "message" and event["id"] > receipt.cursor]
        replies = [event["data"] for event in messages if event["data"]["role"] == "assistant"]
        return Heard(
            said,
            "\n".join(reply["text"] for reply in replies),
            tuple(button for reply in replies for button in reply["buttons"]),
            state["conversation"]["status"] != "pending",
        )
