"""Drive gold actions through the assistant's own actions, as a customer who presses buttons would.

Each write is one message that carries its values and one that says yes; tracker JSON goes in, events come out. Reads
are look-ups: who asks is the signed token's, an order is asked for in the chat, the rest is the back office's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from bot_fakes import CATALOGUE, Chat, FakeKnowledge, fit_head, make_services
from retail_data import Action, Json, Task
from retail_office import REASONS, RetailOffice, copied

from bot.actions.registry import run
from bot.backoffice import Address
from bot.backoffice.writes import (
    CancelOrder,
    ChangeAddress,
    ChangeItems,
    ChangePayment,
    ExchangeItems,
    Line,
    ReturnItems,
    Swap,
    UpdateContact,
    Write,
    write_json,
)
from bot.catalogue import Handle, IntentEntry
from bot.services import Services
from bot.settings import Settings
from bot.tracker import fold

INTENTS = {**CATALOGUE, "change_payment": IntentEntry("Pay another way", Handle.ACTION, "action_change_payment")}
SETTINGS = Settings(
    model="off", order_prefix="#W", order_digits=7, currency="USD", company_name="the shop", assistant_name="Sam"
)
HEAD = replace(fit_head(), catalogue=INTENTS)
KINDS = {  # the write that a tool's call stands for
    "cancel_pending_order": CancelOrder.name,
    "modify_pending_order_address": ChangeAddress.name,
    "modify_pending_order_items": ChangeItems.name,
    "modify_pending_order_payment": ChangePayment.name,
    "return_delivered_order_items": ReturnItems.name,
    "exchange_delivered_order_items": ExchangeItems.name,
    "modify_user_address": UpdateContact.name,
}
SLUGS = {words: slug for slug, words in REASONS.items()}


@dataclass(frozen=True, slots=True)
class Heard:
    """What a turn said last: the text, the decision on the wire, and how many writes it left."""

    text: str
    decision: Mapping[str, Any]
    writes: int
    buttons: tuple[str, ...] = ()

    @property
    def refused_by(self) -> str | None:
        """The policy that the refusal names."""
        return self.decision.get("refused_by")


@dataclass(frozen=True, slots=True)
class Step:
    """One gold action and what became of it; `why` says what went otherwise than expected."""

    action: Action
    expressed: bool
    why: str = ""


@dataclass
class Visit:
    """One conversation with the retail shop, over an office of its own."""

    services: Services
    office: RetailOffice
    customer: str = ""
    number: int = 0  # of the visit at this office, so that no two messages have one id
    _chat: Chat = field(init=False)

    def __post_init__(self) -> None:
        async def perform(call: Json) -> Json:
            outcome = await run(call["next_action"], self.services, fold(call["tracker"]))
            return {"events": list(outcome.events), "responses": list(outcome.responses)}

        self._chat = Chat(perform, id=f"visit-{self.number}", count=1000 * self.number)

    @property
    def paused(self) -> bool:
        """True once a person has the conversation."""
        return self._chat.paused

    @property
    def awaited(self) -> Mapping[str, Any] | None:
        """The write, as JSON, that a yes would do now."""
        pending = self._chat.slots.get("pending_action")
        return pending["values"].get("confirm") if pending else None

    async def say(self, text: str) -> Heard:
        """Send one message and follow the turn to its end."""
        self._chat.customer = self.customer
        before = len(self.office.log)
        responses = await self._chat.say(text)
        last = responses[-1]
        payloads = tuple(button["payload"] for button in last["buttons"])
        decision = last["custom"]["nightdesk"]["decision"]
        return Heard(last["text"], decision, len(self.office.log) - before, payloads)

    async def do(self, action: Action) -> Step:
        """Drive one gold action."""
        if action.writes:
            return await self._write(action)
        why = await self._read(action)
        return Step(action, not why, why)

    async def _write(self, action: Action) -> Step:
        asked = await self.say(payload(action))
        if asked.writes:
            return Step(action, False, "written without a yes")
        if self.awaited is None or self.awaited["write"] != KINDS[action.name]:
            return Step(action, False, f"not confirmed but: {asked.text}")
        wanted, silent = dict(self.awaited), [part for part in spoken(self.office, action) if part not in asked.text]
        if silent:
            return Step(action, False, f"{silent} not repeated in: {asked.text}")
        done = await self.say("/affirm")
        if done.writes != 1:
            return Step(action, False, f"not done after the yes: {done.text}")
        same = json.loads(json.dumps(write_json(self.office.log[-1]))) == wanted
        return Step(action, same, "" if same else "another write than was confirmed")

    async def _read(self, action: Action) -> str:
        """Answer a tool that only looks; returns what went wrong, or nothing."""
        said, office = action.arguments, self.office
        match action.name:
            case "find_user_id_by_email":
                self.customer = office.find_by_email(said["email"]) or ""
                return "" if self.customer else "nobody has this address"
            case "find_user_id_by_name_zip":
                self.customer = office.find_by_name(said["first_name"], said["last_name"], said["zip"]) or ""
                return "" if self.customer else "nobody has this name there"
            case "get_order_details":
                heard = await self.say(f"/track_order{json.dumps({'order_number': said['order_id']})}")
                return "" if f"Order {said['order_id']}" in heard.text else f"not shown but: {heard.text}"
            case "get_user_details":
                return "" if office.customer(said["user_id"]).customer_id == self.customer else "somebody else"
            case "get_product_details":
                return "" if any(p.family == said["product_id"] for p in office.products()) else "no such product"
            case "get_item_details":
                return "" if any(p.sku == said["item_id"] for p in office.products()) else "no such item"
            case "transfer_to_human_agents":
                await self.say("/talk_to_person")
                return "" if self.paused else "nobody took over"
            case _:  # calculate, list_all_product_types: nothing of the shop's is asked
                return ""


@contextmanager
def shop(db: Json) -> Iterator[Callable[..., Visit]]:
    """A running assistant over a copy of the database: yields a function that opens a customer's visit."""
    office, numbers = RetailOffice(copied(db)), count()
    knowledge = FakeKnowledge(head=HEAD)
    services = make_services(settings=SETTINGS, knowledge=knowledge, back_office=office, terms=office.terms)
    try:
        yield lambda customer="": Visit(services, office, customer, next(numbers))
    finally:
        services.reader.stop()


