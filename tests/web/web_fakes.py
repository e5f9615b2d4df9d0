"""A small assistant over real HTTP, and the people who use a web room: customers at a widget, agents at a desk."""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection
from werkzeug.test import TestResponse

from web.app import create_app
from web.service import Service
from web.settings import Secrets, Settings
from web.store import agents
from web.store.ids import new_id
from web.tokens import Identity, Tokens
from web.types import Agent

Json = dict[str, Any]
T = TypeVar("T")

ARTICLES = {
    "delivery": "Delivery takes two to four days and costs 4.90 EUR.",
    "return": "You can return plants within thirty days.",
    "repot": "Repot in spring, when new roots show.",
}
DUNNO = "I don't know that. Shall I ask a person?"


def read(text: str) -> Json:
    """Return what a reader would make of the words, in the shape of `custom.nightdesk`."""
    return {
        "v": 1,
        "reading": {
            "intents": [{"name": "other", "probability": 1.0}],
            "out_of_scope": 0.0,
            "language": "en",
            "entities": [],
        },
        "decision": {"kind": "answer"},
        "citations": [],
        "thresholds": {},
        "bundle": "fake",
    }


def reply(text: str, *, buttons: list[Json] | None = None, citations: list[Json] | None = None) -> Json:
    return {
        "text": text,
        "buttons": buttons or [],
        "custom": {"nightdesk": {**read(text), "citations": citations or []}},
    }


def slot(name: str, value: Any) -> Json:
    return {"event": "slot", "name": name, "value": value, "timestamp": None}


def respond(call: Json) -> Json:
    """Answer like the action server: extractively, counting misunderstandings, handing off on request."""
    tracker = call["tracker"]
    text = tracker["latest_message"]["text"]
    action = call["next_action"]
    if action == "action_suggest":
        drafts = [{"text": found, "made_by": "passage", "citations": []} for found in ARTICLES.values()]
        return {"events": [], "responses": [{"custom": {"nightdesk": {"v": 1, "drafts": drafts}}}]}
    if action == "action_recommend":
        found = [{"sku": "PT-1", "name": "Clay pot", "price": "8.90", "why": "goes well with Fern, which you bought"}]
        return {"events": [], "responses": [{"custom": {"nightdesk": {"v": 1, "recommendations": found}}}]}
    if action == "action_summarise":
        said = [event["text"] for event in tracker["events"] if event["event"] == "user"]
        return {"events": [], "responses": [{"custom": {"nightdesk": {"v": 1, "summary": " / ".join(said)}}}]}
    if action == "action_track_order":
        number = tracker["slots"]["order_number"]
        return {"events": [slot("order_number", None)], "responses": [reply(f"Order {number} is on its way.")]}
    if text == "/talk_to_person":
        packet = {
            "v": 1, "reason": "customer_request", "summary": "Wants a person.", "slots": {}, "tried": ["asked"],
            "passages": [], "drafts": [], "language": "en",
        }  # fmt: skip
        return {
            "events": [{"event": "pause"}, slot("handoff_reason", "customer_request"), slot("handoff_packet", packet)],
            "responses": [reply("A person will help you.")],
        }
    if text.startswith("MG-"):
        return {
            "events": [slot("order_number", text), {"event": "followup", "name": "action_track_order"}],
            "responses": [],
        }
    for word, answer in ARTICLES.items():
        if word in text:
            cited = {"passage": 1, "kind": "article", "title": word, "source": f"{word}.md", "snippet": answer}
            return {"events": [slot("misunderstandings", 0)], "responses": [reply(answer, citations=[cited])]}
    seen = (tracker["slots"].get("misunderstandings") or 0) + 1
    return {"events": [slot("misunderstandings", seen)], "responses": [reply(f"{DUNNO} ({seen})")]}


