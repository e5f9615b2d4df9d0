"""Take a customer's message: words, turn and event in one commit, then the acknowledgement."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from web import ledger, ownership
from web.database import Database
from web.errors import NotFound
from web.points import Points
from web.runner import Lease, TurnRunner
from web.settings import Settings
from web.store import conversations, messages, turns
from web.store.ids import new_id
from web.tracker import user_event
from web.types import Conversation, Json, Message, Reason, Role, Status, Visitor

HANDOFF_PAYLOAD = "/handoff"


@dataclass(frozen=True, slots=True)
class Posted:
    """What a customer wants said; `nonce` is theirs, and the same one twice is said once."""

    nonce: str
    text: str
    payload: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What was stored: the message as clients see it, its place in the log, and the turn that will answer it.

    `lease` is that turn taken for this process in the same commit; without one an earlier turn must end first.
    """

    message: Json
    cursor: int
    new: bool
    turn: int | None = None
    lease: Lease | None = None
    asked_for_person: bool = False


class Intake:
    """Accepts messages and requests for a person."""

    def __init__(self, database: Database, runner: TurnRunner, settings: Settings, points: Points) -> None:
        self._database = database
        self._runner = runner
        self._settings = settings
        self._points = points

    def accept(self, conversation_id: str, visitor: Visitor, posted: Posted, now: float) -> Taken:
        """Store the message and open or join its turn; once this returns, it is on disk.

        Raises NotFound if the conversation is not the visitor's.
        """

        def work(connection: Connection) -> Taken:
            taken = self._accept(connection, conversation_id, visitor, posted, now)
            self._points("web.before_commit")
            return taken

        taken = self._database.write(work)
        self._points("web.after_commit")
        if taken.lease is not None:
            self._runner.begin(taken.lease)
        return taken

    def ask_for_person(
        self, conversation_id: str, visitor: Visitor, nonce: str, now: float
    ) -> tuple[Conversation, bool]:
        """Put the conversation into people's hands; return it and whether that was news."""

        def work(connection: Connection) -> tuple[Conversation, bool]:
            conversation = owned(connection, conversation_id, visitor)
            key = f"h:{nonce}"
            if messages.by_nonce(connection, conversation_id, key) or conversation.status is Status.OPEN:
                return conversation, False
            message = Message(new_id("m"), Role.SYSTEM, ledger.A_PERSON_COMES, now, nonce=nonce)
            messages.add(connection, conversation_id, message, nonce_key=key)
            spoken = ownership.said(conversation, Role.SYSTEM, message.text, now)
            return self._to_people(connection, conversation, spoken, now), True

        return self._database.write(work)

    def _accept(
        self, connection: Connection, conversation_id: str, visitor: Visitor, posted: Posted, now: float
    ) -> Taken:
        conversation = owned(connection, conversation_id, visitor)
        key = f"c:{posted.nonce}"
        if stored := messages.by_nonce(connection, conversation_id, key):
            return Taken(stored[1], stored[0], new=False)
        after = ownership.customer_wrote(conversation, posted.text, now)
        message = Message(
            new_id("m"),
            Role.CUSTOMER,
            posted.text,
            now,
            author=visitor.name or None,
            nonce=posted.nonce,
            payload=posted.payload,
        )
        if after.status is Status.PENDING and posted.payload != HANDOFF_PAYLOAD:
            after = ledger.change(connection, conversation, after, now)
            turn = self._turn(connection, after, posted, now)
            cursor = messages.add(connection, conversation_id, message, turn_id=turn, nonce_key=key)
            return Taken(message.to_json(), cursor, True, turn, self._runner.lease(connection, turn))
        cursor = messages.add(connection, conversation_id, message, nonce_key=key)
        ledger.remember(connection, conversation_id, [user_event(messages.Said(message.id, message.text, now))], now)
        if posted.payload == HANDOFF_PAYLOAD and after.status is not Status.OPEN:
            spoken = ledger.announce(connection, after, ledger.A_PERSON_COMES, now)
            self._to_people(connection, conversation, spoken, now)
            return Taken(message.to_json(), cursor, new=True, asked_for_person=True)
        ledger.change(connection, conversation, after, now)
        return Taken(message.to_json(), cursor, new=True)

    def _turn(self, connection: Connection, conversation: Conversation, posted: Posted, now: float) -> int:
        """Return the turn the message belongs to: the last unfinished one if it is still being typed, or a new one.

        A pressed button is an answer of its own; it neither joins nor is joined.
        """
        waiting = turns.unfinished_of(connection, conversation.id)
        if waiting and posted.payload is None and now - waiting[-1].last_at <= self._settings.join_within_s:
            last = waiting[-1]
            if not any(said.pressed for said in messages.of_turn(connection, last.id)):
                turns.join(connection, last.id, now)
                return last.id
        deadline_at = now + self._settings.turn_deadline_s
        return turns.add(connection, conversation.id, conversation.epoch, now, deadline_at)

    def _to_people(
        self, connection: Connection, before: Conversation, spoken: Conversation, now: float
    ) -> Conversation:
        after = ledger.hand_over(connection, spoken, Reason.CUSTOMER_REQUEST, None, now)
        return ledger.change(connection, before, after, now)


def owned(connection: Connection, conversation_id: str, visitor: Visitor) -> Conversation:
    """Return the visitor's conversation; another's does not exist for them. Raises NotFound."""
    conversation = conversations.get(connection, conversation_id)
    if conversation is None or conversation.visitor.id != visitor.id:
        raise NotFound("There is no such conversation of yours.")
    return conversation
