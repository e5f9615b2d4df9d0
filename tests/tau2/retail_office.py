"""τ²-bench's retail database behind the BackOffice protocol: reads map its records, writes leave what its tools leave.

The bench keeps in one `status` what we keep apart as state and acts; it has no dates and no stock, only "available".
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from retail_data import Json

from bot.backoffice import Address, Customer, Item, Order, OrderStatus, PaymentMethod, Product, Receipt, Voucher
from bot.backoffice.amounts import swap_difference
from bot.backoffice.rules import refusal
from bot.backoffice.terms import Terms, load_terms
from bot.backoffice.types import GIFT_CARD
from bot.backoffice.writes import (
    CancelOrder,
    ChangeAddress,
    ChangeItems,
    ChangePayment,
    ExchangeItems,
    ReturnItems,
    UpdateContact,
    Write,
    order_of,
)
from bot.errors import BackOfficeError, NoSuchCustomer, NoSuchOrder, NotAllowed

TERMS = load_terms(Path(__file__).parent / "retail_terms.toml")
STATES = {
    "pending": (OrderStatus.PLACED, None),
    "pending (item modified)": (OrderStatus.PLACED, "change_items"),
    "processed": (OrderStatus.PACKED, None),
    "delivered": (OrderStatus.DELIVERED, None),
    "return requested": (OrderStatus.DELIVERED, "return_items"),
    "exchange requested": (OrderStatus.DELIVERED, "exchange_items"),
    "cancelled": (OrderStatus.CANCELLED, None),
}
REASONS = {"no_longer_needed": "no longer needed", "ordered_by_mistake": "ordered by mistake"}
PLENTY = 1000  # stock of what is available
UNDATED = "1970-01-01T00:00:00Z"  # the bench says nowhere when an order was placed


@dataclass
class RetailOffice:
    """`db` is changed in place by writes: give it a copy."""

    db: Json
    terms: Terms = field(default_factory=lambda: TERMS)
    log: list[Write] = field(default_factory=list)
    _receipts: dict[str, Receipt] = field(default_factory=dict)
    _products: tuple[Product, ...] | None = None

    def order(self, order_number: str) -> Order:
        return self._order(self._raw_order(order_number))

    def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        return tuple(self.order(number) for number in reversed(self._user(customer_id)["orders"]))

    def customer(self, customer_id: str) -> Customer:
        user = self._user(customer_id)
        methods = tuple(_method(raw) for raw in user["payment_methods"].values())
        name = " ".join(user["name"].values())
        return Customer(customer_id, name, user["email"], None, _address(user["address"]), "en", methods)

    def products(self) -> tuple[Product, ...]:
        if self._products is None:  # no tool changes them
            self._products = tuple(self._goods())
        return self._products

    def voucher(self, code: str) -> Voucher | None:
        return None

    def perform(self, write: Write, customer_id: str, *, key: str) -> Receipt:
        if key in self._receipts:
            return self._receipts[key]
        self._check(write, customer_id)
        self._receipts[key] = self._apply(write, customer_id)
        self.log.append(write)
        return self._receipts[key]

    def done(self, key: str) -> Receipt | None:
        return self._receipts.get(key)

    def find_by_email(self, email: str) -> str | None:
        """The customer who signs in with this address; the shop's log-in, no part of the protocol."""
        found = (user for user, raw in self.db["users"].items() if raw["email"].casefold() == email.casefold())
        return next(found, None)

    def find_by_name(self, first_name: str, last_name: str, zip_code: str) -> str | None:
        """The customer of this name and postal code."""
        wanted = (f"{first_name} {last_name}".casefold(), zip_code)
        for user, raw in self.db["users"].items():
            if (" ".join(raw["name"].values()).casefold(), raw["address"]["zip"]) == wanted:
                return str(user)
        return None

    def _check(self, write: Write, customer_id: str) -> None:
        number = order_of(write)
        order = self.order(number) if number else None
        if order and order.customer_id != customer_id:
            raise NoSuchOrder(f"customer {customer_id} has no order {number}")
        goods = {product.sku: product for product in self.products()}
        refused = refusal(write, order, self.customer(customer_id), goods, self.terms, date.today())  # noqa: DTZ011
        if refused:
            raise NotAllowed(f"{write.name}: {refused.policy}", refused)

    def _apply(self, write: Write, customer_id: str) -> Receipt:
        if isinstance(write, UpdateContact):
            assert write.address is not None
            self._user(customer_id)["address"] = _raw_address(write.address)
            return Receipt(write.name, None, {"value": write.address.line()})
        raw = self._raw_order(write.order_number)
        match write:
            case CancelOrder():
                amount = Decimal(str(raw["payment_history"][0]["amount"]))
                self._cancel(raw, write.reason or "")
            case ChangeAddress():
                amount = Decimal(0)
                raw["address"] = _raw_address(write.address)
            case ChangePayment():
                amount = Decimal(0)
                self._change_payment(raw, write.payment_method)
            case ChangeItems() | ExchangeItems():
                goods = {product.sku: product for product in self.products()}
                amount = -swap_difference(write.swaps, self._order(raw), goods)
                self._swap(raw, write)
            case ReturnItems():
                amount = self._send_back(raw, write)
            case _:
                raise BackOfficeError(f"{write.name} is nothing that τ²-bench's shop does")
        return Receipt(write.name, write.order_number, {"amount": str(amount), "return_number": "by e-mail"})

    def _cancel(self, raw: Json, reason: str) -> None:
        for entry in tuple(raw["payment_history"]):
            self._book(raw, "refund", entry["amount"], entry["payment_method_id"])
            self._move(raw, entry["payment_method_id"], entry["amount"])
        raw.update(status="cancelled", cancel_reason=REASONS[reason])

    def _change_payment(self, raw: Json, new: str) -> None:
        paid = raw["payment_history"][0]
        amount, old = paid["amount"], paid["payment_method_id"]
        self._book(raw, "payment", amount, new)
        self._book(raw, "refund", amount, old)
        self._move(raw, new, -amount)
        self._move(raw, old, amount)

    def _swap(self, raw: Json, write: ChangeItems | ExchangeItems) -> None:
        """One by one as the customer named them, in floats as the bench adds them up."""
        pairs = [(swap.sku, swap.new_sku or "") for swap in write.swaps for _ in range(swap.quantity)]
        cost = 0.0
        for old, new in pairs:
            cost += self._variant(new)["price"] - _line(raw, old)["price"]
        way = write.settle_with or raw["payment_history"][0]["payment_method_id"]
        if isinstance(write, ExchangeItems):
            raw["status"] = "exchange requested"
            raw["exchange_items"] = sorted(old for old, _ in pairs)
            raw["exchange_new_items"] = sorted(new for _, new in pairs)
            raw["exchange_payment_method_id"] = way
            raw["exchange_price_difference"] = round(cost, 2)
            return
        self._book(raw, "payment" if cost > 0 else "refund", abs(cost), way)
        self._move(raw, way, -cost)
        last = self._variant(pairs[-1][1])  # the bench's tool: the last one's price and options, for all of them
        for old, new in pairs:
            _line(raw, old).update({"item_id": new, "price": last["price"], "options": dict(last["options"])})
        raw["status"] = "pending (item modified)"

    def _send_back(self, raw: Json, write: ReturnItems) -> Decimal:
        gone = sorted(line.sku for line in write.lines for _ in range(line.quantity))
        raw.update(status="return requested", return_items=gone, return_payment_method_id=write.refund_to)
        return sum((Decimal(str(_line(raw, sku)["price"])) for sku in gone), Decimal(0))

    def _book(self, raw: Json, kind: str, amount: float, method: str) -> None:
        raw["payment_history"].append({"transaction_type": kind, "amount": amount, "payment_method_id": method})

    def _move(self, raw: Json, method_id: str, amount: float) -> None:
        """Money moves at once only where it is a gift card's."""
        method = self._user(raw["user_id"])["payment_methods"][method_id]
        if method["source"] == "gift_card":
            method["balance"] = round(method["balance"] + amount, 2)

    def _variant(self, item_id: str) -> Json:
        found = (raw["variants"] for raw in self.db["products"].values() if item_id in raw["variants"])
        variant: Json = next(found)[item_id]
        return variant

    def _goods(self) -> Iterator[Product]:
        for family, raw in self.db["products"].items():
            for sku, variant in raw["variants"].items():
                options = {name: str(value) for name, value in variant["options"].items()}
                stock, price = PLENTY if variant["available"] else 0, Decimal(str(variant["price"]))
                yield Product(sku, _title(variant, raw["name"]), price, raw["name"], family, options, stock)

    def _raw_order(self, number: str) -> Json:
        if number not in self.db["orders"]:
            raise NoSuchOrder(f"there is no order {number}")
        raw: Json = self.db["orders"][number]
        return raw

    def _user(self, customer_id: str) -> Json:
        if customer_id not in self.db["users"]:
            raise NoSuchCustomer(f"there is no customer {customer_id}")
        user: Json = self.db["users"][customer_id]
        return user

    def _order(self, raw: Json) -> Order:
        status, act = STATES[raw["status"]]
        acts = {act} if act else set()
        if status is OrderStatus.PLACED and act is None and len(raw["payment_history"]) > 1:
            acts.add("change_payment")
        gone = Counter([*raw.get("return_items", ()), *raw.get("exchange_items", ())])
        first = raw["payment_history"][0]
        return Order(
            raw["order_id"],
            raw["user_id"],
            status,
            UNDATED,
            tuple(_item(line) for line in raw["items"]),
            Decimal(str(first["amount"])),
            self._user(raw["user_id"])["email"],
            tracking_code=next((code for sent in raw["fulfillments"] for code in sent["tracking_id"]), None),
            address=_address(raw["address"]),
            payment_method=first["payment_method_id"],
            acts=frozenset(acts),
            returned=dict(gone),
        )


