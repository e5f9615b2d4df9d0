"""HTTP and server-sent events over plain sockets: what the load generator and the kill tests speak with.

Plain sockets, because the client shares its cores with what it measures: a whole turn costs it well under a
millisecond. One thread drives one connection; nothing here locks.
"""

from __future__ import annotations

import json
import secrets
import select
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from web.journal import Connected, Entry, Saw

Json = dict[str, Any]


class ClientError(Exception):
    """The base of what a client can meet.

    ClientError
    ├── Away            no answer: refused, reset, timed out, or a 5xx (worth trying again)
    │   └── Unacknowledged  still so when the patience ran out
    ├── Rejected        a 4xx (never worth trying again as it is)
    └── Silence         no such event before the time was up
    """


class Away(ClientError):
    """The service did not answer, or answered 5xx."""


class Unacknowledged(Away):
    """The service did not answer while the client's patience lasted."""


class Rejected(ClientError):
    """The service refused with a 4xx."""

    def __init__(self, what: str, status: int, body: bytes) -> None:
        try:
            error = json.loads(body)["error"]
            self.code, sentence = str(error["code"]), str(error["message"])
        except (ValueError, KeyError, TypeError):
            self.code, sentence = "", body[:200].decode(errors="replace")
        self.status = status
        super().__init__(f"{what} was refused with {status} {self.code}: {sentence}")


class Silence(ClientError):
    """What was waited for did not arrive in time."""


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()

    def json(self) -> Json:
        document: Json = json.loads(self.body)
        return document


