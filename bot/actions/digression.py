"""Come back to an open form after a question in between."""

from __future__ import annotations

from bot.actions.outcome import Outcome
from bot.decisions import ONLY_LOOK
from bot.forms.catalogue import FORMS
from bot.forms.draft import Draft, draft_of
from bot.phrases import YES_NO, back_to
from bot.tracker import pending_of
from bot.types import Button, Conversation, PendingAction, Reply
from bot.wire import Json, buttons_json, pending_json, slot

SUSPENDED = "suspended_action"


def reminder(draft: Draft) -> str:
    """The form's question, after something else was answered."""
    form = FORMS.get(draft.action)
    return back_to(form.about if form else "your request", draft.question)


def with_reminder(reply: Reply, draft: Draft) -> Reply:
    """The reply, with the form's question after it."""
    buttons: tuple[Button, ...] = YES_NO if draft.confirm is not None else ()
    return Reply(f"{reply.text}\n\n{reminder(draft)}", buttons or reply.buttons, reply.citations)


def suspend(pending: PendingAction | None, action: str) -> Json | None:
    """The value of slot suspended_action while `action` runs: the open form, if the action only looks."""
    return pending_json(pending) if pending and action in ONLY_LOOK and draft_of(pending) else None


def resume(conversation: Conversation, outcome: Outcome) -> Outcome:
    """Put the suspended form back once the action in between has nothing more to ask."""
    raw = conversation.slots.get(SUSPENDED)
    draft = draft_of(pending_of(raw))
    if draft is None or not outcome.responses:
        return outcome
    events = [event for event in outcome.events if event.get("name") not in ("pending_action", "requested_slot")]
    asks = any(event.get("name") == "pending_action" and event.get("value") for event in outcome.events)
    if any(event.get("event") == "pause" for event in outcome.events):
        return Outcome((*outcome.events, slot(SUSPENDED, None)), outcome.responses)
    if asks:
        return outcome
    last = outcome.responses[-1]
    told = {**last, "text": f"{last['text']}\n\n{reminder(draft)}"}
    if draft.confirm is not None:
        told["buttons"] = buttons_json(YES_NO)
    back = (slot("pending_action", raw), slot("requested_slot", draft.asking), slot(SUSPENDED, None))
    return Outcome((*events, *back), (*outcome.responses[:-1], told))
