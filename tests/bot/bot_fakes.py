"""Honest stand-ins for what the bot gets from elsewhere: a bundle whose encoder hashes words, passages in memory."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import jwt
import numpy as np

from bot.backoffice import Item, Order, OrderStatus
from bot.catalogue import Handle, IntentEntry
from bot.errors import ModelError, NoSuchOrder, NotAllowed
from bot.head import Array, IntentHead, ScopeWeights
from bot.knowledge import Audience
from bot.reader import Reader
from bot.services import Services
from bot.settings import Secrets, Settings
from bot.thresholds import Thresholds
from retrieval.types import Hit, Passage, PassageKind

WIDTH = 512
SECRETS = Secrets(bot="b" * 40, identity="i" * 40)
WORD = re.compile(r"[a-z0-9]+|[\u4e00-\u9fff]")
CHINESE = re.compile("[\u4e00-\u9fff]")
STOP = {"a", "an", "the", "is", "my", "i", "to", "do", "you", "of", "in", "on", "for", "it", "can", "how", "what"}

CATALOGUE = {
    "track_order": IntentEntry("Where is my order", Handle.ACTION, "action_track_order"),
    "cancel_order": IntentEntry("Cancel an order", Handle.ACTION, "action_cancel_order"),
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


@dataclass
class DictBackOffice:
    """A back office of dictionaries."""

    orders: dict[str, Order]
    writes: dict[str, Order] = field(default_factory=dict)
    acts: int = 0

    def order(self, order_number: str) -> Order:
        if order_number not in self.orders:
            raise NoSuchOrder(order_number)
        return self.orders[order_number]

    def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        mine = [order for order in self.orders.values() if order.customer_id == customer_id]
        return tuple(sorted(mine, key=lambda order: order.placed_at, reverse=True))

    def cancel_order(self, order_number: str, customer_id: str, *, key: str) -> Order:
        if key in self.writes:
            return self.writes[key]
        order = self.order(order_number)
        if order.customer_id != customer_id:
            raise NoSuchOrder(order_number)
        if not order.cancellable:
            raise NotAllowed(order_number)
        after = make_order(order_number, customer_id, OrderStatus.CANCELLED, email=order.email)
        self.orders[order_number] = self.writes[key] = after
        self.acts += 1
        return after

    def done(self, key: str) -> Order | None:
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


def make_order(number: str, customer: str, status: OrderStatus, *, email: str, at: str = "2026-11-18") -> Order:
    return Order(
        number, customer, status, f"{at}T10:00:00Z",
        (Item("PL-1", "Boston fern", 2), Item("PT-2", "Clay pot", 1)), Decimal("45.90"), email,
        "PostNL", "3STEST", "2026-11-26",
    )  # fmt: skip


def sample_orders() -> dict[str, Order]:
    orders = [
        make_order("MG-10001", "C-0001", OrderStatus.PLACED, email="ada@post.example", at="2026-11-20"),
        make_order("MG-10002", "C-0001", OrderStatus.SHIPPED, email="ada@post.example", at="2026-11-12"),
        make_order("MG-20001", "C-0002", OrderStatus.PLACED, email="bo@post.example", at="2026-11-19"),
        make_order("MG-30001", "C-0003", OrderStatus.SHIPPED, email="cy@post.example", at="2026-11-11"),
    ]
    return {order.order_number: order for order in orders}


def make_services(**changes: Any) -> Services:
    """Services over the fakes, its reader started."""
    knowledge = changes.pop("knowledge", None) or FakeKnowledge()
    settings = changes.pop("settings", None) or Settings(model="off")
    office = changes.pop("back_office", None) or DictBackOffice(sample_orders())
    services = Services(
        settings, SECRETS, Reader(lambda: knowledge, settings.top_k, settings.max_batch), office, **changes
    )
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
    steps: list[str] = field(default_factory=list)

    async def say(self, text: str, **metadata: Any) -> list[dict[str, Any]]:
        """Send a message and return the responses of the whole turn."""
        self.count += 1
        message = {"text": text, "message_id": f"m{self.count}", "metadata": {"nightdesk": metadata | {
            "identity_token": token(self.id, self.customer, "customer" if self.customer else "visitor"), "attempt": 1,
        }}}  # fmt: skip
        self.events.append({"event": "user", **message})
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
