"""Read one answer within its limits: bytes, time, gzip or nothing, JSON with exact amounts."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from bot.backoffice.http.mapping import ABSENT
from bot.errors import BackOfficeError

GZIP = 31  # zlib's window bits for a gzip header


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, the JSON of the body (ABSENT if there is none or it isn't JSON), and the next page's address."""

    call: str
    status: int
    json: Any = ABSENT
    next_link: str | None = None

    def content(self) -> Any:
        """The JSON; raise BackOfficeError where there is none."""
        if self.json is ABSENT:
            raise BackOfficeError(f"{self.call}: the answer ({self.status}) should be JSON, and cannot be read as that")
        return self.json


def read_answer(
    response: httpx.Response, call: str, most_bytes: int, deadline: float, clock: Callable[[], float] = time.monotonic
) -> Answer:
    """Return the answer; raise BackOfficeError if it is too large, and httpx.ReadTimeout once `deadline` has passed."""
    packed = response.headers.get("content-encoding", "identity").lower()
    if packed not in ("identity", "gzip"):
        raise BackOfficeError(f"{call}: the answer is packed in a way that was not asked for; expected gzip or nothing")
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > most_bytes:
            raise _too_large(call, most_bytes)
        if clock() > deadline:
            raise httpx.ReadTimeout("the answer took too long as a whole")
    text = _unpacked(bytes(body), call, most_bytes) if packed == "gzip" else bytes(body)
    return Answer(call, response.status_code, _json(text), response.links.get("next", {}).get("url"))


def retry_after_s(response: httpx.Response) -> float | None:
    """Seconds the shop asks to wait, from a number or a date; None if it doesn't say."""
    said = response.headers.get("retry-after", "")
    if said.isdecimal():
        return float(said)
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _unpacked(body: bytes, call: str, most_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(GZIP)
    try:
        text = unpacker.decompress(body, most_bytes)
    except zlib.error:
        raise BackOfficeError(f"{call}: the answer says it is gzip, and cannot be unpacked") from None
    if unpacker.unconsumed_tail:
        raise _too_large(call, most_bytes)
    return text


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return ABSENT


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _too_large(call: str, most_bytes: int) -> BackOfficeError:
    return BackOfficeError(f"{call}: the answer is larger than most_bytes = {most_bytes}")
