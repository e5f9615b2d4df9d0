"""What the policy can choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.types import HandoffReason
from retrieval.types import Hit

# Names a pending yes or no carries where no action waits for it: a person was offered; perhaps it was answered.
OFFER_PERSON = "offer_person"
PERHAPS_ANSWERED = "perhaps_answered"
# Actions that only look: a question about one is a wish for it, and a form that was open goes on after them.
ONLY_LOOK = frozenset({"action_track_order", "action_check_voucher", "action_recommend"})
# Of these a question is always a wish for it: no article knows this code, or what this customer may like.
ASKED_FOR = frozenset({"action_check_voucher", "action_recommend"})
# The two say the same for an order before and after it left; the form that runs finds out which it is.
SIBLINGS = frozenset({"action_change_items", "action_exchange_items"})


class Phrase(StrEnum):
    """A fixed thing to say that needs no passage."""

    LET_GO = "let_go"  # the customer said no: nothing was done
    ACKNOWLEDGED = "acknowledged"  # a yes or no that answers nothing


class Question(StrEnum):
    """What is asked back."""

    WHICH_INTENT = "ambiguous"  # two intents are near
    UNKNOWN = "missing_knowledge"  # nothing good enough; a person is offered
    SLOT = "slot_not_understood"  # the value asked for was not in the reply
    CONFIRM = "yes_or_no"  # neither a yes nor a no
    PERHAPS = "unsure"  # the nearest passage is shown, with a way to a person if it is not meant


@dataclass(frozen=True, slots=True)
class Answer:
    """Say a response of the company's, the passages of `hits`, or a phrase: exactly one of the three.

    `begins` is an intent that could be begun from here, for a button.
    """

    intent: str | None = None
    hits: tuple[Hit, ...] = ()
    response: str | None = None
    phrase: Phrase | None = None
    begins: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask back; `options` are intents for buttons, `hits` what may be meant."""

    question: Question
    options: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True)
class RunAction:
    """Let a business action run next, with these slots set first. `refused_by` names the policy that stopped it."""

    action: str
    intent: str | None = None
    slots: Mapping[str, str] = field(default_factory=dict)
    refused_by: str | None = None


@dataclass(frozen=True, slots=True)
class HandOff:
    """Give the conversation to a person."""

    reason: HandoffReason
    intent: str | None = None


@dataclass(frozen=True, slots=True)
class StaySilent:
    """A person has the conversation."""


Decision = Answer | Ask | RunAction | HandOff | StaySilent

KINDS: Mapping[type, str] = {
    Answer: "answer",
    Ask: "ask",
    RunAction: "run_action",
    HandOff: "hand_off",
    StaySilent: "stay_silent",
}
