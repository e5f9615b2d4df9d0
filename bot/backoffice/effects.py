"""What each write does to a shop's records. Plain functions on JSON: the record before in, the record after out.

The sample back office stores what they return; a shop behind HTTP does the same in its own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from bot.backoffice.amounts import refund, swap_difference
from bot.backoffice.terms import Term
from bot.backoffice.types import Customer, Order, OrderStatus, Product
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
    write_json,
)

Raw = dict[str, Any]


def order_after(write: Write, raw: Raw, order: Order, products: Mapping[str, Product]) -> Raw:
    """Return the order's record as it is after the write."""
    acts = sorted({*order.acts, write.name})
    match write:
        case CancelOrder():
            return raw | {"status": OrderStatus.CANCELLED.value, "acts": acts, "cancel_reason": write.reason}
        case ChangeAddress():
            return raw | {"address": asdict(write.address), "acts": acts}
        case ChangeDeliveryDay():
            return raw | {"delivery_day": write.day, "expected_at": write.day, "acts": acts}
        case ChangePayment():
            return raw | {"payment_method": write.payment_method, "acts": acts}
        case ChangeItems():
            total = Decimal(str(raw["total"])) + swap_difference(write.swaps, order, products)
            return raw | {"items": swapped(raw["items"], write.swaps, products), "total": str(total), "acts": acts}
        case ReturnItems() | ExchangeItems():
            lines = write.lines if isinstance(write, ReturnItems) else write.swaps
            return raw | {"acts": acts, "returned": returned_with(order.returned, lines)}
        case _:
            return raw | {"acts": acts}


def returned_with(before: Mapping[str, int], lines: tuple[Line, ...] | tuple[Swap, ...]) -> dict[str, int]:
    """How many of each article have gone back, these lines included."""
    count = dict(before)
    for line in lines:
        count[line.sku] = count.get(line.sku, 0) + line.quantity
    return count


def swapped(items: list[Raw], swaps: tuple[Swap, ...], products: Mapping[str, Product]) -> list[Raw]:
    """Return an order's lines after the swaps: old ones lowered or gone, new ones added."""
    lines = [dict(item) for item in items]
    for swap in swaps:
        left = swap.quantity
        for line in lines:
            if line["sku"] == swap.sku and left:
                taken = min(left, line["quantity"])
                line["quantity"] -= taken
                left -= taken
        if swap.new_sku:
            _add(lines, products[swap.new_sku], swap.quantity)
    return [line for line in lines if line["quantity"]]


def _add(lines: list[Raw], product: Product, quantity: int) -> None:
    for line in lines:
        if line["sku"] == product.sku and Decimal(str(line.get("unit_price"))) == product.price:
            line["quantity"] += quantity
            return
    lines.append({"sku": product.sku, "name": product.name, "quantity": quantity, "unit_price": str(product.price)})


def customer_after(write: UpdateContact, raw: Raw) -> Raw:
    """Return the customer's record as it is after the write."""
    return raw | {write.what: asdict(write.address) if write.address else write.value}


def stock_moves(write: Write, order: Order | None = None) -> dict[str, int]:
    """How the stock changes at once, by article: what is swapped in leaves the shelf, what is taken out returns.

    What a cancelled `order` held returns too; what a customer sends back is looked at first.
    """
    moves: dict[str, int] = {}
    for item in order.items if order and isinstance(write, CancelOrder) else ():
        moves[item.sku] = moves.get(item.sku, 0) + item.quantity
    if isinstance(write, ChangeItems | ExchangeItems):
        for swap in write.swaps:
            if swap.new_sku:
                moves[swap.new_sku] = moves.get(swap.new_sku, 0) - swap.quantity
            if isinstance(write, ChangeItems):
                moves[swap.sku] = moves.get(swap.sku, 0) + swap.quantity
    return moves


def return_record(write: ReturnItems | ExchangeItems, number: str, order: Order, term: Term, at: str) -> Raw:
    """Return the record of something that is on its way back."""
    lines: list[Raw] = [asdict(line) for line in (write.lines if isinstance(write, ReturnItems) else write.swaps)]
    record = {"return_number": number, "order_number": order.order_number, "items": lines, "requested_at": at}
    if isinstance(write, ReturnItems):
        back = refund(order, write.lines, fee_of(term, write.reason))
        return record | {
            "reason": write.reason,
            "refund_to": write.refund_to,
            "amount": str(back),
            "status": "requested",
        }
    return record | {"settle_with": write.settle_with, "status": "requested"}


def fee_of(term: Term, reason: str | None) -> Decimal:
    """What is taken off a refund for this reason."""
    return Decimal(0) if reason in term.free_reasons else term.fee


def details(
    write: Write, order: Order | None, customer: Customer, term: Term, products: Mapping[str, Product], number: str
) -> dict[str, str]:
    """What the customer should be told of a write that was done; see Receipt."""
    match write:
        case CancelOrder() if order:
            return {"amount": str(order.total)}
        case ReturnItems() if order:
            fee = fee_of(term, write.reason)
            return {"return_number": number, "amount": str(refund(order, write.lines, fee)), "fee": str(fee)}
        case ExchangeItems() if order:
            return {"return_number": number, "amount": str(-swap_difference(write.swaps, order, products))}
        case ChangeItems() if order:
            return {"amount": str(-swap_difference(write.swaps, order, products))}
        case SendInvoice():
            return {"sent_to": customer.email}
        case UpdateContact():
            return {"value": write.address.line() if write.address else str(write.value)}
        case _:
            return {str(name): str(value) for name, value in write_json(write).items() if isinstance(value, str)}
