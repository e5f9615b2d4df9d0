"""The real process: gunicorn with gevent, started and stopped as a supervisor would."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from web_fakes import ARTICLES, eventually

HERE = Path(__file__).parent


class Server:
    def __init__(self, home: Path) -> None:
        self.port = _free_pair()
        log = (home / "server.log").open("wb")
        command = [sys.executable, str(HERE / "run_dev.py"), str(self.port), str(home)]
        self.process = subprocess.Popen(command, stderr=log, stdout=log)
        self.log = home / "server.log"
        eventually(lambda: self._well() or None, timeout_s=20)

    def _well(self) -> bool:
        try:
            return self.call("GET", "/health")[0] == 200
        except OSError:
            return False

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        status, text = answer.status, answer.read()
        connection.close()
        return status, json.loads(text) if text else None

    def listen(self, conversation: str, token: str) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        path = f"/api/conversations/{conversation}/events?cursor=0"
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        return connection.getresponse()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("served"))
    yield server
    server.process.terminate()
    server.process.wait(15)


def _begin(server: Server) -> tuple[str, str]:
    token = server.call("POST", "/api/visitor", {})[1]["token"]
    return token, server.call("POST", "/api/conversations", {}, token)[1]["conversation"]["id"]


def test_a_turn_from_post_to_stream(server: Server) -> None:
    token, conversation = _begin(server)
    stream = server.listen(conversation, token)
    path = f"/api/conversations/{conversation}/messages"
    assert server.call("POST", path, {"nonce": "1", "text": "delivery, my secret"}, token)[0] == 201
    line = b""
    while b'"assistant"' not in line:
        line = stream.readline()
    assert json.loads(line.removeprefix(b"data: "))["data"]["text"] == ARTICLES["delivery"]
    stream.close()


def test_many_streams_share_the_process_without_holding_it_up(server: Server) -> None:
    token, conversation = _begin(server)
    streams = [server.listen(conversation, token) for _ in range(60)]
    at = time.monotonic()
    assert server.call("GET", "/health")[0] == 200
    assert time.monotonic() - at < 2.0
    for stream in streams:
        stream.close()


def test_its_log_holds_nobodys_words(server: Server) -> None:
    log = server.log.read_text()
    assert "secret" not in log
    assert all(json.loads(line)["level"] for line in log.splitlines() if line.startswith("{"))


def test_a_stop_ends_the_streams_and_the_process_quickly(server: Server) -> None:
    token, conversation = _begin(server)
    stream = server.listen(conversation, token)
    assert stream.readline() == b"retry: 1000\n"
    at = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert stream.read().endswith(b"\n")  # the end of the stream, not a broken line
    assert server.process.wait(15) == 0
    assert time.monotonic() - at < 8.0


def _free_pair() -> int:
    """Return a port that is free together with the next one."""
    for _ in range(50):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise OSError("no two ports in a row are free")
