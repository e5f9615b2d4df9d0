"""Run a form: fill it over as many turns as it takes, repeat everything, and on a yes do it once.

The action trusts nobody: the customer comes from the signed token, every order and every option from the back office,
the yes from a message after the question. The write carries the key `message_id:action`, so a turn tried
again acts once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from bot import phrases
from bot.actions.outcome import NOTHING_ASKED, Outcome, Scene
from bot.actions.sitting import POLICY, Sitting, ask, buttons_for, country_of
from bot.actions.take import begin, take
from bot.backoffice.protocol import Receipt
from bot.backoffice.rules import NOT_ALLOWED, item_refusal, refusal, state_refusal
from bot.backoffice.terms import Refusal, sentence
from bot.backoffice.types import Order
from bot.backoffice.writes import write_json
from bot.compose import answer_text, citations
from bot.decisions import RunAction
from bot.errors import NoSuchCustomer, NoSuchOrder, NotAllowed
from bot.forms import words
from bot.forms.catalogue import EXCHANGE, ITEMS_CHANGE, OF_ITEMS, TAKE_OUT, Form, free_items, possible
from bot.forms.choices import Option
from bot.forms.desk import Desk
from bot.forms.draft import Draft
from bot.forms.reading import read_from_beginning
from bot.forms.slots import CHOSEN, Kind, Slot
from bot.services import Services
from bot.types import Conversation, DialogAct, HandoffReason, Reply

OWN_ORDERS = "Only a customer's own orders"
# Rules that another value of one slot may satisfy: that slot is asked again. The rest ends the form.
CURABLE = {
    "weekday": "day",
    "ahead": "day",
    "country": "address",
    "kind": "items",
    "engraved": "items",
    "lines": "quantity",
    "stock": "variants",
    "family": "variants",
    "remove": "variants",
    "refund_to": "refund_to",
    "settle": "settle_with",
    "balance": "settle_with",
    "same_payment": "payment_method",
    "reason": "reason",
    "contact": "what",
}
# The rule that says which options a slot has.
NOT_OFFERED = {
    "items": "lines",
    "variants": "family",
    "reason": "reason",
    "refund_to": "refund_to",
    "settle_with": "settle",
    "payment_method": "settle",
    "what": "contact",
}
SIBLINGS = {EXCHANGE.action: ITEMS_CHANGE, ITEMS_CHANGE.action: EXCHANGE}
Fill = Callable[[Services, Conversation], Awaitable[Outcome]]


def form_action(form: Form) -> Fill:
    """The action that runs this form."""

    async def run(services: Services, conversation: Conversation) -> Outcome:
        return await fill(form, services, conversation)

    return run


async def fill(form: Form, services: Services, conversation: Conversation) -> Outcome:
    """Refuse, ask for what is missing, ask for the yes, or do it: whichever comes first."""
    reading, found = await services.read(conversation)
    scene = Scene(conversation, reading, found)
    identity = await services.identify(conversation)
    decision = RunAction(form.action, form.intent)
    if not identity.customer_id:
        return _stranger(scene, replace(decision, refused_by="Only for customers who are signed in"))
    try:
        desk = await services.desk(identity.customer_id)
    except NoSuchCustomer:
        return scene.offer_person(decision, phrases.NO_ORDERS, HandoffReason.MISSING_KNOWLEDGE, NOTHING_ASKED)
    sitting = Sitting(form, services, scene, desk)
    key = conversation.write_key(form.action)
    if receipt := await services.at_back_office(lambda office: office.done(key)):
        return _done(sitting, receipt)
    draft = take(form, scene, desk, begin(form, scene))
    if isinstance(draft, str):
        return _no_such_order(sitting, draft)
    if other := _meant_instead(sitting, draft):
        sitting, draft = replace(sitting, form=other), replace(draft, action=other.action)
    return await _next(sitting, draft)


def _meant_instead(sitting: Sitting, draft: Draft) -> Form | None:
    """Before an order is packed its things are changed, once delivered exchanged; customers call both "swap"."""
    other, order = SIBLINGS.get(sitting.form.action), sitting.desk.order(draft.filled.get("order_number"))
    if other is None or order is None or possible(sitting.desk, sitting.form.write, order):
        return None
    return other if possible(sitting.desk, other.write, order) else None


def _stranger(scene: Scene, decision: RunAction) -> Outcome:
    """Say that only signed-in customers may, with the rule itself where a passage has it: half of them only ask."""
    bar = scene.found.thresholds.suggest
    fitting = [hit for hit in scene.found.hits if bar.reached_by(hit)]
    if not fitting:
        return scene.offer_person(decision, phrases.SIGN_IN, POLICY, NOTHING_ASKED)
    near = max(fitting, key=lambda hit: (hit.answer_probability or 0.0, -hit.rank))
    text = f"{answer_text(scene.reading.text, (near,))}\n\n{phrases.SIGN_IN}"
    return scene.offer_person(decision, text, POLICY, NOTHING_ASKED, citations((near,)))


async def _next(sitting: Sitting, draft: Draft) -> Outcome:
    """Walk the slots in order; the first that is open is asked for."""
    form, desk = sitting.form, sitting.desk
    for slot in form.slots:
        if not slot.needed(desk, draft.filled):
            continue
        options = slot.options(desk, draft.filled)
        if draft.rejected and draft.rejected[0] == slot.name:
            return _cure(sitting, draft, _not_offered(sitting, draft, *draft.rejected))
        while not _complete(slot, draft):
            draft = replace(draft.offering(slot.name, options), country=country_of(desk, draft))
            guessed = _guess(slot, draft, options, desk)
            if guessed is None:
                return _nothing(sitting, slot, options) or ask(sitting, draft, slot, options)
            draft = draft.with_value(slot.name, guessed, slot.dependents)
            options = slot.options(desk, draft.filled)
        if options and slot.name not in draft.options:
            draft = draft.offering(slot.name, options)
        if refused := _refused_at(sitting, slot, draft):
            return _cure(sitting, draft, refused)
    return await _confirm(sitting, draft)


def _complete(slot: Slot, draft: Draft) -> bool:
    value = draft.filled.get(slot.name)
    if slot.kind is Kind.EACH:
        return isinstance(value, list) and len(value) >= len(draft.filled.get("items", ()))
    return value is not None


def _guess(slot: Slot, draft: Draft, options: tuple[Option, ...], desk: Desk) -> Any:
    """What the first words said already, or the only thing it can be."""
    if slot.kind is Kind.EACH and draft.filled.get(slot.name):
        return None
    if draft.said and (value := read_from_beginning(slot, draft, draft.said, desk.today)) is not None:
        return value
    if slot.guesses and len(options) == 1 and slot.kind in (Kind.ORDER, Kind.CHOICE, Kind.CHOICES):
        return [options[0].value] if slot.kind is Kind.CHOICES else options[0].value
    return None


def _nothing(sitting: Sitting, slot: Slot, options: tuple[Option, ...]) -> Outcome | None:
    """Refuse where there is nothing to choose from."""
    if options or slot.kind not in CHOSEN:
        return None
    name, desk = sitting.form.write, sitting.desk
    term = desk.terms.get(name)
    if (
        slot.kind is Kind.ORDER
        and len(desk.orders) == 1
        and (refused := state_refusal(name, desk.orders[0], desk.terms, desk.today))
    ):
        return sitting.refuses(refused)
    policy = term.policy if term else NOT_ALLOWED.policy
    says = (
        phrases.none_possible(sitting.form.about, policy)
        if slot.kind is Kind.ORDER
        else f"There is nothing to choose for {sitting.form.about}."
    )
    decision = replace(sitting.decision, refused_by=policy)
    return sitting.scene.offer_person(decision, says + phrases.OR_A_PERSON, POLICY, NOTHING_ASKED)


def _refused_at(sitting: Sitting, slot: Slot, draft: Draft) -> Refusal | None:
    """What the terms say to a slot as soon as it is filled: why ask for a reason to return what can't be."""
    form, desk = sitting.form, sitting.desk
    order = desk.order(draft.filled.get("order_number"))
    if slot.kind is Kind.ORDER and order:
        return state_refusal(form.write, order, desk.terms, desk.today) or _nothing_in_it(form, desk, order)
    if slot.name == "items" and order:
        items = draft.filled["items"]
        found = (item_refusal(form.write, sku, order, desk.products, desk.terms) for sku in items)
        gone = any(order.left(sku) < 1 for sku in items)
        return next((refused for refused in found if refused), _broken(form, desk, "lines") if gone else None)
    return None


