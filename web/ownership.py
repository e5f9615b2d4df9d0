"""Who has a conversation: every change of hands as a plain function of the conversation as it stands.

pending (the assistant) → open (people, assigned or not) → snoozed / resolved; a customer's message re-opens.
Every change of owner raises the epoch, so that work begun for the former owner can be told from work for the new
one. Nothing here reads a clock or a database: the caller hands in the time and saves what comes out.
"""

from __future__ import annotations

from dataclasses import replace

from web.errors import Conflict
from web.types import Agent, Conversation, Reason, Role, Status, iso

_PREVIEW_CHARS = 120


def customer_wrote(conversation: Conversation, text: str, now: float) -> Conversation:
    """Return the conversation after a customer's message.

    Resolved goes back to the assistant with a fresh memory (its session began when it was resolved); snoozed wakes
    for the people who have it; pending and open stay with whom they are.
    """
    heard = _spoken(conversation, text, now)
    heard = replace(heard, unread=conversation.unread + 1)
    if conversation.status is Status.RESOLVED:
        return replace(
            heard, status=Status.PENDING, epoch=conversation.epoch + 1, assignee=None, reason=None, waiting_since=None
        )
    if conversation.status is Status.SNOOZED:
        return replace(wake(heard, now), waiting_since=now)
    if conversation.status is Status.OPEN and conversation.waiting_since is None:
        return replace(heard, waiting_since=now)
    return heard


def said(conversation: Conversation, role: Role, text: str, now: float) -> Conversation:
    """Return the conversation after the assistant, an agent or the system spoke.

    The preview stays the customer's last words, which tell the people in the queue what it is about.
    """
    spoken = replace(conversation, updated_at=now) if conversation.preview else _spoken(conversation, text, now)
    if role is Role.AGENT:
        return replace(spoken, waiting_since=None, unread=0)
    return spoken


def hand_off(conversation: Conversation, reason: Reason, now: float) -> Conversation:
    """Return the conversation in people's hands. With people already, nothing changes hands."""
    if conversation.status is Status.OPEN:
        return conversation
    owner_changes = conversation.status is not Status.SNOOZED
    return replace(
        conversation,
        status=Status.OPEN,
        epoch=conversation.epoch + owner_changes,
        reason=reason,
        snoozed_until=None,
        waiting_since=now,
        assignee=None if owner_changes else conversation.assignee,
        updated_at=now,
    )


def claim(conversation: Conversation, agent: Agent, force: bool, now: float) -> Conversation:
    """Return the conversation assigned to `agent`; claiming one's own again changes nothing.

    Raises Conflict `already_claimed`, naming who has it, unless `force`.
    """
    holder = conversation.assignee
    if holder is not None and holder.id == agent.id and conversation.status is Status.OPEN:
        return conversation
    if holder is not None and holder.id != agent.id and not force and conversation.status is not Status.RESOLVED:
        raise Conflict(f"{holder.name} has this conversation; claim it with force to take it over.", "already_claimed")
    return replace(
        conversation,
        status=Status.OPEN,
        epoch=conversation.epoch + 1,
        assignee=agent,
        snoozed_until=None,
        unread=0,
        updated_at=now,
    )


def give_back(conversation: Conversation, agent: Agent, now: float) -> Conversation:
    """Return the conversation in the assistant's hands. Raises Conflict `not_yours` unless `agent` has it."""
    if conversation.status is Status.PENDING:
        return conversation
    require(conversation, agent, "give it back")
    return replace(
        conversation,
        status=Status.PENDING,
        epoch=conversation.epoch + 1,
        assignee=None,
        reason=None,
        waiting_since=None,
        snoozed_until=None,
        unread=0,
        slots={},
        updated_at=now,
    )


def resolve(conversation: Conversation, agent: Agent, now: float) -> Conversation:
    """Return the conversation done with. Raises Conflict `not_yours` unless `agent` has it."""
    if conversation.status is Status.RESOLVED:
        return conversation
    require(conversation, agent, "resolve it")
    return replace(
        conversation,
        status=Status.RESOLVED,
        epoch=conversation.epoch + 1,
        assignee=None,
        reason=None,
        waiting_since=None,
        snoozed_until=None,
        unread=0,
        slots={},
        updated_at=now,
    )


def snooze(conversation: Conversation, agent: Agent, until: float, now: float) -> Conversation:
    """Return the conversation asleep until `until`, still `agent`'s. Raises Conflict `not_yours` unless it is."""
    require(conversation, agent, "snooze it")
    if until <= now:
        raise Conflict(f"{iso(until)} has passed; snooze until a time to come.", "in_the_past")
    return replace(conversation, status=Status.SNOOZED, snoozed_until=until, waiting_since=None, updated_at=now)


def wake(conversation: Conversation, now: float) -> Conversation:
    """Return a snoozed conversation open again, with the people who had it."""
    if conversation.status is not Status.SNOOZED:
        return conversation
    return replace(conversation, status=Status.OPEN, snoozed_until=None, updated_at=now)


def require(conversation: Conversation, agent: Agent, to_do: str) -> None:
    """Raise Conflict `not_yours` unless `agent` has the conversation."""
    holder = conversation.assignee
    if holder is not None and holder.id == agent.id and conversation.status in (Status.OPEN, Status.SNOOZED):
        return
    who = holder.name if holder is not None else "nobody"
    raise Conflict(f"This conversation is {who}'s ({conversation.status.value}); claim it to {to_do}.", "not_yours")


def changed_hands(before: Conversation, after: Conversation) -> bool:
    """True if clients must hear of a new status, owner, reason or epoch."""
    return before.status_json() != after.status_json()


def _spoken(conversation: Conversation, text: str, now: float) -> Conversation:
    return replace(conversation, preview=" ".join(text.split())[:_PREVIEW_CHARS], updated_at=now)