class FakeBot:
    """An action server on a port of its own. `behave` replaces what it answers with; `calls` is what it was asked."""

    def __init__(self, secret: str = "b" * 64, port: int = 0) -> None:
        self.secret = secret
        self.calls: list[Json] = []
        self.says: list[str] | None = None  # sentences that /stream says first; None: nothing is composed
        self.pause = threading.Event()  # what /stream waits for after its sentences
        self.pause.set()
        self.breaks_off = False
        self.behave: Callable[[Json], Json | bytes] = respond
        self.hang = threading.Event()
        self.hang.set()
        bot = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self) -> None:
                call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.headers["Authorization"] != f"Bearer {bot.secret}":
                    self._send(401, b"{}")
                    return
                bot.calls.append(call)
                if self.path == "/stream":
                    self._stream(call)
                    return
                behave = bot.behave
                bot.hang.wait()
                try:
                    answer = behave(call)
                except Exception:
                    self._send(500, b'{"error": "it broke"}')
                    return
                self._send(200, answer if isinstance(answer, bytes) else json.dumps(answer).encode())

            def do_GET(self) -> None:
                self._send(200, json.dumps({"status": "ok", "composes": bot.says is not None}).encode())

            def _stream(self, call: Json) -> None:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for number, sentence in enumerate(bot.says or []):
                    self._chunk({"sentence": sentence, "citations": [], "n": number})
                bot.pause.wait()
                if bot.breaks_off:
                    self.close_connection = True
                    return
                self._chunk(bot.behave(call))
                self.wfile.write(b"0\r\n\r\n")

            def _chunk(self, line: Json | bytes) -> None:
                text = (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
                self.wfile.flush()

            def _send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """A web that hung up on a slow answer is what some tests are about."""

        self._server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def slow(self, seconds: float) -> None:
        """Answer well, but late."""

        def behave(call: Json) -> Json:
            time.sleep(seconds)
            return respond(call)

        self.behave = behave

    def close(self) -> None:
        self.hang.set()
        self._server.shutdown()
        self._server.server_close()


SECRETS = Secrets.model_validate({name: name[0] * 64 for name in ("session", "visitor", "identity", "shop", "bot")})


class Site:
    """The web room as its users meet it: one Flask app with its workers, visitors and agents to talk to it."""

    def __init__(self, home: Path, bot_url: str, **settings: Any) -> None:
        quick: Json = {
            "bot_url": bot_url,
            "turn_workers": 4,
            "sweep_s": 0.02,
            "messages_per_minute": 60_000,
            "messages_burst": 1000,
            "visitors_burst": 1000,
            "demo": True,
        }
        self.settings = Settings(**{**quick, **settings})
        self.home = home
        self.app = create_app(self.settings, home, SECRETS)
        self.service: Service = self.app.extensions["nightdesk"]

    @property
    def tokens(self) -> Tokens:
        return self.service.tokens

    def visitor(self, customer: str | None = None) -> Widget:
        return Widget(self, self.tokens.for_shop(Identity(customer, "Ada")) if customer else None)

    def agent(self, name: str = "Noor") -> DeskPerson:
        """An agent at the desk, without a password's half second; the doors' own tests log in."""
        agent = Agent(new_id("a"), name, f"{name.lower()}@mossgrove.example")

        def add(connection: Connection) -> Agent:
            known = agents.by_email(connection, agent.email)
            if known is None:
                agents.add(connection, agent, "no password", time.time())
            return known[0] if known else agent

        return DeskPerson(self, self.service.database.write(add))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Look into the database, as a person with sqlite3 would."""
        with sqlite3.connect(self.home / "nightdesk.db") as connection:
            return connection.execute(sql).fetchall()


class Widget:
    """A customer at the widget, with one conversation."""

    def __init__(self, site: Site, identity: str | None = None) -> None:
        self.site = site
        self.http = site.app.test_client()
        answer = self.http.post("/api/visitor", json={"identity": identity} if identity else {}).json
        self.token: str = answer["token"]
        self.id: str = answer["visitor"]["id"]
        self.conversation: str = answer["conversation"] or self._open()
        self._nonces = itertools.count(1)

    def _open(self) -> str:
        return self.http.post("/api/conversations", json={}, headers=self.headers).json["conversation"]["id"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def post(self, path: str, body: Json) -> TestResponse:
        return self.http.post(f"/api/conversations/{self.conversation}{path}", json=body, headers=self.headers)

    def say(self, text: str, nonce: str | None = None, **more: Any) -> TestResponse:
        return self.post("/messages", {"nonce": nonce or f"n{next(self._nonces)}", "text": text, **more})

    def ask_for_person(self, nonce: str = "person") -> TestResponse:
        return self.post("/handoff", {"nonce": nonce})

    def state(self) -> Json:
        return self.http.get(f"/api/conversations/{self.conversation}", headers=self.headers).json

    def said(self, *roles: str) -> list[str]:
        """What has been said so far, by these roles or by all."""
        messages = [event["data"] for event in self.state()["events"] if event["kind"] == "message"]
        return [message["text"] for message in messages if not roles or message["role"] in roles]

    def wait_for(self, *roles: str, count: int = 1) -> list[str]:
        """Wait until these roles have said something `count` times; return what they said."""
        return eventually(lambda: found if len(found := self.said(*roles)) >= count else None)

    def wait_until(self, status: str) -> Json:
        def reached() -> Json | None:
            conversation = self.state()["conversation"]
            return conversation if conversation["status"] == status else None

        return eventually(reached)


class DeskPerson:
    """An agent logged in at the desk."""

    def __init__(self, site: Site, agent: Agent) -> None:
        self.site = site
        self.http = site.app.test_client()
        self.csrf = "of this session"
        with self.http.session_transaction() as session:
            session.update(agent=agent.id, csrf=self.csrf)
        self._nonces = itertools.count(1)

    def act(self, conversation: str, verb: str, body: Json | None = None) -> TestResponse:
        path = f"/desk/api/conversations/{conversation}/{verb}"
        return self.http.post(path, json=body or {}, headers={"X-CSRF-Token": self.csrf})

    def say(self, conversation: str, text: str, nonce: str | None = None) -> TestResponse:
        return self.act(conversation, "messages", {"nonce": nonce or f"a{next(self._nonces)}", "text": text})

    def read(self, conversation: str) -> Json:
        return self.http.get(f"/desk/api/conversations/{conversation}").json

    def queue(self, **query: Any) -> list[Json]:
        return self.http.get("/desk/api/queue", query_string=query).json["conversations"]


def eventually(look: Callable[[], T | None], timeout_s: float = 5.0) -> T:
    """Return what `look` finds, as soon as it finds something."""
    until = time.monotonic() + timeout_s
    while (found := look()) is None:
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.005)
    return found
