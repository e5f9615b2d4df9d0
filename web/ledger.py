"""Write what happened: each message and each change of hands together with the events that tell of it.

Every function works inside the caller's transaction, on a conversation read in that same transaction, and returns
the conversation as it stands afterwards.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from web import ownership
from web.store import conversations, events, messages, turns
from web.store.ids import new_id
from web.tracker import agent_event, stored, user_event
from web.types import Audience, Conversation, Json, Kind, Message, Outcome, Reason, Role, Status

A_PERSON_COMES = "A person from our team takes it from here. You don't need to stay on this page; we'll reply here."
GAVE_UP = "I couldn't get an answer for you, so I've asked a person from our team to take over. They'll reply here."
NOTICE = "I'm having trouble answering. I'll keep trying, or tap below for a person."
TO_A_PERSON: Json = {"title": "Talk to a person", "payload": "/handoff"}


def change(connection: Connection, before: Conversation, after: Conversation, now: float) -> Conversation:
    """Save the conversation and tell everybody if it changed hands."""
    if ownership.changed_hands(before, after):
        marker = events.append(connection, after.id, Kind.STATUS, after.status_json(), now, Audience.EVERYONE)
        if _starts_over(before, after):
            after = replace(after, session_from=marker)
            conversations.set_packet(connection, after.id, None)
    if after is not before:
        conversations.save(connection, after)
    return after


def announce(connection: Connection, conversation: Conversation, text: str, now: float, *buttons: Json) -> Conversation:
    """Write the system's words and return the conversation; the caller saves it."""
    message = Message(new_id("m"), Role.SYSTEM, text, now, buttons=buttons)
    messages.add(connection, conversation.id, message)
    return ownership.said(conversation, Role.SYSTEM, text, now)


def people_take(connection: Connection, conversation: Conversation, outcome: Outcome, now: float) -> None:
    """End every turn the assistant still owed; what the customer said in them stays in the conversation's memory."""
    unanswered = [
        user_event(said)
        for turn in turns.unfinished_of(connection, conversation.id)
        for said in messages.of_turn(connection, turn.id)
    ]
    remember(connection, conversation.id, unanswered, now)
    turns.end_all(connection, conversation.id, outcome, now)


def hand_over(
    connection: Connection, conversation: Conversation, reason: Reason, packet: Json | None, now: float
) -> Conversation:
    """Put the conversation into people's hands, with what the assistant knows about it."""
    people_take(connection, conversation, Outcome.HANDOFF, now)
    after = ownership.hand_off(conversation, reason, now)
    conversations.set_packet(connection, conversation.id, packet or minimal_packet(conversation, reason))
    return after


def remember(connection: Connection, conversation_id: str, rasa_events: list[Json], now: float) -> None:
    """Add to what the assistant will be told of this conversation."""
    if rasa_events:
        events.append(connection, conversation_id, Kind.TRACKER, stored(rasa_events), now, Audience.TRACKER)


def remember_agent(connection: Connection, conversation_id: str, message: Message) -> None:
    """Add an agent's words to what the assistant will be told, for its drafts and summaries."""
    event = agent_event(message.text, message.author or "", message.at)
    remember(connection, conversation_id, [event], message.at)


def minimal_packet(conversation: Conversation, reason: Reason) -> Json:
    """Return the packet that can be made without the assistant."""
    why = {
        Reason.CUSTOMER_REQUEST: "The customer asked for a person.",
        Reason.TOOL_FAILURE: "The assistant could not answer in time.",
    }
    return {
        "v": 1,
        "reason": reason.value,
        "summary": why.get(reason, "The assistant handed this over."),
        "slots": conversation.slots,
        "tried": [],
        "passages": [],
        "drafts": [],
        "language": "und",
    }


def _starts_over(before: Conversation, after: Conversation) -> bool:
    """True where the assistant's memory begins anew: resolved, or given back."""
    if after.status is Status.RESOLVED:
        return before.status is not Status.RESOLVED
    return after.status is Status.PENDING and before.status in (Status.OPEN, Status.SNOOZED)
