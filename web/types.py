"""The words of the web room: conversations, messages, events and who may see them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any

Json = dict[str, Any]


class Status(StrEnum):
    """Who has the conversation."""

    PENDING = "pending"  # the assistant
    OPEN = "open"  # people, assigned or not
    SNOOZED = "snoozed"  # people, later
    RESOLVED = "resolved"  # nobody, until the customer writes


class Reason(StrEnum):
    """Why a person should answer."""

    CUSTOMER_REQUEST = "customer_request"
    MISSING_KNOWLEDGE = "missing_knowledge"
    UNSUPPORTED_REQUEST = "unsupported_request"
    POLICY_RESTRICTION = "policy_restriction"
    TOOL_FAILURE = "tool_failure"
    REPEATED_MISUNDERSTANDING = "repeated_misunderstanding"
    NEGATIVE_SENTIMENT = "negative_sentiment"
    USAGE_LIMIT = "usage_limit"


class Role(StrEnum):
    """Who said it."""

    CUSTOMER = "customer"
    ASSISTANT = "assistant"
    AGENT = "agent"
    SYSTEM = "system"
    NOTE = "note"


class Kind(StrEnum):
    """What an event records."""

    MESSAGE = "message"
    STATUS = "status"
    TURN_DISCARDED = "turn_discarded"
    READING = "reading"
    TRACKER = "tracker"  # Rasa's events of a turn; never leaves this process but to the bot


class Audience(IntEnum):
    """Who an event reaches; each includes the ones before."""

    EVERYONE = 0
    AGENTS = 1
    TRACKER = 2


class Outcome(StrEnum):
    """How a turn ended."""

    REPLY = "reply"
    HANDOFF = "handoff"
    TAKEN = "taken"  # a person took the conversation over


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is at the widget. `customer_id` is "" unless the shop vouched for them."""

    id: str
    customer_id: str = ""
    name: str = ""

    @property
    def verified(self) -> bool:
        return bool(self.customer_id)

    def to_json(self) -> Json:
        return {"id": self.id, "name": self.name, "verified": self.verified}


@dataclass(frozen=True, slots=True)
class Agent:
    """A person at the desk."""

    id: str
    name: str
    email: str = ""

    def to_json(self) -> Json:
        return {"id": self.id, "name": self.name}


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as it stands: the fold of its events. Times are seconds since 1970, UTC.

    `session_from` is the event after which the assistant remembers; `slots` what it remembers.
    """

    id: str
    visitor: Visitor
    status: Status
    epoch: int
    created_at: float
    updated_at: float
    assignee: Agent | None = None
    reason: Reason | None = None
    waiting_since: float | None = None
    snoozed_until: float | None = None
    session_from: int = 0
    slots: Json = field(default_factory=dict)
    preview: str = ""
    unread: int = 0

    def to_json(self) -> Json:
        return {
            "id": self.id,
            "status": self.status.value,
            "epoch": self.epoch,
            "assignee": self.assignee.to_json() if self.assignee else None,
            "visitor": self.visitor.to_json(),
            "reason": self.reason.value if self.reason else None,
            "waiting_since": iso(self.waiting_since) if self.waiting_since is not None else None,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
            "preview": self.preview,
            "unread": self.unread,
        }

    def status_json(self) -> Json:
        """Return the data of a status event."""
        return {
            "status": self.status.value,
            "epoch": self.epoch,
            "assignee": self.assignee.to_json() if self.assignee else None,
            "reason": self.reason.value if self.reason else None,
        }


@dataclass(frozen=True, slots=True)
class Message:
    """Words said, with who said them and when."""

    id: str
    role: Role
    text: str
    at: float
    author: str | None = None
    nonce: str | None = None
    payload: str | None = None
    buttons: tuple[Json, ...] = ()
    citations: tuple[Json, ...] = ()

    def to_json(self) -> Json:
        data: Json = {
            "id": self.id,
            "role": self.role.value,
            "text": self.text,
            "author": self.author,
            "at": iso(self.at),
            "buttons": list(self.buttons),
            "citations": list(self.citations),
        }
        if self.nonce is not None:
            data["nonce"] = self.nonce
        return data


@dataclass(frozen=True, slots=True)
class Event:
    """A recorded fact. `data` is JSON text, kept as it was written so that frames are spliced, not re-encoded."""

    id: int
    conversation: str
    audience: Audience
    kind: Kind
    at: float
    data: str

    def to_text(self) -> str:
        """Return the event as one line of JSON."""
        private = "true" if self.audience else "false"
        return (
            f'{{"id":{self.id},"conversation":"{self.conversation}","kind":"{self.kind.value}",'
            f'"at":"{iso(self.at)}","private":{private},"data":{self.data}}}'
        )


def iso(at: float) -> str:
    """Return seconds since 1970 as ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
