"""Server-sent events over a plain socket, with replay across reconnections: the widget's stream without a browser."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from web.journal import Connected, Entry, Saw
from web.plain_http import Away, Http, Json, Rejected, Silence, Wire, request_bytes


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
        self._wire: Wire | None = None
        self._name = ""
        self._fields: dict[str, str] = {}
        self._chunked, self._rest, self._text = False, 0, bytearray()
        self.last_id = after
        self.connections = 0

    def connect(self, timeout_s: float) -> None:
        """Open the stream after the last event seen; raise Away when the service is not there."""
        try:
            self._wire = Wire(self._http.address, timeout_s)
            headers = {"Accept": "text/event-stream", "Last-Event-ID": str(self.last_id), **self._headers()}
            self._wire.send(request_bytes(self._http.host, "GET", self._path, b"", headers))
            status, fields, _ = self._wire.head()
            if 400 <= status < 500:
                raise Rejected(f"GET {self._path}", status, self._wire.take(int(fields.get("content-length", 0))))
            if status != 200:
                raise ConnectionResetError(f"status {status}")
        except OSError as error:
            self.close()
            raise Away(f"GET {self._path}: {error}") from error
        except Rejected:
            self.close()
            raise
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
