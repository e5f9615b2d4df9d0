"""Build a back office's values from JSON, and say exactly which record and field cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from bot.backoffice.types import Address, Customer, Item, Order, OrderStatus, PaymentMethod, Product, Voucher
from bot.errors import BackOfficeError

T = TypeVar("T")
Raw = Mapping[str, Any]


def read_order(raw: Raw) -> Order:
    """Build an order; raise BackOfficeError naming the order and the field that is wrong."""
    return _read("order", raw, "order_number", _order)


def read_customer(raw: Raw) -> Customer:
    """Build a customer; raise BackOfficeError naming the customer and the field that is wrong."""
    return _read("customer", raw, "customer_id", _customer)


def read_product(raw: Raw) -> Product:
    """Build a product; raise BackOfficeError naming the product and the field that is wrong."""
    return _read("product", raw, "sku", _product)


def read_voucher(raw: Raw) -> Voucher:
    """Build a voucher or gift card; raise BackOfficeError naming the code and the field that is wrong."""
    return _read("voucher", raw, "code", _voucher)


def read_address(raw: object) -> Address | None:
    """Build an address from an object, or from one line of text; None from nothing."""
    if not raw:
        return None
    if isinstance(raw, str):
        return Address(street=raw)
    if not isinstance(raw, Mapping):
        raise TypeError(f"an address should be an object, not {type(raw).__name__}")
    names = ("street", "postal_code", "city", "country")
    return Address(
        **{name: str(raw.get(name) or "") for name in names},
        extra=_text(raw.get("extra")),
        region=_text(raw.get("region")),
    )


def _read(what: str, raw: Raw, name: str, build: Callable[[Raw], T]) -> T:
    try:
        return build(raw)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        number = raw.get(name, "?") if isinstance(raw, Mapping) else "?"
        raise BackOfficeError(f"{what} {number} of the back office cannot be read: {error!r}") from error


def _order(raw: Raw) -> Order:
    return Order(
        order_number=str(raw["order_number"]),
        customer_id=str(raw["customer_id"]),
        status=OrderStatus(raw["status"]),
        placed_at=str(raw["placed_at"]),
        items=tuple(_item(item) for item in raw["items"]),
        total=Decimal(str(raw["total"])),
        email=str(raw["email"]),
        carrier=_text(raw.get("carrier")),
        tracking_code=_text(raw.get("tracking_code")),
        expected_at=_text(raw.get("expected_at")),
        delivered_at=_text(raw.get("delivered_at")),
        delivery_day=_text(raw.get("delivery_day")),
        hold=_text(raw.get("hold")),
        address=read_address(raw.get("address")),
        payment_method=_text(raw.get("payment_method")),
        delivery_charge=_amount(raw.get("delivery_charge")) or Decimal(0),
        discount=_amount(raw.get("discount")) or Decimal(0),
        voucher=_text(raw.get("voucher")),
        acts=frozenset(map(str, raw.get("acts") or ())),
        returned={str(sku): int(count) for sku, count in (raw.get("returned") or {}).items()},
    )


def _item(raw: Raw) -> Item:
    price = _amount(raw.get("unit_price")) or Decimal(0)
    return Item(str(raw["sku"]), str(raw["name"]), int(raw["quantity"]), price, _text(raw.get("engraving")))


def _customer(raw: Raw) -> Customer:
    return Customer(
        customer_id=str(raw["customer_id"]),
        name=str(raw["name"]),
        email=str(raw["email"]),
        phone=_text(raw.get("phone")),
        address=read_address(raw.get("address")),
        language=str(raw.get("language") or "en"),
        payment_methods=tuple(
            PaymentMethod(str(method["id"]), str(method["kind"]), str(method["label"]), _amount(method.get("balance")))
            for method in raw.get("payment_methods") or ()
        ),
    )


def _product(raw: Raw) -> Product:
    return Product(
        sku=str(raw["sku"]),
        name=str(raw["name"]),
        price=Decimal(str(raw["price"])),
        kind=str(raw.get("kind") or ""),
        family=str(raw.get("family") or ""),
        options={str(name): str(value) for name, value in (raw.get("options") or {}).items()},
        in_stock=int(raw.get("in_stock") or 0),
        description=str(raw.get("description") or ""),
        tags=tuple(map(str, raw.get("tags") or ())),
    )


def _voucher(raw: Raw) -> Voucher:
    return Voucher(
        code=str(raw["code"]),
        kind=str(raw["kind"]),
        percent=_amount(raw.get("percent")),
        amount=_amount(raw.get("amount")),
        balance=_amount(raw.get("balance")),
        minimum=_amount(raw.get("minimum")),
        valid_until=_text(raw.get("valid_until")),
        applies_to=_text(raw.get("applies_to")),
        first_order_only=bool(raw.get("first_order_only")),
        customer_id=_text(raw.get("customer_id")),
    )


def _text(value: object) -> str | None:
    return str(value) if value not in (None, "") else None


def _amount(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))
