"""Read a request's JSON body; each wrong shape has its own sentence."""

from __future__ import annotations

from datetime import datetime

from flask import request

from web.errors import BadRequest, Unacceptable
from web.service import service
from web.types import Json

_MAX_NONCE_CHARS = 64
_MAX_PAYLOAD_CHARS = 2000


def body() -> Json:
    """Return the body, a JSON object; an empty body is an empty object. Raises BadRequest."""
    if not request.get_data(cache=True):
        return {}
    if request.mimetype != "application/json":
        raise BadRequest("Send JSON with `Content-Type: application/json`.", "not_json")
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        raise BadRequest("The body must be a JSON object.", "not_json")
    return given


def nonce(given: Json) -> str:
    """Return the client's own name for what it sends. Raises BadRequest."""
    value = given.get("nonce")
    if not isinstance(value, str) or not 1 <= len(value) <= _MAX_NONCE_CHARS or not value.isprintable():
        raise BadRequest(f"`nonce` must be a text of 1 to {_MAX_NONCE_CHARS} characters, new for each message.")
    return value


def text(given: Json) -> str:
    """Return what is to be said. Raises Unacceptable if there is nothing or too much of it."""
    value = given.get("text")
    if not isinstance(value, str):
        raise BadRequest("`text` must be a text.")
    most = service().settings.max_message_chars
    value = value.replace("\x00", "").strip()
    if not value:
        raise Unacceptable("The message is empty; write something first.", "empty")
    if len(value) > most:
        raise Unacceptable(f"The message has {len(value)} characters; {most} fit. Please shorten it.", "too_long")
    try:
        value.encode()
    except UnicodeEncodeError as failure:
        raise Unacceptable("The message holds half a character (a lone surrogate); send whole ones.") from failure
    return value


def payload(given: Json) -> str | None:
    """Return a pressed button's payload, if one was pressed. Raises BadRequest."""
    value = given.get("payload")
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not value.startswith("/") or len(value) > _MAX_PAYLOAD_CHARS:
        raise BadRequest("`payload` must be what a button carried, a text that begins with `/`.")
    return value


def optional(given: Json, name: str) -> str | None:
    """Return a text that may be missing. Raises BadRequest if it is something else."""
    value = given.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise BadRequest(f"`{name}` must be a text.")
    return value


def moment(given: Json, name: str) -> float:
    """Return an ISO 8601 time as seconds since 1970. Raises BadRequest without a time zone."""
    value = given.get(name)
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadRequest(f"`{name}` must be a time such as 2027-03-01T09:00:00Z.", "bad_time")
    return at.timestamp()
