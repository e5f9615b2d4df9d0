"""A server that plays one part for each connection it accepts, byte by byte, and keeps what it was sent."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

Part = Callable[["Peer"], None]


class Peer:
    """One accepted connection."""

    def __init__(self, connection: socket.socket, requests: list[str]) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")
        self._requests = requests

    def request(self) -> None:
        """Take one request in, headers and body."""
        lines = []
        while (line := self._file.readline().decode()) not in ("\r\n", ""):
            lines.append(line)
        length = next((int(line.split(":")[1]) for line in lines if line.lower().startswith("content-length")), 0)
        self._requests.append("".join(lines) + "\r\n" + self._file.read(length).decode())

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def json(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

    def reset(self) -> None:
        """Close at once with RST, as a killed process does."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self._file.close()
        self._connection.close()

    def close(self) -> None:
        self._file.close()
        self._connection.close()


class ScriptedServer:
    """Plays `parts` in order, one a connection; each ends with a closed connection. `requests` is what it was sent."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.requests: list[str] = []
        self._parts = list(parts)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for part in self._parts:
            connection, _ = self._listening.accept()
            peer = Peer(connection, self.requests)
            with contextlib.suppress(OSError):
                part(peer)
                peer.close()

    def close(self) -> None:
        self._listening.close()
