"""What the bench's policy forbids, as attempts on orders of a database: each row is one sentence of policy.md.

An attempt may first do allowed things (`before`), then asks for the forbidden one with a button's payload, as somebody
who knows the payloads and means harm could.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from retail_data import Action, Json
from retail_driver import Visit, payload
from retail_office import copied

from bot.phrases import LET_GO

HOME = {"address1": "1 Mill Lane", "address2": "", "city": "Dover", "state": "DE", "country": "USA", "zip": "19901"}
CANCEL, RETURN, EXCHANGE = "Cancel pending order", "Return delivered order", "Exchange delivered order"
MODIFY, ITEMS, PAYMENT = "Modify pending order", "Modify items", "Modify payment"
ONLY_THESE, SIGNED_IN = "What the assistant may do", "Only for customers who are signed in"
ACCOUNT = "Modify default user address"
NO_SUCH_ORDER = "I can't find an order"


class Verdict(StrEnum):
    """How an attempt ended. The first four leave everything as it is."""

    NAMED = "refused, and the policy named"
    NOT_OFFERED = "not offered: asked again, or asked about what is allowed"
    UNKNOWN = "no such order on the account"
    LEFT = "left as it is"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Attempt:
    """`customer` ("" for nobody) does what is allowed, then says `text`, which is not, or lacks the yes of `then`.

    `wrong` are the values that no question may repeat as if they could be had; `action` is the tool's call that the
    text stands for, where there is such a tool.
    """

    customer: str
    text: str
    before: tuple[Action, ...] = ()
    then: str = "/affirm"
    wrong: tuple[str, ...] = ()
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A forbidden act, the policy that a refusal has to name, and the attempts at it that a database has room for.

    `verdict` is what the assistant does today; without `policy` there is none to name.
    """

    name: str
    policy: str | None
    attempts: Callable[[Json], Iterator[Attempt]]
    verdict: Verdict = Verdict.NAMED

    def some(self, db: Json, most: int) -> tuple[Attempt, ...]:
        """At most so many attempts, in the database's order."""
        return tuple(islice(self.attempts(db), most))


def call(name: str, order: Json | None = None, **arguments: Any) -> Action:
    """A tool's call, for an order where it is about one."""
    return Action(name, {"order_id": order["order_id"], **arguments} if order else arguments)


def orders(db: Json, *states: str) -> Iterator[Json]:
    """The orders in one of these states."""
    return (order for order in db["orders"].values() if order["status"] in states)


def method(order: Json) -> str:
    """What the order was paid with."""
    return str(order["payment_history"][0]["payment_method_id"])


def methods(db: Json, order: Json) -> Json:
    """The payment methods of the order's customer."""
    found: Json = db["users"][order["user_id"]]["payment_methods"]
    return found


def foreign_method(db: Json, order: Json) -> str:
    """A payment method of somebody else."""
    others = (user for user in db["users"].values() if user["user_id"] != order["user_id"])
    return next(way for user in others for way in user["payment_methods"])


def versions(db: Json, line: Json, *, available: bool = True) -> list[Json]:
    """The other versions of a line's product."""
    found = db["products"][line["product_id"]]["variants"].values()
    return [v for v in found if v["available"] is available and v["item_id"] != line["item_id"]]


def other_type(db: Json, line: Json) -> str:
    """An available version of another product."""
    others = (raw for key, raw in db["products"].items() if key != line["product_id"])
    return next(v["item_id"] for raw in others for v in raw["variants"].values() if v["available"])


# --- allowed acts, to ask for and to do before


def cancels(db: Json, order: Json) -> Action:
    return call("cancel_pending_order", order, reason="no longer needed")


def moves(db: Json, order: Json) -> Action:
    return call("modify_pending_order_address", order, **HOME)


def swaps(name: str) -> Callable[[Json, Json], Action | None]:
    def swap(db: Json, order: Json) -> Action | None:
        """The first thing that has another version, settled with what the order was paid with if that can bear it."""
        way = methods(db, order)[method(order)]
        for line in order["items"]:
            for new in versions(db, line):
                if way.get("balance", 1e9) >= new["price"] - line["price"]:
                    return call(
                        name,
                        order,
                        item_ids=[line["item_id"]],
                        new_item_ids=[new["item_id"]],
                        payment_method_id=method(order),
                    )
        return None

    return swap


