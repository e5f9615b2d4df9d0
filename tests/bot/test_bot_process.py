"""The action server as a process: up at once, honest while it has no bundle, gone when it is told to go."""

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

ROOT = Path(__file__).resolve().parents[2]
START = """
import sys
from pathlib import Path
from bot.errors import BotError
from bot.server import run_server
from bot.settings import Settings
from retrieval.settings import Settings as Retrieval
try:
    settings = Settings(port=int(sys.argv[2]), model="off", ready_timeout_s=0.2)
    run_server(settings, Path(sys.argv[1]), {"bot": "b" * 40, "identity": "i" * 40}, Retrieval())
except BotError as error:
    sys.exit(str(error))
"""


def start(home: Path, port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", START, str(home), str(port)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def ask(port: int, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body, {"Authorization": "Bearer " + "b" * 40})
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


@pytest.fixture
def running(home: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = start(home, port)
    deadline = time.monotonic() + 30
    while True:
        try:
            ask(port, "GET", "/health")
            break
        except OSError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
    yield port, process
    process.kill()
    process.wait()


def test_a_server_without_a_bundle_says_so_and_answers_nothing(running: tuple[int, subprocess.Popen[str]]) -> None:
    port, _ = running
    assert ask(port, "GET", "/health") == (503, {"status": "starting", "bundle": None, "composes": False})
    call = {"next_action": "action_respond", "tracker": {"sender_id": "c"}, "domain": {}}
    status, body = ask(port, "POST", "/webhook", json.dumps(call).encode())
    assert (status, body["error"]["code"]) == (503, "not_ready")


def test_it_listens_on_loopback_only(running: tuple[int, subprocess.Popen[str]]) -> None:
    port, _ = running
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in others - {a for a in others if str(a).startswith("127.")}:
        with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
            socket.create_connection((str(address), port), timeout=2).close()


def test_told_to_go_it_goes(running: tuple[int, subprocess.Popen[str]]) -> None:
    _, process = running
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0


def test_a_second_one_on_the_same_port_says_why_it_cannot_start(
    running: tuple[int, subprocess.Popen[str]], home: Path
) -> None:
    second = start(home, running[0])
    _, told = second.communicate(timeout=60)
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{running[0]}" in told
    assert "Traceback" not in told
