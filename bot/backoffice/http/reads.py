"""Ask a shop what it knows, and believe only what was asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bot.backoffice.http.answers import Answer
from bot.backoffice.http.client import Request, ShopClient
from bot.backoffice.http.mapping import ABSENT, Place, Raw, Survey, read_fields, survey, walk
from bot.backoffice.http.settings import Fields, Paging, Read, ReadList, ShopApi
from bot.backoffice.http.targets import DETAILS
from bot.backoffice.http.templates import Unfit, fill, fill_path, fill_query
from bot.backoffice.protocol import Receipt
from bot.backoffice.records import read_customer, read_order, read_product, read_voucher
from bot.backoffice.types import Customer, Order, Product, Voucher
from bot.errors import BackOfficeError, NoSuchCustomer, NoSuchOrder

MOST_DETAILS = 30  # orders that are asked for one by one, the newest


class ShopReads:
    """The reading half of a shop. Safe to use from several threads."""

    def __init__(self, api: ShopApi, client: ShopClient) -> None:
        self._api = api
        self._client = client
        self._goods: tuple[float, tuple[Product, ...]] | None = None
        self._lock = threading.Lock()

    def order(self, order_number: str) -> Order:
        """Return the order of exactly this number; raise NoSuchOrder."""
        raw = self._one("order", self._api.order, {"order_number": order_number})
        if raw is None:
            raise NoSuchOrder("the shop knows no order of that number")
        order = read_order(raw)
        _same("order", self._api.order, "order_number", order.order_number, order_number)
        return order

    def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        """Return the customer's orders, newest first; raise BackOfficeError if another's is among them."""
        read, asked = self._api.orders, {"customer_id": customer_id}
        if read.details:
            numbers = (str(raw["order_number"]) for raw in self._list("orders", read, asked, "bare_order", read.fields))
            orders = [self.order(number) for _, number in zip(range(MOST_DETAILS), numbers, strict=False)]
        else:
            fields = read.fields or self._api.order.fields
            orders = [read_order(raw) for raw in self._list("orders", read, asked, "order", fields)]
        for order in orders:
            if order.customer_id != customer_id:
                raise BackOfficeError(
                    f"{_call(read)}: the answer has orders of other customers; "
                    "expected only those of the {customer_id} asked for, so check the parameter's name in [orders]"
                )
        return tuple(sorted(orders, key=_placed, reverse=True))

    def customer(self, customer_id: str) -> Customer:
        """Return the customer of exactly this id; raise NoSuchCustomer."""
        raw = self._one("customer", self._api.customer, {"customer_id": customer_id})
        if raw is None:
            raise NoSuchCustomer("the shop knows no customer of that id")
        customer = read_customer(raw)
        _same("customer", self._api.customer, "customer_id", customer.customer_id, customer_id)
        return customer

    def products(self) -> tuple[Product, ...]:
        """Return all that is sold, by article number; an answer is used again for products.cache_s."""
        read = self._api.products
        with self._lock:
            kept = self._goods
        if kept and time.monotonic() - kept[0] < read.cache_s:
            return kept[1]
        found = (read_product(raw) for raw in self._list("products", read, {}, "product", read.fields))
        goods = tuple(sorted(found, key=lambda product: product.sku))
        with self._lock:
            self._goods = (time.monotonic(), goods)
        return goods

    def stock_changed(self) -> None:
        """Ask for the products anew the next time."""
        with self._lock:
            self._goods = None

    def voucher(self, code: str) -> Voucher | None:
        """Return the voucher or gift card with this code, as written or in capitals, or None."""
        read = self._api.voucher
        if read is None:
            raise BackOfficeError("the description of the shop's API has no [voucher], so codes cannot be looked up")
        for written in dict.fromkeys((code.strip(), code.strip().upper())):
            if raw := self._one("voucher", read, {"code": written}):
                voucher = read_voucher(raw)
                _same("voucher", read, "code", voucher.code, written)
                return voucher
        return None

    def done(self, key: str) -> Receipt | None:
        """Return what the shop says of this key; only where [done] is described."""
        assert self._api.done is not None, "without [done] the ledger knows"
        raw = self._one("done", self._api.done, {"key": key})
        if raw is None:
            return None
        details = {name: str(value) for name, value in raw.items() if name in DETAILS}
        return Receipt(str(raw["write"]), raw.get("order_number"), details)

    def sample(self, table: str, read: Read, asked: Mapping[str, str], schema: str) -> Survey | None:
        """Say of each field of one record, the first of a list, how it maps; None if there is no record."""
        answer = self._ask(read, asked)
        found = ABSENT if answer.status in read.not_found else walk(answer.content(), read.take)
        if isinstance(found, list):
            found = found[0] if found else ABSENT
        if found is ABSENT or found is None:
            return None
        return survey(found, read.fields, schema, self._place(table, read, asked))

    def _one(self, table: str, read: Read, asked: Mapping[str, str]) -> Raw | None:
        """One record, or None: a status of not_found, a null, or an empty list where its first entry is taken."""
        try:
            answer = self._ask(read, asked)
        except Unfit:
            return None
        if answer.status in read.not_found:
            return None
        found = walk(answer.content(), read.take)
        if found is None or (found is ABSENT and _first_of_none(answer.json, read.take)):
            return None
        return read_fields(found, read.fields, table, self._place(table, read, asked))

    def _list(self, table: str, read: ReadList, asked: Mapping[str, str], schema: str, fields: Fields) -> Iterator[Raw]:
        place = self._place(table, read, asked)
        for entries in self._pages(table, read, asked):
            for number, raw in enumerate(entries):
                yield read_fields(raw, fields, schema, place, f"{table}[{number}]")

    def _pages(self, table: str, read: ReadList, asked: Mapping[str, str]) -> Iterator[list[Any]]:
        paging = read.paging
        step: Mapping[str, str] = {}
        link: str | None = None
        if paging and paging.by == "page":
            step = {paging.parameter: str(paging.first)}
        for page in range(1, (paging.most if paging else 1) + 1):
            try:
                answer = self._ask(read, asked, step, link)
            except Unfit:
                return
            if answer.status in read.not_found:
                return
            entries = walk(answer.content(), read.take)
            if not isinstance(entries, list):
                raise BackOfficeError(
                    f"{_call(read)}: what lies at take = {read.take!r} should be a list; see [{table}]"
                )
            yield entries
            following = _following(paging, page, answer, len(entries)) if paging else None
            if following is None:
                return
            step, link = following
        if table == "products":  # of orders the oldest are left out; of the goods nothing may be
            raise BackOfficeError(f"{_call(read)}: there are more pages than [products.paging] most allows")

    def _ask(
        self, read: Read, asked: Mapping[str, str], step: Mapping[str, str] | None = None, link: str | None = None
    ) -> Answer:
        body = fill(read.body, asked) if read.body is not None else None
        request = Request(
            _call(read), read.method, fill_path(read.path, asked), fill_query(read.query, asked) | dict(step or {}),
            None if body is ABSENT else body, link,
        )  # fmt: skip
        answer = self._client.ask(request)
        if answer.status in read.not_found or answer.status // 100 == 2:
            return answer
        raise unexpected(self._api, _call(read), answer.status)

    def _place(self, table: str, read: Read, asked: Mapping[str, str]) -> Place:
        return Place(_call(read), table, asked, cents=self._api.amounts == "cents")


def unexpected(api: ShopApi, call: str, status: int) -> BackOfficeError:
    """The error for a status that nothing was said about."""
    if status in (401, 403):
        return BackOfficeError(
            f"{call}: the shop refused our credentials ({status}); check {api.auth.secret} and [auth]"
        )
    return BackOfficeError(f"{call}: the shop answered {status}, which the description says nothing about")


def _placed(order: Order) -> datetime:
    at = datetime.fromisoformat(order.placed_at)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _call(read: Read) -> str:
    return f"{read.method} {read.path}"


def _same(table: str, read: Read, name: str, got: str, asked: str) -> None:
    """An answer about something else than was asked for is believed of nobody."""
    if got.casefold() != asked.casefold():
        raise BackOfficeError(f"{_call(read)}: the answer is about another {name} than was asked for; check [{table}]")


def _first_of_none(answer: Any, take: str) -> bool:
    """True where `take` picks from a list that is empty."""
    above, _, last = take.rpartition(".")
    return last.isdecimal() and walk(answer, above) == []


def _following(paging: Paging, page: int, answer: Answer, entries: int) -> tuple[Mapping[str, str], str | None] | None:
    """The query's addition and the link of the next page, or None after the last."""
    if paging.by == "page":
        last = entries == 0 or (paging.size is not None and entries < paging.size)
        return None if last else ({paging.parameter: str(paging.first + page)}, None)
    found = answer.next_link if paging.by == "header" else walk(answer.json, paging.at)
    if found in (None, "", ABSENT) or not isinstance(found, str | int):
        return None
    return ({paging.parameter: str(found)}, None) if paging.by == "cursor" else ({}, str(found))
