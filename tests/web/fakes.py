"""A small assistant over real HTTP: answers from a dictionary, and can be told to misbehave."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]

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

    def __init__(self, secret: str = "b" * 32, port: int = 0) -> None:
        self.secret = secret
        self.calls: list[Json] = []
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
                behave = bot.behave
                bot.hang.wait()
                try:
                    answer = behave(call)
                except Exception:
                    self._send(500, b'{"error": "it broke"}')
                    return
                self._send(200, answer if isinstance(answer, bytes) else json.dumps(answer).encode())

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
