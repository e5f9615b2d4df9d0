"""The rules: whether the company's terms forbid a write, and which of them does.

Plain functions of their arguments: the same rules refuse in the conversation, before anything more is asked, and in the
back office's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from bot.backoffice.amounts import swap_difference
from bot.backoffice.terms import SAYS, WEEKDAYS, Refusal, Term, Terms, sentence
from bot.backoffice.types import GIFT_CARD, Customer, Order, Product
from bot.backoffice.writes import (
    CancelOrder,
    ChangeAddress,
    ChangeDeliveryDay,
    ChangeItems,
    ChangePayment,
    ExchangeItems,
    Line,
    ReturnItems,
    Swap,
    UpdateContact,
    Write,
)

NOT_ALLOWED = Refusal("not_offered", "What the assistant may do", SAYS["not_offered"])


@dataclass(frozen=True, slots=True)
class Case:
    """A write with all that the terms look at."""

    term: Term
    write: Write
    order: Order | None
    customer: Customer
    products: Mapping[str, Product]
    today: date


def refusal(
    write: Write,
    order: Order | None,
    customer: Customer,
    products: Mapping[str, Product],
    terms: Terms,
    today: date,
    *,
    only: frozenset[str] | None = None,
) -> Refusal | None:
    """Return the first rule that forbids the write, or None if the company allows it. `only` limits the rules."""
    term = terms.get(write.name)
    if term is None:
        return NOT_ALLOWED
    case = Case(term, write, order, customer, products, today)
    for rule, broken in RULES:
        if (only is None or rule in only) and broken(case):
            return Refusal(rule, term.policy, sentence(term, rule, case.write), term.article)
    return None


def state_refusal(name: str, order: Order, terms: Terms, today: date) -> Refusal | None:
    """Say whether the order as a whole forbids a write, whatever else would be asked for."""
    term = terms.get(name)
    if term is None:
        return NOT_ALLOWED
    broken = (
        "status"
        if _wrong_status(term, order)
        else "once"
        if order.acts & set(term.not_after)
        else "window"
        if _too_late(term, order, today)
        else None
    )
    return Refusal(broken, term.policy, sentence(term, broken), term.article) if broken else None


def item_refusal(name: str, sku: str, order: Order, products: Mapping[str, Product], terms: Terms) -> Refusal | None:
    """Say whether an article of the order is excepted from a write."""
    term = terms[name]
    broken = (
        "kind"
        if _kind(sku, products) in term.never_kinds
        else "engraved"
        if term.not_engraved and any(item.engraving for item in order.items if item.sku == sku)
        else None
    )
    return Refusal(broken, term.policy, sentence(term, broken), term.article) if broken else None


def _wrong_status(term: Term, order: Order | None) -> bool:
    return order is not None and term.statuses is not None and order.status not in term.statuses


def _too_late(term: Term, order: Order | None, today: date) -> bool:
    delivered = order.delivered_on() if order else None
    return term.within_days is not None and delivered is not None and (today - delivered).days > term.within_days


def _kind(sku: str, products: Mapping[str, Product]) -> str:
    return products[sku].kind if sku in products else ""


def _lines(write: Write) -> tuple[Line | Swap, ...]:
    if isinstance(write, ReturnItems):
        return write.lines
    return write.swaps if isinstance(write, ChangeItems | ExchangeItems) else ()


def _bad_lines(case: Case) -> bool:
    if not isinstance(case.write, ReturnItems | ChangeItems | ExchangeItems):
        return False
    lines, order = _lines(case.write), case.order
    asked: dict[str, int] = {}
    for line in lines:
        asked[line.sku] = asked.get(line.sku, 0) + line.quantity
    if not lines or order is None or any(line.quantity < 1 for line in lines):
        return True
    return any(count > order.left(sku) for sku, count in asked.items())


def _excepted(case: Case, rule: str) -> bool:
    if case.order is None:
        return False
    terms = {case.write.name: case.term}
    found = (item_refusal(case.write.name, line.sku, case.order, case.products, terms) for line in _lines(case.write))
    return any(refused and refused.rule == rule for refused in found)


def _swaps(case: Case) -> tuple[Swap, ...]:
    return case.write.swaps if isinstance(case.write, ChangeItems | ExchangeItems) else ()


def _other_family(case: Case) -> bool:
    for swap in _swaps(case):
        old, new = case.products.get(swap.sku), case.products.get(swap.new_sku or "")
        another = old and new and old.sku != new.sku and old.family and old.family == new.family
        if swap.new_sku is not None and not another:
            return True
    return False


def _sold_out(case: Case) -> bool:
    wanted: dict[str, int] = {}
    for swap in _swaps(case):
        if swap.new_sku is not None:
            wanted[swap.new_sku] = wanted.get(swap.new_sku, 0) + swap.quantity
    return any(case.products[sku].in_stock < count for sku, count in wanted.items())


def _removes(case: Case) -> bool:
    out = sum(swap.quantity for swap in _swaps(case) if swap.new_sku is None)
    return out > 0 and (
        not case.term.may_remove or case.order is None or out >= sum(i.quantity for i in case.order.items)
    )


def _wrong_day(case: Case) -> bool:
    if not isinstance(case.write, ChangeDeliveryDay) or not case.term.weekdays:
        return False
    return WEEKDAYS[date.fromisoformat(case.write.day).weekday()] not in case.term.weekdays


def _too_far(case: Case) -> bool:
    if not isinstance(case.write, ChangeDeliveryDay):
        return False
    day, ahead = date.fromisoformat(case.write.day), case.term.days_ahead
    return day <= case.today or (ahead is not None and day > case.today + timedelta(days=ahead))


def _other_country(case: Case) -> bool:
    if not isinstance(case.write, ChangeAddress) or not case.term.same_country:
        return False
    old = case.order.address if case.order else None
    return bool(old and old.country and case.write.address.country.casefold() != old.country.casefold())


def _wrong_refund(case: Case) -> bool:
    if not isinstance(case.write, ReturnItems):
        return False
    return case.write.refund_to not in refund_ways(case.term, case.order, case.customer)


def refund_ways(term: Term, order: Order | None, customer: Customer) -> tuple[str, ...]:
    """Where a refund of this order may go: payment methods' ids, and "gift_card" for a new one."""
    ways = [order.payment_method] if order and order.payment_method and "original" in term.refund_to else []
    if "own_gift_card" in term.refund_to:
        ways += [method.id for method in customer.payment_methods if method.kind == GIFT_CARD]
    if "new_gift_card" in term.refund_to:
        ways.append(GIFT_CARD)
    return tuple(dict.fromkeys(ways))


