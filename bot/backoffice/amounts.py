"""The sums: what comes back for a return, what a swap costs. Amounts are rounded to cents, half up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from bot.backoffice.types import Order, Product
from bot.backoffice.writes import Line, Swap

CENT = Decimal("0.01")


def refund(order: Order, lines: Sequence[Line], fee: Decimal = Decimal(0)) -> Decimal:
    """Return what comes back for these lines: the price paid after the discount, never below zero.

    The delivery charge comes back too when nothing of the order stays; `fee` is taken off.
    """
    goods = sum((item.unit_price * item.quantity for item in order.items), Decimal(0))
    back = sum((line.quantity * _unit_price(order, line.sku) for line in lines), Decimal(0))
    share = back / goods if goods else Decimal(0)
    whole = sum(line.quantity for line in lines) == sum(item.quantity for item in order.items)
    paid = back - order.discount * share + (order.delivery_charge if whole else Decimal(0)) - fee
    return max(Decimal(0), paid).quantize(CENT, ROUND_HALF_UP)


def swap_difference(swaps: Sequence[Swap], order: Order, products: Mapping[str, Product]) -> Decimal:
    """Return what the swaps cost more than what was paid; negative if money comes back."""
    before = sum((swap.quantity * _unit_price(order, swap.sku) for swap in swaps), Decimal(0))
    after = sum((swap.quantity * products[swap.new_sku].price for swap in swaps if swap.new_sku), Decimal(0))
    return (after - before).quantize(CENT, ROUND_HALF_UP)


def _unit_price(order: Order, sku: str) -> Decimal:
    item = order.item(sku)
    return item.unit_price if item else Decimal(0)
