"""Choose what to offer: of what the recommender ranks, the things that fit the words, are in stock and are not owned.

A plain function of its arguments; every offer says why it was chosen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.backoffice.types import Order, OrderStatus, Product

WORD = re.compile(r"[^\W\d_]{3,}", re.UNICODE)
# What is bought again and again; of everything else nobody wants a second one next week.
CONSUMED = frozenset({"supplies", "seeds", "bulbs"})
NEVER = frozenset({"service"})
WORDS_WEIGHT = 0.6
EMPTY_WORDS = re.compile(
    r"the|and|for|with|what|would|you|your|have|something|anything|else|could|can|any|suggest\w*|recommend\w*|ideas?|buy|get|"
    r"need|want|looking|like|good|nice|new|some|next|please|that|this|from|goes?|well|bought|order"
)


@dataclass(frozen=True, slots=True)
class Ranked:
    """An article as the recommender ranks it: `weight` in [0, 1], and the bought article it owes most to, if any."""

    sku: str
    weight: float
    because: str | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """Something to offer, and why, in words for the customer."""

    product: Product
    why: str


def owned(orders: Sequence[Order]) -> tuple[str, ...]:
    """The articles of all orders that were not cancelled, oldest first."""
    kept = [order for order in reversed(orders) if order.status is not OrderStatus.CANCELLED]
    return tuple(item.sku for order in kept for item in order.items)


def offers(
    goods: Mapping[str, Product],
    bought: Sequence[str],
    ranked: Sequence[Ranked],
    said: str,
    tag_words: Mapping[str, str],
    *,
    most: int = 3,
) -> tuple[Offer, ...]:
    """Return at most `most` offers, best first, one of a family.

    Words that mean a tag ("cat" for pet-safe) or a kind ("pot") are conditions; where nothing meets them all, nothing
    is offered rather than something else. `tag_words` maps a tag to the words that mean it.
    """
    words = set(_words(said))
    tags = [tag for tag, meaning in tag_words.items() if words & set(_words(meaning))]
    kinds = {product.kind for product in goods.values() if _stem(product.kind) in words}
    families = {goods[sku].family or sku for sku in bought if sku in goods and goods[sku].kind not in CONSUMED}
    weights = {rank.sku: rank for rank in ranked}
    scored = []
    for place, product in enumerate(goods.values()):
        if not _fits(product, kinds, tags, families):
            continue
        rank = weights.get(product.sku, Ranked(product.sku, 0.0))
        common = words & set(_words(f"{product.name} {product.description} {' '.join(product.tags)}"))
        score = rank.weight + WORDS_WEIGHT * len(common) / max(1, len(words))
        scored.append((score, -place, product, rank))
    chosen: dict[str, Offer] = {}
    for _, _, product, rank in sorted(scored, key=lambda row: row[:2], reverse=True):
        chosen.setdefault(product.family or product.sku, Offer(product, _why(rank, tags, goods)))
    return tuple(chosen.values())[:most]


def _fits(product: Product, kinds: set[str], tags: Sequence[str], families: set[str]) -> bool:
    if product.kind in NEVER or product.in_stock <= 0 or (product.family or product.sku) in families:
        return False
    if kinds and product.kind not in kinds:
        return False
    return all(tag in product.tags for tag in tags)


def _why(rank: Ranked, tags: Sequence[str], goods: Mapping[str, Product]) -> str:
    if tags:
        return " and ".join(tag.replace("-", " ") for tag in tags) + ", as you asked"
    because = goods.get(rank.because or "")
    if because:
        return f"goes well with {because.name.split(',')[0]}, which you bought"
    return "many of our customers take it"


def _words(text: str) -> list[str]:
    return [_stem(word) for word in WORD.findall(text.casefold()) if not EMPTY_WORDS.fullmatch(word)]


def _stem(word: str) -> str:
    """A plural counts as its singular: pots, leaves and all."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
