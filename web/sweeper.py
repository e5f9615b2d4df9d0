"""Look after what is unfinished: notices, deadlines, retries, turns whose worker died, conversations to wake."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Connection

from web import ledger, ownership
from web.database import Database
from web.runner import TurnRunner
from web.settings import Settings
from web.store import conversations, turns
from web.types import Reason

log = logging.getLogger(__name__)
_SNOOZE_EVERY_S = 1.0


class Sweeper:
    """One loop a process. Two processes sweeping the same turn do nothing twice: the rows decide."""

    def __init__(
        self, database: Database, runner: TurnRunner, settings: Settings, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._runner = runner
        self._settings = settings
        self._clock = clock
        self._stopped = threading.Event()
        self._renewed_at = self._woke_at = clock()

    def start(self) -> None:
        threading.Thread(target=self._loop, name="sweeper", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _loop(self) -> None:
        while not self._stopped.wait(self._settings.sweep_s):
            try:
                self.sweep()
            except Exception as failure:
                # Whatever it is, the next look may succeed; without this loop every failed turn would hang.
                log.error("a sweep failed", extra={"error": type(failure).__name__})

    def sweep(self) -> None:
        """Look once at every unfinished turn, and at what else has come due."""
        now = self._clock()
        first_of: set[str] = set()
        for turn in self._database.read(turns.unfinished):
            if turn.deadline_at <= now:
                self._expire(turn)
                continue
            if turn.noticed_at is None and now - turn.first_at >= self._settings.notice_after_s:
                self._notice(turn)
            if turn.conversation not in first_of:
                first_of.add(turn.conversation)
                if turn.free(now):
                    self._runner.submit(turn.id)
        if now - self._renewed_at >= self._settings.lease_s / 3:
            self._renewed_at = now
            self._runner.renew()
        if now - self._woke_at >= _SNOOZE_EVERY_S:
            self._woke_at = now
            self._wake(now)

    def _notice(self, turn: turns.Turn) -> None:
        """Tell the customer, once a turn, that the answer is late. It is no reply: the turn goes on."""

        def work(connection: Connection) -> None:
            now = self._clock()
            if turns.notice(connection, turn.id, now):
                conversation = conversations.get(connection, turn.conversation)
                assert conversation is not None
                after = ledger.announce(connection, conversation, ledger.NOTICE, now, ledger.TO_A_PERSON)
                conversations.save(connection, after)

        self._database.write(work)

    def _expire(self, turn: turns.Turn) -> None:
        """Hand a turn nobody could answer to people; whoever answers it later is too late."""

        def work(connection: Connection) -> None:
            now = self._clock()
            current = turns.get(connection, turn.id)
            conversation = conversations.get(connection, turn.conversation)
            if current is None or current.ended_at is not None or conversation is None:
                return
            spoken = ledger.announce(connection, conversation, ledger.GAVE_UP, now)
            after = ledger.hand_over(connection, spoken, Reason.TOOL_FAILURE, None, now)
            ledger.change(connection, conversation, after, now)

        self._database.write(work)
        log.warning("a turn ran out of time", extra={"conversation": turn.conversation, "turn": turn.id})

    def _wake(self, now: float) -> None:
        if not self._database.read(lambda connection: conversations.due(connection, now)):
            return

        def work(connection: Connection) -> None:
            for conversation in conversations.due(connection, now):
                ledger.change(connection, conversation, ownership.wake(conversation, now), now)

        self._database.write(work)
