"""What can go wrong in the web room.

WebError                    the base; becomes a status and one sentence
├── BadRequest        400   the body or a parameter has the wrong shape
├── Unauthorised      401   no token or session, or one that proves nothing
├── Forbidden         403   known, but not allowed (a missing CSRF token, for one)
├── NotFound          404   no such thing, or not yours to see
├── Conflict          409   somebody else has it, or its state forbids it
├── Unacceptable      422   well-formed, but empty, too long or unknown
├── TooMany           429   slower, please
├── BotAway           503   the assistant's server did not answer a person at the desk
└── StorageAway       503   the database did not take it; nothing was acknowledged
BotFailed                   one attempt at a turn failed; caught by the turn runner, never by the edge
SetupError                  a setting or the home folder forbids starting; the command line prints it
"""

from __future__ import annotations


class WebError(Exception):
    """A failure the caller hears about: an HTTP status, a snake_case code, one clear sentence."""

    status = 500
    code = "internal"

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class BadRequest(WebError):
    status, code = 400, "bad_request"


class Unauthorised(WebError):
    status, code = 401, "unauthorised"


class Forbidden(WebError):
    status, code = 403, "forbidden"


class NotFound(WebError):
    status, code = 404, "not_found"


class Conflict(WebError):
    status, code = 409, "conflict"


class Unacceptable(WebError):
    status, code = 422, "unacceptable"


class TooMany(WebError):
    status, code = 429, "too_many_requests"


class BotAway(WebError):
    status, code = 503, "bot_away"


class StorageAway(WebError):
    status, code = 503, "storage_away"


class BotFailed(Exception):
    """One attempt failed; `code` says how (never what was said): unreachable, timeout, status_500, garbage, empty…"""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SetupError(Exception):
    """The process cannot start; the message says which value, where, and what would be accepted."""
