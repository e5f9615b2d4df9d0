"""What the shop's own orders teach: a recommender over its goods, learnt again from time to time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from bot.backoffice.types import Order, OrderStatus, Product
from bot.recommend.content import prior_from_features
from bot.recommend.model import Recommender, fit
from bot.recommend.offer import NEVER, Ranked
from bot.recommend.types import Interaction


@runtime_checkable
class TellsOrders(Protocol):
    """A back office that can show every order; without it, what goods are alike must do."""

    def all_orders(self) -> tuple[Order, ...]:
        """Return every order."""


class Shelf:
    """Ranks a shop's goods for a customer. Safe to call from several threads; it holds counts, and no customer."""

    def __init__(self, refresh_s: float = 900.0) -> None:
        self._refresh_s = refresh_s
        self._lock = threading.Lock()
        self._learnt: tuple[float, Recommender] | None = None

    def rank(self, office: object, goods: Mapping[str, Product], bought: Sequence[str]) -> tuple[Ranked, ...]:
        """Return all goods that are not in `bought`, best first, weights in [0, 1]; `bought` oldest first."""
        model = self._model(office, goods)
        found = [suggestion for suggestion in model.rank(bought, len(model.items)) if suggestion.item in goods]
        most = max((suggestion.weight for suggestion in found), default=0.0) or 1.0
        return tuple(Ranked(s.item, max(0.0, s.weight / most), s.because_item) for s in found)

    def _model(self, office: object, goods: Mapping[str, Product]) -> Recommender:
        with self._lock:
            if self._learnt is None or time.monotonic() - self._learnt[0] > self._refresh_s:
                orders = office.all_orders() if isinstance(office, TellsOrders) else ()
                self._learnt = (time.monotonic(), learn(orders, goods.values()))
            return self._learnt[1]


def learn(orders: Iterable[Order], goods: Iterable[Product]) -> Recommender:
    """Fit on what was bought, service lines and cancelled orders left out, with the goods' features as the prior."""
    sold = [product for product in goods if product.kind not in NEVER]
    known = {product.sku for product in sold}
    bought = [
        Interaction(order.customer_id, item.sku, datetime.fromisoformat(order.placed_at).timestamp())
        for order in orders
        if order.status is not OrderStatus.CANCELLED
        for item in order.items
        if item.sku in known
    ]
    return fit(bought, prior=prior_from_features({product.sku: _features(product) for product in sold}))


def _features(product: Product) -> set[str]:
    return {f"kind:{product.kind}", f"family:{product.family or product.sku}", *(f"tag:{tag}" for tag in product.tags)}
