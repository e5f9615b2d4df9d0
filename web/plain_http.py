"""HTTP over plain sockets: what the load generator and the kill tests speak with.

Plain sockets, because the client shares its cores with what it measures: a whole turn costs it well under a
millisecond. One thread drives one connection; nothing here locks.
"""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

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


class Wire:
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


def request_bytes(host: str, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
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
        self._wire: Wire | None = None

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
            self._wire = Wire(self.address, self.timeout_s)
        wire = self._wire
        wire.patience(self.timeout_s)
        wire.send(request_bytes(self.host, method, path, body, headers))
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
