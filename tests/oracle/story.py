"""A conversation that keeps every promise, told step by step: the log, the turns and what the client journalled.

It is a small service in memory with the rules of the real one, and a visitor who writes everything down. The tests
break what it made in one place and ask the oracle to notice.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from web.journal import Acknowledged, Connected, Entry, Opened, Saw, Sent
from web.record import Event, History, Record, Turn

JOIN_WITHIN_S = 1.5
ADA = {"id": "a1", "name": "Ada"}


@dataclass
class Story:
    """One conversation."""

    id: str = "c1"
    now_s: float = 1_700_000_000.0
    events: list[Event] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    journal: list[Entry] = field(default_factory=list)
    status: str = "pending"
    assignee: dict[str, str] | None = None
    epoch: int = 0
    last_wrote_s: float = 0.0
    counter: int = 0
    connections: int = 0

    def __post_init__(self) -> None:
        self.journal.append(Opened(self.id, "token"))
        self.reconnects()

    # --- what people and the service do

    def writes(self, after_s: float = 5.0, acknowledged: bool = True) -> Story:
        """The customer sends a message; it joins the unfinished turn or begins one, if the assistant has it."""
        self._pass(after_s)
        text, nonce = f"Words {self.counter}", f"n{self.counter}"
        if self.status == "resolved":
            self._status("pending", None, None)
        elif self.status == "snoozed":
            self._status("open", self.assignee, "customer_request")
        self.journal.append(Sent(self.id, nonce, "customer", text))
        message = self._message("customer", text=text, nonce=nonce)
        if self.status == "pending":
            self._take_in(message)
        if acknowledged:
            self.journal.append(Acknowledged(self.id, nonce, message, self.events[-1].id))
        return self._delivered()

    def _take_in(self, message: str) -> None:
        open_turns = [turn for turn in self.turns if turn.outcome is None]
        if open_turns and self.now_s - self.last_wrote_s <= JOIN_WITHIN_S:
            turn = open_turns[-1]
            self.turns[turn.id - 1] = replace(turn, customer=(*turn.customer, message))
        else:
            self.turns.append(Turn(len(self.turns) + 1, None, (message,), ()))
        self.last_wrote_s = self.now_s

    def replies(self) -> Story:
        """The assistant ends its oldest turn with a reply; without one there is nothing to say."""
        if (turn := self._oldest()) is not None:
            self._pass(0.05)
            self._end(turn, "reply", self._message("assistant"))
        return self._delivered()

    def hands_off(self, words: bool = True) -> Story:
        """The assistant ends its oldest turn with a handoff, and with it the turns that wait."""
        if (turn := self._oldest()) is not None:
            self._pass(0.05)
            self._end(turn, "handoff", self._message("assistant") if words else None)
            self._to_people("missing_knowledge", None, "handoff")
        return self._delivered()

    def gives_up(self) -> Story:
        """The deadline passes: a system message, and a handoff as tool_failure."""
        if self._oldest() is not None:
            self._pass(60.0)
            self._message("system")
            self._to_people("tool_failure", None, "handoff")
        return self._delivered()

    def notices(self) -> Story:
        """The system says that the answer is late, which is no reply."""
        if self._oldest() is not None:
            self._pass(2.0)
            self._message("system")
        return self._delivered()

    def asks_for_person(self) -> Story:
        if self.status == "pending":
            self._pass(1.0)
            self._message("system")
            self._to_people("customer_request", None, "handoff")
        return self._delivered()

    def is_claimed(self) -> Story:
        """An agent takes the conversation; what the assistant was about to say is discarded."""
        if self.assignee is None:
            self._pass(1.0)
            late = self._oldest()
            self._to_people("customer_request" if self.status == "open" else None, ADA, "taken")
            if late is not None:
                self._event("turn_discarded", {"turn": str(late.id), "why": "person_took_over"}, private=True)
        return self._delivered()

    def agent_says(self) -> Story:
        if self.assignee is not None:
            self._pass(1.0)
            nonce = f"a{self.counter}"
            self.journal.append(Sent(self.id, nonce, "agent", "Let me see"))
            message = self._message("agent", text="Let me see", nonce=nonce)
            self.journal.append(Acknowledged(self.id, nonce, message, None))
        return self._delivered()

    def agent_notes(self) -> Story:
        if self.assignee is not None:
            self._message("note", private=True)
        return self._delivered()

    def is_given_back(self) -> Story:
        return self._by_agent("pending")

    def is_resolved(self) -> Story:
        return self._by_agent("resolved")

    def is_snoozed(self) -> Story:
        return self._by_agent("snoozed", ADA)

    def _by_agent(self, status: str, assignee: dict[str, str] | None = None) -> Story:
        if self.assignee is not None and self.status == "open":
            self._pass(1.0)
            self._status(status, assignee, None)
        return self._delivered()

    def reconnects(self) -> Story:
        """The visitor's stream breaks and comes back after the last event it brought."""
        self.connections += 1
        self.journal.append(Connected(f"{self.id}.{self.connections}", self.id, self.newest_seen()))
        return self

    def comes_to_rest(self) -> Story:
        while self._oldest() is not None:
            self.replies()
        return self

    # --- how it is kept

    def newest_seen(self) -> int:
        return max((entry.event for entry in self.journal if isinstance(entry, Saw)), default=0)

    def record(self) -> Record:
        public = tuple(event for event in self.events if not event.private)
        return Record({self.id: History(public, tuple(self.events), tuple(self.turns))})

    def _oldest(self) -> Turn | None:
        return next((turn for turn in self.turns if turn.outcome is None), None)

    def _end(self, turn: Turn, outcome: str, reply: str | None) -> None:
        said = (reply,) if reply else ()
        self.turns[turn.id - 1] = replace(turn, outcome=outcome, assistant=said)

    def _to_people(self, reason: str | None, assignee: dict[str, str] | None, outcome: str) -> None:
        for turn in self.turns:
            if turn.outcome is None:
                self._end(turn, outcome, None)
        self._status("open", assignee, reason)

    def _status(self, status: str, assignee: dict[str, str] | None, reason: str | None) -> None:
        self.status, self.assignee, self.epoch = status, assignee, self.epoch + 1
        self._event("status", {"status": status, "epoch": self.epoch, "assignee": assignee, "reason": reason})

    def _message(self, role: str, *, text: str = "…", nonce: str | None = None, private: bool = False) -> str:
        message = f"{self.id}-m{self.counter}"
        self._event("message", {"id": message, "role": role, "text": text, "nonce": nonce}, private=private)
        if role == "assistant":
            self._event("reading", {"v": 1}, private=True)
        return message

    def _event(self, kind: str, data: dict[str, Any], private: bool = False) -> None:
        at = datetime.fromtimestamp(self.now_s, UTC).isoformat(timespec="milliseconds")
        self.events.append(Event(self.counter + 1, kind, at, private, data))
        self.counter += 1

    def _pass(self, seconds: float) -> None:
        self.now_s += seconds

    def _delivered(self) -> Story:
        """What is public reaches the visitor's stream."""
        newest, stream = self.newest_seen(), f"{self.id}.{self.connections}"
        for event in self.events:
            if event.id > newest and not event.private:
                self.journal.append(Saw(stream, self.id, event.id, event.kind))
        return self
