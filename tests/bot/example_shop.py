"""A small shop with an HTTP API of its own: other names, other words, cents, pages, and it can fail on command.

`docs/back-office-example.toml` describes it to Nightdesk. Run it by hand with `python tests/bot/example_shop.py`; it
listens on http://127.0.0.1:8900/v2 and asks for the bearer token in SHOP_TOKEN (or "a-token-to-try-with").
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from bot_fakes import TERMS, TODAY

from bot.backoffice.http.office import HttpBackOffice, open_http_back_office
from bot.backoffice.http.settings import SECRET_VARIABLE
from bot.backoffice.terms import Term

TOKEN = "a-token-to-try-with"
Json = dict[str, Any]
PAGE = 2
NOV = 1_795_000_000  # 18 November 2026, in seconds


class ShopError(Exception):
    """The shop says no."""

    def __init__(self, status: int, code: str, text: str, policy: str | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.body = {"error": {"code": code, "text": text, **({"policy": policy} if policy else {})}}


@dataclass
class Trouble:
    """What the shop does instead of answering properly, once."""

    on: str = ""  # "POST /v2/orders": only requests that begin like this
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    act_first: bool = False
    wait_s: float = 0.0
    drip_s: float = 0.0
    cut: bool = False
    change: Callable[[Any], Any] | None = None


def order(ref: str, account: str, state: str, lines: list[Json], **more: Any) -> Json:
    """An order as this shop's API shows it."""
    goods = sum(line["qty"] * line["price"] for line in lines)
    return {
        "ref": ref, "account": account, "state": state, "created": NOV - int(ref[-3:]) * 86_400, "lines": lines,
        "money": {"goods": goods, "shipping": 490, "off": 0, "all": goods + 490},
        "contact": {"mail": f"{account}@post.example"},
        "parcel": None, "day": None, "paid_with": "pm-1", "journal": ["created"], "sent_back": [],
        "ship_to": {"line1": "Kade 1", "line2": "", "zip": "3511 AB", "town": "Utrecht", "land": "NL"}, **more,
    }  # fmt: skip


def line(article: str, title: str, qty: int, price: int) -> Json:
    return {"article": article, "title": title, "qty": qty, "price": price}


POT = line("POT-S", "Teapot, small", 2, 2450)
CUP = line("CUP-G", "Cup, green", 1, 900)
PARCEL = {"company": "PostNL", "code": "3SKETTLE", "due": "2026-11-16", "arrived": "2026-11-16T10:00:00+01:00"}


def first_orders() -> dict[str, Json]:
    """What the shop starts with."""
    return {
        made["ref"]: made
        for made in (
            order("KL-10001", "A-7", "received", [POT, CUP]),
            order("KL-10002", "A-7", "in transit", [CUP], parcel=PARCEL | {"arrived": None, "due": "2026-11-24"}),
            order("KL-10003", "A-7", "handed over", [POT, CUP], parcel=PARCEL),
            order("KL-10004", "A-8", "received", [POT]),
            order("KL-10005", "A-7", "picking", [CUP]),
        )
    }


def first_accounts() -> dict[str, Json]:
    cards = [{"token": "pm-1", "type": "cc", "shown_as": "Visa ending 4242"},
             {"token": "gc-1", "type": "giftcard", "shown_as": "Gift card", "left": 2000}]  # fmt: skip
    home = {"line1": "Kade 1", "line2": None, "zip": "3511 AB", "town": "Utrecht", "land": "NL"}
    return {
        number: {"number": number, "full_name": name, "mail": f"{number}@post.example", "mobile": None, "home": home,
                 "wallet": cards}
        for number, name in (("A-7", "Ada Lindqvist"), ("A-8", "Bo Keller"))
    }  # fmt: skip


def article(sku: str, title: str, price: int, group: str, family: str, stock: int, **options: str) -> Json:
    traits = [{"trait": name, "is": value} for name, value in options.items()]
    return {
        "article": sku,
        "title": title,
        "price": price,
        "group": group,
        "family": family,
        "stock": stock,
        "traits": traits,
    }


def first_catalogue() -> list[Json]:
    return [
        article("POT-S", "Teapot, small", 2450, "crockery", "teapot", 5, size="small"),
        article("POT-L", "Teapot, large", 3450, "crockery", "teapot", 3, size="large"),
        article("CUP-G", "Cup, green", 900, "crockery", "cup", 9, colour="green"),
        article("CUP-B", "Cup, blue", 950, "crockery", "cup", 0, colour="blue"),
        article("BUSH", "Tea bush", 1900, "living", "", 4),
    ]


