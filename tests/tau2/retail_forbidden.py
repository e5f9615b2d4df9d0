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

import retail_acts as acts
from retail_acts import ACTS, Make
from retail_data import Action, Json
from retail_driver import KINDS, Visit, payload
from retail_office import copied

from bot.actions.fill_form import OWN_ORDERS
from bot.phrases import LET_GO

CANCEL, RETURN, EXCHANGE = "Cancel pending order", "Return delivered order", "Exchange delivered order"
MODIFY, ITEMS, PAYMENT = "Modify pending order", "Modify items", "Modify payment"
ONLY_THESE, SIGNED_IN = "What the assistant may do", "Only for customers who are signed in"
ACCOUNT = "Modify default user address"
NO_SUCH_ORDER = "I can't find an order"
NAMED = {
    "cancel": CANCEL,
    "change address of": MODIFY,
    "change items of": ITEMS,
    "change payment of": PAYMENT,
    "return from": RETURN,
    "exchange from": EXCHANGE,
}


# What hasn't been sent is changed and what has come is exchanged, whichever of the two words the customer uses.
SWAPPED_LATER_OR_SOONER = {("change items of", "delivered"), ("exchange from", "pending")}


class Verdict(StrEnum):
    """How an attempt ended. All but the last leave everything as it is."""

    NAMED = "refused, and the policy named"
    NOT_OFFERED = "not offered: asked again, or asked about what is allowed"
    OTHERWISE = "asked about the other act, which is allowed"
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


Attempts = Callable[[Json], Iterator[Attempt]]


@dataclass(frozen=True, slots=True)
class Row:
    """A forbidden act, the policy that a refusal has to name, and the attempts at it that a database has room for.

    `verdict` is what the assistant does today; without `policy` there is none to name.
    """

    name: str
    policy: str | None
    attempts: Attempts
    verdict: Verdict = Verdict.NAMED

    def some(self, db: Json, most: int) -> tuple[Attempt, ...]:
        """At most so many attempts, in the database's order."""
        return tuple(islice(self.attempts(db), most))


def in_state(make: Make, *states: str) -> Attempts:
    """The act on an order in a state that forbids it."""

    def attempts(db: Json) -> Iterator[Attempt]:
        for order in acts.orders(db, *states):
            if action := make(db, order):
                yield Attempt(order["user_id"], payload(action), action=action)

    return attempts


def after(first: Make, then: Make, state: str) -> Attempts:
    """The act on an order on which another was done just now."""

    def attempts(db: Json) -> Iterator[Attempt]:
        for order in acts.orders(db, state):
            before, action = first(db, order), then(db, order)
            if before and action:
                yield Attempt(order["user_id"], payload(action), (before,), action=action)

    return attempts


def changed(make: Make, state: str, change: Callable[[Json, Json, Action], Json | None]) -> Attempts:
    """An allowed act with arguments that are not; `change` returns those that differ, or None where it can't."""

    def attempts(db: Json) -> Iterator[Attempt]:
        for order in acts.orders(db, state):
            action = make(db, order)
            wrong = change(db, order, action) if action else None
            if action and wrong:
                asked = Action(action.name, {**action.arguments, **wrong})
                yield Attempt(order["user_id"], payload(asked), wrong=_flat(wrong), action=asked)

    return attempts


def said(intent: str, state: str, values: Callable[[Json, Json], Json | None]) -> Attempts:
    """Something that no tool of the bench does, as a payload of ours."""

    def attempts(db: Json) -> Iterator[Attempt]:
        for order in acts.orders(db, state):
            if (wrong := values(db, order)) is not None:
                yield Attempt(order["user_id"], f"/{intent}{json.dumps(wrong)}")

    return attempts


def by_others(make: Make, state: str) -> Attempts:
    """The allowed act, asked for by another customer."""

    def attempts(db: Json) -> Iterator[Attempt]:
        for order in acts.orders(db, state):
            if action := make(db, order):
                other = next(user for user in db["users"] if user != order["user_id"])
                yield Attempt(other, payload(action), action=action)

    return attempts


def unagreed(make: Make, state: str, then: str, *, signed_in: bool = True) -> Attempts:
    """The allowed act, with another answer than yes, or from nobody in particular."""

    def attempts(db: Json) -> Iterator[Attempt]:
        for order in acts.orders(db, state):
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
            verdict = Verdict.OTHERWISE if (act, wrong) in SWAPPED_LATER_OR_SOONER else Verdict.NAMED
            if wrong != state:
                yield Row(f"{act} a {wrong} order", NAMED[act], in_state(make, wrong), verdict)


