"""The words this room speaks: messages, readings, conversations, replies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """Who said something."""

    CUSTOMER = "customer"
    ASSISTANT = "assistant"
    AGENT = "agent"


class DialogAct(StrEnum):
    """What an utterance does to a question that awaits a yes."""

    AFFIRM = "affirm"
    DENY = "deny"
    NONE = "none"


class HandoffReason(StrEnum):
    """Why a person is handed the conversation."""

    CUSTOMER_REQUEST = "customer_request"
    MISSING_KNOWLEDGE = "missing_knowledge"
    UNSUPPORTED_REQUEST = "unsupported_request"
    POLICY_RESTRICTION = "policy_restriction"
    TOOL_FAILURE = "tool_failure"
    REPEATED_MISUNDERSTANDING = "repeated_misunderstanding"
    NEGATIVE_SENTIMENT = "negative_sentiment"
    USAGE_LIMIT = "usage_limit"


ENGLISH = "en"
CHINESE = "zh"


@dataclass(frozen=True, slots=True)
class Entity:
    """Something mentioned: `text[start:end]` of the utterance, in its canonical form `value`."""

    entity: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class RankedIntent:
    """An intent with its calibrated probability."""

    name: str
    probability: float


@dataclass(frozen=True, slots=True)
class Sentiment:
    """How an utterance sounds: a label with its calibrated probability, and whether it is surely angry with us."""

    label: str
    probability: float
    upset: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """What we made of an utterance.

    `intents` come best first and are empty when no head is loaded; `out_of_scope` is in [0, 1];
    `payload` is the intent named by a pressed button, which is certain; `answers` are the values that the words give
    the open form, by slot, and `upset` says that they are angry with us; `sentiment` is None without a head.
    """

    text: str
    intents: tuple[RankedIntent, ...] = ()
    out_of_scope: float = 0.0
    language: str = ENGLISH
    entities: tuple[Entity, ...] = ()
    act: DialogAct = DialogAct.NONE
    wants_person: bool = False
    payload: str | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)
    upset: bool = False
    sentiment: Sentiment | None = None

    def value(self, entity: str) -> str | None:
        """The first value read of that entity."""
        return next((found.value for found in self.entities if found.entity == entity), None)


@dataclass(frozen=True, slots=True)
class Message:
    """An utterance of the history, masked nowhere: it belongs to this conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class PendingAction:
    """What waits for the customer: for a yes, or (with a requested slot) for a value."""

    name: str
    values: Mapping[str, Any]
    asked_in: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A tracker folded: all that the policy and the actions need of it.

    `history` holds what was said since the last session start, the last message included; `message_id` is the
    same however often the turn is tried; `attempt` is None when the caller does not retry; `at` is when the last
    message was said, in seconds since 1970, if the tracker tells.
    """

    id: str
    text: str
    message_id: str
    slots: Mapping[str, Any] = field(default_factory=dict)
    pending: PendingAction | None = None
    requested_slot: str | None = None
    misunderstandings: int = 0
    paused: bool = False
    history: tuple[Message, ...] = ()
    tried: tuple[str, ...] = ()
    identity_token: str = ""
    attempt: int | None = None
    at: float | None = None

    def write_key(self, action: str) -> str:
        """The idempotency key of a write that `action` makes in this turn, the same however often it is tried."""
        return f"{self.message_id}:{action}"

    def slot(self, name: str) -> str | None:
        """The slot's text, or None if it is unset or empty."""
        value = self.slots.get(name)
        return value if isinstance(value, str) and value else None


@dataclass(frozen=True, slots=True)
class Button:
    """A choice: pressing it posts `payload`."""

    title: str
    payload: str


@dataclass(frozen=True, slots=True)
class Citation:
    """The passage a reply rests on."""

    passage: int
    kind: str
    title: str
    source: str
    snippet: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the customer is told."""

    text: str
    buttons: tuple[Button, ...] = ()
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply an agent may send."""

    text: str
    made_by: str  # "passage" or "model"
    citations: tuple[Citation, ...] = ()
