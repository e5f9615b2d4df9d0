"""Honest stand-ins for what the bot gets from elsewhere: a bundle whose encoder hashes words, passages in memory."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import numpy as np

from bot.backoffice import Customer, Order, Product, Receipt, Voucher
from bot.backoffice.effects import customer_after, details, order_after
from bot.backoffice.records import read_customer, read_order, read_product, read_voucher
from bot.backoffice.rules import refusal
from bot.backoffice.terms import load_terms
from bot.backoffice.writes import UpdateContact, Write, order_of
from bot.catalogue import Handle, IntentEntry
from bot.composed.checker import Judge
from bot.errors import ModelError, NoSuchCustomer, NoSuchOrder, NotAllowed
from bot.head import Array, IntentHead, ScopeWeights
from bot.knowledge import Audience
from bot.mentions import Mention
from bot.reader import Reader
from bot.services import Services
from bot.settings import Secrets, Settings
from bot.thresholds import Thresholds
from bot.types import Sentiment
from retrieval.related import Related
from retrieval.types import Hit, Passage, PassageKind

WIDTH = 512
SECRETS = Secrets(bot="b" * 40, identity="i" * 40)
WORD = re.compile(r"[a-z0-9]+|[\u4e00-\u9fff]")
CHINESE = re.compile("[\u4e00-\u9fff]")
STOP = {"a", "an", "the", "is", "my", "i", "to", "do", "you", "of", "in", "on", "for", "it", "can", "how", "what"}

CATALOGUE = {
    "track_order": IntentEntry("Where is my order", Handle.ACTION, "action_track_order"),
    "cancel_order": IntentEntry("Cancel an order", Handle.ACTION, "action_cancel_order"),
    "return_item": IntentEntry("Return", Handle.ACTION, "action_return_items"),
    "exchange_item": IntentEntry("Exchange", Handle.ACTION, "action_exchange_items"),
    "change_items": IntentEntry("Change an order", Handle.ACTION, "action_change_items"),
    "change_address": IntentEntry("Change the address", Handle.ACTION, "action_change_address"),
    "change_delivery_date": IntentEntry("Another day", Handle.ACTION, "action_change_delivery_date"),
    "invoice_copy": IntentEntry("An invoice", Handle.ACTION, "action_send_invoice"),
    "update_contact": IntentEntry("Your account", Handle.ACTION, "action_update_contact"),
    "check_voucher": IntentEntry("A code", Handle.ACTION, "action_check_voucher"),
    "recommend": IntentEntry("An idea", Handle.ACTION, "action_recommend"),
    "delivery_options": IntentEntry("Delivery", Handle.SEARCH),
    "voucher": IntentEntry("Vouchers", Handle.SEARCH),
    "talk_to_person": IntentEntry("A person", Handle.HANDOFF, responses=("Certainly, here comes a person.",)),
    "greet": IntentEntry("Hello", Handle.RESPOND, responses=("Hello, I'm the test assistant.", "Hi!")),
}
UTTERANCES = {
    "track_order": [
        "where is my order",
        "where order",
        "track my parcel",
        "when will my package arrive",
        "parcel tracking",
    ],
    "cancel_order": ["cancel my order", "please cancel order", "stop my purchase"],
    "return_item": [
        "return something",
        "return the trowel from it is faulty",
        "return the clay pot from",
        "return the fern",
    ],
    "exchange_item": ["exchange for another size", "exchange the clay pot from", "exchange the trowel from"],
    "change_items": ["change items inside", "different size before packing"],
    "change_address": ["change address of", "deliver elsewhere address", "change address"],
    "change_delivery_date": ["another delivery day", "move delivery date of", "move delivery date of to thursday"],
    "invoice_copy": ["invoice copy for", "send me the invoice again"],
    "update_contact": ["new phone number", "update my e-mail account", "change account details"],
    "recommend": ["suggest something nice", "what would you recommend"],
    "check_voucher": ["is this code still good", "how much left on gift card"],
    "delivery_options": ["delivery costs", "how long does delivery take", "do you ship abroad"],
    "voucher": ["voucher code", "discount code refused", "gift card balance"],
    "talk_to_person": ["human please", "talk to a person"],
    "greet": ["hello", "good morning", "hi there"],
}
PASSAGES = (
    Passage(
        1, PassageKind.ARTICLE, "Delivery: how long does delivery take and what does it cost",
        "Delivery takes two to four working days. It costs 5.90 euro.", "Delivery", "delivery.md", "en",
    ),
    Passage(
        2, PassageKind.CARD, "is the discount voucher code valid twice",
        "Hi [NAME], a voucher code works once per customer. ^Helen", "Answered by our team", "chats.jsonl", "en",
        customers=9,
    ),
    Passage(
        3, PassageKind.CARD, "why was my discount voucher code refused yesterday",
        "I can see [NAME] used it for order [ORDER] before.", "Answered by our team", "chats.jsonl", "en", customers=9,
    ),
    Passage(
        4, PassageKind.EXCHANGE, "my fern arrived with brown tips",
        "Trim the tips and mist it daily.", "Exchange", "chats.jsonl", "en",
    ),
    Passage(
        5, PassageKind.CARD, "盆栽多久浇一次水", "一般一周浇一次水。", "Answered by our team", "zh.jsonl", "zh",
        customers=9, approved=True,
    ),
    Passage(
        6, PassageKind.CARD, "rare orchid food", "Feed it monthly.", "Answered by our team", "chats.jsonl", "en",
        customers=1,
    ),
)  # fmt: skip


def encode(texts: Sequence[str]) -> Array:
    """Each word adds its own fixed random direction; rows have unit length."""
    rows = np.zeros((len(texts), WIDTH), np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in WORD.findall(text.lower()):
            if word not in STOP:
                row += np.random.default_rng(zlib.crc32(word.encode())).normal(size=WIDTH).astype(np.float32)
        length = np.linalg.norm(row)
        row[:] = row / length if length else np.eye(WIDTH, dtype=np.float32)[0]
    return rows


def fit_head() -> IntentHead:
    """A nearest-centroid head: enough to be right on the utterances above."""
    labels = tuple(UTTERANCES)
    exemplars = encode([text for texts in UTTERANCES.values() for text in texts])
    centroids = np.stack([encode(UTTERANCES[label]).mean(axis=0) for label in labels])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    return IntentHead(
        labels, (centroids * 12).astype(np.float32), np.zeros(len(labels), np.float32), exemplars,
        scope=ScopeWeights(8.0, -4.0, -10.0), catalogue=CATALOGUE,
    )  # fmt: skip


@dataclass
class FakeKnowledge:
    """A bundle in memory."""

    passages: tuple[Passage, ...] = PASSAGES
    bundle: str = "0001-fake"
    head: IntentHead | None = field(default_factory=fit_head)
    thresholds: Thresholds = field(
        default_factory=lambda: Thresholds(answer_cosine=0.6, answer_cosine_in_scope=0.4, suggest_cosine=0.39)
    )
    related: Mapping[str, tuple[Related, ...]] = field(default_factory=dict)
    judge: Judge | None = None
    batches: list[int] = field(default_factory=list)
    pause_s: float = 0.0

    def encode(self, texts: Sequence[str]) -> Array:
        self.batches.append(len(texts))
        time.sleep(self.pause_s)
        return encode(texts)

    def search(self, texts: Sequence[str], embeddings: Array, audience: Audience, k: int) -> list[list[Hit]]:
        seen = [p for p in self.passages if audience is Audience.AGENT or p.kind is not PassageKind.EXCHANGE]
        cosines = embeddings @ encode([p.question for p in seen]).T
        rows = []
        for row, text in zip(cosines, texts, strict=True):
            order = np.argsort(-row)[:k]
            rows.append([
                Hit(seen[i], None if CHINESE.search(text) else float(row[i]), 1.0, 1 / (60 + rank), rank)
                for rank, i in enumerate(order, start=1)
            ])  # fmt: skip
        return rows

    def mentions(self, texts: Sequence[str]) -> list[list[Mention]]:
        return [
            [Mention("PERSON", word, 0.9) for word in text.split() if word in ("Wiebke", "Thandi")] for text in texts
        ]

    def layers(self, texts: Sequence[str]) -> None:
        """Nothing reads them."""

    def sentiments(self, texts: Sequence[str], embeddings: Array) -> list[Sentiment | None]:
        return [Sentiment("angry", 0.97, upset=True) if "treated like dirt" in text else None for text in texts]


TERMS = load_terms(Path(__file__).parents[2] / "data" / "demo" / "terms.toml")
TODAY = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class DictBackOffice:
    """A back office of dictionaries: the records of the sample one, its terms and effects, and no disk."""

    raw_orders: dict[str, dict[str, Any]]
    raw_customers: dict[str, dict[str, Any]] = field(default_factory=lambda: {c["customer_id"]: c for c in CUSTOMERS})
    goods: dict[str, dict[str, Any]] = field(default_factory=lambda: {p["sku"]: p for p in PRODUCTS})
    codes: dict[str, dict[str, Any]] = field(default_factory=lambda: {v["code"]: v for v in VOUCHERS})
    writes: dict[str, Receipt] = field(default_factory=dict)
    log: list[Write] = field(default_factory=list)

    @property
    def acts(self) -> int:
        return len(self.log)

    @property
    def orders(self) -> dict[str, Order]:
        return {number: read_order(raw) for number, raw in self.raw_orders.items()}

    def order(self, order_number: str) -> Order:
        if order_number not in self.raw_orders:
            raise NoSuchOrder(order_number)
        return self.orders[order_number]

    def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        mine = [order for order in self.orders.values() if order.customer_id == customer_id]
        return tuple(sorted(mine, key=lambda order: order.placed_at, reverse=True))

    def customer(self, customer_id: str) -> Customer:
        if customer_id not in self.raw_customers:
            raise NoSuchCustomer(customer_id)
        return read_customer(self.raw_customers[customer_id])

    def products(self) -> tuple[Product, ...]:
        return tuple(read_product(raw) for raw in self.goods.values())

    def voucher(self, code: str) -> Voucher | None:
        raw = self.codes.get(code.upper())
        return read_voucher(raw) if raw else None

    def perform(self, write: Write, customer_id: str, *, key: str) -> Receipt:
        if key in self.writes:
            return self.writes[key]
        number = order_of(write)
        order = self.order(number) if number else None
        if order and order.customer_id != customer_id:
            raise NoSuchOrder(number)
        goods = {product.sku: product for product in self.products()}
        customer = self.customer(customer_id)
        refused = refusal(write, order, customer, goods, TERMS, TODAY.date())
        if refused:
            raise NotAllowed(refused.policy, refused)
        told = details(write, order, customer, TERMS[write.name], goods, "R-00101")
        if order:
            self.raw_orders[order.order_number] = order_after(write, self.raw_orders[order.order_number], order, goods)
        if isinstance(write, UpdateContact):
            self.raw_customers[customer_id] = customer_after(write, self.raw_customers[customer_id])
        self.log.append(write)
        self.writes[key] = Receipt(write.name, number, told)
        return self.writes[key]

    def done(self, key: str) -> Receipt | None:
        return self.writes.get(key)


@dataclass
class ScriptedWriter:
    """Writes one fixed text, or is too slow."""

    text: str = ""
    slow: bool = False
    asked: list[Any] = field(default_factory=list)

    def close(self) -> None:
        pass

    async def write(self, messages: Sequence[dict[str, str]], *, max_tokens: int, timeout_s: float) -> str:
        self.asked.append(messages)
        if self.slow:
            raise ModelError(f"nothing was written within {timeout_s:g} s")
        return self.text

    async def stream(
        self, messages: Sequence[dict[str, str]], *, max_tokens: int, timeout_s: float
    ) -> AsyncIterator[str]:
        yield await self.write(messages, max_tokens=max_tokens, timeout_s=timeout_s)


ADDRESS = {"street": "Zwaluwplein 7-bis", "postal_code": "3514 XK", "city": "Utrecht", "country": "Netherlands"}
VISA = {"id": "pm-1", "kind": "card", "label": "Visa ending 4242"}
CUSTOMERS: list[dict[str, Any]] = [
    {"customer_id": f"C-000{n}", "name": name, "email": f"{name.lower()}@post.example", "address": ADDRESS,
     "payment_methods": [VISA]}
    for n, name in enumerate(("Ada", "Bo", "Cy"), start=1)
]  # fmt: skip


def _product(sku: str, name: str, price: float, kind: str, family: str, stock: int = 9) -> dict[str, Any]:
    return {"sku": sku, "name": name, "price": price, "kind": kind, "family": family, "in_stock": stock}


PRODUCTS = [
    _product("PL-1", "Boston fern", 16.9, "plant", "fern"),
    _product("PT-2", "Clay pot, 18 cm", 8.9, "pot", "clay-pot"),
    _product("PT-3", "Clay pot, 28 cm", 17.9, "pot", "clay-pot"),
    _product("PT-4", "Clay pot, 40 cm", 29.9, "pot", "clay-pot", 0),
    _product("PT-5", "Clay pot, 12 cm", 5.9, "pot", "clay-pot"),
    _product("TL-1", "Hand trowel", 19.5, "tool", "trowel"),
]
VOUCHERS: list[dict[str, Any]] = [
    {
        "code": "FERN15",
        "kind": "voucher",
        "percent": 15,
        "minimum": 30,
        "valid_until": "2026-11-30",
        "applies_to": "plant",
    },
    {"code": "SPRING10", "kind": "voucher", "percent": 10, "valid_until": "2026-04-30"},
    {"code": "BO5", "kind": "voucher", "amount": 5, "valid_until": "2027-01-31", "customer_id": "C-0002"},
    {"code": "MG-GIFT-7KQ2-41XM", "kind": "gift_card", "balance": 18.6, "valid_until": "2030-12-24"},
]


def make_order(
    number: str, customer: str, status: str, *, at: str = "2026-11-18", items: Sequence[tuple[str, int]] = ()
) -> dict[str, Any]:
    goods = {product["sku"]: product for product in PRODUCTS}
    lines = [
        {"sku": sku, "name": goods[sku]["name"], "quantity": n, "unit_price": goods[sku]["price"]}
        for sku, n in items or (("PL-1", 2), ("PT-2", 1))
    ]
    owner = next(c for c in CUSTOMERS if c["customer_id"] == customer)
    return {
        "order_number": number, "customer_id": customer, "status": status, "placed_at": f"{at}T10:00:00Z",
        "items": lines, "total": round(sum(line["quantity"] * line["unit_price"] for line in lines) + 3.2, 2),
        "delivery_charge": 3.2, "email": owner["email"], "carrier": "PostNL", "tracking_code": "3STEST",
        "expected_at": "2026-11-26", "address": ADDRESS, "payment_method": "pm-1",
        "delivered_at": f"{at}T16:00:00Z" if status == "delivered" else None,
    }  # fmt: skip


def sample_orders(*more: dict[str, Any]) -> dict[str, dict[str, Any]]:
    orders = [
        make_order("MG-10001", "C-0001", "placed", at="2026-11-20"),
        make_order("MG-10002", "C-0001", "shipped", at="2026-11-12"),
        make_order("MG-20001", "C-0002", "placed", at="2026-11-19"),
        make_order("MG-30001", "C-0003", "shipped", at="2026-11-11"),
        *more,
    ]
    return {order["order_number"]: order for order in orders}


def make_services(**changes: Any) -> Services:
    """Services over the fakes, its reader started."""
    knowledge = changes.pop("knowledge", None) or FakeKnowledge()
    settings = changes.pop("settings", None) or Settings(model="off")
    office = changes.pop("back_office", None) or DictBackOffice(sample_orders())
    services = Services(
        settings, SECRETS, Reader(lambda: knowledge, settings.top_k, settings.max_batch), office,
        **{"terms": TERMS, "now": lambda: TODAY, **changes},
    )  # fmt: skip
    services.reader.start()
    return services


def token(talk: str, subject: str = "", role: str = "visitor", **changes: Any) -> str:
    """An identity token as web signs it, with claims changed or (None) left out."""
    claims = {
        "iss": "nightdesk-web", "aud": "nightdesk-bot", "sub": subject, "conversation": talk, "role": role,
        "exp": int(time.time()) + 60,
    } | changes  # fmt: skip
    secret = claims.pop("secret", SECRETS.identity)
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, secret, algorithm="HS256")


@dataclass
class Chat:
    """A caller as DESIGN describes one: keeps the events, applies them, follows followups."""

    run: Any
    id: str = "conv-1"
    customer: str = ""
    slots: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    paused: bool = False
    count: int = 0
    clock: float = 1_795_000_000.0
    steps: list[str] = field(default_factory=list)

    async def say(self, text: str, **metadata: Any) -> list[dict[str, Any]]:
        """Send a message and return the responses of the whole turn."""
        self.count += 1
        message = {"text": text, "message_id": f"m{self.count}", "metadata": {"nightdesk": metadata | {
            "identity_token": token(self.id, self.customer, "customer" if self.customer else "visitor"), "attempt": 1,
        }}}  # fmt: skip
        self.events.append({"event": "user", "timestamp": self.clock, **message})
        return await self.turn(message)

    async def turn(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        responses: list[dict[str, Any]] = []
        action: str | None = "action_respond"
        self.steps = []
        for _ in range(10):
            if action is None:
                return responses
            self.steps.append(action)
            result = await self.run(self.call(action, message))
            action = self.apply(result)
            responses += result["responses"]
        raise AssertionError("a turn should end within ten steps")

    def call(self, action: str, message: dict[str, Any]) -> dict[str, Any]:
        tracker = {
            "sender_id": self.id, "slots": dict(self.slots), "latest_message": message, "events": list(self.events),
            "paused": self.paused,
        }  # fmt: skip
        return {"next_action": action, "sender_id": self.id, "tracker": tracker, "domain": {}, "version": "3.6.21"}

    def apply(self, result: dict[str, Any]) -> str | None:
        following = None
        for event in result["events"]:
            if event["event"] == "slot":
                self.slots[event["name"]] = event["value"]
            elif event["event"] == "pause":
                self.paused = True
            elif event["event"] == "followup":
                following = event["name"]
        for response in result["responses"]:
            data = {"custom": response["custom"], "buttons": response["buttons"]}
            self.events.append({"event": "bot", "text": response["text"], "data": data})
        return following