class ExampleShop:
    """The shop's state and its API. Every change happens once for an Idempotency-Key."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.orders, self.accounts, self.catalogue = first_orders(), first_accounts(), first_catalogue()
        self.returns: list[Json] = []
        self.mails: list[Json] = []
        self.changes: list[str] = []
        self.codes = {"LEAF10": {"code": "LEAF10", "type": "promo", "off_percent": 10, "until": "2026-12-31"},
                      "KLG-77": {"code": "KLG-77", "type": "giftcard", "left": 1250}}  # fmt: skip
        self.troubles: list[Trouble] = []
        self.seen: list[tuple[str, Json, Any]] = []
        self.keys: dict[str, tuple[int, Any]] = {}
        self._busy: set[str] = set()
        self._lock = threading.RLock()

    def trouble(self, *troubles: Trouble) -> None:
        """Have the next requests go wrong, one for each."""
        self.troubles += troubles

    def requests(self, begin: str) -> list[tuple[str, Json, Any]]:
        """What was asked so far that begins like this: (method and path, headers, body)."""
        return [one for one in self.seen if one[0].startswith(begin)]

    def take_trouble(self, asked: str) -> Trouble | None:
        with self._lock:
            found = next((one for one in self.troubles if asked.startswith(one.on)), None)
            if found:
                self.troubles.remove(found)
            return found

    def answer(self, method: str, target: str, headers: Json, body: Any) -> tuple[int, Any]:
        """Return status and JSON."""
        parts = urlsplit(target)
        steps = [unquote(step) for step in parts.path.removeprefix("/v2/").split("/")]
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if headers.get("authorization") != f"Bearer {self.token}":
            return 401, {"error": {"code": "WHO", "text": "Show a token."}}
        key = headers.get("idempotency-key")
        try:
            if method == "GET":
                with self._lock:
                    return 200, deepcopy(self.read(steps, query))
            return self.once(key, lambda: self.change(method, steps, body or {}))
        except ShopError as error:
            return error.status, error.body

    def once(self, key: str | None, act: Callable[[], Json]) -> tuple[int, Any]:
        with self._lock:
            if key in self.keys:
                return self.keys[key]
            if key in self._busy:
                raise ShopError(409, "KEY_IN_USE", "The first request with this key is still under way.")
            try:
                result = 201, act()
            except ShopError as error:
                result = error.status, error.body
            if key:
                self.keys[key] = result
            return result

    @contextmanager
    def at_work_on(self, key: str) -> Iterator[None]:
        """Behave as if a request with this key were still under way."""
        self._busy.add(key)
        yield
        self._busy.discard(key)

    def read(self, steps: list[str], query: Json) -> Json:
        match steps:
            case ["orders"]:
                return self.page_of_orders(query)
            case ["orders", ref]:
                return {"order": self.found(ref)}
            case ["accounts", number] if number in self.accounts:
                return self.accounts[number]
            case ["catalogue"]:
                begin = int(query.get("from", 0))
                following = f"catalogue?from={begin + PAGE}" if begin + PAGE < len(self.catalogue) else None
                return {"articles": self.catalogue[begin : begin + PAGE], "links": {"next": following}}
            case ["codes", code] if code in self.codes:
                return self.codes[code]
            case ["receipts", key] if key in self.keys and self.keys[key][0] == 201:
                return self.keys[key][1]
            case _:
                raise ShopError(404, "NOT_THERE", "There is nothing there.")

    def page_of_orders(self, query: Json) -> Json:
        mine = [made for made in self.orders.values() if made["account"] == query.get("account", made["account"])]
        page = int(query.get("page", 1))
        newest = sorted(mine, key=lambda made: made["created"])  # its own order: oldest first within a page
        return {"orders": newest[(page - 1) * PAGE : page * PAGE]}

    def found(self, ref: str) -> Json:
        if ref not in self.orders:
            raise ShopError(404, "NOT_THERE", "There is no such order.")
        return self.orders[ref]

    def change(self, method: str, steps: list[str], body: Json) -> Json:
        match method, steps:
            case "POST", ["orders", ref, act]:
                told = getattr(self, f"_{act}")(self.found(ref), body)
                self.found(ref)["journal"].append(act)
            case "PATCH", ["accounts", number] if number in self.accounts:
                self.accounts[number] |= body
                told = {}
            case _:
                raise ShopError(404, "NOT_THERE", "There is nothing there.")
        self.changes.append(f"{method} {'/'.join(steps)}")
        return told

    def _cancellation(self, made: Json, body: Json) -> Json:
        if made["state"] != "received":
            raise ShopError(409, "TOO_LATE", "It is on the packing table already.", "Kettle & Leaf: cancelling")
        made["state"] = "called off"
        return {"refund": {"cents": made["money"]["all"]}}

    def _destination(self, made: Json, body: Json) -> Json:
        made["ship_to"] = body["to"]
        return {}

    def _day(self, made: Json, body: Json) -> Json:
        made["day"] = body["day"]
        return {"day": body["day"]}

    def _swaps(self, made: Json, body: Json) -> Json:
        for swap in body["swaps"]:
            new = next((one for one in self.catalogue if one["article"] == swap.get("for")), None)
            made["lines"] = [one for one in made["lines"] if one["article"] != swap["article"]]
            if new:
                self._take(new, swap["qty"])
                made["lines"].append(line(new["article"], new["title"], swap["qty"], new["price"]))
        return {}

    def _payment(self, made: Json, body: Json) -> Json:
        made["paid_with"] = body["with"]
        return {}

    def _returns(self, made: Json, body: Json) -> Json:
        number = f"KLR-{len(self.returns) + 1}"
        price = {one["article"]: one["price"] for one in made["lines"]}
        cents = sum(one["qty"] * price[one["article"]] for one in body["things"])
        made["sent_back"] += [{"article": one["article"], "qty": one["qty"]} for one in body["things"]]
        self.returns.append({"number": number, "ref": made["ref"], "cents": cents, **body})
        return {"return": {"number": number, "refund_cents": cents}}

    def _exchanges(self, made: Json, body: Json) -> Json:
        for swap in body["swaps"]:
            self._take(next(one for one in self.catalogue if one["article"] == swap["for"]), swap["qty"])
        number = f"KLX-{len(self.returns) + 1}"
        self.returns.append({"number": number, "ref": made["ref"], **body})
        return {"return": {"number": number}, "to_pay_cents": 1000}

    def _invoice(self, made: Json, body: Json) -> Json:
        self.mails.append({"to": self.accounts[made["account"]]["mail"], "invoice": made["ref"]})
        return {"mailed_to": self.mails[-1]["to"]}

    def _take(self, new: Json, count: int) -> None:
        if new["stock"] < count:
            raise ShopError(422, "NO_STOCK", "Somebody else was quicker: it is sold out.")
        new["stock"] -= count


class Handler(BaseHTTPRequestHandler):
    """HTTP around the shop of its server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body go in two writes; the second would wait 40 ms for the first's ACK
    server: Any

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _serve(self) -> None:
        shop: ExampleShop = self.server.shop
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"null")
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = f"{self.command} {self.path}"
        shop.seen.append((asked, headers, body))
        trouble = shop.take_trouble(asked) or Trouble()
        status, told = 200, None
        if trouble.act_first or (trouble.status is None and not trouble.cut and trouble.body is None):
            status, told = shop.answer(self.command, self.path, headers, body)
        time.sleep(trouble.wait_s)
        if trouble.cut:
            self.close_connection = True
            self.connection.close()
            return
        told = trouble.change(told) if trouble.change else told
        text = json.dumps(told).encode() if trouble.body is None else trouble.body
        try:
            self._send(trouble.status or status, trouble.headers, text, trouble.drip_s)
        except OSError:
            self.close_connection = True  # the other side lost patience

    def _send(self, status: int, headers: dict[str, str], text: bytes, drip_s: float) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        for begin in range(0, len(text), 1 if drip_s else len(text) or 1):
            self.wfile.write(text[begin : begin + (1 if drip_s else len(text))])
            self.wfile.flush()
            time.sleep(drip_s)


