"""What an action hands back, and the pieces that several actions build it from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot import phrases
from bot.decisions import OFFER_PERSON, Decision, HandOff
from bot.packet import packet
from bot.reader import Found
from bot.types import Button, Citation, Conversation, HandoffReason, PendingAction, Reading, Reply
from bot.wire import Json, buttons_json, nightdesk_json, pause, pending_json, slots_changed

NOTHING_ASKED: Mapping[str, Any] = {"requested_slot": None, "pending_action": None, "misunderstandings": 0}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Events to fold and responses to show, in Rasa's JSON."""

    events: tuple[Json, ...] = ()
    responses: tuple[Json, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """A conversation with what was made of its last message: what replies are built in."""

    conversation: Conversation
    reading: Reading
    found: Found

    def say(
        self,
        decision: Decision,
        reply: Reply,
        slots: Mapping[str, Any] = NOTHING_ASKED,
        *,
        events: tuple[Json, ...] = (),
    ) -> Outcome:
        """Reply, and set the slots that change."""
        custom = nightdesk_json(self.reading, decision, reply.citations, self.found.thresholds, self.found.bundle)
        response = {"text": reply.text, "buttons": buttons_json(reply.buttons), "custom": {"nightdesk": custom}}
        return Outcome((*slots_changed(self.conversation, slots), *events), (response,))

    def offer_person(
        self,
        decision: Decision,
        text: str,
        reason: HandoffReason,
        slots: Mapping[str, Any],
        citations: tuple[Citation, ...] = (),
    ) -> Outcome:
        """Reply, with a button for a person; a plain yes means it too."""
        offer = PendingAction(OFFER_PERSON, {"reason": reason.value}, self.conversation.message_id)
        wanted = {**slots, "requested_slot": None, "pending_action": pending_json(offer)}
        return self.say(decision, Reply(text, (phrases.PERSON,), citations), wanted)

    def changes(self, slots: Mapping[str, Any]) -> list[Json]:
        """Events for the slots that change."""
        return slots_changed(self.conversation, slots)

    def ask_for(
        self, decision: Decision, slot: str, action: str, text: str, buttons: tuple[Button, ...] = ()
    ) -> Outcome:
        """Ask for a slot that the action needs; the reply comes back to the action."""
        pending = PendingAction(action, {}, self.conversation.message_id)
        slots = {"requested_slot": slot, "pending_action": pending_json(pending)}
        return self.say(decision, Reply(text, buttons), slots)

    def hand_off(self, reason: HandoffReason, *, intent: str | None = None, words: str | None = None) -> Outcome:
        """Give the conversation to a person: the packet, the pause, and one sentence for the customer."""
        found = packet(self.conversation, self.reading, self.found.hits, reason)
        slots = {**NOTHING_ASKED, "handoff_reason": reason.value, "handoff_packet": found}
        reply = Reply(words or phrases.handoff(reason, self.reading.language))
        return self.say(HandOff(reason, intent), reply, slots, events=(pause(),))
