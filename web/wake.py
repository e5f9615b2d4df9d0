"""Carry new events from the log to the streams that wait for them.

One tailer a process reads what is new, once, however many streams there are: a commit of this process wakes it at
once, other processes' commits are found by looking once a second. A stream that cannot keep up loses its queue, not
its events: it goes back to the log from its own cursor.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import defaultdict
from collections.abc import Callable

from web.database import Database
from web.store import events
from web.types import Event

log = logging.getLogger(__name__)
STREAMS = 12
_POLL_S = 1.0
_BATCH = 500
_QUEUE = 256

Item = Event | bytes | None  # an event, a frame without an id (typing), or the end of the stream


class Subscription:
    """One stream's place in the feed. `lagged` says that events were dropped from its queue."""

    def __init__(self, conversation: str | None) -> None:
        self.conversation = conversation
        self.lagged = False
        self._queue: queue.SimpleQueue[Item] = queue.SimpleQueue()

    def put(self, item: Item) -> None:
        if item is None:
            self._queue.put(item)
        elif self._queue.qsize() >= _QUEUE:
            self.lagged = True
        else:
            self._queue.put(item)

    def get(self, timeout_s: float) -> Item:
        """Return the next item. Raises queue.Empty after `timeout_s`."""
        return self._queue.get(timeout=timeout_s)


class Feed:
    """Everybody who waits for events in this process: visitors by conversation, agents for all."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._new = threading.Event()
        self._stopped = False
        self._cursor = 0
        self._visitors: dict[str, dict[Subscription, None]] = defaultdict(dict)  # oldest first
        self._agents: set[Subscription] = set()
        self._told_before: list[Callable[[Event], None]] = []
        database.on_commit(self._new.set)

    def before(self, told: Callable[[Event], None]) -> None:
        """Have `told` called with each event before it is handed on."""
        self._told_before.append(told)

    def start(self) -> None:
        self._cursor = self._database.read(events.last_id)
        threading.Thread(target=self._tail, name="feed", daemon=True).start()

    def stop(self) -> None:
        """End every stream; their clients come back with their cursors."""
        self._stopped = True
        self._new.set()
        for subscription in [*self._agents, *(one for group in self._visitors.values() for one in group)]:
            subscription.put(None)

    def subscribe(self, conversation: str | None) -> Subscription:
        """Wait for one conversation's public events, or, without one, for everything agents see.

        One conversation is listened to by at most STREAMS at once; one more ends the oldest, so that a single visitor
        cannot take every connection there is.
        """
        subscription = Subscription(conversation)
        if conversation is None:
            self._agents.add(subscription)
        else:
            group = self._visitors[conversation]
            group[subscription] = None
            if len(group) > STREAMS:
                oldest = next(iter(group))
                oldest.put(None)
                del group[oldest]
        if self._stopped:
            subscription.put(None)
        return subscription

    def leave(self, subscription: Subscription) -> None:
        if subscription.conversation is None:
            self._agents.discard(subscription)
            return
        group = self._visitors.get(subscription.conversation)
        if group is not None:
            group.pop(subscription, None)
            if not group:
                del self._visitors[subscription.conversation]

    def to_visitor(self, conversation: str, frame: bytes) -> None:
        """Send a frame that is not stored to whoever has this conversation's widget open."""
        for subscription in tuple(self._visitors.get(conversation, ())):
            subscription.put(frame)

    def to_agents(self, frame: bytes) -> None:
        """Send a frame that is not stored to every desk."""
        for subscription in tuple(self._agents):
            subscription.put(frame)

    def end(self, conversation: str) -> None:
        """End the visitors' streams of a conversation that is no longer theirs."""
        for subscription in tuple(self._visitors.get(conversation, ())):
            subscription.put(None)

    def _tail(self) -> None:
        while not self._stopped:
            self._new.wait(_POLL_S)
            self._new.clear()
            try:
                self.carry()
            except Exception as failure:
                # The log keeps what we could not read; the next look finds it.
                log.error("the feed could not read", extra={"error": type(failure).__name__})

    def carry(self) -> None:
        """Hand every event since the last look to those who wait for it."""
        while True:
            found = self._database.read(lambda connection: events.after(connection, self._cursor, _BATCH))
            for event in found:
                self._cursor = event.id
                for told in self._told_before:
                    told(event)
                for agent in tuple(self._agents):
                    agent.put(event)
                if not event.audience:
                    for visitor in tuple(self._visitors.get(event.conversation, ())):
                        visitor.put(event)
            if len(found) < _BATCH:
                return
