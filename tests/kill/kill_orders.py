"""A back office in which every customer has more orders to cancel than a test can."""

from __future__ import annotations

import json
from pathlib import Path

from kill_service import ORDERS

CUSTOMERS = 4
ORDERS_EACH = 60


def order_number(customer: int, number: int) -> str:
    return f"MG-{30000 + customer * 1000 + number}"


def write_orders(home: Path) -> None:
    customers = [
        {"customer_id": f"C-{customer:04d}", "name": f"Customer {customer}", "email": f"c{customer}@example.com"}
        for customer in range(1, CUSTOMERS + 1)
    ]
    orders = {"customers": customers, "products": [], "orders": many_orders()}
    (home / ORDERS).write_text(json.dumps(orders))


def many_orders() -> list[dict[str, object]]:
    return [
        {
            "order_number": order_number(customer, number),
            "customer_id": f"C-{customer:04d}",
            "placed_at": f"2026-10-{1 + number % 28:02d}T08:00:00Z",
            "status": "placed",
            "carrier": None,
            "tracking_code": None,
            "expected_at": None,
            "items": [{"sku": "POT-1", "name": "Clay pot", "quantity": 1, "unit_price": "9.90"}],
            "total": "9.90",
            "address": "Fern Lane 1",
            "email": f"c{customer}@example.com",
        }
        for customer in range(1, CUSTOMERS + 1)
        for number in range(ORDERS_EACH)
    ]
