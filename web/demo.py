"""The demo shop: a page with the widget on it, and a way to be one of its customers. Served only where `demo` is set.

A real shop keeps the signing key on its own server; here we are that server, so only the listed customers exist.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request

from web.auth import Access, open_to
from web.bodies import body
from web.errors import Unacceptable
from web.service import service
from web.settings import DemoCustomer
from web.tokens import Identity
from web.types import Json

demo = Blueprint("demo", __name__)
_COOKIE = "mossgrove"
ORDERS_SHOWN = 8


@demo.get("/")
@open_to(Access.ANYONE)
def shop() -> str:
    customer = _signed_in()
    goods = _goods(service().settings.demo_goods)
    mine = [order for order in goods["orders"] if customer and order["customer_id"] == customer.customer_id]
    return render_template(
        "demo/shop.html",
        products=_families(goods["products"]),
        orders=sorted(mine, key=lambda order: str(order["placed_at"]), reverse=True)[:ORDERS_SHOWN],
        customer=customer.model_dump() if customer else None,
        customers=[known.model_dump() for known in service().settings.demo_customers],
        identity=_identity(customer) if customer else "",
        assistant={"name": service().settings.assistant_name},
    )


@demo.post("/demo/sign-in")
@open_to(Access.ANYONE)
def sign_in() -> Response:
    """Be one of the demo's customers. JSON only, which no form on another site can send."""
    wanted = body().get("customer_id")
    customer = _customer(wanted)
    if customer is None:
        known = ", ".join(one.customer_id for one in service().settings.demo_customers)
        raise Unacceptable(f"The demo knows no such customer; `customer_id` is one of {known}.", "unknown_customer")
    answer = make_response({"customer_id": customer.customer_id, "name": customer.name})
    answer.set_cookie(
        _COOKIE,
        service().tokens.for_demo_cookie(customer.customer_id),
        httponly=True,
        samesite="Lax",
        secure=service().settings.secure_cookies,
        max_age=86400,
    )
    return answer


@demo.post("/demo/sign-out")
@open_to(Access.ANYONE)
def sign_out() -> Response:
    body()
    answer = make_response("", 204)
    answer.delete_cookie(_COOKIE)
    return answer


@demo.get("/demo/identity")
@open_to(Access.ANYONE)
def identity() -> Json:
    """Return what the shop's server would sign for whoever is signed in; null for nobody."""
    customer = _signed_in()
    if customer is None:
        return {"identity": None, "customer": None}
    return {"identity": _identity(customer), "customer": customer.model_dump()}


def _identity(customer: DemoCustomer) -> str:
    return service().tokens.for_shop(Identity(customer.customer_id, customer.name))


def _signed_in() -> DemoCustomer | None:
    return _customer(service().tokens.demo_customer(request.cookies.get(_COOKIE, "")))


def _customer(customer_id: object) -> DemoCustomer | None:
    known = service().settings.demo_customers
    return next((customer for customer in known if customer.customer_id == customer_id), None)


def _families(products: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each family of products, its variants inside, in the order of the file."""
    families: dict[str, list[dict[str, Any]]] = {}
    for product in products:
        families.setdefault(product.get("family") or product["sku"], []).append(product)
    return [
        {
            **variants[0],
            "variants": [", ".join(product["name"].split(", ")[1:]) for product in variants],
            "from": min(product["price"] for product in variants),
            "in_stock": sum(product["in_stock"] for product in variants),
        }
        for variants in families.values()
    ]


@lru_cache(maxsize=1)
def _goods(path: Path) -> dict[str, list[dict[str, Any]]]:
    """What the shop sells and has sold; nothing where the file is missing. Read once."""
    if not path.is_file():
        return {"products": [], "orders": []}
    goods = json.loads(path.read_text(encoding="utf-8"))
    return {"products": goods.get("products", []), "orders": goods.get("orders", [])}
