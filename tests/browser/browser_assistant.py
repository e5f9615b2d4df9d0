"""An assistant small enough to read, over real HTTP: it answers from five rules and can be told to wait."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]

CITATION: Json = {
    "passage": 7,
    "kind": "article",
    "title": "Returns and refunds",
    "source": "returns.md",
    "snippet": "Unopened pots can come back within 30 days.",
}
DRAFTS: list[Json] = [
    {"text": "I have asked the warehouse; you will hear today.", "made_by": "model", "citations": [CITATION]},
    {"text": "Unopened pots can come back within 30 days.", "made_by": "passage", "citations": [CITATION]},
]
PACKET: Json = {
    "v": 1,
    "reason": "customer_request",
    "summary": "Wants a person about a dented watering can.",
    "slots": {"order_number": "MG-10234"},
    "tried": ["answered from Returns and refunds"],
    "passages": [CITATION],
    "drafts": DRAFTS,
    "language": "en",
}


def answer(action: str, text: str) -> Json:
    """What the action server would answer, in the words of docs/wire."""
    if action == "action_suggest":
        return {"events": [], "responses": [{"custom": {"nightdesk": {"v": 1, "drafts": DRAFTS}}}]}
    if action == "action_recommend":
        found = [{"sku": "PT-1", "name": "Clay pot", "price": "8.90", "why": "goes well with Fern, which you bought"}]
        return {"events": [], "responses": [{"custom": {"nightdesk": {"v": 1, "recommendations": found}}}]}
    if action == "action_summarise":
        return {"events": [], "responses": [{"custom": {"nightdesk": {"v": 1, "summary": "Summarised anew."}}}]}
    if text == "/talk_to_person":
        slots = {"handoff_reason": "customer_request", "handoff_packet": PACKET}
        events = [{"event": "slot", "name": name, "value": value} for name, value in slots.items()]
        return {"events": [{"event": "pause"}, *events], "responses": [_says("A person is on the way.")]}
    if text.startswith("echo "):
        return {"events": [], "responses": [_says(text[5:])]}
    if "return" in text:
        return {"events": [], "responses": [_says("Unopened pots come back **within 30 days**.", citations=[CITATION])]}
    if "cancel" in text:
        buttons = [{"title": "Yes, cancel it", "payload": "/affirm"}, {"title": "No, keep it", "payload": "/deny"}]
        return {"events": [], "responses": [_says("Cancel MG-10234?", buttons=buttons)]}
    return {"events": [], "responses": [_says(f"I don't know about “{text}”.")]}


def _says(text: str, buttons: list[Json] | None = None, citations: list[Json] | None = None) -> Json:
    reading = {
        "intents": [{"name": "return_item", "probability": 0.87}],
        "out_of_scope": 0.04,
        "language": "en",
        "entities": [],
    }
    nightdesk = {
        "v": 1,
        "reading": reading,
        "decision": {"kind": "answer", "intent": "return_item"},
        "citations": citations or [],
        "thresholds": {"answer": 0.62},
        "bundle": "b-1",
    }
    return {"text": text, "buttons": buttons or [], "custom": {"nightdesk": nightdesk}}


class Assistant:
    """The action server on a port of its own; `heard` is what customers said, as it was told."""

    def __init__(self, port: int = 0) -> None:
        self.heard: list[str] = []
        self.free = threading.Event()  # cleared: answers wait, the turn stays under way
        self.free.set()
        assistant = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._send({"status": "ok", "bundle": "b-1"})

            def do_POST(self) -> None:
                call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                text = (call["tracker"].get("latest_message") or {}).get("text") or ""
                if call["next_action"] == "action_respond":
                    assistant.heard.append(text)
                    assistant.free.wait(30)
                self._send(answer(call["next_action"], text))

            def _send(self, body: Json) -> None:
                encoded = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(encoded)))
                self.end_headers()
                self.wfile.write(encoded)

            def log_message(self, *_: Any) -> None:
                """Tests read `heard` instead."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                """A web that hung up on a slow answer is what one test is about."""

        self._server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self.free.set()
        self._server.shutdown()
        self._server.server_close()
