"""The company's orders as the assistant may use them, and a sample kept in SQLite.

Every write carries an idempotency key: asked twice with one key, the back office acts once and answers the same.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from bot.errors import BackOfficeError, NoSuchOrder, NotAllowed

FILE = "backoffice.db"


class OrderStatus(StrEnum):
    """How far an order has come."""

    PLACED = "placed"
    PACKED = "packed"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


CANCELLABLE = frozenset({OrderStatus.PLACED, OrderStatus.PACKED})


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an order."""

    sku: str
    name: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the back office knows it; `total` in the company's currency."""

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

    @property
    def cancellable(self) -> bool:
        """True while it has not left the house."""
        return self.status in CANCELLABLE


class BackOffice(Protocol):
    """What an assistant may ask of the company's systems. Calls may block; they run off the event loop."""

    def order(self, order_number: str) -> Order:
        """Return the order; raise NoSuchOrder."""

    def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        """Return the customer's orders, newest first."""

    def cancel_order(self, order_number: str, customer_id: str, *, key: str) -> Order:
        """Cancel the customer's order once for `key` and return it as it is then.

        Raises NoSuchOrder also for another customer's order, NotAllowed for one that has left the house.
        """

    def done(self, key: str) -> Order | None:
        """Return what the write with this key left behind, or None if there was none."""


class SampleBackOffice:
    """A back office in one SQLite file, seeded from JSON the first time. Safe to call from several threads."""

    def __init__(self, path: Path, seed: Path | None = None) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            with self._lock:
                self._prepare(seed)
        except (sqlite3.Error, OSError) as error:
            raise BackOfficeError(f"the back office {path} cannot be opened: {error}") from error

    def order(self, order_number: str) -> Order:
        """Return the order; raise NoSuchOrder."""
        with self._lock:
            return self._order(order_number)

    def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        """Return the customer's orders, newest first."""
        with self._lock:
            rows = self._database.execute(
                "SELECT data FROM orders WHERE customer_id = ? ORDER BY placed_at DESC, order_number DESC",
                (customer_id,),
            ).fetchall()
        return tuple(read_order(json.loads(data)) for (data,) in rows)

    def cancel_order(self, order_number: str, customer_id: str, *, key: str) -> Order:
        """Cancel once for `key`: order, ledger and answer are written in one transaction."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                order = self._done(key) or self._cancel(order_number, customer_id, key)
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
            return order

    def done(self, key: str) -> Order | None:
        """Return what the write with this key left behind, or None if there was none."""
        with self._lock:
            return self._done(key)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _cancel(self, order_number: str, customer_id: str, key: str) -> Order:
        order = self._order(order_number)
        if order.customer_id != customer_id:
            raise NoSuchOrder(f"customer {customer_id} has no order {order_number}")
        if not order.cancellable:
            raise NotAllowed(f"order {order_number} is {order.status}; only placed or packed orders can be cancelled")
        (data,) = self._database.execute("SELECT data FROM orders WHERE order_number = ?", (order_number,)).fetchone()
        after = json.dumps(json.loads(data) | {"status": OrderStatus.CANCELLED.value}, ensure_ascii=False)
        self._database.execute("UPDATE orders SET data = ? WHERE order_number = ?", (after, order_number))
        self._database.execute(
            "INSERT INTO writes (key, action, order_number, at, result) VALUES (?, 'cancel_order', ?, ?, ?)",
            (key, order_number, datetime.now(UTC).isoformat(), after),
        )
        return read_order(json.loads(after))

    def _order(self, order_number: str) -> Order:
        row = self._database.execute("SELECT data FROM orders WHERE order_number = ?", (order_number,)).fetchone()
        if row is None:
            raise NoSuchOrder(f"there is no order {order_number}")
        return read_order(json.loads(row[0]))

    def _done(self, key: str) -> Order | None:
        row = self._database.execute("SELECT result FROM writes WHERE key = ?", (key,)).fetchone()
        return read_order(json.loads(row[0])) if row else None

    def _prepare(self, seed: Path | None) -> None:
        """Make the tables and fill them, together, if this is a new file."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            if not self._database.execute("SELECT 1 FROM sqlite_master WHERE name = 'orders'").fetchone():
                self._database.execute(
                    "CREATE TABLE orders (order_number TEXT PRIMARY KEY, customer_id TEXT NOT NULL, "
                    "placed_at TEXT NOT NULL, data TEXT NOT NULL) STRICT"
                )
                self._database.execute("CREATE INDEX orders_customer ON orders (customer_id)")
                self._database.execute(
                    "CREATE TABLE writes (key TEXT PRIMARY KEY, action TEXT NOT NULL, order_number TEXT NOT NULL, "
                    "at TEXT NOT NULL, result TEXT NOT NULL) STRICT"
                )
                for raw in _seed_orders(seed):
                    order = read_order(raw)
                    self._database.execute(
                        "INSERT INTO orders VALUES (?, ?, ?, ?)",
                        (order.order_number, order.customer_id, order.placed_at, json.dumps(raw, ensure_ascii=False)),
                    )
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def read_order(raw: Mapping[str, Any]) -> Order:
    """Build an order from its JSON; raise BackOfficeError naming the order and the field that is wrong."""
    number = raw.get("order_number", "?")
    try:
        return Order(
            order_number=str(raw["order_number"]),
            customer_id=str(raw["customer_id"]),
            status=OrderStatus(raw["status"]),
            placed_at=str(raw["placed_at"]),
            items=tuple(Item(str(i["sku"]), str(i["name"]), int(i["quantity"])) for i in raw["items"]),
            total=Decimal(str(raw["total"])),
            email=str(raw["email"]),
            carrier=raw.get("carrier"),
            tracking_code=raw.get("tracking_code"),
            expected_at=raw.get("expected_at"),
        )
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise BackOfficeError(f"order {number} of the back office cannot be read: {error!r}") from error


def _seed_orders(seed: Path | None) -> list[dict[str, Any]]:
    if seed is None or not seed.exists():
        return []
    try:
        orders = json.loads(seed.read_text(encoding="utf-8"))["orders"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackOfficeError(f"{seed} should be JSON with customers, products and orders, but: {error!r}") from error
    if not isinstance(orders, list):
        raise BackOfficeError(f"{seed}: orders should be a list")
    return orders