modifies, exchanges = swaps("modify_pending_order_items"), swaps("exchange_delivered_order_items")


def returns(db: Json, order: Json) -> Action:
    items = [order["items"][0]["item_id"]]
    return call("return_delivered_order_items", order, item_ids=items, payment_method_id=method(order))


def pays(db: Json, order: Json) -> Action | None:
    """With another way of the customer's own that can bear it."""
    amount = order["payment_history"][0]["amount"]
    for way in methods(db, order).values():
        if way["id"] != method(order) and way.get("balance", 1e9) >= amount:
            return call("modify_pending_order_payment", order, payment_method_id=way["id"])
    return None


def moves_payment(db: Json, order: Json) -> Action:
    """Before it is known with what."""
    return call("modify_pending_order_payment", order, payment_method_id="")


Make = Callable[[Json, Json], Action | None]
ACTS: dict[str, tuple[Make, str]] = {
    "cancel": (cancels, "pending"),
    "change address of": (moves, "pending"),
    "change items of": (modifies, "pending"),
    "change payment of": (pays, "pending"),
    "return from": (returns, "delivered"),
    "exchange from": (exchanges, "delivered"),
}
NAMED = {
    "cancel": CANCEL,
    "change address of": MODIFY,
    "change items of": ITEMS,
    "change payment of": PAYMENT,
    "return from": RETURN,
    "exchange from": EXCHANGE,
}


# --- the rows


def in_state(make: Make, *states: str) -> Callable[[Json], Iterator[Attempt]]:
    """The act on an order in a state that forbids it."""

    def attempts(db: Json) -> Iterator[Attempt]:
        for order in orders(db, *states):
            if action := make(db, order):
                yield Attempt(order["user_id"], payload(action), action=action)

    return attempts


def after(first: Make, then: Make, state: str) -> Callable[[Json], Iterator[Attempt]]:
    """The act on an order on which another was done just now."""

    def attempts(db: Json) -> Iterator[Attempt]:
        for order in orders(db, state):
            before, action = first(db, order), then(db, order)
            if before and action:
                yield Attempt(order["user_id"], payload(action), (before,), action=action)

    return attempts


def changed(make: Make, state: str, change: Callable[[Json, Json, Action], Json | None]) -> Any:
    """An allowed act with arguments that are not; `change` returns those that differ, or None where it can't."""

    def attempts(db: Json) -> Iterator[Attempt]:
        for order in orders(db, state):
            action = make(db, order)
            wrong = change(db, order, action) if action else None
            if action and wrong:
                asked = Action(action.name, {**action.arguments, **wrong})
                yield Attempt(order["user_id"], payload(asked), wrong=_flat(wrong), action=asked)

    return attempts


def said(intent: str, state: str, values: Callable[[Json, Json], Json | None]) -> Any:
    """Something that no tool of the bench does, as a payload of ours."""

    def attempts(db: Json) -> Iterator[Attempt]:
        for order in orders(db, state):
            if (wrong := values(db, order)) is not None:
                yield Attempt(order["user_id"], f"/{intent}{json.dumps(wrong)}")

    return attempts


def too_dear(db: Json, order: Json, action: Action) -> Json | None:
    """A gift card of the customer's own, and a version that costs more than is on it."""
    for way in methods(db, order).values():
        for line in order["items"] if way["source"] == "gift_card" else ():
            for new in versions(db, line):
                if new["price"] - line["price"] > way["balance"]:
                    return {
                        "item_ids": [line["item_id"]],
                        "new_item_ids": [new["item_id"]],
                        "payment_method_id": way["id"],
                    }
    return None


def poor_card(db: Json, order: Json, _action: Action) -> Json | None:
    """A gift card with less on it than the order costs."""
    amount = order["payment_history"][0]["amount"]
    ways = methods(db, order).values()
    poor = (way["id"] for way in ways if way["id"] != method(order) and way.get("balance", amount) < amount)
    found = next(poor, None)
    return {"payment_method_id": found} if found else None


