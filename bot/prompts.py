"""Every prompt for the response model. Nothing that the model writes here reaches a customer without an agent."""

from __future__ import annotations

from collections.abc import Sequence

from bot.types import Conversation, Role

MAX_PASSAGE_CHARS = 700
MAX_TURNS = 8
MAX_TURN_CHARS = 300
Messages = list[dict[str, str]]


def draft_prompt(question: str, passages: Sequence[str], company: str) -> Messages:
    """Ask for a short reply that rests on the passages alone."""
    facts = "\n".join(f"- {passage[:MAX_PASSAGE_CHARS]}" for passage in passages)
    return [
        {
            "role": "system",
            "content": (
                f"You write for the customer service of {company}. Use only the facts given. "
                "Answer in one to three short sentences. Do not promise anything."
            ),
        },
        {"role": "user", "content": f"Customer: {question[: MAX_TURN_CHARS * 2]}\n\nFacts:\n{facts}\n\nReply:"},
    ]


def summary_prompt(conversation: Conversation) -> Messages:
    """Ask for two sentences on what was said."""
    names = {Role.CUSTOMER: "Customer", Role.ASSISTANT: "Assistant", Role.AGENT: "Agent"}
    turns = [f"{names[message.role]}: {message.text[:MAX_TURN_CHARS]}" for message in conversation.history[-MAX_TURNS:]]
    return [
        {"role": "system", "content": "Summarize the conversation in one or two short sentences for a colleague."},
        {"role": "user", "content": "\n".join(turns) + "\n\nSummary:"},
    ]
