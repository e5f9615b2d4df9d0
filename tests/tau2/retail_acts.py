"""What may be done with an order of a retail world, and the arguments with which it may not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from retail_data import Action, Json

HOME = {"address1": "1 Mill Lane", "address2": "", "city": "Dover", "state": "DE", "country": "USA", "zip": "19901"}


def call(name: str, order: Json | None = None, **arguments: Any) -> Action:
    """A tool's call, for an order where it is about one."""
    return Action(name, {"order_id": order["order_id"], **arguments} if order else arguments)


def orders(db: Json, *states: str) -> Iterator[Json]:
    """The orders in one of these states."""
    return (order for order in db["orders"].values() if order["status"] in states)


def method(order: Json) -> str:
    """What the order was paid with."""
    return str(order["payment_history"][0]["payment_method_id"])


def methods(db: Json, order: Json) -> Json:
    """The payment methods of the order's customer."""
    found: Json = db["users"][order["user_id"]]["payment_methods"]
    return found


def foreign_method(db: Json, order: Json) -> str:
    """A payment method of somebody else."""
    others = (user for user in db["users"].values() if user["user_id"] != order["user_id"])
    return next(way for user in others for way in user["payment_methods"])


def versions(db: Json, line: Json, *, available: bool = True) -> list[Json]:
    """The other versions of a line's product."""
    found = db["products"][line["product_id"]]["variants"].values()
    return [v for v in found if v["available"] is available and v["item_id"] != line["item_id"]]


def other_type(db: Json, line: Json) -> str:
    """An available version of another product."""
    others = (raw for key, raw in db["products"].items() if key != line["product_id"])
    return next(v["item_id"] for raw in others for v in raw["variants"].values() if v["available"])


# --- allowed acts, to ask for and to do before


def cancels(db: Json, order: Json) -> Action:
    return call("cancel_pending_order", order, reason="no longer needed")


def moves(db: Json, order: Json) -> Action:
    return call("modify_pending_order_address", order, **HOME)


def swaps(name: str) -> Callable[[Json, Json], Action | None]:
    def swap(db: Json, order: Json) -> Action | None:
        """The first thing that has another version, settled with what the order was paid with if that can bear it."""
        way = methods(db, order)[method(order)]
        for line in order["items"]:
            for new in versions(db, line):
                dearer = new["price"] - line["price"]
                if dearer and way.get("balance", 1e9) >= dearer:
                    return call(
                        name,
                        order,
                        item_ids=[line["item_id"]],
                        new_item_ids=[new["item_id"]],
                        payment_method_id=method(order),
                    )
        return None

    return swap


modifies, exchanges = swaps("modify_pending_order_items"), swaps("exchange_delivered_order_items")


def returns(db: Json, order: Json) -> Action:
    items = [order["items"][0]["item_id"]]
    return call("return_delivered_order_items", order, item_ids=items, payment_method_id=method(order))


def pays(db: Json, order: Json) -> Action | None:
    """With another way of the customer's own that can bear it."""
    amount = order["payment_history"][0]["amount"]
    for way in methods(db, order).values():
        if way["id"] != method(order) and way.get("balance", 1e9) >= amount:
            return call("modify_pending_order_payment", order, payment_method_id=way["id"])
    return None


def moves_payment(db: Json, order: Json) -> Action:
    """Before it is known with what."""
    return call("modify_pending_order_payment", order, payment_method_id="")


Make = Callable[[Json, Json], Action | None]
ACTS: dict[str, tuple[Make, str]] = {
    "cancel": (cancels, "pending"),
    "change address of": (moves, "pending"),
    "change items of": (modifies, "pending"),
    "change payment of": (pays, "pending"),
    "return from": (returns, "delivered"),
    "exchange from": (exchanges, "delivered"),
}


# --- the same acts with arguments that the policy forbids; None where the order has no room for them


def too_dear(db: Json, order: Json, action: Action) -> Json | None:
    """A gift card of the customer's own, and a version that costs more than is on it."""
    for way in methods(db, order).values():
        for line in order["items"] if way["source"] == "gift_card" else ():
            for new in versions(db, line):
                if new["price"] - line["price"] > way["balance"]:
                    return {
                        "item_ids": [line["item_id"]],
                        "new_item_ids": [new["item_id"]],
                        "payment_method_id": way["id"],
                    }
    return None


def poor_card(db: Json, order: Json, _action: Action) -> Json | None:
    """A gift card with less on it than the order costs."""
    amount = order["payment_history"][0]["amount"]
    ways = methods(db, order).values()
    poor = (way["id"] for way in ways if way["id"] != method(order) and way.get("balance", amount) < amount)
    found = next(poor, None)
    return {"payment_method_id": found} if found else None


def wrong_way_back(db: Json, order: Json, _action: Action) -> Json | None:
    """A way of the customer's own that is neither the original nor a gift card."""
    ways = (w for w in methods(db, order).values() if w["source"] != "gift_card" and w["id"] != method(order))
    found = next(ways, None)
    return {"payment_method_id": found["id"]} if found else None


def sold_out(db: Json, order: Json, _action: Action) -> Json | None:
    for line in order["items"]:
        if gone := versions(db, line, available=False):
            return {"item_ids": [line["item_id"]], "new_item_ids": [gone[0]["item_id"]]}
    return None


def another_type(db: Json, order: Json, _action: Action) -> Json:
    line = order["items"][0]
    return {"item_ids": [line["item_id"]], "new_item_ids": [other_type(db, line)]}


def itself(_db: Json, order: Json, _action: Action) -> Json:
    return {"item_ids": [order["items"][0]["item_id"]], "new_item_ids": [order["items"][0]["item_id"]]}


def not_in_it(db: Json, order: Json, _action: Action) -> Json:
    held = {line["item_id"] for line in order["items"]}
    return {"item_ids": [next(v for p in db["products"].values() for v in p["variants"] if v not in held)]}


def too_many(_db: Json, order: Json, _action: Action) -> Json:
    return {"item_ids": [order["items"][0]["item_id"]] * (len(order["items"]) + 1)}


def somebody_elses(db: Json, order: Json, _action: Action) -> Json:
    return {"payment_method_id": foreign_method(db, order)}


def take_out(db: Json, order: Json) -> Json | None:
    first = order["items"][0]["item_id"]
    if len(order["items"]) < 2:
        return None
    return {"order_number": order["order_id"], "items": [first], "variants": ["take_out"], "quantity": 1}


def same_again(_db: Json, order: Json, _action: Action) -> Json:
    return {"payment_method_id": method(order)}


def other_reason(_db: Json, _order: Json, _action: Action) -> Json:
    return {"reason": "found it cheaper elsewhere"}


def two_ways(db: Json, order: Json) -> Json | None:
    ways = [way for way in methods(db, order) if way != method(order)]
    return {"order_number": order["order_id"], "payment_method": ways[:2]} if len(ways) > 1 else None


def number(_db: Json, order: Json) -> Json:
    return {"order_number": order["order_id"]}
