"""What τ²-bench's seven writing tools do to its database: the yardstick, sharing no code with the adapter.

Written from knowledge of the bench's behaviour, its oddities included: where several items of a pending order are
changed, all of them take the price and the options of the last new one; the sum booked then is not rounded; and a
cancellation pays back every entry of the payment history, refunds included.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from retail_data import Action, Json

REASONS = ("no longer needed", "ordered by mistake")


class ToolRefuses(Exception):
    """The tool would answer with an error; raised before anything is changed."""


def replay(db: Json, actions: Sequence[Action]) -> tuple[Json, tuple[bool, ...]]:
    """Return a copy of the database as it is after the calls, and of each whether its tool took it."""
    state: Json = json.loads(json.dumps(db))
    return state, tuple([_take(state, action) for action in actions])


def _take(state: Json, action: Action) -> bool:
    if not action.writes:
        return finds(state, action)
    try:
        TOOLS[action.name](state, **action.arguments)
    except ToolRefuses:
        return False
    return True


def finds(db: Json, action: Action) -> bool:
    """True where a tool that only looks has something to show."""
    said = action.arguments
    match action.name:
        case "find_user_id_by_email":
            return any(user["email"].lower() == said["email"].lower() for user in db["users"].values())
        case "find_user_id_by_name_zip":
            wanted = [said["first_name"].lower(), said["last_name"].lower(), said["zip"]]
            return wanted in [
                [user["name"]["first_name"].lower(), user["name"]["last_name"].lower(), user["address"]["zip"]]
                for user in db["users"].values()
            ]
        case "get_order_details":
            return said["order_id"] in db["orders"]
        case "get_user_details":
            return said["user_id"] in db["users"]
        case "get_product_details":
            return said["product_id"] in db["products"]
        case "get_item_details":
            return any(said["item_id"] in product["variants"] for product in db["products"].values())
        case _:
            return True


def cancel(db: Json, order_id: str, reason: str) -> None:
    order = _order(db, order_id)
    _need(order["status"] == "pending", "only a pending order is cancelled")
    _need(reason in REASONS, "no such reason")
    paid = list(order["payment_history"])
    methods = [_method(db, order["user_id"], entry["payment_method_id"]) for entry in paid]
    for entry, method in zip(paid, methods, strict=True):
        _credit(method, entry["amount"])
    order["status"] = "cancelled"
    order["cancel_reason"] = reason
    order["payment_history"] += [{**entry, "transaction_type": "refund"} for entry in paid]


def change_address(db: Json, order_id: str, **address: str) -> None:
    order = _order(db, order_id)
    _need("pending" in order["status"], "only a pending order is sent elsewhere")
    order["address"] = address


def change_items(db: Json, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str) -> None:
    order = _order(db, order_id)
    _need(order["status"] == "pending", "only a pending order is changed")
    _need(all(old != new for old, new in zip(item_ids, new_item_ids, strict=False)), "an item for itself")
    cost, last = _cost(db, order, item_ids, new_item_ids)
    method = _method(db, order["user_id"], payment_method_id)
    _need(method["source"] != "gift_card" or method["balance"] >= cost, "too little on the gift card")
    kind = "payment" if cost > 0 else "refund"
    entry = {"transaction_type": kind, "amount": abs(cost), "payment_method_id": payment_method_id}
    order["payment_history"].append(entry)
    _credit(method, -cost)
    for old, new in zip(item_ids, new_item_ids, strict=True):
        line = next(line for line in order["items"] if line["item_id"] == old)
        line.update(item_id=new, price=last["price"], options=dict(last["options"]))
    order["status"] = "pending (item modified)"


def change_payment(db: Json, order_id: str, payment_method_id: str) -> None:
    order = _order(db, order_id)
    _need("pending" in order["status"], "only a pending order is paid otherwise")
    new = _method(db, order["user_id"], payment_method_id)
    history = order["payment_history"]
    _need(len(history) == 1 and history[0]["transaction_type"] == "payment", "paid more than once")
    first = history[0]
    _need(first["payment_method_id"] != payment_method_id, "it is paid like that")
    amount = first["amount"]
    _need(new["source"] != "gift_card" or new["balance"] >= amount, "too little on the gift card")
    history += [
        {"transaction_type": "payment", "amount": amount, "payment_method_id": payment_method_id},
        {"transaction_type": "refund", "amount": amount, "payment_method_id": first["payment_method_id"]},
    ]
    _credit(new, -amount)
    _credit(_method(db, order["user_id"], first["payment_method_id"]), amount)


def send_back(db: Json, order_id: str, item_ids: list[str], payment_method_id: str) -> None:
    order = _order(db, order_id)
    _need(order["status"] == "delivered", "only delivered things are returned")
    method = _method(db, order["user_id"], payment_method_id)
    original = order["payment_history"][0]["payment_method_id"]
    _need(method["source"] == "gift_card" or payment_method_id == original, "money goes back or onto a gift card")
    _hold(order, item_ids)
    order["status"] = "return requested"
    order["return_items"] = sorted(item_ids)
    order["return_payment_method_id"] = payment_method_id


def exchange(db: Json, order_id: str, item_ids: list[str], new_item_ids: list[str], payment_method_id: str) -> None:
    order = _order(db, order_id)
    _need(order["status"] == "delivered", "only delivered things are exchanged")
    cost, _ = _cost(db, order, item_ids, new_item_ids)
    cost = round(cost, 2)
    method = _method(db, order["user_id"], payment_method_id)
    _need(method["source"] != "gift_card" or method["balance"] >= cost, "too little on the gift card")
    order["status"] = "exchange requested"
    order["exchange_items"] = sorted(item_ids)
    order["exchange_new_items"] = sorted(new_item_ids)
    order["exchange_payment_method_id"] = payment_method_id
    order["exchange_price_difference"] = cost


def move_house(db: Json, user_id: str, **address: str) -> None:
    _need(user_id in db["users"], "no such user")
    db["users"][user_id]["address"] = address


TOOLS = {
    "cancel_pending_order": cancel,
    "modify_pending_order_address": change_address,
    "modify_pending_order_items": change_items,
    "modify_pending_order_payment": change_payment,
    "return_delivered_order_items": send_back,
    "exchange_delivered_order_items": exchange,
    "modify_user_address": move_house,
}


def _need(holds: bool, why: str) -> None:
    if not holds:
        raise ToolRefuses(why)


def _order(db: Json, order_id: str) -> Json:
    _need(order_id in db["orders"], "no such order")
    order: Json = db["orders"][order_id]
    return order


def _method(db: Json, user_id: str, method_id: str) -> Json:
    methods = db["users"][user_id]["payment_methods"]
    _need(method_id in methods, "no such payment method")
    method: Json = methods[method_id]
    return method


def _credit(method: Json, amount: float) -> None:
    if method["source"] == "gift_card":
        method["balance"] = round(method["balance"] + amount, 2)


def _hold(order: Json, item_ids: list[str]) -> None:
    held = Counter(line["item_id"] for line in order["items"])
    _need(not Counter(item_ids) - held, "not in the order in that number")


def _cost(db: Json, order: Json, item_ids: list[str], new_item_ids: list[str]) -> tuple[float, Json]:
    """What the new ones cost more, added up in the list's order, and the last new variant."""
    _hold(order, item_ids)
    _need(len(item_ids) == len(new_item_ids), "as many new ones as old ones")
    cost, variant = 0.0, dict[str, Any]()
    for old, new in zip(item_ids, new_item_ids, strict=True):
        line = next(line for line in order["items"] if line["item_id"] == old)
        variants = db["products"][line["product_id"]]["variants"]
        _need(new in variants and variants[new]["available"], "no such version, or none left")
        variant = variants[new]
        cost += variant["price"] - line["price"]
    return cost, variant