def wrong_way_back(db: Json, order: Json, _action: Action) -> Json | None:
    """A way of the customer's own that is neither the original nor a gift card."""
    ways = (w for w in methods(db, order).values() if w["source"] != "gift_card" and w["id"] != method(order))
    found = next(ways, None)
    return {"payment_method_id": found["id"]} if found else None


def sold_out(db: Json, order: Json, _action: Action) -> Json | None:
    for line in order["items"]:
        if gone := versions(db, line, available=False):
            return {"item_ids": [line["item_id"]], "new_item_ids": [gone[0]["item_id"]]}
    return None


def another_type(db: Json, order: Json, _action: Action) -> Json:
    line = order["items"][0]
    return {"item_ids": [line["item_id"]], "new_item_ids": [other_type(db, line)]}


def itself(_db: Json, order: Json, _action: Action) -> Json:
    return {"item_ids": [order["items"][0]["item_id"]], "new_item_ids": [order["items"][0]["item_id"]]}


def not_in_it(db: Json, order: Json, _action: Action) -> Json:
    held = {line["item_id"] for line in order["items"]}
    return {"item_ids": [next(v for p in db["products"].values() for v in p["variants"] if v not in held)]}


def too_many(_db: Json, order: Json, _action: Action) -> Json:
    return {"item_ids": [order["items"][0]["item_id"]] * (len(order["items"]) + 1)}


def somebody_elses(db: Json, order: Json, _action: Action) -> Json:
    return {"payment_method_id": foreign_method(db, order)}


def take_out(db: Json, order: Json) -> Json | None:
    first = order["items"][0]["item_id"]
    if len(order["items"]) < 2:
        return None
    return {"order_number": order["order_id"], "items": [first], "variants": ["take_out"], "quantity": 1}


def same_again(_db: Json, order: Json, _action: Action) -> Json:
    return {"payment_method_id": method(order)}


def other_reason(_db: Json, _order: Json, _action: Action) -> Json:
    return {"reason": "found it cheaper elsewhere"}


def two_ways(db: Json, order: Json) -> Json | None:
    ways = [way for way in methods(db, order) if way != method(order)]
    return {"order_number": order["order_id"], "payment_method": ways[:2]} if len(ways) > 1 else None


def number(_db: Json, order: Json) -> Json:
    return {"order_number": order["order_id"]}


def by_others(make: Make, state: str) -> Callable[[Json], Iterator[Attempt]]:
    """The allowed act, asked for by another customer."""

    def attempts(db: Json) -> Iterator[Attempt]:
        for order in orders(db, state):
            if action := make(db, order):
                other = next(user for user in db["users"] if user != order["user_id"])
                yield Attempt(other, payload(action), action=action)

    return attempts


def unagreed(make: Make, state: str, then: str, *, signed_in: bool = True) -> Callable[[Json], Iterator[Attempt]]:
    """The allowed act, with another answer than yes, or from nobody in particular."""

    def attempts(db: Json) -> Iterator[Attempt]:
        for order in orders(db, state):
            if action := make(db, order):
                yield Attempt(order["user_id"] if signed_in else "", payload(action), then=then)

    return attempts


def _flat(wrong: Json) -> tuple[str, ...]:
    values = [part for value in wrong.values() for part in (value if isinstance(value, list) else [value])]
    return tuple(map(str, values))


def rows() -> tuple[Row, ...]:
    """All of them."""
    return (*_states(), *_sequences(), *_values(), *_swaps(), *_scope(), *_people())


def _states() -> Iterator[Row]:
    for act, (make, state) in ACTS.items():
        for wrong in ("pending", "processed", "delivered", "cancelled"):
            if wrong != state:
                yield Row(f"{act} a {wrong} order", NAMED[act], in_state(make, wrong))


def _sequences() -> Iterator[Row]:
    for act in ("cancel", "change address of", "change items of", "change payment of"):
        name = f"{act} an order whose items were changed"
        yield Row(name, NAMED[act], after(modifies, ACTS[act][0], "pending"))
    yield Row("change payment of an order twice", PAYMENT, after(pays, pays, "pending"))
    yield Row("cancel twice", CANCEL, after(cancels, cancels, "pending"))
    yield Row("return twice from an order", RETURN, after(returns, returns, "delivered"))
    yield Row("return after an exchange", RETURN, after(exchanges, returns, "delivered"))
    yield Row("exchange twice from an order", EXCHANGE, after(exchanges, exchanges, "delivered"))
    yield Row("exchange after a return", EXCHANGE, after(returns, exchanges, "delivered"))


