"""What agents do: take a conversation, answer, note, give it back, resolve, snooze. One transaction each."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection

from web import ledger, ownership
from web.database import Database
from web.errors import NotFound
from web.store import conversations, messages
from web.store.ids import new_id
from web.types import Agent, Audience, Conversation, Json, Message, Outcome, Role, Status


class Desk:
    """The agents' way to change a conversation; each call reads it and changes it in the same transaction."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def claim(self, conversation_id: str, agent: Agent, force: bool = False) -> Conversation:
        """Assign the conversation to the agent; the assistant's turns under way end here. Raises Conflict."""

        def change(connection: Connection, conversation: Conversation, now: float) -> Conversation:
            after = ownership.claim(conversation, agent, force, now)
            if conversation.status is Status.PENDING:
                ledger.people_take(connection, conversation, Outcome.TAKEN, now)
            return after

        return self._change(conversation_id, change)

    def give_back(self, conversation_id: str, agent: Agent) -> Conversation:
        return self._change(conversation_id, lambda _, before, now: ownership.give_back(before, agent, now))

    def resolve(self, conversation_id: str, agent: Agent) -> Conversation:
        return self._change(conversation_id, lambda _, before, now: ownership.resolve(before, agent, now))

    def snooze(self, conversation_id: str, agent: Agent, until: float) -> Conversation:
        return self._change(conversation_id, lambda _, before, now: ownership.snooze(before, agent, until, now))

    def reply(self, conversation_id: str, agent: Agent, nonce: str, text: str) -> tuple[Json, bool]:
        """Say something to the customer, once a nonce; return the message and whether it is new. Raises Conflict."""

        def work(connection: Connection) -> tuple[Json, bool]:
            conversation = find(connection, conversation_id)
            if stored := messages.by_nonce(connection, conversation_id, f"a:{agent.id}:{nonce}"):
                return stored[1], False
            ownership.require(conversation, agent, "answer it")
            now = self._clock()
            message = Message(new_id("m"), Role.AGENT, text, now, author=agent.name, nonce=nonce)
            messages.add(connection, conversation_id, message, nonce_key=f"a:{agent.id}:{nonce}")
            ledger.remember_agent(connection, conversation_id, message)
            after = ownership.said(ownership.wake(conversation, now), Role.AGENT, text, now)
            ledger.change(connection, conversation, after, now)
            return message.to_json(), True

        return self._database.write(work)

    def note(self, conversation_id: str, agent: Agent, nonce: str, text: str) -> tuple[Json, bool]:
        """Leave word for other agents, once a nonce; any agent may, whoever has the conversation."""

        def work(connection: Connection) -> tuple[Json, bool]:
            find(connection, conversation_id)
            if stored := messages.by_nonce(connection, conversation_id, f"n:{agent.id}:{nonce}"):
                return stored[1], False
            message = Message(new_id("m"), Role.NOTE, text, self._clock(), author=agent.name, nonce=nonce)
            messages.add(
                connection,
                conversation_id,
                message,
                audience=Audience.AGENTS,
                nonce_key=f"n:{agent.id}:{nonce}",
            )
            return message.to_json(), True

        return self._database.write(work)

    def _change(
        self, conversation_id: str, change: Callable[[Connection, Conversation, float], Conversation]
    ) -> Conversation:
        def work(connection: Connection) -> Conversation:
            now = self._clock()
            before = find(connection, conversation_id)
            return ledger.change(connection, before, change(connection, before, now), now)

        return self._database.write(work)


def find(connection: Connection, conversation_id: str) -> Conversation:
    """Return the conversation. Raises NotFound."""
    conversation = conversations.get(connection, conversation_id)
    if conversation is None:
        raise NotFound("There is no such conversation.")
    return conversation
