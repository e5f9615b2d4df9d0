"""What forms say: questions, confirmations that repeat every value, and what was done."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from bot.backoffice.amounts import refund, swap_difference
from bot.backoffice.effects import fee_of
from bot.backoffice.protocol import Receipt
from bot.backoffice.types import GIFT_CARD, Order
from bot.backoffice.writes import (
    CancelOrder,
    ChangeAddress,
    ChangeDeliveryDay,
    ChangeItems,
    ChangePayment,
    ExchangeItems,
    Line,
    ReturnItems,
    SendInvoice,
    Swap,
    UpdateContact,
    Write,
)
from bot.forms.desk import Desk
from bot.phrases import day, items, money

UNDONE = "Please answer yes or no."
WHATS = {"email": "e-mail address", "phone": "phone number", "address": "default address"}


def confirm(desk: Desk, write: Write) -> str:
    """Ask for the yes, repeating what it is for."""
    return f"{_asked(desk, write)} {UNDONE}"


def _asked(desk: Desk, write: Write) -> str:
    match write:
        case CancelOrder():
            order = _order(desk, write.order_number)
            why = f", because: {_mid(desk.terms[write.name].reasons[write.reason])}" if write.reason else ""
            total = money(order.total, desk.currency)
            what = f"{items(order)}; {total} in total"
            return f"Shall I cancel order {order.order_number} ({what}){why}? This can't be undone."
        case ChangeAddress():
            return f"Shall I send order {write.order_number} to this address instead: {write.address.line()}?"
        case ChangeDeliveryDay():
            return f"Shall I ask for delivery of order {write.order_number} on {day(write.day)}?"
        case ChangeItems():
            return f"Shall I change order {write.order_number}: {swaps(desk, write)}? {difference(desk, write)}"
        case ChangePayment():
            return f"Shall I have order {write.order_number} paid with {method(desk, write.payment_method)} instead?"
        case ReturnItems():
            what = f"{lines(desk, write)} from order {write.order_number}"
            return f"Shall I arrange the return of {what}? {money_back(desk, write)}"
        case ExchangeItems():
            return f"Shall I exchange, from order {write.order_number}, {swaps(desk, write)}? {difference(desk, write)}"
        case SendInvoice():
            return f"Shall I send the invoice for order {write.order_number} to {desk.customer.email}?"
        case UpdateContact():
            new = write.address.line() if write.address else write.value
            return f"Shall I change the {WHATS[write.what]} of your account to {new}?"


def done(desk: Desk, write: str, receipt: Receipt) -> str:
    """Say what was done, from the receipt alone, so that a repeated turn says the same."""
    return " ".join(_done(desk, write, receipt).split())


def _done(desk: Desk, write: str, receipt: Receipt) -> str:
    number, told = receipt.order_number, receipt.details
    amount = Decimal(told.get("amount") or 0)
    match write:
        case CancelOrder.name:
            back = f"{money(amount, desk.currency)} goes back the way it was paid."
            return f"Done: order {number} is cancelled, and nothing will be sent. {back}"
        case ChangeAddress.name:
            return f"Done: order {number} will go to the new address."
        case ChangeDeliveryDay.name:
            return f"Done: order {number} is planned for {day(told.get('day'))}."
        case ChangeItems.name:
            return f"Done: order {number} is changed. {_settled(amount, desk.currency)}".strip()
        case ChangePayment.name:
            return f"Done: the payment of order {number} is changed."
        case ReturnItems.name:
            return (
                f"Done: return {told.get('return_number', '')} for order {number} is arranged, and the label is on its "
                f"way to {desk.customer.email}. When the parcel is back, {money(amount, desk.currency)} is refunded."
            )
        case ExchangeItems.name:
            return (
                f"Done: exchange {told.get('return_number', '')} for order {number} is arranged. A free label is on "
                f"its way to {desk.customer.email}. {_settled(amount, desk.currency)}"
            ).strip()
        case SendInvoice.name:
            return f"Done: the invoice for order {number} is on its way to {told.get('sent_to')}."
        case _:
            return f"Done: your account now says {told.get('value')}."


def lines(desk: Desk, write: ReturnItems) -> str:
    """`2 × Terracotta pot, 18 cm and 1 × Hand trowel`."""
    return listed([f"{line.quantity} × {_name(desk, line.sku, write.order_number)}" for line in write.lines])


def swaps(desk: Desk, write: ChangeItems | ExchangeItems) -> str:
    """`1 × Pot, 18 cm for Pot, 28 cm and without 1 × Saucer`."""
    return listed([_swap(desk, swap, write.order_number) for swap in write.swaps])


def money_back(desk: Desk, write: ReturnItems) -> str:
    """Say how much comes back, where to, and what is taken off."""
    order, term = _order(desk, write.order_number), desk.terms[write.name]
    fee = fee_of(term, write.reason)
    back = money(refund(order, list[Line](write.lines), fee), desk.currency)
    less = f" (after {money(fee, desk.currency)} for the label)" if fee else ""
    where = "onto a gift card" if write.refund_to == GIFT_CARD else f"to {method(desk, write.refund_to)}"
    why = f" Reason: {_mid(term.reasons[write.reason])}." if write.reason else ""
    return f"{back}{less} will be refunded {where}.{why}"


def difference(desk: Desk, write: ChangeItems | ExchangeItems) -> str:
    """Say what a swap costs, or what comes back, and how it is settled."""
    order = _order(desk, write.order_number)
    cost = swap_difference(write.swaps, order, desk.products)
    way = method(desk, write.settle_with or order.payment_method or "")
    if cost > 0:
        return f"{money(cost, desk.currency)} more will be charged to {way}."
    if cost < 0:
        return f"{money(-cost, desk.currency)} will be refunded to {way}."
    return "The price stays the same."


def method(desk: Desk, payment_id: str) -> str:
    """A payment method's label, or words for one that isn't on the account any more."""
    found = desk.customer.method(payment_id)
    return found.label if found else "the way the order was paid"


def listed(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else list(parts))


def _mid(title: str) -> str:
    """A title as it stands in the middle of a sentence; "I" stays a capital."""
    return title if re.match(r"I\b", title) else title[:1].lower() + title[1:]


def _settled(amount: Decimal, currency: str) -> str:
    if amount > 0:
        return f"{money(amount, currency)} goes back the way the order was paid."
    return f"{money(-amount, currency)} is charged the way the order was paid." if amount < 0 else ""


def _swap(desk: Desk, swap: Swap, order_number: str) -> str:
    old = f"{swap.quantity} × {_name(desk, swap.sku, order_number)}"
    return f"{old} for {desk.products[swap.new_sku].name}" if swap.new_sku else f"{old} taken out"


def _name(desk: Desk, sku: str, order_number: str) -> str:
    item = _order(desk, order_number).item(sku)
    return item.name if item else sku


def _order(desk: Desk, number: str) -> Order:
    found = desk.order(number)
    assert found is not None, "a write is built only for an order that the desk holds"
    return found
