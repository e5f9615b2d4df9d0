"""The acts an assistant may ask of a back office. Each is a plain value that JSON can hold and hand back unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from bot.backoffice.types import Address


@dataclass(frozen=True, slots=True)
class Line:
    """So many of one article of an order."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Swap:
    """So many of one article for another; without `new_sku` they are taken out."""

    sku: str
    quantity: int
    new_sku: str | None


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Do not send the order at all."""

    name: ClassVar[str] = "cancel_order"
    order_number: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeAddress:
    """Send the order somewhere else."""

    name: ClassVar[str] = "change_address"
    order_number: str
    address: Address


@dataclass(frozen=True, slots=True)
class ChangeDeliveryDay:
    """Deliver on another day; `day` is an ISO date."""

    name: ClassVar[str] = "change_delivery_day"
    order_number: str
    day: str


@dataclass(frozen=True, slots=True)
class ChangeItems:
    """Before it leaves: articles for others of their family, or out of the order."""

    name: ClassVar[str] = "change_items"
    order_number: str
    swaps: tuple[Swap, ...]
    settle_with: str | None = None


@dataclass(frozen=True, slots=True)
class ChangePayment:
    """Pay the order another way."""

    name: ClassVar[str] = "change_payment"
    order_number: str
    payment_method: str


@dataclass(frozen=True, slots=True)
class ReturnItems:
    """Send delivered articles back; `refund_to` is a payment method's id, or "gift_card" for a new one."""

    name: ClassVar[str] = "return_items"
    order_number: str
    lines: tuple[Line, ...]
    reason: str | None
    refund_to: str


@dataclass(frozen=True, slots=True)
class ExchangeItems:
    """Send delivered articles back for others of their family."""

    name: ClassVar[str] = "exchange_items"
    order_number: str
    swaps: tuple[Swap, ...]
    settle_with: str | None = None


@dataclass(frozen=True, slots=True)
class SendInvoice:
    """Send the order's invoice, to the account's e-mail address only."""

    name: ClassVar[str] = "send_invoice"
    order_number: str


@dataclass(frozen=True, slots=True)
class UpdateContact:
    """Change what the account says: `what` is "email", "phone" or "address"; `value` the new text, or None."""

    name: ClassVar[str] = "update_contact"
    what: str
    value: str | None = None
    address: Address | None = None


Write = (
    CancelOrder
    | ChangeAddress
    | ChangeDeliveryDay
    | ChangeItems
    | ChangePayment
    | ReturnItems
    | ExchangeItems
    | SendInvoice
    | UpdateContact
)
KINDS: Mapping[str, type[Any]] = {kind.name: kind for kind in Write.__args__}


def write_json(write: Write) -> dict[str, Any]:
    """The write as JSON: its name and its values, those that are set."""
    return {"write": write.name} | {name: value for name, value in _plain(asdict(write)).items() if value is not None}


def order_of(write: Write) -> str | None:
    """The order a write is about, if it is about one."""
    return None if isinstance(write, UpdateContact) else write.order_number


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, tuple | list) else value


def field_names(kind: type[Any]) -> tuple[str, ...]:
    """The values that this kind of write carries, in order."""
    return tuple(field.name for field in fields(kind))
