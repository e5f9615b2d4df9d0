"""Replies under way: what the assistant has said so far of an answer that is not yet written down.

A partial is a sign like typing: it has no id, is stored nowhere and reaches whoever listens in this process. The
committed message takes its place. It is withdrawn when the attempt fails, and at once when the conversation changes
hands: the feed tells of that before it hands on the event; what the former owner's attempt still brings is not shown.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from web.types import Event, Json, Kind
from web.wake import Feed

Hears = Callable[[str], None]


class Partials:
    """The partial replies of this process, by conversation."""

    def __init__(self, feed: Feed, epoch_of: Callable[[str], int | None]) -> None:
        """`epoch_of` reads a conversation's ownership epoch from the database."""
        self._feed = feed
        self._epoch_of = epoch_of
        self._lock = threading.Lock()
        self._shown: dict[str, str] = {}  # conversation whose partial may be shown → what is shown, "" at first
        feed.before(self._changed)

    @contextmanager
    def under_way(self, conversation: str, epoch: int) -> Iterator[Hears]:
        """Give what to call with each further sentence of a reply; a failure inside withdraws what was shown."""
        said: list[str] = []

        def hear(sentence: str) -> None:
            if not said:
                self._begin(conversation, epoch)
            said.append(sentence)
            self._show(conversation, " ".join(said))

        try:
            yield hear
        except BaseException:
            self._withdraw(conversation)
            raise
        finally:
            with self._lock:
                self._shown.pop(conversation, None)

    def _begin(self, conversation: str, epoch: int) -> None:
        with self._lock:
            self._shown[conversation] = ""
        # Only after it is on the list: a change of hands from now on is told of, one before is read here.
        if self._epoch_of(conversation) != epoch:
            self._withdraw(conversation)

    def _show(self, conversation: str, text: str) -> None:
        with self._lock:
            if conversation in self._shown:
                self._shown[conversation] = text
                self._send(conversation, text)

    def _withdraw(self, conversation: str) -> None:
        with self._lock:
            if self._shown.pop(conversation, ""):
                self._send(conversation, "")

    def _changed(self, event: Event) -> None:
        if event.kind is Kind.STATUS:
            self._withdraw(event.conversation)

    def _send(self, conversation: str, text: str) -> None:
        sent = frame(conversation, text)
        self._feed.to_visitor(conversation, sent)
        self._feed.to_agents(sent)


def frame(conversation: str, text: str) -> bytes:
    """Return a partial reply as a frame without an id; an empty text withdraws it."""
    data: Json = {"conversation": conversation, "text": text}
    return f"event: partial\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