def _sequences() -> Iterator[Row]:
    for act in ("cancel", "change address of", "change items of", "change payment of"):
        name = f"{act} an order whose items were changed"
        yield Row(name, NAMED[act], after(acts.modifies, ACTS[act][0], "pending"))
    yield Row("change payment of an order twice", PAYMENT, after(acts.pays, acts.pays, "pending"))
    yield Row("cancel twice", CANCEL, after(acts.cancels, acts.cancels, "pending"))
    yield Row("return twice from an order", RETURN, after(acts.returns, acts.returns, "delivered"))
    yield Row("return after an exchange", RETURN, after(acts.exchanges, acts.returns, "delivered"))
    yield Row("exchange twice from an order", EXCHANGE, after(acts.exchanges, acts.exchanges, "delivered"))
    yield Row("exchange after a return", EXCHANGE, after(acts.returns, acts.exchanges, "delivered"))


def _values() -> Iterator[Row]:
    yield Row("cancel for another reason", CANCEL, changed(acts.cancels, "pending", acts.other_reason))
    yield Row("pay with the same again", PAYMENT, changed(acts.pays, "pending", acts.same_again))
    yield Row(
        "pay with a gift card that hasn't enough", PAYMENT, changed(acts.moves_payment, "pending", acts.poor_card)
    )
    yield Row("pay with somebody else's", PAYMENT, changed(acts.moves_payment, "pending", acts.somebody_elses))
    yield Row("pay with two together", PAYMENT, said("change_payment", "pending", acts.two_ways))
    yield Row("refund to another card", RETURN, changed(acts.returns, "delivered", acts.wrong_way_back))
    yield Row("refund to somebody else", RETURN, changed(acts.returns, "delivered", acts.somebody_elses))
    yield Row("return what isn't in the order", RETURN, changed(acts.returns, "delivered", acts.not_in_it))
    yield Row("return more than was ordered", RETURN, changed(acts.returns, "delivered", acts.too_many))


def _swaps() -> Iterator[Row]:
    for verb, act in (("change", "change items of"), ("exchange", "exchange from")):
        (make, state), policy = ACTS[act], NAMED[act]
        yield Row(f"{verb} for another product", policy, changed(make, state, acts.another_type))
        yield Row(f"{verb} for itself", policy, changed(make, state, acts.itself))
        yield Row(f"{verb} for what isn't available", policy, changed(make, state, acts.sold_out))
        yield Row(f"{verb} what isn't in the order", policy, changed(make, state, acts.not_in_it))
        yield Row(f"{verb}: difference on a gift card with too little", policy, changed(make, state, acts.too_dear))
        yield Row(f"{verb}: difference on somebody else's", policy, changed(make, state, acts.somebody_elses))


def _scope() -> Iterator[Row]:
    yield Row("take something out of an order", ITEMS, said("change_items", "pending", acts.take_out))
    yield Row("change the delivery day", ONLY_THESE, said("change_delivery_date", "pending", acts.number))
    yield Row("have an invoice sent", ONLY_THESE, said("invoice_copy", "delivered", acts.number))
    for what, value in (("email", "new@post.example"), ("phone", "0123 4567890")):
        contact = said("update_contact", "pending", lambda _d, _o, w=what, v=value: {"what": w, w: v})
        yield Row(f"change the account's {what}", ACCOUNT, contact)


def _people() -> Iterator[Row]:
    for act, (make, state) in ACTS.items():
        yield Row(f"{act} somebody else's order", OWN_ORDERS, by_others(make, state), Verdict.NAMED)
        yield Row(f"{act} an order without signing in", SIGNED_IN, unagreed(make, state, "/affirm", signed_in=False))
        yield Row(f"{act} an order after a no", None, unagreed(make, state, "/deny"), Verdict.LEFT)
        yield Row(f"{act} an order without an answer", None, unagreed(make, state, ""), Verdict.LEFT)


async def attempt(visit: Visit, db: Json, tried: Attempt) -> tuple[Verdict, str | None]:
    """Try it in a shop whose database is `db`; returns how that ended and the policy named.

    A yes is said wherever it could still do the wrong thing.
    """
    for action in tried.before:
        step = await visit.do(action)
        assert step.expressed, f"what is allowed should be done: {step}"
    before, writes = copied(visit.office.db) if tried.before else db, len(visit.office.log)
    heard = await visit.say(tried.text)
    asked, awaited = heard, visit.awaited
    if awaited and tried.action and awaited["write"] != KINDS[tried.action.name]:
        return Verdict.OTHERWISE, None
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
