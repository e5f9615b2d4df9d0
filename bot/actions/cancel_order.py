"""action_cancel_order: cancel a verified customer's own order, after an explicit yes that repeated its values.

The action trusts nobody for this: it looks at the token, the owner, the order's state and the customer's last words
by itself. The write carries the key `message_id:action_cancel_order`, so a turn tried again cancels once.
"""

from __future__ import annotations

from bot import phrases
from bot.actions.outcome import NOTHING_ASKED, Outcome, Scene
from bot.backoffice import Order
from bot.decisions import RunAction
from bot.errors import NoSuchOrder, NotAllowed
from bot.services import Services
from bot.types import Conversation, DialogAct, HandoffReason, PendingAction, Reply
from bot.wire import Json, pending_json

NAME = "action_cancel_order"
INTENT = "cancel_order"
DECISION = RunAction(NAME, INTENT)
POLICY = HandoffReason.POLICY_RESTRICTION
MAX_CHOICES = 4


async def cancel_order(services: Services, conversation: Conversation) -> Outcome:
    """Refuse, ask which, ask for the yes, or do it: whichever comes first."""
    reading, found = await services.read(conversation)
    scene = Scene(conversation, reading, found)
    identity = await services.identify(conversation)
    if not identity.customer_id:
        return scene.offer_person(DECISION, phrases.SIGN_IN_TO_CANCEL, POLICY, NOTHING_ASKED)
    if already := await services.at_back_office(lambda office: office.done(conversation.write_key(NAME))):
        return _done(services, scene, already)
    customer_id = identity.customer_id
    orders = await services.at_back_office(lambda office: office.orders_of(customer_id))
    number = conversation.slot("order_number")
    if not number:
        return _which(services, scene, orders)
    order = next((order for order in orders if order.order_number == number), None)
    if order is None:
        slots = {**NOTHING_ASKED, "order_number": None}
        return scene.offer_person(DECISION, phrases.no_such_order(number, verified=True), POLICY, slots)
    if not order.cancellable:
        return scene.offer_person(DECISION, phrases.refuse_cancel(order), POLICY, NOTHING_ASKED)
    if not agreed(scene, order, services.settings.currency):
        return _confirm(services, scene, order)
    return await _cancel(services, scene, order, customer_id)


def values(order: Order, currency: str) -> Json:
    """What the customer is asked to agree to."""
    return {
        "order_number": order.order_number,
        "items": phrases.items(order),
        "total": phrases.amount(order, currency),
    }


def agreed(scene: Scene, order: Order, currency: str) -> bool:
    """True where the last message is a yes, to a question of an earlier message, about exactly these values."""
    pending = scene.conversation.pending
    if pending is None or pending.name != NAME or scene.reading.act is not DialogAct.AFFIRM:
        return False
    asked = {name: pending.values.get(name) for name in ("order_number", "items", "total")}
    return asked == values(order, currency) and pending.asked_in not in ("", scene.conversation.message_id)


async def _cancel(services: Services, scene: Scene, order: Order, customer_id: str) -> Outcome:
    number, once = order.order_number, scene.conversation.write_key(NAME)
    try:
        after = await services.at_back_office(lambda o: o.cancel_order(number, customer_id, key=once))
    except (NoSuchOrder, NotAllowed):  # it left the house between our look and our write
        now = await services.at_back_office(lambda office: office.order(number))
        return scene.offer_person(DECISION, phrases.refuse_cancel(now), POLICY, NOTHING_ASKED)
    await services.point("bot.acted")
    return _done(services, scene, after)


def _done(services: Services, scene: Scene, order: Order) -> Outcome:
    text = phrases.cancelled(
        order.order_number, phrases.items(order), phrases.amount(order, services.settings.currency)
    )
    return scene.say(DECISION, Reply(text), {**NOTHING_ASKED, "order_number": order.order_number})


def _which(services: Services, scene: Scene, orders: tuple[Order, ...]) -> Outcome:
    possible = [order for order in orders if order.cancellable][:MAX_CHOICES]
    if not possible:
        return scene.offer_person(DECISION, phrases.NOTHING_TO_CANCEL, POLICY, NOTHING_ASKED)
    if len(possible) == 1:
        return _confirm(services, scene, possible[0])
    buttons = tuple(phrases.order_button(order, INTENT) for order in possible)
    return scene.ask_for(DECISION, "order_number", NAME, phrases.which_order(possible, to_cancel=True), buttons)


def _confirm(services: Services, scene: Scene, order: Order) -> Outcome:
    told = values(order, services.settings.currency)
    question = phrases.confirm_cancel(told["order_number"], told["items"], told["total"])
    pending = PendingAction(NAME, {**told, "question": question}, scene.conversation.message_id)
    slots = {
        "order_number": order.order_number,
        "requested_slot": None,
        "pending_action": pending_json(pending),
        "misunderstandings": 0,
    }
    pending_before = scene.conversation.pending
    changed = scene.reading.act is DialogAct.AFFIRM and pending_before is not None and pending_before.name == NAME
    text = phrases.CHANGED_MEANWHILE + question if changed else question
    return scene.say(DECISION, Reply(text, phrases.YES_NO), slots)
