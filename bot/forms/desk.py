"""What a form looks at: the customer, the customer's orders, the goods, the company's terms, the day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from bot.backoffice.terms import Terms
from bot.backoffice.types import Customer, Order, Product


@dataclass(frozen=True, slots=True)
class Desk:
    """One look at the back office; `orders` are the customer's, newest first."""

    customer: Customer
    orders: tuple[Order, ...]
    products: Mapping[str, Product]
    terms: Terms
    today: date
    currency: str = "EUR"

    def order(self, order_number: object) -> Order | None:
        """The customer's own order of this number."""
        return next((order for order in self.orders if order.order_number == order_number), None)

    def variants(self, sku: str) -> tuple[Product, ...]:
        """The other products of this one's family, in stock or not."""
        family = self.products[sku].family if sku in self.products else ""
        return tuple(p for p in self.products.values() if family and p.family == family and p.sku != sku)