async def drive(visit: Visit, task: Task) -> tuple[Step, ...]:
    """Drive a task's gold actions one after the other; a task that finds no customer is the owner's of its order."""
    visit.customer = visit.customer or owner(visit.office.db, task)
    return tuple([await visit.do(action) for action in task.actions])


def owner(db: Json, task: Task) -> str:
    """The customer a task is about, by its first order or user."""
    for action in task.actions:
        if order := db["orders"].get(action.arguments.get("order_id")):
            return str(order["user_id"])
        if user := action.arguments.get("user_id"):
            return str(user)
    return ""


def payload(action: Action) -> str:
    """What a customer's button would post to have this done."""
    intent, values = pressed(action)
    return f"/{intent}{json.dumps(values)}"


def pressed(action: Action) -> tuple[str, Json]:
    """The intent and values that stand for a writing tool's call."""
    said = dict(action.arguments)
    order = {"order_number": said.get("order_id")}
    match action.name:
        case "cancel_pending_order":
            return "cancel_order", {**order, "reason": SLUGS.get(said["reason"], said["reason"])}
        case "modify_pending_order_address":
            return "change_address", {**order, "address": address(said)}
        case "modify_pending_order_payment":
            return "change_payment", {**order, "payment_method": said["payment_method_id"]}
        case "modify_user_address":
            return "update_contact", {"what": "address", "address": address(said)}
        case "return_delivered_order_items":
            return "return_item", {**order, **_items(said), "refund_to": said["payment_method_id"]}
        case _:
            intent = "change_items" if action.name == "modify_pending_order_items" else "exchange_item"
            variants = {"variants": said["new_item_ids"], "settle_with": said["payment_method_id"]}
            return intent, {**order, **_items(said), **variants}


def write_of(action: Action) -> Write:
    """The write that a tool's call about an order stands for, as a back office would be asked for it."""
    said, number = action.arguments, action.arguments["order_id"]
    match action.name:
        case "cancel_pending_order":
            return CancelOrder(number, SLUGS.get(said["reason"], said["reason"]))
        case "modify_pending_order_address":
            return ChangeAddress(number, Address(**address(said)))
        case "modify_pending_order_payment":
            return ChangePayment(number, said["payment_method_id"])
        case "return_delivered_order_items":
            lines = tuple(Line(sku, quantity) for sku, quantity in Counter(said["item_ids"]).items())
            return ReturnItems(number, lines, None, said["payment_method_id"])
        case _:
            kind = ChangeItems if action.name == "modify_pending_order_items" else ExchangeItems
            pairs = zip(said["item_ids"], said["new_item_ids"], strict=True)
            return kind(number, tuple(Swap(old, 1, new) for old, new in pairs), said["payment_method_id"])


def address(said: Mapping[str, Any]) -> Json:
    """The bench's address in our words."""
    return {
        "street": said["address1"],
        "extra": said["address2"],
        "city": said["city"],
        "region": said["state"],
        "country": said["country"],
        "postal_code": said["zip"],
    }


def spoken(office: RetailOffice, action: Action) -> list[str]:
    """What the question before the yes has to repeat: the order, the things by name, the money's way, the address."""
    said, names = action.arguments, {product.sku: product.name for product in office.products()}
    parts = [said["order_id"]] if "order_id" in said else []
    parts += [names[sku] for key in ("item_ids", "new_item_ids") for sku in said.get(key, ())]
    parts += [said[key] for key in ("address1", "address2", "city", "zip", "state", "reason") if said.get(key)]
    way = office.customer(office.order(said["order_id"]).customer_id if "order_id" in said else said["user_id"])
    if (method := way.method(said.get("payment_method_id", ""))) and not _same_price(office, said):
        parts.append(method.label)
    return parts


def _same_price(office: RetailOffice, said: Mapping[str, Any]) -> bool:
    """True for a swap that costs nothing, of which no way of paying need be told."""
    price = {product.sku: product.price for product in office.products()}
    before, after = (sum(price[sku] for sku in said.get(key, ())) for key in ("item_ids", "new_item_ids"))
    return "new_item_ids" in said and before == after


def _items(said: Mapping[str, Any]) -> Json:
    """The things meant; one of several alike needs its number said."""
    items = list(said["item_ids"])
    return {"items": items, "quantity": 1} if len(items) == 1 else {"items": items}