def copied(db: Json) -> Json:
    """The same database once more, to be written on."""
    copy: Json = json.loads(json.dumps(db))
    return copy


def _line(raw: Json, item_id: str) -> Json:
    line: Json = next(line for line in raw["items"] if line["item_id"] == item_id)
    return line


def _item(line: Json) -> Item:
    return Item(line["item_id"], _title(line), 1, Decimal(str(line["price"])))


def _title(thing: Json, name: str = "") -> str:
    return ", ".join([name or thing["name"], *map(str, thing["options"].values())])


def _method(raw: Json) -> PaymentMethod:
    balance = Decimal(str(raw["balance"])) if raw["source"] == GIFT_CARD else None
    labels = {
        "credit_card": f"{raw.get('brand', '')} ending {raw.get('last_four', '')}".strip(),
        "paypal": "PayPal",
        "gift_card": f"gift card {raw['id']}",
    }
    return PaymentMethod(raw["id"], raw["source"], labels[raw["source"]], balance)


def _address(raw: Json) -> Address:
    return Address(raw["address1"], raw["zip"], raw["city"], raw["country"], raw["address2"] or None, raw["state"])


def _raw_address(address: Address) -> Json:
    return {
        "address1": address.street,
        "address2": address.extra or "",
        "city": address.city,
        "state": address.region or "",
        "country": address.country,
        "zip": address.postal_code,
    }