def _broken(form: Form, desk: Desk, rule: str) -> Refusal:
    term = desk.terms[form.write]
    return Refusal(rule, term.policy, sentence(term, rule), term.article)


def _nothing_in_it(form: Form, desk: Desk, order: Order) -> Refusal | None:
    """Refuse where the write is possible for nothing in the order, for the reason that its first thing has."""
    if form.write not in OF_ITEMS or free_items(desk, form.write, order):
        return None
    if all(order.left(item.sku) < 1 for item in order.items):
        return _broken(form, desk, "lines")
    found = (item_refusal(form.write, item.sku, order, desk.products, desk.terms) for item in order.items)
    return next((refused for refused in found if refused), _broken(form, desk, "family"))


def _not_offered(sitting: Sitting, draft: Draft, slot: str, value: Any) -> Refusal:
    """Why a pressed value is none of the options: the rule that says which there are."""
    order, rule = sitting.desk.order(draft.filled.get("order_number")), NOT_OFFERED[slot]
    if slot == "variants" and TAKE_OUT in value:
        rule = "remove"
    if slot == "payment_method" and order and value == order.payment_method:
        rule = "same_payment"
    return _broken(sitting.form, sitting.desk, rule)


def _cure(sitting: Sitting, draft: Draft, refused: Refusal) -> Outcome:
    """Ask again for the slot that another value would cure, once; else the refusal ends the form."""
    slot = sitting.form.slot(CURABLE.get(refused.rule))
    conversation = sitting.scene.conversation
    if slot is None or conversation.misunderstandings or not slot.needed(sitting.desk, draft.filled):
        return sitting.refuses(refused, {"order_number": draft.filled.get("order_number")})
    emptied = draft.without(slot.name)
    emptied = replace(emptied, said="")
    options = slot.options(sitting.desk, emptied.filled)
    free = buttons_for(sitting, emptied, slot, options)
    if slot.kind in CHOSEN and not free:
        return sitting.refuses(refused, {"order_number": draft.filled.get("order_number")})
    lead = phrases.refused(refused.says, refused.policy)
    asked = replace(
        emptied.offering(slot.name, options),
        asking=slot.name,
        question=slot.question(sitting.desk, emptied.filled),
        confirm=None,
        at=conversation.at,
        country=country_of(sitting.desk, emptied),
    )
    told = replace(sitting, scene=sitting.scene)
    outcome = told.answers(asked, f"{lead} {asked.question}", free, misunderstood=True)
    return _naming(outcome, refused.policy)


