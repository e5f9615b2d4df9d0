"""The sums: what comes back for a return, what a swap costs. Amounts are rounded to cents, half up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from bot.backoffice.types import Item, Order, Product
from bot.backoffice.writes import ExchangeItems, Line, Swap

CENT = Decimal("0.01")


def refund(order: Order, lines: Sequence[Line], fee: Decimal = Decimal(0)) -> Decimal:
    """Return what comes back for these lines: the price paid after the discount, never below zero.

    The delivery charge comes back too when nothing of the order stays with the customer; `fee` is taken off. However
    an order is sent back, in parts or at once, its parts add up to what was paid: each takes the cents that are due
    by then, not those of its own share rounded.
    """
    gone = dict(order.returned)
    before = _paid(order, gone)
    for line in lines:
        gone[line.sku] = gone.get(line.sku, 0) + line.quantity
    back = _paid(order, gone) - before + (order.delivery_charge if _nothing_stays(order, gone) else Decimal(0))
    return max(Decimal(0), back - fee).quantize(CENT, ROUND_HALF_UP)


def swap_difference(swaps: Sequence[Swap], order: Order, products: Mapping[str, Product]) -> Decimal:
    """Return what the swaps cost more than what was paid; negative if money comes back."""
    before = sum((_price(order, swap.sku, swap.quantity) for swap in swaps), Decimal(0))
    after = sum((swap.quantity * products[swap.new_sku].price for swap in swaps if swap.new_sku), Decimal(0))
    return (after - before).quantize(CENT, ROUND_HALF_UP)


def _paid(order: Order, count: Mapping[str, int]) -> Decimal:
    """What was paid for so many of each article, to the cent: their price less their share of the discount."""
    goods = sum((item.unit_price * item.quantity for item in order.items), Decimal(0))
    price = sum((_price(order, sku, quantity) for sku, quantity in count.items()), Decimal(0))
    return (price - (order.discount * price / goods if goods else Decimal(0))).quantize(CENT, ROUND_HALF_UP)


def _price(order: Order, sku: str, quantity: int) -> Decimal:
    """The price of so many of an article, those of its first line first; nothing for what the order does not hold."""
    price, left = Decimal(0), quantity
    for item in _lines_of(order, sku):
        taken = min(left, item.quantity)
        price += taken * item.unit_price
        left -= taken
    return price


def _lines_of(order: Order, sku: str) -> tuple[Item, ...]:
    return tuple(item for item in order.items if item.sku == sku)


def _nothing_stays(order: Order, gone: Mapping[str, int]) -> bool:
    """True where all has gone back and nothing came in exchange."""
    skus = {item.sku for item in order.items}
    held = {sku: sum(item.quantity for item in _lines_of(order, sku)) - gone.get(sku, 0) for sku in skus}
    return ExchangeItems.name not in order.acts and not any(count > 0 for count in held.values())
