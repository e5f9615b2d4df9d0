"""The handoff packet: all that a person needs to take over without asking again. No language model, so no delay."""

from __future__ import annotations

from collections.abc import Sequence

from bot.compose import citations, extractive_drafts
from bot.reading import parse_payload
from bot.types import Conversation, HandoffReason, Message, Reading, Role
from bot.wire import Json, citation_json, draft_json
from retrieval.types import Hit

MAX_PASSAGES = 3
MAX_DRAFTS = 2
MAX_QUOTES = 3
QUOTE_CHARS = 280
SHOWN_SLOTS = ("order_number", "email")

WHY = {
    HandoffReason.CUSTOMER_REQUEST: "The customer asked for a person.",
    HandoffReason.MISSING_KNOWLEDGE: "The assistant found no answer and the customer would like a person.",
    HandoffReason.UNSUPPORTED_REQUEST: "The assistant cannot serve this kind of message.",
    HandoffReason.POLICY_RESTRICTION: "The company's rules do not let the assistant do this.",
    HandoffReason.TOOL_FAILURE: "A system the assistant needs did not answer.",
    HandoffReason.REPEATED_MISUNDERSTANDING: "The assistant did not understand twice in a row.",
    HandoffReason.NEGATIVE_SENTIMENT: "The customer is upset.",
    HandoffReason.USAGE_LIMIT: "The assistant has said as much as it may in one conversation.",
}


def packet(conversation: Conversation, reading: Reading, hits: Sequence[Hit], reason: HandoffReason) -> Json:
    """Return the slot `handoff_packet` of docs/wire/handoff_packet.schema.json."""
    question = question_of(conversation)
    return {
        "v": 1,
        "reason": reason.value,
        "summary": summary(conversation, WHY[reason]),
        "slots": {name: value for name in SHOWN_SLOTS if (value := conversation.slot(name))},
        "tried": list(conversation.tried[-10:]),
        "passages": [citation_json(citation) for citation in citations(hits[:MAX_PASSAGES])],
        "drafts": [draft_json(draft) for draft in extractive_drafts(question, hits, MAX_DRAFTS)],
        "language": reading.language,
    }


def summary(conversation: Conversation, why: str = "") -> str:
    """Return an extractive summary: why, what the customer said last, which order it is about."""
    said = [f"“{_cut(message.text)}”" for message in _in_words(conversation)[-MAX_QUOTES:]]
    parts = [why] if why else []
    parts.append(f"The customer wrote: {' '.join(said)}" if said else "The customer has not written anything yet.")
    if order_number := conversation.slot("order_number"):
        parts.append(f"Order {order_number} was mentioned.")
    if replies := [message for message in conversation.history if message.role is Role.ASSISTANT]:
        parts.append(f"The assistant's last words: “{_cut(replies[-1].text)}”")
    return " ".join(parts)


def question_of(conversation: Conversation) -> str:
    """Return the customer's last message in words, skipping pressed buttons; empty if there is none."""
    said = _in_words(conversation)
    return said[-1].text if said else ""


def _in_words(conversation: Conversation) -> list[Message]:
    return [m for m in conversation.history if m.role is Role.CUSTOMER and not parse_payload(m.text)]


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= QUOTE_CHARS else flat[:QUOTE_CHARS].rsplit(" ", 1)[0] + "…"
