"""A shop kept in one SQLite file, seeded from JSON the first time: the demo's back office, and a shop's first one.

Every write, with the stock it moves and the receipt under its key, is one transaction.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.backoffice.effects import customer_after, details, order_after, return_record, stock_moves
from bot.backoffice.protocol import Receipt
from bot.backoffice.records import read_customer, read_order, read_product, read_voucher
from bot.backoffice.rules import refusal
from bot.backoffice.seed import KEYS, Seed, read_seed
from bot.backoffice.terms import Terms
from bot.backoffice.types import Customer, Order, Product, Voucher
from bot.backoffice.writes import ExchangeItems, ReturnItems, SendInvoice, UpdateContact, Write, order_of, write_json
from bot.errors import BackOfficeError, NoSuchCustomer, NoSuchOrder, NotAllowed

FILE = "backoffice.db"
SCHEMA_VERSION = 2
FIRST_RETURN = 101

TABLES = """
DROP TABLE IF EXISTS records; DROP TABLE IF EXISTS writes; DROP TABLE IF EXISTS orders;
CREATE TABLE records (kind TEXT NOT NULL, id TEXT NOT NULL, customer_id TEXT, at TEXT, data TEXT NOT NULL,
                      PRIMARY KEY (kind, id)) STRICT;
CREATE INDEX records_customer ON records (kind, customer_id);
CREATE TABLE writes (key TEXT PRIMARY KEY, customer_id TEXT NOT NULL, at TEXT NOT NULL, data TEXT NOT NULL,
                     receipt TEXT NOT NULL) STRICT;