class Server(ThreadingHTTPServer):
    """Says nothing of clients that hang up."""

    daemon_threads = True

    def __init__(self, shop: ExampleShop, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.shop = shop

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def serving(shop: ExampleShop, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve on loopback; gives the API's address."""
    server = Server(shop, port)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}/v2"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


# The demo company's terms, and one more write than it allows.
ALL_TERMS = {
    **TERMS, "change_payment": Term.model_validate({"policy": "Paying: until it is packed", "statuses": ["placed"]}),
}  # fmt: skip
EXAMPLE = Path(__file__).parents[2] / "docs" / "back-office-example.toml"
QUICK = (
    ("connect_s = 2.0", "connect_s = 0.5"), ("read_s = 4.0", "read_s = 0.4"), ("total_s = 6.0", "total_s = 1.2"),
    ("backoff_s = 0.2", "backoff_s = 0.01"), ("backoff_most_s = 2.0", "backoff_most_s = 0.05"),
    ("cool_down_s = 15.0", "cool_down_s = 0.3"),
)  # fmt: skip


def described(folder: Path, address: str, *changes: tuple[str, str]) -> Path:
    """The documented description with this address, test-sized times and what a test changes in it."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for before, after in (("http://127.0.0.1:8900/v2", address), *QUICK, *changes):
        assert text.count(before) == 1, f"{before!r} should stand once in {EXAMPLE}"
        text = text.replace(before, after)
    file = folder / "back-office.toml"
    file.write_text(text, encoding="utf-8")
    return file


@contextmanager
def offices(folder: Path, address: str) -> Iterator[Callable[..., HttpBackOffice]]:
    """Gives a function that opens the shop as described, or with changes to the description; closes what it opened."""
    with ExitStack() as opened:

        def opens(*changes: tuple[str, str]) -> HttpBackOffice:
            file = described(folder, address, *changes)
            office = open_http_back_office(file, {SECRET_VARIABLE: TOKEN}, ALL_TERMS, folder, TODAY.date)
            return opened.enter_context(closing(office))

        yield opens


def main() -> None:
    with serving(ExampleShop(os.environ.get("SHOP_TOKEN", TOKEN)), 8900) as address:
        print(f"the example shop listens on {address}")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print("closed")


if __name__ == "__main__":
    main()
