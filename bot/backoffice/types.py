"""What a back office knows: orders, customers, products, vouchers. Amounts are in the company's currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

GIFT_CARD = "gift_card"


class OrderStatus(StrEnum):
    """How far an order has come."""

    PLACED = "placed"
    PACKED = "packed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a parcel goes; `extra` is the flat, the floor or the company, `region` a state where there are such."""

    street: str
    postal_code: str = ""
    city: str = ""
    country: str = ""
    extra: str | None = None
    region: str | None = None

    def line(self) -> str:
        """The address in one line, as a label would have it."""
        town = " ".join(part for part in (self.postal_code, self.city) if part)
        return ", ".join(part for part in (self.street, self.extra, town, self.region, self.country) if part)


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A way a customer has paid; `label` may be shown ("Visa ending 4242"), `balance` is a gift card's, if known."""

    id: str
    kind: str
    label: str
    balance: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer with an account."""

    customer_id: str
    name: str
    email: str
    phone: str | None = None
    address: Address | None = None
    language: str = "en"
    payment_methods: tuple[PaymentMethod, ...] = ()

    def method(self, payment_id: str) -> PaymentMethod | None:
        """The customer's own payment method with this id."""
        return next((method for method in self.payment_methods if method.id == payment_id), None)


@dataclass(frozen=True, slots=True)
class Product:
    """Something sold; the products of one `family` differ only in their `options` (size, colour)."""

    sku: str
    name: str
    price: Decimal
    kind: str = ""
    family: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    in_stock: int = 0
    description: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an order; `unit_price` before a voucher's discount."""

    sku: str
    name: str
    quantity: int
    unit_price: Decimal = Decimal(0)
    engraving: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the back office knows it.

    `acts` names the writes that were done on it ("return_items"), for rules that allow a thing once; `returned` says
    how many of an article are on their way back or back already.
    """

    order_number: str
    customer_id: str
    status: OrderStatus
    placed_at: str
    items: tuple[Item, ...]
    total: Decimal
    email: str
    carrier: str | None = None
    tracking_code: str | None = None
    expected_at: str | None = None
    delivered_at: str | None = None
    delivery_day: str | None = None
    hold: str | None = None
    address: Address | None = None
    payment_method: str | None = None
    delivery_charge: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    voucher: str | None = None
    acts: frozenset[str] = frozenset()
    returned: Mapping[str, int] = field(default_factory=dict)

    def item(self, sku: str) -> Item | None:
        """The line of this article."""
        return next((item for item in self.items if item.sku == sku), None)

    def left(self, sku: str) -> int:
        """How many of an article the customer still has of this order."""
        return sum(item.quantity for item in self.items if item.sku == sku) - self.returned.get(sku, 0)

    def delivered_on(self) -> date | None:
        """The day it was delivered, if it was and the shop told when."""
        return datetime.fromisoformat(self.delivered_at).date() if self.delivered_at else None


@dataclass(frozen=True, slots=True)
class Voucher:
    """A discount code (`percent` or `amount` off) or, with a `balance`, a gift card."""

    code: str
    kind: str
    percent: Decimal | None = None
    amount: Decimal | None = None
    balance: Decimal | None = None
    minimum: Decimal | None = None
    valid_until: str | None = None
    applies_to: str | None = None
    first_order_only: bool = False
    customer_id: str | None = None