"""


def _now() -> datetime:
    return datetime.now(UTC)


class SampleBackOffice:
    """A back office in one SQLite file. Safe to call from several threads; `terms` say what it allows."""

    def __init__(
        self, path: Path, seed: Path | None = None, terms: Terms | None = None, now: Callable[[], datetime] = _now
    ) -> None:
        self._lock = threading.RLock()
        self._terms = terms or {}
        self._now = now
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=FULL")
            self._prepare(seed)
        except (sqlite3.Error, OSError) as error:
            raise BackOfficeError(f"the back office {path} cannot be opened: {error}") from error

    def order(self, order_number: str) -> Order:
        """Return the order; raise NoSuchOrder."""
        return read_order(self._order(order_number))

    def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        """Return the customer's orders, newest first."""
        rows = self._rows("kind = 'orders' AND customer_id = ? ORDER BY at DESC, id DESC", customer_id)
        return tuple(read_order(raw) for raw in rows)

    def customer(self, customer_id: str) -> Customer:
        """Return the customer; raise NoSuchCustomer."""
        return read_customer(self._customer(customer_id))

    def products(self) -> tuple[Product, ...]:
        """Return all that is sold, by article number."""
        return tuple(read_product(raw) for raw in self._rows("kind = 'products' ORDER BY id"))

    def voucher(self, code: str) -> Voucher | None:
        """Return the voucher or gift card with this code, in whatever case it is written, or None."""
        raw = self._record("vouchers", code.strip().upper())
        return read_voucher(raw) if raw else None

    def perform(self, write: Write, customer_id: str, *, key: str) -> Receipt:
        """Do it once for `key`; see BackOffice."""
        with self._transaction():
            return self._done_before(write, customer_id, key) or self._perform(write, customer_id, key)

    def done(self, key: str) -> Receipt | None:
        """Return what the write with this key left behind, or None if there was none."""
        with self._lock:
            row = self._database.execute("SELECT receipt FROM writes WHERE key = ?", (key,)).fetchone()
        return Receipt(**json.loads(row[0])) if row else None

    def _done_before(self, write: Write, customer_id: str, key: str) -> Receipt | None:
        """The receipt of this very write; a key that somebody else or another write has used is refused."""
        row = self._database.execute("SELECT customer_id, data FROM writes WHERE key = ?", (key,)).fetchone()
        if row and row != (customer_id, _json(write_json(write))):
            raise BackOfficeError(f"the key {key} was used for another write; each write needs a key of its own")
        return self.done(key) if row else None

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Return all records of a kind ("orders", "customers", "products", "vouchers", "returns", "outbox"), by id."""
        return self._rows("kind = ? ORDER BY id", kind)

    def all_orders(self) -> tuple[Order, ...]:
        """Return every order: what the recommender learns from."""
        return tuple(read_order(raw) for raw in self._rows("kind = 'orders' ORDER BY at, id"))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def _perform(self, write: Write, customer_id: str, key: str) -> Receipt:
        customer = self.customer(customer_id)
        number = order_of(write)
        raw = self._order(number) if number else None
        order = read_order(raw) if raw else None
        if order and order.customer_id != customer_id:
            raise NoSuchOrder(f"customer {customer_id} has no order {number}")
        products = {product.sku: product for product in self.products()}
        refused = refusal(write, order, customer, products, self._terms, self._now().date())
        if refused:
            raise NotAllowed(f"{write.name} of {number or customer_id}: {refused.policy}", refused)
        return_number = self._next_return()
        told = details(write, order, customer, self._terms[write.name], products, return_number)
        if raw and order:
            self._put("orders", order_after(write, raw, order, products))
        self._and_its_consequences(write, order, customer, return_number)
        receipt = Receipt(write.name, number, told)
        self._database.execute(
            "INSERT INTO writes VALUES (?, ?, ?, ?, ?)",
            (key, customer_id, self._now().isoformat(), _json(write_json(write)), _json(asdict(receipt))),
        )
        return receipt

    def _next_return(self) -> str:
        """One more than the highest number there is: a gap in a seed must not give an old number out again."""
        numbers = [str(record["return_number"]).removeprefix("R-") for record in self.records("returns")]
        highest = max((int(number) for number in numbers if number.isdecimal()), default=FIRST_RETURN - 1)
        return f"R-{highest + 1:05}"

    def _and_its_consequences(self, write: Write, order: Order | None, customer: Customer, number: str) -> None:
        if isinstance(write, UpdateContact):
            self._put("customers", customer_after(write, self._customer(customer.customer_id)))
        for sku, change in stock_moves(write, order).items():
            raw = self._record("products", sku)
            if raw:
                self._put("products", raw | {"in_stock": int(raw.get("in_stock") or 0) + change})
        at = self._now().isoformat()
        if isinstance(write, ReturnItems | ExchangeItems) and order:
            self._put("returns", return_record(write, number, order, self._terms[write.name], at))
        if isinstance(write, SendInvoice):
            mail = {"mail": f"{write.order_number}@{at}", "to": customer.email, "invoice": write.order_number}
            self._put("outbox", mail)

    def _order(self, order_number: str) -> dict[str, Any]:
        raw = self._record("orders", order_number)
        if raw is None:
            raise NoSuchOrder(f"there is no order {order_number}")
        return raw

    def _customer(self, customer_id: str) -> dict[str, Any]:
        raw = self._record("customers", customer_id)
        if raw is None:
            raise NoSuchCustomer(f"there is no customer {customer_id}")
        return raw

    def _record(self, kind: str, key: str) -> dict[str, Any] | None:
        rows = self._rows("kind = ? AND id = ?", kind, key)
        return rows[0] if rows else None

    def _rows(self, where: str, *values: str) -> list[dict[str, Any]]:
        with self._lock:
            rows = self._database.execute(f"SELECT data FROM records WHERE {where}", values).fetchall()  # noqa: S608
        return [json.loads(data) for (data,) in rows]

    def _put(self, kind: str, raw: Mapping[str, Any]) -> None:
        at = raw.get("placed_at") or raw.get("requested_at")
        key = str(raw[KEYS[kind]])
        self._database.execute(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)",
            (kind, key.upper() if kind == "vouchers" else key, raw.get("customer_id"), at, _json(raw)),
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _prepare(self, path: Path | None) -> None:
        """Make the tables and fill them, together, if this is a new file or one of an earlier form."""
        with self._transaction():
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version == SCHEMA_VERSION:
                return
            for statement in TABLES.split(";"):
                self._database.execute(statement)
            seed: Seed = read_seed(path, self._now().date()) if path and path.exists() else {}
            for kind, records in seed.items():
                for raw in records:
                    self._put(kind, raw)
            self._database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
