"""The assistant's server, over HTTP in Rasa's words; the only module that speaks to it.

One call is one action. `converse` follows the follow-ups of a turn and returns what it would say, or raises BotFailed:
an exception, a garbled result or an empty answer means "try again or hand off", never "done".
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeGuard

import urllib3

from web.errors import BotFailed
from web.tracker import Draft
from web.types import Json, Reason

MAX_STEPS = 10
_CONNECT_S = 1.0
_MAX_ANSWER_BYTES = 1_000_000
_ASK_EVERY_S = 30.0
_HEALTH_S = 0.3
_EVENTS = frozenset({"slot", "followup", "pause", "resume", "bot", "action", "reset_slots"})


Hears = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What one action brought; shapes checked."""

    events: list[Json]
    responses: list[Json]
    followup: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a turn brought: a reply, and whether a person should go on from there."""

    text: str
    buttons: tuple[Json, ...]
    citations: tuple[Json, ...]
    reading: Json | None
    handoff: Reason | None
    packet: Json | None


class BotClient:
    """A pool of connections to the action server."""

    def __init__(self, url: str, secret: str, connections: int = 64) -> None:
        base = (urllib3.util.parse_url(url).path or "").rstrip("/")
        self._path, self._stream_path, self._health_path = f"{base}/webhook", f"{base}/stream", f"{base}/health"
        self._composes, self._ask_again_at = False, 0.0
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self._pool = urllib3.connection_from_url(url, maxsize=connections)

    def run(self, draft: Draft, action: str, timeout_s: float) -> Result:
        """Run one action and return its checked result. Raises BotFailed."""
        timeout = urllib3.Timeout(connect=min(_CONNECT_S, timeout_s), total=timeout_s)
        try:
            answer = self._pool.urlopen(
                "POST",
                self._path,
                body=draft.call(action),
                headers=self._headers,
                timeout=timeout,
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.ReadTimeoutError as failure:
            raise BotFailed("timeout") from failure
        except (urllib3.exceptions.HTTPError, OSError) as failure:
            raise BotFailed("unreachable") from failure
        if answer.status != 200:
            raise BotFailed(f"status_{answer.status}")
        return checked(answer.data)

    def composes(self) -> bool:
        """True if the assistant says that it composes answers, which are worth a stream; asked for twice a minute."""
        if time.monotonic() >= self._ask_again_at:
            self._ask_again_at = time.monotonic() + _ASK_EVERY_S
            try:
                timeout = urllib3.Timeout(connect=_HEALTH_S, read=_HEALTH_S)
                answer = self._pool.urlopen("GET", self._health_path, timeout=timeout, retries=False, redirect=False)
                self._composes = answer.status == 200 and json.loads(answer.data).get("composes") is True
            except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError):
                self._composes = False
        return self._composes

    def stream(self, draft: Draft, action: str, timeout_s: float, hears: Hears) -> Result:
        """Run one action as `run` does; `hears` is told of each checked sentence before the result is there.

        Raises BotFailed, also where the stream ends without a result.
        """
        until = time.monotonic() + timeout_s
        timeout = urllib3.Timeout(connect=min(_CONNECT_S, timeout_s), read=timeout_s)
        try:
            answer = self._pool.urlopen(
                "POST",
                self._stream_path,
                body=draft.call(action),
                headers=self._headers,
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except urllib3.exceptions.ReadTimeoutError as failure:
            raise BotFailed("timeout") from failure
        except (urllib3.exceptions.HTTPError, OSError) as failure:
            raise BotFailed("unreachable") from failure
        whole = False
        try:
            if answer.status != 200:
                raise BotFailed(f"status_{answer.status}")
            result = _heard(_lines(answer, until), hears)
            whole = True
            return result
        except urllib3.exceptions.ReadTimeoutError as failure:
            raise BotFailed("timeout") from failure
        except (urllib3.exceptions.HTTPError, OSError) as failure:
            raise BotFailed("unreachable") from failure
        finally:
            if not whole:
                answer.close()  # hung up, not kept: the assistant stops writing
            answer.release_conn()

    def converse(
        self, draft: Draft, timeout_s: float, first: str = "action_respond", hears: Hears | None = None
    ) -> Answer:
        """Run a turn's actions, at most ten, each seeing what the ones before brought. Raises BotFailed.

        `hears` is told of the sentences of an answer that the assistant composes.
        """
        until = time.monotonic() + timeout_s
        said: list[Json] = []
        action: str = first
        for _ in range(MAX_STEPS):
            left = until - time.monotonic()
            if left <= 0:
                raise BotFailed("timeout")
            if hears is not None and action == first and self.composes():
                result = self.stream(draft, action, left, hears)
            else:
                result = self.run(draft, action, left)
            draft.apply(action, result.events, result.responses)
            said.extend(result.responses)
            if result.followup is None:
                return _answer(draft, said)
            action = result.followup
        raise BotFailed("too_many_steps")

    def close(self) -> None:
        self._pool.close()


def _lines(answer: urllib3.BaseHTTPResponse, until: float) -> Iterator[bytes]:
    """Yield the lines of a body as they arrive. Raises BotFailed for one that is too long or comes too late."""
    text = b""
    for chunk in answer.stream(65536):
        text += chunk
        *lines, text = text.split(b"\n")
        yield from lines
        if len(text) > _MAX_ANSWER_BYTES:
            raise BotFailed("too_long")
        if time.monotonic() >= until:
            raise BotFailed("timeout")
    if text:
        yield text


def _heard(lines: Iterable[bytes], hears: Hears) -> Result:
    """Tell of each sentence; return the result that the last line is. Raises BotFailed where there is none."""
    before: bytes | None = None
    for line in filter(None, lines):
        if before is not None:
            raise BotFailed("garbage")
        sentence = _sentence(line)
        if sentence is None:
            before = line
        else:
            hears(sentence)
    if before is None:
        raise BotFailed("broken_off")
    return checked(before)


def _sentence(line: bytes) -> str | None:
    """Return the sentence of a line that has one, None for a result. Raises BotFailed."""
    if len(line) > _MAX_ANSWER_BYTES:
        raise BotFailed("too_long")
    try:
        said = json.loads(line)
    except ValueError as failure:
        raise BotFailed("garbage") from failure
    if not isinstance(said, dict) or "sentence" not in said:
        return None
    if not isinstance(said["sentence"], str):
        raise BotFailed("garbage")
    return said["sentence"]


def checked(body: bytes) -> Result:
    """Return the result a body holds, in the shape `docs/wire/action_result.schema.json` gives. Raises BotFailed."""
    if len(body) > _MAX_ANSWER_BYTES:
        raise BotFailed("too_long")
    try:
        result = json.loads(body)
    except ValueError as failure:
        raise BotFailed("garbage") from failure
    if not isinstance(result, dict):
        raise BotFailed("garbage")
    events, responses = result.get("events"), result.get("responses")
    if not _all_dicts(events) or not _all_dicts(responses):
        raise BotFailed("garbage")
    followup = None
    for event in events:
        if event.get("event") not in _EVENTS:
            raise BotFailed("unknown_event")
        if event["event"] in ("slot", "followup") and not isinstance(event.get("name"), str):
            raise BotFailed("garbage")
        if event["event"] == "followup":
            followup = event["name"]
    return Result(events, [_response(response) for response in responses], followup)


def _response(raw: Json) -> Json:
    text, buttons, custom = raw.get("text"), raw.get("buttons") or [], raw.get("custom") or {}
    if text is not None and not isinstance(text, str):
        raise BotFailed("garbage")
    if not _all_dicts(buttons) or not isinstance(custom, dict):
        raise BotFailed("garbage")
    if not all(isinstance(button.get("title"), str) and isinstance(button.get("payload"), str) for button in buttons):
        raise BotFailed("garbage")
    nightdesk = custom.get("nightdesk") or {}
    if not isinstance(nightdesk, dict) or not _all_dicts(nightdesk.get("citations") or []):
        raise BotFailed("garbage")
    kept = [{"title": button["title"], "payload": button["payload"]} for button in buttons]
    return {"text": text, "buttons": kept, "nightdesk": nightdesk}


def _answer(draft: Draft, responses: list[Json]) -> Answer:
    """Join a turn's responses into its one reply."""
    text = "\n\n".join(part for response in responses if (part := (response["text"] or "").strip()))
    reading = next((response["nightdesk"] for response in reversed(responses) if response["nightdesk"]), None)
    handoff = _reason(draft.slots.get("handoff_reason")) if draft.paused else None
    if not text and handoff is None:
        raise BotFailed("empty")
    if reading and isinstance(reading.get("reading"), dict):
        draft.understood(reading["reading"])
    packet = draft.slots.get("handoff_packet")
    return Answer(
        text=text,
        buttons=tuple(button for response in responses for button in response["buttons"]),
        citations=tuple(_cited(responses)),
        reading=reading,
        handoff=handoff,
        packet=packet if handoff and isinstance(packet, dict) else None,
    )


def _cited(responses: list[Json]) -> list[Json]:
    """Return what the customer is shown of the sources: an article's page, but not which transcript a card is from."""
    found: dict[Any, Json] = {}
    for response in responses:
        for citation in response["nightdesk"].get("citations") or []:
            shown = citation if citation.get("kind") == "article" else {**citation, "source": ""}
            found.setdefault((citation.get("passage"), citation.get("source")), shown)
    return list(found.values())


def _reason(value: object) -> Reason:
    """Return the handoff's reason; a pause that names none we know is a request we cannot serve."""
    try:
        return Reason(str(value))
    except ValueError:
        return Reason.UNSUPPORTED_REQUEST


def _all_dicts(value: object) -> TypeGuard[list[Json]]:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
