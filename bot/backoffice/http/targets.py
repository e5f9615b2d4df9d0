"""Our side of the mapping: which values a record has, of what kind, and which it cannot do without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.backoffice.terms import SAYS
from bot.backoffice.types import OrderStatus
from bot.backoffice.writes import KINDS


class Kind(StrEnum):
    """What a value is, in the words of an error message."""

    TEXT = "a text"
    AMOUNT = "an amount of money"
    NUMBER = "a number"
    COUNT = "a whole number"
    MOMENT = "a date or time (ISO 8601, or unit = unix or unix_ms)"
    FLAG = "true or false"
    OBJECT = "an object"
    LIST = "a list of objects"
    WORDS = "a list of texts"
    TEXTS = "an object of texts, or a list of pairs with key and value"
    COUNTS = "an object of whole numbers, or a list of pairs with key and value"


@dataclass(frozen=True, slots=True)
class Target:
    """One of our values. `of` names an object's parts; only `words` are accepted if given; `private` is personal."""

    kind: Kind = Kind.TEXT
    required: bool = False
    of: str = ""
    words: frozenset[str] = frozenset()
    private: bool = False


NEEDED = Target(required=True)
TEXT = Target()
AMOUNT = Target(Kind.AMOUNT)
MOMENT = Target(Kind.MOMENT)
PRIVATE = Target(private=True)
ADDRESS = Target(Kind.OBJECT, of="address", private=True)
WRITE_NAMES = frozenset(KINDS)
DETAILS: Mapping[str, Target] = {
    "return_number": TEXT,
    "amount": AMOUNT,
    "fee": AMOUNT,
    "sent_to": PRIVATE,
    "value": PRIVATE,
    "day": MOMENT,
}

TARGETS: Mapping[str, Mapping[str, Target]] = {
    "order": {
        "order_number": NEEDED,
        "customer_id": NEEDED,
        "status": Target(required=True, words=frozenset(OrderStatus)),
        "placed_at": Target(Kind.MOMENT, required=True),
        "items": Target(Kind.LIST, required=True, of="item"),
        "total": Target(Kind.AMOUNT, required=True),
        "email": PRIVATE,
        "carrier": TEXT,
        "tracking_code": TEXT,
        "expected_at": MOMENT,
        "delivered_at": MOMENT,
        "delivery_day": MOMENT,
        "hold": TEXT,
        "address": ADDRESS,
        "payment_method": TEXT,
        "delivery_charge": AMOUNT,
        "discount": AMOUNT,
        "voucher": TEXT,
        "acts": Target(Kind.WORDS, words=WRITE_NAMES),
        "returned": Target(Kind.COUNTS),
    },
    # What a list of orders must give where each order is asked for afterwards.
    "bare_order": {"order_number": NEEDED},
    "item": {
        "sku": NEEDED,
        "name": NEEDED,
        "quantity": Target(Kind.COUNT, required=True),
        "unit_price": AMOUNT,
        "engraving": PRIVATE,
    },
    "address": {
        "street": PRIVATE,
        "postal_code": PRIVATE,
        "city": PRIVATE,
        "country": PRIVATE,
        "extra": PRIVATE,
        "region": PRIVATE,
    },
    "customer": {
        "customer_id": NEEDED,
        "name": Target(required=True, private=True),
        "email": Target(required=True, private=True),
        "phone": PRIVATE,
        "address": ADDRESS,
        "language": TEXT,
        "payment_methods": Target(Kind.LIST, of="payment_method", private=True),
    },
    "payment_method": {"id": NEEDED, "kind": NEEDED, "label": NEEDED, "balance": AMOUNT},
    "product": {
        "sku": NEEDED,
        "name": NEEDED,
        "price": Target(Kind.AMOUNT, required=True),
        "kind": TEXT,
        "family": TEXT,
        "options": Target(Kind.TEXTS),
        "in_stock": Target(Kind.COUNT),
        "description": TEXT,
        "tags": Target(Kind.WORDS),
    },
    "voucher": {
        "code": NEEDED,
        "kind": NEEDED,
        "percent": Target(Kind.NUMBER),
        "amount": AMOUNT,
        "balance": AMOUNT,
        "minimum": AMOUNT,
        "valid_until": MOMENT,
        "applies_to": TEXT,
        "first_order_only": Target(Kind.FLAG),
        "customer_id": TEXT,
    },
    "receipt": DETAILS,
    "done": {"write": Target(required=True, words=WRITE_NAMES), "order_number": TEXT, **DETAILS},
    "refusal": {"rule": Target(words=frozenset(SAYS))},
}