class _Wire:
    """One TCP connection with a buffer of its own, so that a timeout loses no byte."""

    def __init__(self, address: tuple[str, int], timeout_s: float) -> None:
        self._socket = socket.create_connection(address, timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def line(self) -> bytes:
        """Return one line without its end; raise ConnectionError at the end of the stream."""
        while (end := self._buffer.find(b"\n")) < 0:
            self.fill()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self.fill()
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def fill(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError("the service closed the connection")
        self._buffer += data

    def patience(self, timeout_s: float) -> None:
        self._socket.settimeout(max(timeout_s, 0.001))

    def head(self) -> tuple[int, dict[str, str], list[str]]:
        """Read a status line and headers: the status, headers by lower-case name, and the cookies set."""
        first = self.line().split(b" ", 2)
        if len(first) < 2 or not first[1].isdigit():
            raise ConnectionResetError("the service answered something that is not HTTP")
        headers: dict[str, str] = {}
        cookies: list[str] = []
        while line := self.line():
            name, _, value = line.decode("latin-1").partition(":")
            name, value = name.strip().lower(), value.strip()
            if name == "set-cookie":
                cookies.append(value.split(";", 1)[0])
            else:
                headers[name] = value
        return int(first[1]), headers, cookies

    def readable(self) -> bool:
        """True if bytes are here, or the end of the stream is."""
        return bool(self._buffer) or bool(select.select([self._socket], [], [], 0)[0])

    def close(self) -> None:
        self._socket.close()


def _request(host: str, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Http:
    """Keeps one connection alive to one service and makes a new one when that breaks."""

    def __init__(self, base_url: str, *, timeout_s: float = 10.0) -> None:
        parts = urlsplit(base_url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"the client was given {base_url!r}; it speaks to http://HOST:PORT only")
        self.base_url = base_url.rstrip("/")
        self.address = (parts.hostname, parts.port or 80)
        self.host = f"{parts.hostname}:{self.address[1]}"
        self.timeout_s = timeout_s
        self._wire: _Wire | None = None

    def call(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Response:
        """Send one request and return its response, whatever its status; raise Away when there is none."""
        fresh = self._wire is None
        try:
            return self._exchange(method, path, body, headers or {})
        except (OSError, ValueError) as error:
            self.close()
            if fresh or isinstance(error, TimeoutError):
                raise Away(f"{method} {path}: {error}") from error
        try:  # a connection kept alive may have been closed while it was idle: that is not yet an answer
            return self._exchange(method, path, body, headers or {})
        except (OSError, ValueError) as error:
            self.close()
            raise Away(f"{method} {path}: {error}") from error

    def _exchange(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Response:
        if self._wire is None:
            self._wire = _Wire(self.address, self.timeout_s)
        wire = self._wire
        wire.patience(self.timeout_s)
        wire.send(_request(self.host, method, path, body, headers))
        status, fields, cookies = wire.head()
        if "chunked" in fields.get("transfer-encoding", ""):
            parts = []
            while size := int(wire.line().split(b";")[0], 16):
                parts.append(wire.take(size))
                wire.line()
            wire.line()
            content = b"".join(parts)
        else:
            content = wire.take(int(fields.get("content-length", 0)))
        if fields.get("connection", "").lower() == "close":
            self.close()
        return Response(status, fields, content, tuple(cookies))

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None


@dataclass(frozen=True, slots=True)
class Seen:
    """An event as it came off a stream; `arrived_s` is this process's monotonic clock."""

    id: int
    conversation: str
    kind: str
    at: str
    private: bool
    data: Json
    arrived_s: float

    @property
    def role(self) -> str | None:
        """Who speaks, if this is a message."""
        return self.data.get("role") if self.kind == "message" else None


def _keep_nothing(entry: Entry) -> None:
    """The journal of a client that keeps none."""
    del entry


class Stream:
    """Server-sent events, in order, across as many connections as it takes.

    After a break it comes back with the last id it saw, so that the service can replay what was missed.
    """

    def __init__(
        self,
        http: Http,
        path: str,
        headers: Callable[[], Mapping[str, str]],
        *,
        conversation: str | None,
        after: int = 0,
        write: Callable[[Entry], None] | None = None,
    ) -> None:
        self._http, self._path, self._headers = http, path, headers
        self._conversation, self._write = conversation, write or _keep_nothing
        self._wire: _Wire | None = None
        self._name = ""
        self._fields: dict[str, str] = {}
        self._chunked, self._rest, self._text = False, 0, bytearray()
        self.last_id = after
        self.connections = 0

    def connect(self, timeout_s: float) -> None:
        """Open the stream after the last event seen; raise Away when the service is not there."""
        try:
            self._wire = _Wire(self._http.address, timeout_s)
            headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self.last_id), **self._headers()}
            self._wire.send(_request(self._http.host, "GET", self._path, b"", headers))
            status, fields, _ = self._wire.head()
            if 400 <= status < 500:
                raise Rejected(f"GET {self._path}", status, self._wire.take(int(fields.get("content-length", 0))))
            if status != 200:
                raise ConnectionResetError(f"status {status}")
        except OSError as error:
            self.close()
            raise Away(f"GET {self._path}: {error}") from error
        self._chunked = "chunked" in fields.get("transfer-encoding", "")
        self._rest, self._text, self._fields = 0, bytearray(), {}
        self._name = secrets.token_hex(6)
        self.connections += 1
        self._write(Connected(self._name, self._conversation, self.last_id))

    def next(self, timeout_s: float) -> Seen:
        """Return the next event that has an id; reconnect as often as it takes; raise Silence when time is up."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                if self._wire is None:
                    self.connect(min(left, 5.0))
                    continue
                self._wire.patience(left)
                if (seen := self._event()) is not None:
                    return seen
            except Away:
                time.sleep(min(0.05, max(left, 0)))
            except TimeoutError:
                break
            except (OSError, ValueError):
                self.close()
        raise Silence(f"no event on {self._path} within {timeout_s:g} s (the last was {self.last_id})")

    def poll(self) -> Seen | None:
        """Return an event that has arrived already, or None; never waits for one and never reconnects."""
        while self._wire is not None and (self._text or self._wire.readable()):
            self._wire.patience(0)
            try:
                if (seen := self._event()) is not None:
                    return seen
            except TimeoutError:
                return None  # the beginning of something
            except (OSError, ValueError):
                self.close()
        return None

    def _event(self) -> Seen | None:
        """Read lines up to the end of one frame; None for a frame without an id (a comment, a typing sign)."""
        while line := self._line():
            if not line.startswith(b":"):
                name, _, value = line.decode().partition(":")
                self._fields[name] = value.removeprefix(" ")
        fields, self._fields = self._fields, {}
        if "id" not in fields:
            return None
        event: Json = json.loads(fields["data"])
        seen = Seen(
            int(fields["id"]),
            event["conversation"],
            event["kind"],
            event["at"],
            event["private"],
            event["data"],
            time.monotonic(),
        )
        self._write(Saw(self._name, seen.conversation, seen.id, seen.kind))
        self.last_id = seen.id
        return seen

    def _line(self) -> bytes:
        """Return one line of the stream's text, the transfer encoding taken off."""
        assert self._wire is not None
        if not self._chunked:
            return self._wire.line()
        while (end := self._text.find(b"\n")) < 0:
            # `_rest`: bytes of the chunk and its CRLF still to come, kept so that a timeout loses nothing
            if self._rest == 0:
                size = int(self._wire.line().split(b";")[0], 16)
                if size == 0:
                    raise ConnectionResetError("the stream ended")
                self._rest = size + 2
            chunk = self._wire.take(self._rest)
            self._rest = 0
            self._text += chunk[:-2]
        line = bytes(self._text[:end])
        del self._text[: end + 1]
        return line.removesuffix(b"\r")

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None
