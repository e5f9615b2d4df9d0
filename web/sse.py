"""Server-sent events: from a cursor in the log to now, and on."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Iterator
from typing import Any

from flask import Response, request

from web.database import Database
from web.errors import BadRequest
from web.store import events
from web.types import Audience, Event, Json
from web.wake import Feed

_BATCH = 200
HEARTBEAT_S = 15.0
# A stream ends now and then, so that whoever reads it shows again who they are; clients come back with their cursor.
LONGEST_S = 900.0
_STUCK_S = 30.0


def frame(event: Event) -> bytes:
    """Return a stored event as one frame; its id is the cursor to come back with."""
    return f"id: {event.id}\nevent: {event.kind.value}\ndata: {event.to_text()}\n\n".encode()


def typing_frame(conversation: str, role: str, author: str | None) -> bytes:
    """Return a typing sign: no id, because it is not in the log and is not missed."""
    data: Json = {"conversation": conversation, "role": role, "author": author}
    return f"event: typing\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def requested_cursor() -> int | None:
    """Return the cursor the client comes back with, if it does. Raises BadRequest unless it is a number."""
    given = request.headers.get("Last-Event-ID") or request.args.get("cursor")
    if not given:
        return None
    if not given.isdecimal() or len(given) > 18:
        raise BadRequest("The cursor must be an event's id, a whole number such as 41.", "bad_cursor")
    return int(given)


def stream(
    database: Database,
    feed: Feed,
    conversation: str | None,
    cursor: int | None,
    heartbeat_s: float = HEARTBEAT_S,
    longest_s: float = LONGEST_S,
) -> Iterator[bytes]:
    """Yield every event after `cursor` exactly once, in order, then each new one as it is committed.

    Without a conversation: all of them, private events included. Without a cursor: from now on. Ends cleanly when
    the process stops, when the conversation changes visitors, or after `longest_s`.
    """
    subscription = feed.subscribe(conversation)  # before the first look, so that nothing falls between
    try:
        if cursor is None:
            cursor = database.read(events.last_id)
        yield b"retry: 1000\n\n"
        until = time.monotonic() + longest_s
        behind = True
        while time.monotonic() < until:
            while behind:
                subscription.lagged = False
                missed = _missed(database, conversation, cursor)
                if missed:
                    cursor = missed[-1].id
                    yield b"".join(frame(event) for event in missed)
                behind = len(missed) == _BATCH
            try:
                item = subscription.get(heartbeat_s)
            except queue.Empty:
                yield b": still here\n\n"
                continue
            if item is None:
                return
            behind = subscription.lagged
            if isinstance(item, bytes):
                yield item
            elif item.id > cursor and not behind:
                cursor = item.id
                yield frame(item)
    finally:
        feed.leave(subscription)


def response(chunks: Iterator[bytes]) -> Response:
    """Return the stream as an answer; a reader who takes nothing for `_STUCK_S` is let go and may come back."""
    answer = Response(_patiently(chunks, request.environ.get("gunicorn.socket")), mimetype="text/event-stream")
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def _patiently(chunks: Iterator[bytes], connection: Any) -> Iterator[bytes]:
    if connection is None:
        yield from chunks
        return
    connection.settimeout(_STUCK_S)
    try:
        yield from chunks
    finally:
        connection.settimeout(None)


def _missed(database: Database, conversation: str | None, cursor: int) -> list[Event]:
    if conversation is None:
        return database.read(lambda connection: events.after(connection, cursor, _BATCH))
    return database.read(
        lambda connection: events.after_in(connection, conversation, cursor, _BATCH, Audience.EVERYONE)
    )
