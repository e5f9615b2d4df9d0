"""Every prompt for the response model. Nothing that the model writes here reaches a customer without an agent.

Two worked examples do what an instruction does not for a model of this size: told only "use the facts given", it
left them in 6 of 6 trials; shown how, in 2 of 6 (SmolLM2-135M-Instruct, bf16, November 2026).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.types import Conversation, Role

MAX_PASSAGES_CHARS = 1200
MAX_QUESTION_CHARS = 400
MAX_TURNS = 8
MAX_TURN_CHARS = 240
CHAT_MARKS = re.compile(r"<\|[^|<>]{0,40}\|>|</?s>|\[/?INST\]|<(?:start|end)_of_turn>|<<?/?SYS>>?", re.IGNORECASE)
Messages = list[dict[str, str]]
VERSION = 1
"""Changes with every change of `draft_prompt`: an adapter tuned on one wording is not served with another."""
DONT_KNOW = "I can't find that in our information, so I'll ask a colleague."
"""What the tuned model says where the passages do not answer. It is no answer: whoever shows it hands over too."""

EXAMPLES = (
    (
        "Our shop is open from 9 to 17 on weekdays. On Saturdays it closes at 13.",
        "are you open on saturday afternoon?",
        "On Saturdays the shop closes at 13, so it is not open in the afternoon.",
    ),
    (
        "Gift wrapping costs 3 euro for each item. Choose it in the basket.",
        "I want this wrapped as a present",
        "You can choose gift wrapping in the basket. It costs 3 euro for each item.",
    ),
)


def draft_prompt(question: str, passages: Sequence[str]) -> Messages:
    """Ask for a short reply that rests on the passages alone."""
    facts = "\n".join(passages)[:MAX_PASSAGES_CHARS]
    messages = [
        {
            "role": "system",
            "content": "You are a customer service agent. Answer the customer's question using the text only.",
        }
    ]
    for text, asked, answered in EXAMPLES:
        messages += [{"role": "user", "content": _asked(text, asked)}, {"role": "assistant", "content": answered}]
    return [*messages, {"role": "user", "content": _asked(facts, question[:MAX_QUESTION_CHARS])}]


def trunk_prompt(question: str, passages: Sequence[str]) -> Messages:
    """The same request with the customer's words before the text: what was read of them can be gone on from."""
    facts = "\n".join(passages)[:MAX_PASSAGES_CHARS]
    messages = draft_prompt("", [])[:1]
    for text, asked, answered in EXAMPLES:
        messages += [
            {"role": "user", "content": _asked_first(asked, text)},
            {"role": "assistant", "content": answered},
        ]
    return [*messages, {"role": "user", "content": _asked_first(question[:MAX_QUESTION_CHARS], facts)}]


def summary_prompt(conversation: Conversation) -> Messages:
    """Ask for a sentence on what the customer wants."""
    names = {Role.CUSTOMER: "Customer", Role.ASSISTANT: "Assistant", Role.AGENT: "Agent"}
    turns = [
        f"{names[message.role]}: {words_only(message.text[:MAX_TURN_CHARS])}"
        for message in conversation.history[-MAX_TURNS:]
    ]
    return [
        {"role": "system", "content": "Say in one sentence what the customer wants."},
        {
            "role": "user",
            "content": "Customer: Hi, my lamp arrived and it flickers.\nAssistant: I'm sorry. Since when?\n"
            "Customer: Since yesterday, I would like a new one.",
        },
        {
            "role": "assistant",
            "content": "The customer's lamp flickers since yesterday and the customer wants a new one.",
        },
        {"role": "user", "content": "\n".join(turns)},
    ]


def words_only(text: str) -> str:
    """Return the text without the marks by which a chat model tells who speaks: nobody writes another one's turn."""
    return CHAT_MARKS.sub(" ", text)


def _asked(text: str, question: str) -> str:
    return f"Text: {words_only(text)}\nQuestion: {words_only(question)}"


def _asked_first(question: str, text: str) -> str:
    return f"Question: {words_only(question)}\nText: {words_only(text)}"
