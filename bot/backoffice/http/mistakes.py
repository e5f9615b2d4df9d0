"""What can be wrong with a description though every key has the right type: names, placeholders, what is missing."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from bot.backoffice.http.mapping import IN_OUR_UNITS, Place, Unreadable, read_value
from bot.backoffice.http.settings import Auth, Fields, FieldSpec, Paging, Read, ReadList, ShopApi, WriteCall
from bot.backoffice.http.targets import TARGETS, Kind, Target
from bot.backoffice.http.templates import names_in
from bot.backoffice.terms import Terms
from bot.backoffice.writes import KINDS, field_names
from bot.errors import BackOfficeError

Mistake = tuple[str, str]
# What each call is asked with, and must be.
ASKED_WITH = {
    "order": "order_number",
    "orders": "customer_id",
    "customer": "customer_id",
    "voucher": "code",
    "done": "key",
}
NOT_HEADERS = frozenset({"authorization", "cookie", "host", "content-length", "content-type", "accept-encoding"})
ADDRESS = ("street", "postal_code", "city", "country", "extra", "region")
ENTRY = ("sku", "quantity", "new_sku")
UNITS = {"cents": Kind.AMOUNT, "units": Kind.AMOUNT, "unix": Kind.MOMENT, "unix_ms": Kind.MOMENT}
WORDED = (Kind.TEXT, Kind.WORDS, Kind.FLAG)
PAIRED = (Kind.TEXTS, Kind.COUNTS)
NUMBERED = ("return_items", "exchange_items")


def mistakes(api: ShopApi, terms: Terms) -> Iterator[Mistake]:
    """Yield each mistake as its table and a sentence, in the order of the file."""
    yield from _address(api.base_url)
    yield from _auth(api)
    reads: Mapping[str, Read | None] = {
        "order": api.order, "orders": api.orders, "customer": api.customer, "products": api.products,
        "voucher": api.voucher, "done": api.done,
    }  # fmt: skip
    for table, read in reads.items():
        if read is not None:
            yield from _read(table, read)
    if bool(api.idempotency.busy_at) != bool(api.idempotency.busy_words):
        yield "idempotency", "has one of busy_at and busy_words; they need each other"
    yield from _refusals(api)
    for name, call in api.writes.items():
        yield from _write(name, call)
    for name in sorted(set(terms) - set(api.writes)):
        yield "", f"has no [writes.{name}], but the company's terms allow it; describe it, or take it out of the terms"
    for name, term in terms.items():
        reasons = api.writes[name].maps.get("reason") if name in api.writes else None
        if reasons is not None and (unknown := sorted(set(term.reasons) - set(reasons))):
            yield f"writes.{name}.maps", f"lacks the reason {unknown[0]!r}, which the company's terms offer"


def _address(base_url: str) -> Iterator[Mistake]:
    try:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
    except ValueError:
        yield "", "base_url cannot be read; expected an address such as https://api.shop.example/v2"
        return
    if parts.scheme not in ("https", "http") or not host:
        yield "", "base_url should look like https://api.shop.example/v2"
    if parts.username or parts.password or parts.query or parts.fragment:
        yield "", "base_url should be a bare address; credentials belong to the environment, and there is no query"
    if parts.scheme == "http" and not _is_loopback(host):
        yield "", f"base_url is http://{host}; expected https, since customers' data would be readable on the way"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _auth(api: ShopApi) -> Iterator[Mistake]:
    auth: Auth = api.auth
    if auth.kind == "basic" and not auth.username:
        yield "auth", "has kind = 'basic' and no username"
    if auth.kind == "header" and not auth.header:
        yield "auth", "has kind = 'header' and no header, for example header = \"X-Api-Key\""
    for name in api.headers:
        if name.lower() in NOT_HEADERS or name.lower() == auth.header.lower():
            yield "headers", f"has {name}, which is sent otherwise; credentials stand in [auth] and the environment"


def _read(table: str, read: Read) -> Iterator[Mistake]:
    with_what = ASKED_WITH.get(table, "")
    yield from _placeholders(table, (read.path, read.query, read.body), {with_what} - {""})
    if with_what and with_what not in names_in((read.path, read.query, read.body)):
        yield table, f"should use {{{with_what}}} in its path, query or body; otherwise it asks for everybody's"
    if isinstance(read, ReadList):
        yield from _list(table, read)
    if table == "done" and not read.fields:
        yield table, f"has no fields; expected some of {', '.join(TARGETS['done'])}"
    details = isinstance(read, ReadList) and read.details
    schema = "bare_order" if details else {"orders": "order", "products": "product"}.get(table, table)
    yield from _fields(f"{table}.fields", read.fields, schema)
    for name, spec in read.fields.items():
        if spec.asked and f"{{{spec.asked}}}" not in read.path:
            yield f"{table}.fields", f"has {name} asked = {spec.asked!r}, which is believed only of what is in the path"


def _list(table: str, read: ReadList) -> Iterator[Mistake]:
    if read.details and table != "orders":
        yield table, "has details, which only [orders] can have"
    if read.cache_s and table != "products":
        yield table, "has cache_s, which only [products] can have; orders must be fresh"
    if read.paging:
        yield from _paging(f"{table}.paging", read.paging)


def _paging(table: str, paging: Paging) -> Iterator[Mistake]:
    if paging.by in ("link", "cursor") and not paging.at:
        yield table, f"has by = {paging.by!r} and no `at` to say where it lies in the answer"
    if paging.by in ("page", "cursor") and not paging.parameter:
        yield table, f"has by = {paging.by!r} and no `parameter` of the query to send it in"


def _fields(table: str, fields: Fields, schema: str) -> Iterator[Mistake]:
    """Our names, what they need, and whether each entry makes sense. Without fields, names are ours already."""
    if not fields:
        return
    targets = TARGETS[schema]
    for name, spec in fields.items():
        if name not in targets:
            yield table, f"has {name!r}; our names are {', '.join(targets)}"
        else:
            yield from _field(table, name, spec, targets[name])
    if missing := [name for name, target in targets.items() if target.required and name not in fields]:
        yield table, f"lacks {', '.join(missing)}, without which there is no {schema}"


def _field(table: str, name: str, spec: FieldSpec, target: Target) -> Iterator[Mistake]:
    if not (spec.at or spec.asked or spec.fields or spec.default is not None):
        yield table, f"has {name} without `at`, `default` or `asked`, so there is nothing to read"
    if spec.fields and not target.of:
        yield table, f"has fields below {name}, which is {target.kind}"
    elif target.of:
        yield from _fields(f"{table}.{name}.fields", spec.fields, target.of)
    if (spec.map or spec.otherwise is not None) and target.kind not in WORDED:
        yield table, f"has a map for {name}, which is {target.kind}"
    words = [*spec.map.values(), *([spec.otherwise] if spec.otherwise is not None else [])]
    if unknown := [word for word in words if target.words and word not in target.words]:
        yield table, f"maps {name} to {unknown[0]!r}; expected one of {', '.join(sorted(target.words))}"
    if spec.unit and UNITS[spec.unit] is not target.kind:
        yield table, f"has unit = {spec.unit!r} for {name}, which is {target.kind}"
    if bool(spec.key) != bool(spec.value) or (spec.key and target.kind not in PAIRED):
        yield (
            table,
            f"has key or value for {name}; they go together, for {' and '.join(kind.name.lower() for kind in PAIRED)}",
        )
    if spec.default is not None and not _fits(spec, target):
        yield table, f"has default = {spec.default!r:.60} for {name}; expected {_expected(target)}"


def _fits(spec: FieldSpec, target: Target) -> bool:
    try:
        read_value(str(spec.default), IN_OUR_UNITS, target, Place("", "", {}, cents=False), "")
    except (Unreadable, BackOfficeError):
        return False
    return target.kind not in (Kind.LIST, Kind.WORDS, *PAIRED)


def _expected(target: Target) -> str:
    return f"one of {', '.join(sorted(target.words))}" if target.words else str(target.kind)


def _refusals(api: ShopApi) -> Iterator[Mistake]:
    tables = {"refusals": api.refusals} | {
        f"writes.{name}.refusals": call.refusals for name, call in api.writes.items() if call.refusals
    }
    for table, refusals in tables.items():
        if refusals.rule:
            yield from _fields(table, {"rule": refusals.rule}, "refusal")
        if both := set(refusals.statuses) & set(refusals.no_such_order):
            yield table, f"has {min(both)} both in statuses and in no_such_order"


def _write(name: str, call: WriteCall) -> Iterator[Mistake]:
    table = f"writes.{name}"
    if name not in KINDS:
        yield "", f"has [{table}]; expected some of {', '.join(KINDS)}"
        return
    values = values_of(name)
    parts = (call.path, call.query, call.body)
    yield from _placeholders(table, parts, values)
    about = "customer_id" if name == "update_contact" else "order_number"
    if about not in names_in(parts):
        yield table, f"should use {{{about}}} in its path, query or body"
    if unknown := sorted(set(call.maps) - values):
        yield f"{table}.maps", f"has {unknown[0]!r}; this write's values are {', '.join(sorted(values))}"
    try:
        json.dumps(call.body)
    except TypeError:
        yield table, "has a body that JSON cannot hold; dates and times stand in quotation marks"
    yield from _fields(f"{table}.receipt", call.receipt, "receipt")
    if name in NUMBERED and "return_number" not in call.receipt:
        yield f"{table}.receipt", "lacks return_number, which the customer is told"


def values_of(name: str) -> set[str]:
    """The placeholders that a write's path, query and body may use."""
    values = {*field_names(KINDS[name]), "customer_id", "key"}
    if name == "update_contact":
        values |= {"email", "phone"}
    if "address" in values:
        values |= {f"address.{part}" for part in ADDRESS}
    for loop in values & {"lines", "swaps"}:
        values |= {f"{loop}/{part}" for part in ENTRY}
    return values


def _placeholders(table: str, template: Any, accepted: Iterable[str]) -> Iterator[Mistake]:
    accepted = set(accepted)
    for name in names_in(template):
        if name not in accepted and name.rpartition("/")[2] not in accepted:
            shown = name.rpartition("/")[2]
            known = ", ".join(f"{{{one}}}" for one in sorted(accepted) if "/" not in one) or "none"
            yield table, f"uses {{{shown}}}; the placeholders here are {known}"
