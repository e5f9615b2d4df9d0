"""The action server over HTTP: what it answers, what it refuses, and what its errors do not say."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from bot_fakes import SECRETS, FakeKnowledge, make_services

from bot.actions.registry import ACTIONS
from bot.errors import NotReady
from bot.knowledge import Knowledge
from bot.reader import Reader
from bot.server import build_app
from bot.services import Services
from bot.settings import Settings

SECRET_WORDS = "my-very-private-words"


@dataclass
class Running:
    """An action server on a free port, and a client for it."""

    port: int
    services: Services
    state: dict[str, Any]

    def call(
        self, method: str, path: str, body: Any = None, *, secret: str | None = SECRETS.bot, **headers: str
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        if secret is not None:
            headers["Authorization"] = f"Bearer {secret}"
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, path, data, {k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, json.loads(text) if text else None


def action_call(text: str = "hello", action: str = "action_respond", **changes: Any) -> dict[str, Any]:
    message = {"text": text, "message_id": "m1", "metadata": {}, "intent": {"name": None}, "entities": []}
    tracker = {"sender_id": "conv", "slots": {}, "latest_message": message, "events": [{"event": "user", "text": text}]}
    return {"next_action": action, "tracker": tracker, "domain": {}, "version": "3.21.1"} | changes


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    services = make_services(settings=Settings(model="off", max_body_bytes=50_000))
    state = {"status": "ok", "bundle": "0001-fake"}
    listening = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        app = build_app(services, lambda: state, name=f"test_{listening.getsockname()[1]}")
        running = await app.create_server(sock=listening, access_log=False)
        assert running is not None
        await running.startup()
        await running.start_serving()
        ready.set()
        await stop.wait()
        await running.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield Running(listening.getsockname()[1], services, state)
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    services.reader.stop()


def test_health_needs_no_secret_and_names_the_bundle(server: Running) -> None:
    assert server.call("GET", "/health", secret=None) == (
        200,
        {"status": "ok", "bundle": "0001-fake", "composes": False},
    )


def test_health_is_503_while_starting(server: Running) -> None:
    server.state["status"] = "starting"
    status, body = server.call("GET", "/health", secret=None)
    server.state["status"] = "ok"
    assert (status, body["status"]) == (503, "starting")


@pytest.mark.parametrize("path", ["/webhook", "/actions", "/nothing", "/health/", "//health"])
@pytest.mark.parametrize("secret", [None, "", "wrong", "b" * 39, "b" * 41])
def test_all_else_is_refused_without_the_secret(server: Running, path: str, secret: str | None) -> None:
    status, body = server.call("POST" if path == "/webhook" else "GET", path, action_call(), secret=secret)
    assert status in (401, 404)
    assert body["error"]["code"] in ("unauthorized", "not_found")
    assert path != "/webhook" or status == 401


def test_an_action_call_is_answered(server: Running) -> None:
    status, body = server.call("POST", "/webhook", action_call("how long does delivery take"))
    assert status == 200
    assert body["responses"][0]["text"].startswith("Delivery takes")


def test_a_deflated_call_is_answered_as_rasa_sends_it(server: Running) -> None:
    packed = zlib.compress(json.dumps(action_call("hello")).encode())
    status, body = server.call("POST", "/webhook", packed, Content_Encoding="deflate", Content_Type="application/json")
    assert status == 200
    assert body["responses"]


def test_a_call_without_a_content_type_is_answered(server: Running) -> None:
    assert server.call("POST", "/webhook", json.dumps(action_call()).encode())[0] == 200


def test_all_actions_are_listed(server: Running) -> None:
    names = {row["name"] for row in server.call("GET", "/actions")[1]}
    assert names == set(ACTIONS)
    assert {"action_respond", "action_track_order", "action_return_items", "action_suggest"} <= names


def without(key: str) -> dict[str, Any]:
    call = action_call(SECRET_WORDS)
    del call[key]
    return call


@pytest.mark.parametrize(
    ("call", "status", "error"),
    [
        (without("domain"), 449, "Missing domain context"),
        (action_call(SECRET_WORDS, "action_nope"), 404, "No registered action found for name 'action_nope'."),
    ],
)
def test_rasas_own_refusals_are_kept(server: Running, call: dict[str, Any], status: int, error: str) -> None:
    answered, body = server.call("POST", "/webhook", call)
    assert answered == status
    assert body["error"].startswith(error)
    assert body["action_name"] == call["next_action"]


@pytest.mark.parametrize("call", [{}, without("next_action")])
def test_a_call_without_an_action_is_answered_with_null(server: Running, call: dict[str, Any]) -> None:
    assert server.call("POST", "/webhook", call) == (200, None)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (SECRET_WORDS.encode(), 400, "bad_json"),
        (json.dumps([SECRET_WORDS]).encode(), 400, "bad_json"),
        (b"\xff\xfe\x00", 400, "bad_json"),
        (without("tracker"), 422, "bad_tracker"),
        (action_call() | {"tracker": {"slots": {"a": SECRET_WORDS}}}, 422, "bad_tracker"),
        (action_call() | {"tracker": {"sender_id": "a", "events": SECRET_WORDS}}, 422, "bad_tracker"),
        (action_call() | {"tracker": {"sender_id": "a", "events": [SECRET_WORDS]}}, 422, "bad_tracker"),
        (action_call() | {"tracker": {"sender_id": "a", "latest_message": SECRET_WORDS}}, 422, "bad_tracker"),
        (action_call(SECRET_WORDS * 5000), 413, "too_large"),
    ],
)
def test_a_broken_call_gets_a_sentence_that_repeats_none_of_it(
    server: Running, body: Any, status: int, code: str
) -> None:
    answered, told = server.call("POST", "/webhook", body)
    assert (answered, told["error"]["code"]) == (status, code)
    assert SECRET_WORDS not in json.dumps(told)


def test_a_small_body_that_unpacks_to_too_much_is_refused(server: Running) -> None:
    bomb = zlib.compress(json.dumps(action_call("a" * 5_000_000)).encode())
    assert len(bomb) < 50_000
    status, body = server.call("POST", "/webhook", bomb, Content_Encoding="deflate")
    assert (status, body["error"]["code"]) == (413, "too_large")


def test_what_is_packed_badly_is_refused(server: Running) -> None:
    status, body = server.call("POST", "/webhook", b"no zlib at all", Content_Encoding="deflate")
    assert (status, body["error"]["code"]) == (400, "bad_json")


def test_events_null_and_latest_message_null_are_read_as_empty(server: Running) -> None:
    tracker = {"sender_id": "a", "slots": None, "latest_message": None, "events": None}
    status, body = server.call("POST", "/webhook", action_call() | {"tracker": tracker})
    assert status == 200
    assert body["responses"]


def test_a_failing_action_says_nothing_of_the_request(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeKnowledge):
        def search(self, *args: Any, **more: Any) -> Any:
            raise ValueError(SECRET_WORDS)

    whole = server.services.reader
    broken = Broken()
    server.services.reader = Reader(lambda: broken)
    server.services.reader.start()
    try:
        status, body = server.call("POST", "/webhook", action_call(SECRET_WORDS))
    finally:
        server.services.reader.stop()
        server.services.reader = whole
    assert (status, body["error"]["code"]) == (500, "internal")
    assert SECRET_WORDS not in json.dumps(body)
    assert SECRET_WORDS not in caplog.text
    assert "ReadingFailed" in caplog.text


def test_before_there_is_a_bundle_the_caller_is_told_to_try_again(server: Running) -> None:
    def nothing_yet() -> Knowledge:
        raise NotReady("no bundle yet")

    whole = server.services.reader
    server.services.reader = Reader(nothing_yet)
    try:
        status, body = server.call("POST", "/webhook", action_call())
    finally:
        server.services.reader = whole
    assert (status, body["error"]["code"]) == (503, "not_ready")


def test_many_calls_at_once_are_each_answered_with_their_own(server: Running) -> None:
    questions = {
        "how long does delivery take": "Delivery takes",
        "is the discount voucher code valid twice": "A voucher",
    }
    wrong: list[str] = []

    def ask(question: str, beginning: str, number: int) -> None:
        _, body = server.call("POST", "/webhook", action_call(f"{question} {number}"))
        if not body["responses"][0]["text"].startswith(beginning):
            wrong.append(question)

    threads = [
        threading.Thread(target=ask, args=(*list(questions.items())[number % 2], number)) for number in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