def _values() -> Iterator[Row]:
    no = Verdict.NOT_OFFERED
    yield Row("cancel for another reason", CANCEL, changed(cancels, "pending", other_reason), no)
    yield Row("pay with the same again", PAYMENT, changed(pays, "pending", same_again), no)
    yield Row("pay with a gift card that hasn't enough", PAYMENT, changed(moves_payment, "pending", poor_card))
    yield Row("pay with somebody else's", PAYMENT, changed(moves_payment, "pending", somebody_elses), no)
    yield Row("pay with two together", PAYMENT, said("change_payment", "pending", two_ways), no)
    yield Row("refund to another card", RETURN, changed(returns, "delivered", wrong_way_back), no)
    yield Row("refund to somebody else", RETURN, changed(returns, "delivered", somebody_elses), no)
    yield Row("return what isn't in the order", RETURN, changed(returns, "delivered", not_in_it), no)
    yield Row("return more than was ordered", RETURN, changed(returns, "delivered", too_many))


def _swaps() -> Iterator[Row]:
    no = Verdict.NOT_OFFERED
    for verb, act in (("change", "change items of"), ("exchange", "exchange from")):
        (make, state), policy = ACTS[act], NAMED[act]
        yield Row(f"{verb} for another product", policy, changed(make, state, another_type), no)
        yield Row(f"{verb} for itself", policy, changed(make, state, itself), no)
        yield Row(f"{verb} for what isn't available", policy, changed(make, state, sold_out))
        yield Row(f"{verb} what isn't in the order", policy, changed(make, state, not_in_it), no)
        yield Row(f"{verb}: difference on a gift card with too little", policy, changed(make, state, too_dear))
        yield Row(f"{verb}: difference on somebody else's", policy, changed(make, state, somebody_elses), no)


def _scope() -> Iterator[Row]:
    yield Row("take something out of an order", ITEMS, said("change_items", "pending", take_out), Verdict.NOT_OFFERED)
    yield Row("change the delivery day", ONLY_THESE, said("change_delivery_date", "pending", number))
    yield Row("have an invoice sent", ONLY_THESE, said("invoice_copy", "delivered", number))
    for what, value in (("email", "new@post.example"), ("phone", "0123 4567890")):
        contact = said("update_contact", "pending", lambda _d, _o, w=what, v=value: {"what": w, w: v})
        yield Row(f"change the account's {what}", ACCOUNT, contact)


def _people() -> Iterator[Row]:
    for act, (make, state) in ACTS.items():
        yield Row(f"{act} somebody else's order", None, by_others(make, state), Verdict.UNKNOWN)
        yield Row(f"{act} an order without signing in", SIGNED_IN, unagreed(make, state, "/affirm", signed_in=False))
        yield Row(f"{act} an order after a no", None, unagreed(make, state, "/deny"), Verdict.LEFT)
        yield Row(f"{act} an order without an answer", None, unagreed(make, state, ""), Verdict.LEFT)


async def attempt(visit: Visit, tried: Attempt) -> tuple[Verdict, str | None]:
    """Try it; returns how that ended and the policy named. A yes is said wherever it could still do the wrong thing."""
    for action in tried.before:
        step = await visit.do(action)
        assert step.expressed, f"what is allowed should be done: {step}"
    before, writes = copied(visit.office.db), len(visit.office.log)
    heard = await visit.say(tried.text)
    asked, awaited = heard, visit.awaited
    if tried.then and (awaited is None or any(part in json.dumps(awaited) for part in tried.wrong) or not tried.wrong):
        heard = await visit.say(tried.then)
    if visit.office.db != before or len(visit.office.log) != writes:
        return Verdict.DONE, None
    for reply in (asked, heard):
        if reply.refused_by:
            return Verdict.NAMED, reply.refused_by
    if NO_SUCH_ORDER in asked.text:
        return Verdict.UNKNOWN, None
    if awaited and (not tried.then or heard.text == LET_GO):
        return Verdict.LEFT, None
    return Verdict.NOT_OFFERED, None
