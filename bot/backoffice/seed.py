"""Read the records a sample shop starts with, and bring their dates up to today."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.backoffice.records import read_customer, read_order, read_product, read_voucher
from bot.backoffice.types import Order
from bot.errors import BackOfficeError

Seed = dict[str, list[dict[str, Any]]]
KEYS: Mapping[str, str] = {
    "orders": "order_number",
    "customers": "customer_id",
    "products": "sku",
    "vouchers": "code",
    "returns": "return_number",
    "outbox": "mail",
}
READERS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "orders": read_order,
    "customers": read_customer,
    "products": read_product,
    "vouchers": read_voucher,
}
# What happened moves with the calendar, so that an order of last week stays one; a voucher's last day is printed.
MOVED = ("orders", "returns")


def read_seed(path: Path, today: date) -> Seed:
    """Return the records by kind, each one readable and no two with one number.

    Dates of orders and returns are moved by the whole weeks between the file's `as_of` and today, so weekdays stay.
    Raises BackOfficeError naming the file and the record that is wrong.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackOfficeError(f"{path} should be JSON with customers, products and orders, but: {error}") from error
    if not isinstance(raw, dict) or not isinstance(raw.get("orders"), list):
        raise BackOfficeError(f"{path} should be an object with a list of orders")
    later = _weeks(raw.get("as_of"), today, path)
    try:
        seed = {kind: _records(kind, raw.get(kind, []), later) for kind in KEYS}
        _mark_returned(seed)
    except BackOfficeError as error:
        raise BackOfficeError(f"{path}: {error}") from error
    return seed


def _records(kind: str, records: object, later: timedelta) -> list[dict[str, Any]]:
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise BackOfficeError(f"{kind} should be a list of objects")
    moved = [_moved(kind, record, later) if kind in MOVED else record for record in records]
    seen: set[str] = set()
    for record in moved:
        if kind in READERS:
            READERS[kind](record)
        number = str(record.get(KEYS[kind]) or "").upper()
        if not number or number in seen:
            has = f"{KEYS[kind]} {record[KEYS[kind]]} twice" if number else f"a record without {KEYS[kind]}"
            raise BackOfficeError(f"{kind} has {has}; every record needs one of its own")
        seen.add(number)
    return moved


def _mark_returned(seed: Seed) -> None:
    """Note on each order what of it has gone back."""
    orders = {order["order_number"]: order for order in seed["orders"]}
    for record in seed["returns"]:
        number, order = record["return_number"], orders.get(record.get("order_number"))
        if order is None:
            raise BackOfficeError(f"return {number} is of order {record.get('order_number')!r}, which is not in orders")
        gone = order.setdefault("returned", {})
        try:
            for item in record["items"]:
                gone[item["sku"]] = gone.get(item["sku"], 0) + int(item["quantity"])
        except (KeyError, TypeError, ValueError) as error:
            raise BackOfficeError(f"return {number} needs items, each with sku and quantity: {error!r}") from error
        _check_held(number, read_order(order))


def _check_held(number: str, order: Order) -> None:
    if wrong := [sku for sku in order.returned if order.left(sku) < 0]:
        raise BackOfficeError(f"return {number} takes more {wrong[0]} back than order {order.order_number} held")


def _weeks(as_of: object, today: date, path: Path) -> timedelta:
    if as_of is None:
        return timedelta()
    try:
        days = (today - date.fromisoformat(str(as_of))).days
    except ValueError as error:
        raise BackOfficeError(f"{path}: as_of is {as_of!r}; expected a date such as 2026-11-22") from error
    return timedelta(days=max(0, days) // 7 * 7)


def _moved(kind: str, record: dict[str, Any], later: timedelta) -> dict[str, Any]:
    moved = dict(record)
    for name, value in record.items():
        try:
            moved[name] = _later(value, later) if _is_date(name) else value
        except ValueError as error:
            raise BackOfficeError(
                f"{name} of {record.get(KEYS[kind], '?')} in {kind} is {value!r}; expected a date such as 2026-11-22"
            ) from error
    return moved


def _is_date(name: str) -> bool:
    return name.endswith("_at") or name == "delivery_day"


def _later(value: object, later: timedelta) -> object:
    if not isinstance(value, str) or not value:
        return value
    if len(value) == len("2026-11-22"):
        return (date.fromisoformat(value) + later).isoformat()
    return (datetime.fromisoformat(value) + later).isoformat().replace("+00:00", "Z")
