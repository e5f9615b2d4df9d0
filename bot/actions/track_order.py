"""action_track_order: say where an order is, to those who may know.

A verified customer sees the orders of her own account. Anyone else needs the order's number and its e-mail address
together, and hears the same words whichever of the two is wrong.
"""

from __future__ import annotations

import hmac

from bot import phrases
from bot.actions.outcome import NOTHING_ASKED, Outcome, Scene
from bot.backoffice import Order, OrderStatus
from bot.decisions import RunAction
from bot.errors import NoSuchOrder
from bot.services import Services
from bot.types import Conversation, HandoffReason, Reply

NAME = "action_track_order"
INTENT = "track_order"
DECISION = RunAction(NAME, INTENT)
UNDER_WAY = (OrderStatus.PLACED, OrderStatus.PACKED, OrderStatus.SHIPPED)
MAX_CHOICES = 4


async def track_order(services: Services, conversation: Conversation) -> Outcome:
    """Tell the state of the order that is meant, or ask for what is missing."""
    reading, found = await services.read(conversation)
    scene = Scene(conversation, reading, found)
    identity = await services.identify(conversation)
    if identity.customer_id:
        return await _for_customer(services, scene, identity.customer_id)
    return await _for_anyone(services, scene)


async def _for_customer(services: Services, scene: Scene, customer_id: str) -> Outcome:
    orders = await services.at_back_office(lambda office: office.orders_of(customer_id))
    number = scene.conversation.slot("order_number")
    if number:
        order = next((order for order in orders if order.order_number == number), None)
        if order:
            return _tell(scene, order)
        return _not_found(scene, phrases.no_such_order(number, verified=True), {"order_number": None}, orders)
    under_way = [order for order in orders if order.status in UNDER_WAY]
    recent = (under_way or list(orders))[:MAX_CHOICES]
    if not recent:
        return scene.offer_person(DECISION, phrases.NO_ORDERS, HandoffReason.MISSING_KNOWLEDGE, NOTHING_ASKED)
    if len(recent) == 1:
        return _tell(scene, recent[0])
    buttons = tuple(phrases.order_button(order, INTENT) for order in recent)
    return scene.ask_for(DECISION, "order_number", NAME, phrases.which_order(recent), buttons)


async def _for_anyone(services: Services, scene: Scene) -> Outcome:
    number, email = scene.conversation.slot("order_number"), scene.conversation.slot("email")
    if not number:
        text = phrases.ask_order_number(services.settings.orders.example)
        return scene.ask_for(DECISION, "order_number", NAME, text)
    if not email:
        return scene.ask_for(DECISION, "email", NAME, phrases.ask_email())
    try:
        order = await services.at_back_office(lambda office: office.order(number))
    except NoSuchOrder:
        order = None
    if order and hmac.compare_digest(order.email.lower().encode(), email.lower().encode()):
        return _tell(scene, order)
    gone = {"order_number": None, "email": None}
    return _not_found(scene, phrases.no_such_order(number, verified=False), gone)


def _tell(scene: Scene, order: Order) -> Outcome:
    slots = {**NOTHING_ASKED, "order_number": order.order_number}
    return scene.say(DECISION, Reply(phrases.order_state(order)), slots)


def _not_found(scene: Scene, text: str, gone: dict[str, None], orders: tuple[Order, ...] = ()) -> Outcome:
    """Say so and ask again; the second time, hand off, so that nobody guesses on."""
    if scene.conversation.misunderstandings:
        return scene.hand_off(HandoffReason.REPEATED_MISUNDERSTANDING, intent=INTENT)
    buttons = (*(phrases.order_button(order, INTENT) for order in orders[:MAX_CHOICES]), phrases.PERSON)
    asked = scene.ask_for(DECISION, "order_number", NAME, text, buttons)
    counted = {**gone, "misunderstandings": scene.conversation.misunderstandings + 1}
    events = (*asked.events, *scene.changes(counted))
    return Outcome(events, asked.responses)
