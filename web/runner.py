"""Answer turns: lease one, ask the assistant, write what it said if the turn is still ours.

A new turn is leased in the commit that takes its message, a retry in one of its own; the reply (or handoff) is
written together with everything the assistant will remember. Between commits nothing is held, so a process may die
anywhere: the lease runs out, the sweeper hands the turn to the next worker, and whoever comes late finds a higher
fence.
"""

from __future__ import annotations

import logging
import os
import queue
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from web import ledger, ownership
from web.bot_client import Answer, BotClient
from web.database import Database
from web.errors import BotFailed, WebError
from web.partials import Partials
from web.points import Points
from web.settings import Settings
from web.store import conversations, events, messages, turns
from web.store.ids import new_id
from web.tokens import Tokens
from web.tracker import Draft
from web.types import Audience, Conversation, Json, Kind, Message, Outcome, Role, Status

log = logging.getLogger(__name__)
_FIRST_RETRY_S = 0.25
_SLOWEST_RETRY_S = 4.0


@dataclass(frozen=True)
class Lease:
    """A turn that is ours to answer until somebody raises its fence."""

    turn: int
    fence: int
    attempt: int
    deadline_at: float
    draft: Draft
    epoch: int


class TurnRunner:
    """Workers that answer turns; each process runs one such set."""

    def __init__(
        self,
        database: Database,
        bot: BotClient,
        tokens: Tokens,
        settings: Settings,
        points: Points,
        partials: Partials,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._bot = bot
        self._tokens = tokens
        self._settings = settings
        self._points = points
        self._partials = partials
        self._clock = clock
        self._todo: queue.SimpleQueue[int | Lease | None] = queue.SimpleQueue()
        self._waiting: set[int] = set()
        self._held: dict[int, int] = {}  # turn → fence, for the sweeper to renew
        self._workers: list[threading.Thread] = []
        self.name = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"

    def start(self) -> None:
        """Let go of what dead workers of this machine held, then begin."""
        self._database.write(self._free_the_dead)
        for number in range(self._settings.turn_workers):
            worker = threading.Thread(target=self._work, name=f"turn-{number}", daemon=True)
            worker.start()
            self._workers.append(worker)

    def stop(self) -> None:
        """Take no further turns; those under way are left to their leases."""
        for _ in self._workers:
            self._todo.put(None)

    def submit(self, turn: int) -> None:
        """Ask for this turn to be answered soon; asking twice is harmless."""
        if turn not in self._waiting:
            self._waiting.add(turn)
            self._todo.put(turn)

    def begin(self, lease: Lease) -> None:
        """Have the turn answered that was leased in its caller's own transaction, once that is on disk."""
        self._held[lease.turn] = lease.fence
        self._todo.put(lease)

    def renew(self) -> None:
        """Hold on to what is under way for another lease."""
        held = list(self._held.items())
        if not held:
            return
        until = self._clock() + self._settings.lease_s

        def work(connection: Connection) -> None:
            for turn, fence in held:
                turns.renew(connection, turn, fence, until)

        self._database.write(work, quiet=True)

    def _work(self) -> None:
        while (todo := self._todo.get()) is not None:
            turn = todo.turn if isinstance(todo, Lease) else todo
            try:
                if isinstance(todo, Lease):
                    self._attempt(todo)
                else:
                    self._waiting.discard(turn)
                    self.answer(turn)
            except WebError as failure:
                log.warning("turn left to the sweeper", extra={"turn": turn, "error": failure.code})
            except Exception as failure:
                log.error("turn left to the sweeper", extra={"turn": turn, "error": type(failure).__name__})

    def answer(self, turn: int) -> None:
        """Make one attempt at the turn, if it is free."""
        lease = self._database.write(lambda connection: self.lease(connection, turn), quiet=True)
        if lease is not None:
            self._held[turn] = lease.fence
            self._attempt(lease)

    def _attempt(self, lease: Lease) -> None:
        """Ask the assistant and write what it says; then let the conversation's next turn begin."""
        try:
            self._points("web.leased")
            left = lease.deadline_at - self._clock()
            with self._partials.under_way(lease.draft.conversation, lease.epoch) as hears:
                answer = self._bot.converse(lease.draft, min(left, self._settings.attempt_timeout_s), hears=hears)
                self._points("web.bot_called")
                following = self._database.write(lambda connection: self._apply(connection, lease, answer))
            self._points("web.after_apply_commit")
        except BotFailed as failure:
            self._give_up_for_now(lease, failure.code)
            return
        finally:
            if self._held.get(lease.turn) == lease.fence:
                del self._held[lease.turn]
        if following is not None:
            self.submit(following)

    def lease(self, connection: Connection, turn_id: int) -> Lease | None:
        """Take the turn if it is free and its conversation's next, and return what it needs to be answered."""
        now = self._clock()
        turn = turns.get(connection, turn_id)
        if turn is None or turn.ended_at is not None or not turn.free(now) or turn.deadline_at <= now:
            return None
        if turns.next_of(connection, turn.conversation) != turn_id:
            return None
        conversation = conversations.get(connection, turn.conversation)
        if conversation is None or not turns.lease(connection, turn, self.name, now + self._settings.lease_s):
            return None
        attempt = turn.attempts + 1
        draft = self.draft(connection, conversation, messages.of_turn(connection, turn_id), now)
        draft.metadata["nightdesk"] |= {"turn": str(turn_id), "attempt": attempt}
        return Lease(turn_id, turn.fence + 1, attempt, turn.deadline_at, draft, turn.epoch)

    def draft(
        self,
        connection: Connection,
        conversation: Conversation,
        said: list[messages.Said],
        now: float,
        role: str | None = None,
    ) -> Draft:
        """Return what the assistant is told: its memory of the conversation, and what was just said."""
        history = events.tracker(connection, conversation.id, conversation.session_from, self._settings.history_turns)
        role = role or ("customer" if conversation.visitor.verified else "visitor")
        token = self._tokens.for_bot(conversation.id, conversation.visitor.customer_id, role)
        metadata: Json = {"nightdesk": {"identity_token": token}}
        return Draft(conversation.id, history, dict(conversation.slots), said, metadata, now)

    def _apply(self, connection: Connection, lease: Lease, answer: Answer) -> int | None:
        now = self._clock()
        turn = turns.get(connection, lease.turn)
        conversation = conversations.get(connection, lease.draft.conversation)
        assert turn is not None
        assert conversation is not None
        if turn.fence != lease.fence or turn.epoch != conversation.epoch or conversation.status is not Status.PENDING:
            self._discard(connection, turn, conversation, answer, now)
            return None
        after = self._reply(connection, conversation, turn.id, answer, now)
        after = replace(after, slots=lease.draft.kept_slots())
        ledger.remember(connection, conversation.id, lease.draft.events, now)
        if answer.handoff is not None:
            turns.end(connection, turn.id, lease.fence, Outcome.HANDOFF, now)
            after = ledger.hand_over(connection, after, answer.handoff, answer.packet, now)
        else:
            turns.end(connection, turn.id, lease.fence, Outcome.REPLY, now)
        ledger.change(connection, conversation, after, now)
        following = turns.next_of(connection, conversation.id)
        self._points("web.before_apply_commit")
        return following

    def _reply(
        self, connection: Connection, conversation: Conversation, turn: int, answer: Answer, now: float
    ) -> Conversation:
        if not answer.text:
            return ledger.announce(connection, conversation, ledger.A_PERSON_COMES, now)
        message = Message(
            new_id("m"),
            Role.ASSISTANT,
            answer.text,
            now,
            author=self._settings.assistant_name,
            buttons=answer.buttons,
            citations=answer.citations,
        )
        messages.add(connection, conversation.id, message, turn_id=turn)
        if answer.reading:
            events.append(connection, conversation.id, Kind.READING, answer.reading, now, Audience.AGENTS)
        return ownership.said(conversation, Role.ASSISTANT, answer.text, now)

    def _discard(
        self, connection: Connection, turn: turns.Turn, conversation: Conversation, answer: Answer, now: float
    ) -> None:
        """Record what came too late, for the people who have the conversation now."""
        if turn.epoch != conversation.epoch:
            why = "person_took_over"
        elif turn.ended_at is not None:
            why = "already_ended"
        else:
            why = "newer_message"
        data = {"turn": str(turn.id), "why": why, "responses": [{"text": answer.text}]}
        events.append(connection, conversation.id, Kind.TURN_DISCARDED, data, now, Audience.AGENTS)

    def _give_up_for_now(self, lease: Lease, code: str) -> None:
        pause_s = min(_SLOWEST_RETRY_S, _FIRST_RETRY_S * 2 ** min(lease.attempt - 1, 10))
        again_at = self._clock() + pause_s
        log.warning(
            "an attempt failed",
            extra={"conversation": lease.draft.conversation, "turn": lease.turn, "error": code},
        )
        self._database.write(
            lambda connection: turns.release(connection, lease.turn, lease.fence, again_at, code), quiet=True
        )

    def _free_the_dead(self, connection: Connection) -> None:
        host = socket.gethostname()
        for holder in turns.holders(connection):
            machine, pid, _ = holder.split("/")
            if machine == host and (int(pid) == os.getpid() or not _alive(int(pid))):
                turns.free_all_of(connection, holder)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
