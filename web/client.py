"""A visitor and an agent who are programs: what the load generator and the kill tests drive the service with.

A client never gives a message up while its patience lasts: it sends the same nonce again until the service says
2xx or 4xx, which is what the widget does on a train. One thread drives one client.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlencode

from web.event_stream import Seen, Stream
from web.journal import Acknowledged, Entry, Journal, Opened, Refused, Sent
from web.plain_http import Away, Http, Json, Rejected, Response, Unacknowledged

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Receipt:
    """An acknowledged message: its id, its event's cursor if given, when it was first sent, and how often."""

    message: str
    cursor: int | None
    sent_s: float
    acknowledged_s: float
    attempts: int


@dataclass(frozen=True, slots=True)
class Ending:
    """How a turn ended as the visitor saw it, and the events that came with it."""

    kind: str  # "reply"; "handoff"; "people": they had the conversation before the message was written
    event: Seen
    notices: tuple[Seen, ...] = ()


def _nothing(entry: Entry) -> None:
    """The journal of a client that keeps none."""


@dataclass
class _Client:
    """What visitor and agent share: a service, a journal and patience."""

    base_url: str
    journal: Journal | None = None
    patience_s: float = 60.0
    timeout_s: float = 10.0
    http: Http = field(init=False)
    stream: Stream | None = field(init=False, default=None)
    retries: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.http = Http(self.base_url, timeout_s=self.timeout_s)
        self.write: Callable[[Entry], None] = self.journal.write if self.journal is not None else _nothing

    def headers(self) -> dict[str, str]:
        raise NotImplementedError

    def call(self, method: str, path: str, body: Json | None = None) -> Response:
        """Return a 2xx; raise Rejected for a 4xx and Away for anything else."""
        data = b"" if body is None else json.dumps(body).encode()
        headers = self.headers() if body is None else {**self.headers(), "Content-Type": "application/json"}
        response = self.http.call(method, path, data, headers)
        if 200 <= response.status < 300:
            return response
        if 400 <= response.status < 500 and response.status != 429:
            raise Rejected(f"{method} {path}", response.status, response.body)
        raise Away(f"{method} {path} answered {response.status}")

    def insist(self, attempt: Callable[[], T]) -> T:
        """Repeat `attempt` until it returns or is refused; raise Unacknowledged when patience runs out."""
        deadline, pause_s = time.monotonic() + self.patience_s, 0.05
        while True:
            try:
                return attempt()
            except Away as error:
                if time.monotonic() + pause_s > deadline:
                    raise Unacknowledged(f"gave up after {self.patience_s:g} s: {error}") from error
                self.retries += 1
                time.sleep(pause_s)
                pause_s = min(pause_s * 1.5, 0.5)

    def post_message(self, path: str, conversation: str, role: str, body: Json) -> Receipt:
        """POST a message with a nonce, journalling before and after; the same nonce until it is acknowledged."""
        nonce = str(body["nonce"])
        self.write(Sent(conversation, nonce, role, str(body.get("text", ""))))
        before, sent_s = self.retries, time.monotonic()
        try:
            answer = self.insist(lambda: self.call("POST", path, body)).json()
        except Rejected as error:
            self.write(Refused(conversation, nonce, error.status))
            raise
        acknowledged_s = time.monotonic()
        message, cursor = str(answer["message"]["id"]), answer.get("cursor")
        self.write(Acknowledged(conversation, nonce, message, cursor))
        return Receipt(message, cursor, sent_s, acknowledged_s, 1 + self.retries - before)

    def close(self) -> None:
        self.http.close()
        if self.stream is not None:
            self.stream.close()