def _settled_by(case: Case) -> str | None:
    if isinstance(case.write, ChangePayment):
        return case.write.payment_method
    return case.write.settle_with if isinstance(case.write, ChangeItems | ExchangeItems) else None


def _not_theirs(case: Case) -> bool:
    method = _settled_by(case)
    if isinstance(case.write, ChangeItems | ExchangeItems) and case.term.settle == "original":
        return method is not None and (case.order is None or method != case.order.payment_method)
    return method is not None and case.customer.method(method) is None


def _too_little(case: Case) -> bool:
    paid = case.order.payment_method if case.order else None
    method = case.customer.method(_settled_by(case) or paid or "")
    if method is None or method.balance is None or case.order is None:
        return False
    if isinstance(case.write, ChangePayment):
        return method.balance < case.order.total
    if not _swaps(case):
        return False
    return method.balance < swap_difference(_swaps(case), case.order, case.products)


def _same_payment(case: Case) -> bool:
    return isinstance(case.write, ChangePayment) and bool(
        case.order and case.order.payment_method == case.write.payment_method
    )


def _not_to_change(case: Case) -> bool:
    return isinstance(case.write, UpdateContact) and case.write.what not in case.term.contact


def _bad_reason(case: Case) -> bool:
    reasons = case.term.reasons
    return isinstance(case.write, CancelOrder | ReturnItems) and bool(reasons) and case.write.reason not in reasons


# In the order in which a person would look: is it possible at all, for these things, to there, paid like that.
RULES: tuple[tuple[str, Callable[[Case], bool]], ...] = (
    ("status", lambda case: _wrong_status(case.term, case.order)),
    ("once", lambda case: bool(case.order and case.order.acts & set(case.term.not_after))),
    ("window", lambda case: _too_late(case.term, case.order, case.today)),
    ("lines", _bad_lines),
    ("kind", lambda case: _excepted(case, "kind")),
    ("engraved", lambda case: _excepted(case, "engraved")),
    ("remove", _removes),
    ("family", _other_family),
    ("stock", _sold_out),
    ("reason", _bad_reason),
    ("ahead", _too_far),
    ("weekday", _wrong_day),
    ("country", _other_country),
    ("refund_to", _wrong_refund),
    ("settle", _not_theirs),
    ("same_payment", _same_payment),
    ("balance", _too_little),
    ("contact", _not_to_change),
)
