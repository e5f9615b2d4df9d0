"""What the assistant is told: a conversation's events as Rasa's tracker.

`web` owns the events; the tracker is folded from them for each call and the bot keeps nothing. An attempt at a turn
grows a `Draft`: between the steps of a turn the events of one are applied before the next is asked for, and the
whole is written once, when the turn ends.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from web.store.messages import Said
from web.types import Json

VERSION = "3.21.1"  # the rasa-sdk whose wire we speak; another version answers too, and says so in its log
_SLOTS = (
    "order_number",
    "email",
    "requested_slot",
    "pending_action",
    "suspended_action",
    "misunderstandings",
    "handoff_reason",
    "handoff_packet",
)
_PRIVATE_SLOTS = ("handoff_reason", "handoff_packet")


def user_event(said: Said) -> Json:
    """Return Rasa's record of a customer's words."""
    return {
        "event": "user",
        "timestamp": said.at,
        "text": said.text,
        "message_id": said.id,
        "input_channel": "nightdesk",
        "parse_data": {"intent": {}, "entities": []},
    }


def agent_event(text: str, author: str, at: float) -> Json:
    """Return Rasa's record of an agent's words: said to the customer, but not by the assistant."""
    return {"event": "bot", "timestamp": at, "text": text, "data": {}, "metadata": {"nightdesk": {"agent": author}}}


def stored(rasa_events: list[Json]) -> Json:
    """Return Rasa's events as a turn's record in the log; `Draft.call` splices its text, so its shape is fixed."""
    return {"events": rasa_events}


_BEFORE, _AFTER = '{"events":[', "]}"


def latest_said(history: list[str]) -> Said | None:
    """Return the customer's last words in a conversation's memory."""
    for record in reversed(history):
        for event in reversed(json.loads(record)["events"]):
            if event["event"] == "user":
                return Said(event["message_id"], event["text"], event["timestamp"])
    return None


def bot_event(response: Json, at: float) -> Json:
    """Return Rasa's record of a reply: its words and buttons, without what only people read."""
    data = {"buttons": response["buttons"]} if response.get("buttons") else {}
    return {"event": "bot", "timestamp": at, "text": response.get("text"), "data": data, "metadata": {}}


@dataclass
class Draft:
    """One attempt at a turn: the events it would add, and the slots as they would stand.

    `history` is the records of earlier turns, as text; `said` is new and not yet among them; `latest` stands in for
    it where the desk asks about what was said before.
    """

    conversation: str
    history: list[str]
    slots: Json
    said: list[Said]
    metadata: Json
    at: float
    events: list[Json] = field(default_factory=list)
    paused: bool = False
    latest: Said | None = None

    def __post_init__(self) -> None:
        self.events.extend(user_event(said) for said in self.said)

    def apply(self, action: str, events: list[Json], responses: list[Json]) -> None:
        """Take in what one action brought: it ran, it set slots, it spoke."""
        self.events.append({"event": "action", "timestamp": self.at, "name": action})
        for event in events:
            kind = event["event"]
            if kind == "slot":
                self.slots[event["name"]] = event.get("value")
            elif kind == "reset_slots":
                self.slots.clear()
            elif kind in ("pause", "resume"):
                self.paused = kind == "pause"
            if kind != "followup" and event.get("name") not in _PRIVATE_SLOTS:
                self.events.append({**event, "timestamp": self.at})
        self.events.extend(bot_event(response, self.at) for response in responses)

    def understood(self, reading: Json) -> None:
        """Write what the assistant read into the turn's last user event, as Rasa's NLU would have."""
        user = next((event for event in reversed(self.events) if event["event"] == "user"), None)
        if user is None:
            return
        intents = reading.get("intents") or []
        top = {"name": intents[0].get("name"), "confidence": intents[0].get("probability")} if intents else {}
        user["parse_data"] = {**user["parse_data"], "intent": top, "entities": reading.get("entities") or []}

    def kept_slots(self) -> Json:
        """Return the slots to remember: those with a value, without what was handed to people."""
        return {name: value for name, value in self.slots.items() if value is not None and name not in _PRIVATE_SLOTS}

    def call(self, action: str) -> bytes:
        """Return the body of Rasa's action call as the attempt stands.

        The records of earlier turns are spliced in as they were stored: reading and writing forty of them again
        cost more than the rest of the call.
        """
        head = _text({"next_action": action, "sender_id": self.conversation, "version": VERSION, "domain": {}})
        start = [
            {"event": "action", "timestamp": self.at, "name": "action_session_start"},
            {"event": "session_started", "timestamp": self.at},
        ]
        records = [_text(start)[1:-1], *(record[len(_BEFORE) : -len(_AFTER)] for record in self.history)]
        if self.events:
            records.append(_text(self.events)[1:-1])
        tracker = f'{_text(self._state())[:-1]},"events":[{",".join(records)}]}}'
        return f'{head[:-1]},"tracker":{tracker}}}'.encode()

    def _state(self) -> Json:
        heard = self.said or ([self.latest] if self.latest else [])
        ran = next((event["name"] for event in reversed(self.events) if event["event"] == "action"), "action_listen")
        latest: Json = {
            "text": "\n".join(said.text for said in heard) if heard else None,
            # The first message names the turn's deeds: a retry, or a message that joined, must find the same key.
            "message_id": heard[0].id if heard else None,
            "intent": {},
            "entities": [],
            "metadata": self.metadata,
        }
        return {
            "sender_id": self.conversation,
            "slots": {**dict.fromkeys(_SLOTS), **self.slots},
            "latest_message": latest,
            "latest_event_time": self.at,
            "followup_action": None,
            "paused": self.paused,
            "latest_input_channel": "nightdesk",
            "active_loop": {},
            "latest_action_name": ran,
            "latest_action": {"action_name": ran},
        }


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