@dataclass
class Visitor(_Client):
    """A visitor with one conversation."""

    token: str = field(init=False, default="")
    conversation: str = field(init=False, default="")
    status: str = field(init=False, default="pending")

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def arrive(self, identity: str | None = None) -> Json:
        """Become a visitor, verified if the shop's `identity` token says so; return what the service answered."""
        body = {"identity": identity} if identity else {}
        answer = self.insist(lambda: self.call("POST", "/api/visitor", body)).json()
        self.token = str(answer["token"])
        return answer

    def open(self) -> str:
        """Open a conversation and listen to it; return its id."""
        if not self.token:
            self.arrive()
        answer = self.insist(lambda: self.call("POST", "/api/conversations", {})).json()
        self.conversation, self.status = str(answer["conversation"]["id"]), "pending"
        self.write(Opened(self.conversation, self.token))
        path = f"/api/conversations/{self.conversation}/events"
        self.stream = Stream(self.http, path, self.headers, conversation=self.conversation, write=self.write)
        self.insist(lambda: self.listening.connect(self.timeout_s))
        return self.conversation

    @property
    def listening(self) -> Stream:
        """The stream of the open conversation."""
        assert self.stream is not None, "open() comes first"
        return self.stream

    def say(self, text: str, *, payload: str | None = None, nonce: str | None = None) -> Receipt:
        """Send a message until it is acknowledged."""
        body: Json = {"nonce": nonce or secrets.token_hex(12), "text": text}
        if payload is not None:
            body["payload"] = payload
        return self.post_message(
            f"/api/conversations/{self.conversation}/messages", self.conversation, "customer", body
        )

    def ask_for_person(self) -> Json:
        """Press "talk to a person"; the same nonce until it is acknowledged."""
        path, body = f"/api/conversations/{self.conversation}/handoff", {"nonce": secrets.token_hex(12)}
        return self.insist(lambda: self.call("POST", path, body)).json()

    def wait_for(self, wanted: Callable[[Seen], bool], timeout_s: float) -> tuple[Seen, tuple[Seen, ...]]:
        """Return the first event that is wanted, and those that came before it; raise Silence when time is up."""
        deadline = time.monotonic() + timeout_s
        passed: list[Seen] = []
        while True:
            seen = self._heed(self.listening.next(deadline - time.monotonic()))
            if wanted(seen):
                return seen, tuple(passed)
            passed.append(seen)

    def wait_for_ending(self, receipt: Receipt, timeout_s: float) -> Ending:
        """Wait until the message has been replied to, or people have the conversation; raise Silence if neither."""
        after = receipt.cursor or 0

        def ends(seen: Seen) -> bool:
            if seen.kind == "status":
                return self.status == "open"
            return seen.role == "assistant" and seen.id > after

        seen, passed = self.wait_for(ends, timeout_s)
        notices = tuple(event for event in passed if event.role == "system" and event.id > after)
        if seen.kind == "message":
            return Ending("reply", seen, notices)
        return Ending("handoff" if seen.id > after else "people", seen, notices)

    def with_people(self) -> bool:
        """True if the service has said, in anything that has arrived, that people have the conversation."""
        while (seen := self.listening.poll()) is not None:
            self._heed(seen)
        return self.status in ("open", "snoozed")

    def _heed(self, seen: Seen) -> Seen:
        if seen.kind == "status":
            self.status = seen.data["status"]
        return seen

    def events(self) -> Json:
        """Read the conversation as the visitor may: `{conversation, events, cursor}`."""
        return self.insist(lambda: self.call("GET", f"/api/conversations/{self.conversation}")).json()


_CSRF = re.compile(r'name="csrf[_-]token"[^>]*?(?:value|content)="([^"]+)"', re.IGNORECASE)


@dataclass
class DeskAgent(_Client):
    """An agent logged in at the desk."""

    email: str = ""
    password: str = ""
    cookies: dict[str, str] = field(init=False, default_factory=dict)
    csrf: str = field(init=False, default="")

    def headers(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"Cookie": cookies} if cookies else {}
        return {**headers, "X-CSRF-Token": self.csrf} if self.csrf else headers

    def log_in(self) -> None:
        """Log in through the form, as a person does."""
        self.insist(self._log_in)

    def _log_in(self) -> None:
        self.csrf = self._token(self._page("GET", "/desk/login"))
        form = urlencode({"email": self.email, "password": self.password, "csrf_token": self.csrf})
        response = self._page("POST", "/desk/login", form.encode())
        if response.status not in (302, 303):
            raise Rejected("POST /desk/login", response.status, b"the desk did not let the agent in")
        self.csrf = self._token(self._page("GET", "/desk"))

    def _page(self, method: str, path: str, body: bytes = b"") -> Response:
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        response = self.http.call(method, path, body, {**self.headers(), "Accept": "text/html", **kind})
        if response.status >= 500:
            raise Away(f"{method} {path} answered {response.status}")
        for cookie in response.cookies:
            name, _, value = cookie.partition("=")
            self.cookies[name] = value
        return response

    def _token(self, response: Response) -> str:
        found = _CSRF.search(response.body.decode(errors="replace"))
        if found is None:
            raise Rejected("the desk's page", response.status, b"it holds no csrf token")
        return found.group(1)

    def listen(self, after: int = 0) -> Stream:
        """Open the desk's stream over all conversations."""
        stream = Stream(self.http, "/desk/api/events", self.headers, conversation=None, after=after, write=self.write)
        self.stream = stream
        self.insist(lambda: stream.connect(self.timeout_s))
        return stream

    def queue(self, **query: str | int) -> list[Json]:
        """Return the conversations of the queue, in its order."""
        path = f"/desk/api/queue?{urlencode(query)}"
        conversations: list[Json] = self.insist(lambda: self.call("GET", path)).json()["conversations"]
        return conversations

    def conversation(self, id: str) -> Json:
        """Read a conversation with its private events: `{conversation, events, cursor, packet}`."""
        return self.insist(lambda: self.call("GET", f"/desk/api/conversations/{id}")).json()

    def act(self, id: str, verb: str, body: Json | None = None) -> Json:
        """`claim`, `give-back`, `resolve`, `snooze`, …; repeated until the service answers."""
        return self.insist(lambda: self.call("POST", f"/desk/api/conversations/{id}/{verb}", body or {})).json()

    def say(self, id: str, text: str) -> Receipt:
        """Reply to the customer until it is acknowledged."""
        body = {"nonce": secrets.token_hex(12), "text": text}
        return self.post_message(f"/desk/api/conversations/{id}/messages", id, "agent", body)
