"""One turn of a form: what its steps look at, and how it asks for a slot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from bot import phrases
from bot.actions.outcome import NOTHING_ASKED, Outcome, Scene
from bot.backoffice.terms import Refusal
from bot.decisions import RunAction
from bot.forms.addresses import missing
from bot.forms.catalogue import OF_ITEMS, Form, free_items
from bot.forms.choices import Option
from bot.forms.desk import Desk
from bot.forms.draft import Draft, draft_of
from bot.forms.slots import Kind, Slot
from bot.services import Services
from bot.types import Button, HandoffReason, Reply
from bot.wire import Json, button_payload, pending_json

POLICY = HandoffReason.POLICY_RESTRICTION
MOST_BUTTONS = 6


@dataclass(frozen=True, slots=True)
class Sitting:
    """One turn of a form: everything its steps look at."""

    form: Form
    services: Services
    scene: Scene
    desk: Desk

    @property
    def decision(self) -> RunAction:
        """What `custom.nightdesk` says was decided."""
        return RunAction(self.form.action, self.form.intent)

    def answers(self, draft: Draft, text: str, buttons: tuple[Button, ...], *, misunderstood: bool = False) -> Outcome:
        """Say something and keep the form."""
        count = self.scene.conversation.misunderstandings + 1 if misunderstood else 0
        slots: Json = {
            "requested_slot": draft.asking,
            "pending_action": pending_json(draft.pending(self.scene.conversation.message_id)),
            "misunderstandings": count,
        }
        if number := draft.filled.get("order_number"):
            slots["order_number"] = number
        return self.scene.say(self.decision, Reply(text, buttons), slots)

    def refuses(self, refused: Refusal, slots: Json | None = None) -> Outcome:
        """Say why not, name the policy, offer a person, and end the form."""
        text = phrases.refused(refused.says, refused.policy) + phrases.OR_A_PERSON
        decision = replace(self.decision, refused_by=refused.policy)
        return self.scene.offer_person(decision, text, POLICY, {**NOTHING_ASKED, **(slots or {})})


def country_of(desk: Desk, draft: Draft) -> str:
    """Where the order goes, else where the customer lives; empty if neither is known."""
    order = desk.order(draft.filled.get("order_number"))
    address = (order.address if order else None) or desk.customer.address
    return address.country if address else ""


def ask(sitting: Sitting, draft: Draft, slot: Slot, options: tuple[Option, ...], lead: str = "") -> Outcome:
    """Ask for a slot; asked again without an answer, say what was missing, and the third time hand off."""
    conversation = sitting.scene.conversation
    question = slot.question(sitting.desk, draft.filled)
    before = draft_of(conversation.pending)
    same = before is not None and before.action == draft.action and before.asking == slot.name
    again = not lead and same and before is not None and before.filled == draft.filled
    if again and conversation.misunderstandings:
        return sitting.scene.hand_off(HandoffReason.REPEATED_MISUNDERSTANDING, intent=sitting.form.intent)
    if again:
        lead = _why_not_understood(slot, sitting.scene.reading.text, draft)
    asked = replace(draft, asking=slot.name, question=question, confirm=None, at=conversation.at)
    text = f"{lead} {question}".strip()
    return sitting.answers(asked, text, buttons_for(sitting, asked, slot, options), misunderstood=again)


def _why_not_understood(slot: Slot, text: str, draft: Draft) -> str:
    match slot.kind:
        case Kind.ADDRESS:
            return f"{missing(text, draft.country)}."
        case Kind.DAY:
            return "I couldn't find a day in that; “Thursday” or “3 December” would do."
        case Kind.EMAIL:
            return "That doesn't look like an e-mail address."
        case Kind.PHONE:
            return "That doesn't look like a phone number."
        case Kind.NUMBER:
            return "I couldn't find a number in that."
        case _:
            return "I'm not sure which you mean."


def buttons_for(sitting: Sitting, draft: Draft, slot: Slot, options: tuple[Option, ...]) -> tuple[Button, ...]:
    """A button for each option that the terms allow."""
    if slot.kind is Kind.CHOICES and sitting.form.write in OF_ITEMS:
        order = sitting.desk.order(draft.filled.get("order_number"))
        free = free_items(sitting.desk, sitting.form.write, order) if order else ()
        options = tuple(option for option in options if option.value in free)
    if slot.kind is Kind.EACH:
        options = tuple(
            o for o in options if o.value not in sitting.desk.products or sitting.desk.products[o.value].in_stock
        )
    intent, known = sitting.form.intent, draft.filled.get(slot.name) or []
    values: list[tuple[str, Any]] = [(o.title, _button_value(slot, o.value, known)) for o in options[:MOST_BUTTONS]]
    if slot.kind is Kind.CHOICES and 1 < len(options) <= MOST_BUTTONS:
        values.append(("All of them", [option.value for option in options]))
    return tuple(Button(title, button_payload(intent, {slot.name: value})) for title, value in values)


def _button_value(slot: Slot, value: str, known: list[str]) -> Any:
    if slot.kind is Kind.CHOICES:
        return [value]
    return [*known, value] if slot.kind is Kind.EACH else value
