"""A back office behind a shop's HTTP API: reads are asked for, writes are checked, sent once for a key, remembered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bot.backoffice.effects import details
from bot.backoffice.http.client import ShopClient, Unsent
from bot.backoffice.http.ledger import FILE, Intent, Ledger, Row
from bot.backoffice.http.load import Shop, load_shop
from bot.backoffice.http.reads import ShopReads
from bot.backoffice.http.sending import intent_of, refused_by, request_of, told_in, without_outcome
from bot.backoffice.protocol import Receipt
from bot.backoffice.rules import refusal
from bot.backoffice.terms import Terms
from bot.backoffice.types import Customer, Order, Product, Voucher
from bot.backoffice.writes import ChangeItems, ExchangeItems, Write, order_of
from bot.errors import BackOfficeError, NoSuchCustomer, NoSuchOrder, NotAllowed

log = logging.getLogger(__name__)
LOCKS = 64
MOVE_STOCK = (ChangeItems.name, ExchangeItems.name)


def open_http_back_office(
    file: Path, secrets: Mapping[str, str], terms: Terms, home: Path, today: Callable[[], date] | None = None
) -> HttpBackOffice:
    """Read the description and return its back office, the shop still unasked; raise BackOfficeError."""
    return HttpBackOffice(load_shop(file, secrets, terms), terms, home, today or (lambda: datetime.now(UTC).date()))


class HttpBackOffice:
    """A shop that Nightdesk asks over HTTP; see BackOffice. Safe to call from several threads.

    Without a [done] call the ledger under `home` says what a key left behind, and so only to processes on this
    machine.
    """

    def __init__(self, shop: Shop, terms: Terms, home: Path, today: Callable[[], date]) -> None:
        self._api = shop.api
        self._terms = terms
        self._today = today
        self._client = ShopClient(shop.api, shop.secret)
        self._reads = ShopReads(shop.api, self._client)
        self._ledger = None if shop.api.done else Ledger(home / FILE)
        self._locks = [threading.Lock() for _ in range(LOCKS)]

    def order(self, order_number: str) -> Order:
        """Return the order; raise NoSuchOrder."""
        return self._reads.order(order_number)

    def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        """Return the customer's orders, newest first."""
        return self._reads.orders_of(customer_id)

    def customer(self, customer_id: str) -> Customer:
        """Return the customer; raise NoSuchCustomer."""
        return self._reads.customer(customer_id)

    def products(self) -> tuple[Product, ...]:
        """Return all that is sold, by article number, at most products.cache_s old."""
        return self._reads.products()

    def voucher(self, code: str) -> Voucher | None:
        """Return the voucher or gift card with this code, as written or in capitals, or None."""
        return self._reads.voucher(code)

    def perform(self, write: Write, customer_id: str, *, key: str) -> Receipt:
        """Do it once for `key`; see BackOffice. A write whose outcome is not known yet is settled first."""
        with self._lock_of(key):
            if known := self._settled(key):
                return known
            intent = self._checked(write, customer_id, key)
            if self._ledger is None or self._ledger.begin(key, customer_id, intent):
                return self._send(key, intent, first=True)
            if known := self._settled(key):  # another process began it meanwhile
                return known
        raise BackOfficeError(f"{write.name} with this key was begun and refused in another process just now")

    def done(self, key: str) -> Receipt | None:
        """Return what the write with this key left behind, or None if there was none.

        A write that was sent and not answered is asked for again with its key: only the shop knows what came of it.
        """
        with self._lock_of(key):
            return self._settled(key)

    def close(self) -> None:
        """Close the connections and the ledger."""
        self._client.close()
        if self._ledger:
            self._ledger.close()

    def _checked(self, write: Write, customer_id: str, key: str) -> Intent:
        """The company's own terms come first; the shop is asked for what they allow."""
        customer, number = self.customer(customer_id), order_of(write)
        order = self.order(number) if number else None
        if order and order.customer_id != customer_id:
            raise NoSuchOrder("this customer has no order of that number")
        products = {product.sku: product for product in self.products()}
        if refused := refusal(write, order, customer, products, self._terms, self._today()):
            raise NotAllowed(f"{write.name}: {refused.policy}", refused)
        told = details(write, order, customer, self._terms[write.name], products, "")
        return intent_of(self._api, write, customer_id, key, {name: value for name, value in told.items() if value})

    def _settled(self, key: str) -> Receipt | None:
        """What came of this key; an intent without outcome gets one here, or raises."""
        if self._ledger is None:
            return self._reads.done(key)
        row = self._ledger.find(key)
        if row is None or row.intent is None:
            return row.receipt if row else None
        self._may_ask_again(key, row)
        try:
            return self._send(key, row.intent, first=False)
        except (NotAllowed, NoSuchOrder, NoSuchCustomer):
            return None

    def _may_ask_again(self, key: str, row: Row) -> None:
        """Only a shop that remembers the key may be asked a second time; else a person must look."""
        kept = timedelta(hours=self._api.idempotency.hours)
        if self._api.idempotency.honoured and datetime.now(UTC) - row.at < kept:
            return
        log.error("write %s was sent and never answered; look at the shop's own records", key)
        raise BackOfficeError("a write was sent to the shop and never answered, and the shop may not be asked again")

    def _send(self, key: str, intent: Intent, *, first: bool) -> Receipt:
        """Ask the shop to do it, and note what comes of it; an unclear outcome leaves the intent in the ledger."""
        call = self._api.writes.get(intent.write)
        if call is None:
            raise BackOfficeError(
                f"[writes.{intent.write}] is not described any more, and one was sent and not answered"
            )
        try:
            answer = self._client.ask(request_of(self._api, intent, key))
        except Unsent:
            if first:
                self._drop(key)
            raise
        if answer.status in call.expect:
            receipt = Receipt(intent.write, intent.order_number, {**intent.told, **told_in(self._api, intent, answer)})
            if self._ledger:
                self._ledger.finish(key, receipt)
            if intent.write in MOVE_STOCK:
                self._reads.stock_changed()
            return receipt
        if without_outcome(answer):
            raise BackOfficeError(f"{answer.call}: the shop answered {answer.status}; expected {call.expect}")
        self._drop(key)
        raise refused_by(self._api, intent, answer, self._terms.get(intent.write))

    def _drop(self, key: str) -> None:
        if self._ledger:
            self._ledger.drop(key)

    def _lock_of(self, key: str) -> threading.Lock:
        return self._locks[hash(key) % LOCKS]
