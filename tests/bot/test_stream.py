"""POST /stream: checked sentences line by line, then exactly what /webhook answers; and what happens when it breaks."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from bot_fakes import PASSAGES, SECRETS, FakeKnowledge, make_services
from composed_fakes import PiecemealWriter, make_judge
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from bot.composed.answer import for_customers, worth_composing
from bot.server import build_app
from bot.services import Services
from bot.settings import Settings
from bot.thresholds import Thresholds
from retrieval.types import Hit

WIRE = Path(__file__).parents[2] / "docs" / "wire"
LONG = replace(
    PASSAGES[0],
    text="Delivery takes two to four working days. It costs 5.90 euro to the Netherlands and 9.90 euro elsewhere. "
    "From 75 euro of goods it is free everywhere, and heat packs count towards that sum while gift cards do not. "
    "Parcels leave on every working day, plants on Monday to Wednesday only.",
)
QUESTION = "how long does delivery take and what does it cost"
DRAFT = "Delivery takes two to four working days. It costs 5.90 euro to the Netherlands and 9.90 euro elsewhere."


@dataclass
class Speaking:
    """An action server that composes for customers, and its writer."""

    port: int
    services: Services

    @property
    def writer(self) -> PiecemealWriter:
        assert isinstance(self.services.writer, PiecemealWriter)
        return self.services.writer

    def ask(self, path: str, body: Any, secret: str = SECRETS.bot) -> tuple[int, list[bytes]]:
        response = self.open(path, body, secret).getresponse()
        return response.status, response.read().splitlines()

    def open(self, path: str, body: Any, secret: str = SECRETS.bot) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, data, {"Authorization": f"Bearer {secret}"})
        return connection


def call(text: str = QUESTION, action: str = "action_respond") -> dict[str, Any]:
    message = {"text": text, "message_id": "m1", "metadata": {}, "intent": {}, "entities": []}
    tracker = {"sender_id": "conv", "slots": {}, "latest_message": message, "events": [{"event": "user", "text": text}]}
    return {"next_action": action, "tracker": tracker, "domain": {}, "version": "3.21.1"}


@pytest.fixture(scope="module")
def server() -> Iterator[Speaking]:
    knowledge = FakeKnowledge(passages=(LONG, *PASSAGES[1:]), judge=make_judge())
    services = make_services(
        knowledge=knowledge, settings=Settings(model="off", composed="customers", max_body_bytes=50_000)
    )
    listening = socket.create_server(("127.0.0.1", 0))
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        app = build_app(services, lambda: {"status": "ok"}, name=f"test_stream_{listening.getsockname()[1]}")
        app.config.TOUCHUP = False  # Sanic rewrites its protocol class once a process; test_bot_server's app may have
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
    yield Speaking(listening.getsockname()[1], services)
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    services.reader.stop()


@pytest.fixture(autouse=True)
def fresh_writer(server: Speaking) -> None:
    server.services.writer = PiecemealWriter(DRAFT)


def test_each_sentence_is_a_line_with_its_citation_and_number(server: Speaking) -> None:
    status, lines = server.ask("/stream", call())
    assert status == 200
    said = [json.loads(line) for line in lines[:-1]]
    assert [line["sentence"] for line in said] == [
        "Delivery takes two to four working days.",
        "It costs 5.90 euro to the Netherlands and 9.90 euro elsewhere.",
    ]
    assert [line["n"] for line in said] == [0, 1]
    assert all(line["citations"][0]["source"] == "delivery.md" for line in said)


def test_every_line_is_as_the_schema_says(server: Speaking) -> None:
    schemas = [
        json.loads((WIRE / f"{name}.schema.json").read_text("utf-8")) for name in ("action_result", "stream_line")
    ]
    registry: Registry[Any] = Registry().with_resources((s["$id"], Resource.from_contents(s)) for s in schemas)
    validator = Draft202012Validator(schemas[1], registry=registry)
    for line in server.ask("/stream", call())[1]:
        validator.validate(json.loads(line))
    assert not validator.is_valid({"sentence": "", "citations": [], "n": 0})


@pytest.mark.parametrize("text", [QUESTION, "hello", "where is my order", "is the discount voucher code valid twice"])
def test_the_last_line_is_what_webhook_answers_byte_for_byte(server: Speaking, text: str) -> None:
    assert server.ask("/stream", call(text))[1][-1] == b"".join(server.ask("/webhook", call(text))[1])


def test_the_reply_is_the_sentences_that_were_streamed(server: Speaking) -> None:
    *said, last = [json.loads(line) for line in server.ask("/stream", call())[1]]
    assert json.loads(json.dumps(last))["responses"][0]["text"] == " ".join(line["sentence"] for line in said)


def test_an_answer_nothing_was_composed_for_is_the_passages_own_words(server: Speaking) -> None:
    server.services.writer = PiecemealWriter("Robots fly.")
    lines = server.ask("/stream", call())[1]
    assert len(lines) == 1
    assert json.loads(lines[0])["responses"][0]["text"].startswith("Delivery takes two to four working days. It costs")


def test_a_writer_that_fails_midway_leaves_what_it_said(server: Speaking) -> None:
    server.services.writer = PiecemealWriter(DRAFT, fails_after=9)
    *said, last = [json.loads(line) for line in server.ask("/stream", call())[1]]
    assert [line["sentence"] for line in said] == ["Delivery takes two to four working days."]
    assert last["responses"][0]["text"] == "Delivery takes two to four working days."


def test_a_caller_who_hangs_up_stops_the_writing(server: Speaking) -> None:
    server.services.writer = PiecemealWriter(DRAFT, holds_after=9)
    connection = server.open("/stream", call())
    response = connection.getresponse()
    assert json.loads(response.readline())["n"] == 0
    assert not server.writer.stopped
    response.close()
    connection.close()
    until = time.monotonic() + 10
    while not server.writer.stopped and time.monotonic() < until:
        time.sleep(0.02)
    assert server.writer.stopped


def test_the_secret_is_asked_for(server: Speaking) -> None:
    assert server.ask("/stream", call(), secret="wrong")[0] == 401


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"next_action": "action_respond"}'])
def test_a_bad_call_is_refused_as_webhook_refuses_it(server: Speaking, body: bytes) -> None:
    assert server.ask("/stream", body) == server.ask("/webhook", body)
    assert server.ask("/stream", body)[0] in (400, 422)


def test_health_says_that_customers_read_composed_answers(server: Speaking) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", "/health")
    assert json.loads(connection.getresponse().read())["composes"] is True


def test_an_agent_is_offered_what_was_composed_with_its_sources(server: Speaking) -> None:
    status, body = server.ask("/webhook", call(action="action_suggest"))
    drafts = json.loads(b"".join(body))["responses"][0]["custom"]["nightdesk"]["drafts"]
    written = [draft for draft in drafts if draft["made_by"] == "model"]
    assert (status, [draft["text"] for draft in written]) == (200, [DRAFT])
    assert [citation["source"] for citation in written[0]["citations"]] == ["delivery.md"]


@pytest.mark.parametrize(
    ("chosen", "proven", "reads"),
    [
        ("auto", 0.0, False),
        ("auto", 1.0, True),
        ("drafts", 1.0, False),
        ("off", 1.0, False),
        ("customers", 0.0, True),
    ],
)
def test_customers_read_it_if_the_operator_says_so_or_leaves_it_to_evaluation(
    server: Speaking, chosen: str, proven: float, reads: bool
) -> None:
    settings = server.services.settings.model_copy(update={"composed": chosen})
    assert for_customers(replace(server.services, settings=settings), Thresholds(composed=proven)) is reads


def test_a_short_passage_is_not_worth_composing_from() -> None:
    hit = Hit(PASSAGES[0], 0.9, 1.0, 0.1, 1)
    assert not worth_composing([hit])
    assert worth_composing([hit, replace(hit, passage=replace(PASSAGES[0], id=9, text="It is free from 75 euro."))])
    assert worth_composing([replace(hit, passage=LONG)])