def _naming(outcome: Outcome, policy: str) -> Outcome:
    """Note in `custom.nightdesk.decision` which policy refused."""
    for response in outcome.responses:
        response["custom"]["nightdesk"]["decision"]["refused_by"] = policy
    return outcome


async def _confirm(sitting: Sitting, draft: Draft) -> Outcome:
    """Everything is known: refuse, ask for the yes, or act on it."""
    desk, conversation = sitting.desk, sitting.scene.conversation
    write = sitting.form.build(desk, draft.filled)
    order = desk.order(draft.filled.get("order_number"))
    if refused := refusal(write, order, desk.customer, desk.products, desk.terms, desk.today):
        return _cure(sitting, draft, refused)
    wanted = write_json(write)
    lead = ""
    if _agreed(sitting, draft):
        if draft.confirm == wanted and not _too_old(sitting, draft):
            return await _perform(sitting, draft)
        lead = phrases.LONG_AGO if draft.confirm == wanted else phrases.CHANGED_MEANWHILE
    question = words.confirm(desk, write)
    asked = replace(draft, asking=None, question=question, confirm=wanted, at=conversation.at)
    return sitting.answers(asked, lead + question, phrases.YES_NO)


def _agreed(sitting: Sitting, draft: Draft) -> bool:
    """True where the last message is a yes to the question of an earlier one."""
    pending = sitting.scene.conversation.pending
    yes = sitting.scene.reading.act is DialogAct.AFFIRM and pending is not None and pending.name == draft.action
    return bool(
        yes and pending and draft.confirm and pending.asked_in not in ("", sitting.scene.conversation.message_id)
    )


def _too_old(sitting: Sitting, draft: Draft) -> bool:
    now, minutes = sitting.scene.conversation.at, sitting.services.settings.confirm_minutes
    return now is not None and draft.at is not None and now - draft.at > minutes * 60


async def _perform(sitting: Sitting, draft: Draft) -> Outcome:
    services, desk = sitting.services, sitting.desk
    write = sitting.form.build(desk, draft.filled)
    key, customer = sitting.scene.conversation.write_key(draft.action), desk.customer.customer_id
    try:
        receipt = await services.at_back_office(lambda office: office.perform(write, customer, key=key))
    except NotAllowed as error:  # something changed between our look and our write
        return sitting.refuses(error.refusal or Refusal("status", desk.terms[write.name].policy, phrases.NOT_ANY_MORE))
    except NoSuchOrder:
        return _no_such_order(sitting, str(draft.filled.get("order_number")))
    await services.point("bot.acted")
    return _done(sitting, receipt)


def _done(sitting: Sitting, receipt: Receipt) -> Outcome:
    text = words.done(sitting.desk, receipt.write, receipt)
    return sitting.scene.say(sitting.decision, Reply(text), {**NOTHING_ASKED, "order_number": receipt.order_number})


def _no_such_order(sitting: Sitting, number: str) -> Outcome:
    slots = {**NOTHING_ASKED, "order_number": None}
    text = phrases.no_such_order(number, verified=True) + phrases.OR_A_PERSON
    return sitting.scene.offer_person(replace(sitting.decision, refused_by=OWN_ORDERS), text, POLICY, slots)
