"""action_respond: answer the customer's last message, or say why a person should."""

from __future__ import annotations

from bot import phrases
from bot.actions.digression import SUSPENDED, suspend, with_reminder
from bot.actions.outcome import NOTHING_ASKED, Outcome, Scene
from bot.compose import answer_text, citations
from bot.composed.answer import Composed, compose_reply, for_customers, listener, worth_composing
from bot.decisions import (
    OFFER_PERSON,
    PERHAPS_ANSWERED,
    Answer,
    Ask,
    Decision,
    HandOff,
    Phrase,
    Question,
    RunAction,
    StaySilent,
)
from bot.forms.draft import draft_of
from bot.policy import choose_response, decide, is_form
from bot.reading import orders_meant
from bot.services import Services
from bot.types import ENGLISH, Button, Conversation, HandoffReason, PendingAction, Reply
from bot.wire import button_payload, followup, pending_json, slots_changed

NAME = "action_respond"


async def respond(services: Services, conversation: Conversation) -> Outcome:
    """Read, decide, perform."""
    await services.point("bot.received")
    if conversation.paused:
        return Outcome()
    reading, found = await services.read(conversation)
    await services.point("bot.read")
    decision = decide(conversation, reading, found.hits, found.thresholds, found.catalogue)
    if written := await _written_before(services, conversation):
        decision = RunAction(written)
    scene = Scene(conversation, reading, found)
    outcome = perform(services, scene, decision, await _composed(services, scene, decision))
    await services.point("bot.before_reply")
    return outcome


async def _written_before(services: Services, conversation: Conversation) -> str | None:
    """The action whose write an earlier attempt of this very turn has done already: its result is told.

    The attempt's reply may have been lost with its process, or overtaken by "no, wait" sent a second later.
    """
    pending = conversation.pending
    if pending is None or not pending.name.startswith("action_"):
        return None
    key = conversation.write_key(pending.name)
    return pending.name if await services.at_back_office(lambda office: office.done(key)) else None


async def _composed(services: Services, scene: Scene, decision: Decision) -> Composed | None:
    """Compose what passages answer, where customers may read that; None says them in their own words."""
    if not isinstance(decision, Answer) or scene.reading.language != ENGLISH:
        return None
    if not for_customers(services, scene.found.thresholds) or not worth_composing(decision.hits):
        return None
    timeout_s = services.settings.composed_timeout_s
    return await compose_reply(services, scene.reading.text, decision.hits, timeout_s, listener.get())


def perform(services: Services, scene: Scene, decision: Decision, composed: Composed | None = None) -> Outcome:
    """Turn a decision into events and responses; an answer from passages is said as it was composed, if it was."""
    match decision:
        case StaySilent():
            return Outcome()
        case HandOff():
            return _hand_off(scene, decision)
        case RunAction():
            return _run(scene, decision)
        case Ask():
            return _ask(services, scene, decision)
        case Answer():
            return _answer(scene, decision, composed)


def _hand_off(scene: Scene, decision: HandOff) -> Outcome:
    entry = scene.found.catalogue.get(decision.intent or "talk_to_person")
    theirs = decision.reason is HandoffReason.CUSTOMER_REQUEST and scene.reading.language == ENGLISH
    words = (
        choose_response(entry.responses, scene.conversation.message_id)
        if entry and theirs and entry.responses
        else None
    )
    return scene.hand_off(decision.reason, intent=decision.intent, words=words)


def _run(scene: Scene, decision: RunAction) -> Outcome:
    """Set the slots that were mentioned and let the caller run the action.

    A pending yes stays, for the action to see; what was pending of another action is dropped.
    """
    pending = scene.conversation.pending
    own = pending is not None and pending.name == decision.action
    if own and pending is not None and is_form(pending):
        return Outcome((*slots_changed(scene.conversation, decision.slots), followup(decision.action)))
    dropped = {} if own else {**NOTHING_ASKED, SUSPENDED: suspend(pending, decision.action)}
    wanted = {**dropped, "requested_slot": None, **decision.slots}
    return Outcome((*slots_changed(scene.conversation, wanted), followup(decision.action)))


def _ask(services: Services, scene: Scene, decision: Ask) -> Outcome:
    conversation = scene.conversation
    counted = {"misunderstandings": conversation.misunderstandings + 1}
    match decision.question:
        case Question.UNKNOWN:
            offer = PendingAction(OFFER_PERSON, {}, conversation.message_id)
            slots = {**counted, "requested_slot": None, "pending_action": pending_json(offer)}
            return scene.say(decision, Reply(phrases.UNKNOWN, (phrases.PERSON,)), slots)
        case Question.WHICH_INTENT:
            options = tuple(_button(scene, name) for name in decision.options)
            slots = {**counted, "requested_slot": None, "pending_action": None}
            return scene.say(decision, Reply(phrases.WHICH, (*options, phrases.PERSON)), slots)
        case Question.PERHAPS:
            text = phrases.perhaps(answer_text(scene.reading.text, decision.hits))
            check = PendingAction(PERHAPS_ANSWERED, {}, conversation.message_id)
            slots = {"requested_slot": None, "pending_action": pending_json(check)}
            buttons = (*(_button(scene, name) for name in decision.options), phrases.PERSON)
            return scene.say(decision, Reply(text, buttons, citations(decision.hits)), slots)
        case Question.SLOT:
            text = _asked_again(conversation.requested_slot, services.settings.orders.example)
            return scene.say(decision, Reply(text, (phrases.PERSON,)), counted)
        case Question.CONFIRM:
            assert conversation.pending is not None
            question = str(conversation.pending.values.get("question") or "")
            return scene.say(decision, Reply(phrases.not_a_clear_yes(question), phrases.YES_NO), counted)


def _asked_again(slot: str | None, example: str) -> str:
    if slot == "email":
        return phrases.ask_email(again=True)
    return phrases.ask_code(again=True) if slot == "voucher" else phrases.ask_order_number(example, again=True)


def _answer(scene: Scene, decision: Answer, composed: Composed | None) -> Outcome:
    if decision.phrase:
        text = phrases.LET_GO if decision.phrase is Phrase.LET_GO else phrases.ACKNOWLEDGED
        return scene.say(decision, Reply(text))
    if composed:
        text, sources = composed.text, composed.citations
    else:
        text = decision.response or answer_text(scene.reading.text, decision.hits)
        sources = citations(decision.hits)
    begin = (_button(scene, decision.begins),) if decision.begins else ()
    reply = Reply(text, begin, sources)
    if draft := draft_of(scene.conversation.pending):  # a question in between: the form stays open
        return scene.say(decision, with_reminder(reply, draft), {"misunderstandings": 0})
    return scene.say(decision, reply)


def _button(scene: Scene, intent: str) -> Button:
    """The button for an intent, in the company's words; the one order that was named goes along."""
    entry = scene.found.catalogue.get(intent)
    title = entry.description if entry else intent.replace("_", " ").capitalize()
    orders = orders_meant(scene.reading.text, scene.reading.entities)
    payload = button_payload(intent, {"order_number": orders[0]}) if len(orders) == 1 else f"/{intent}"
    return Button(title, payload)
