"""What `nightdesk doctor` says of a shop's API: whether it answers, what maps and what doesn't. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from bot.backoffice.http.client import ShopClient
from bot.backoffice.http.load import Shop, load_shop
from bot.backoffice.http.reads import ShopReads
from bot.backoffice.http.settings import Read
from bot.backoffice.http.templates import Unfit
from bot.backoffice.terms import Terms
from bot.errors import BackOfficeError
from bot.health import Check

EXPLAINED = "docs/back-office.md explains every key"


def check_back_office(file: Path, secrets: Mapping[str, str], terms: Terms) -> list[Check]:
    """Return a line for each thing that was looked at: the file, the goods, and the sample order and customer it names.

    Fields are named and their values are not, so that the report can be shown to anybody.
    """
    try:
        shop = load_shop(file, secrets, terms)
        client = ShopClient(shop.api, shop.secret)
    except BackOfficeError as error:
        return [Check(f"back office: {error}", False, EXPLAINED)]
    with closing(client):
        return [*_reads(shop, ShopReads(shop.api, client)), _writes(shop)]


def _reads(shop: Shop, reads: ShopReads) -> Iterator[Check]:
    api, samples = shop.api, shop.api.samples
    goods = _asked(shop, lambda: f"{_call(api.products)} answers, {len(reads.products())} products")
    yield goods
    if not goods.ok:  # whatever is wrong, it is enough to hear it once
        return
    if samples.order_number:
        yield from _sample(shop, reads, "order", api.order, {"order_number": samples.order_number})
    if samples.customer_id:
        yield from _sample(shop, reads, "customer", api.customer, {"customer_id": samples.customer_id})
        yield _asked(shop, lambda: f"{_call(api.orders)} answers, {len(reads.orders_of(samples.customer_id))} orders")
    if not (samples.order_number and samples.customer_id):
        unseen = "an order" if samples.customer_id else "a customer" if samples.order_number else "an order, a customer"
        yield Check(f"back office: [samples] names nothing to look at for {unseen}, so those fields are unseen", True)


def _sample(shop: Shop, reads: ShopReads, table: str, read: Read, asked: Mapping[str, str]) -> Iterator[Check]:
    try:
        seen = reads.sample(table, read, asked, table)
    except (BackOfficeError, Unfit) as error:
        yield Check(f"back office: {error}", False, f"{shop.file}; {EXPLAINED}")
        return
    if seen is None:
        name, value = next(iter(asked.items()))
        yield Check(f"back office: {_call(read)} knows no {table} {value!r}", False, f"[samples] {name} in {shop.file}")
        return
    silent = f"; nothing for {', '.join(seen.silent)}" if seen.silent else ""
    if seen.read:
        yield Check(f"back office: {_call(read)} gives {', '.join(seen.read)}{silent}", True)
    for sentence in seen.wrong:
        yield Check(f"back office: {sentence}", False, f"[{table}.fields] in {shop.file}")


def _writes(shop: Shop) -> Check:
    api = shop.api
    keeps = "the shop is asked what a key left behind" if api.done else "a ledger here keeps what a key left behind"
    honours = "honours" if api.idempotency.honoured else "does not honour"
    again = "" if api.idempotency.honoured else ", so a write that gets no answer goes to a person"
    what = ", ".join(sorted(api.writes)) or "nothing"
    return Check(f"back office: can do {what}; the shop {honours} {api.idempotency.header}{again}; {keeps}", True)


def _asked(shop: Shop, ask: Callable[[], str]) -> Check:
    try:
        return Check(f"back office: {ask()}", True)
    except BackOfficeError as error:
        return Check(f"back office: {error}", False, f"{shop.file}; {EXPLAINED}")


def _call(read: Read) -> str:
    return f"{read.method} {read.path}"
