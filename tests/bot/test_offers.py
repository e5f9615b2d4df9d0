"""What is offered to whom, and why; and to whom nothing is."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from bot_fakes import Chat, DictBackOffice, FakeKnowledge, make_order, make_services, sample_orders

from bot import phrases
from bot.actions.registry import run as perform
from bot.backoffice import Product
from bot.recommend.offer import Offer, Ranked, offers, owned
from bot.tracker import fold
from retrieval.related import Related


def goods(*rows: tuple[Any, ...]) -> dict[str, Product]:
    return {
        sku: Product(sku, name, Decimal("9.90"), kind, family, in_stock=stock, tags=tuple(tags.split()))
        for sku, name, kind, family, stock, tags in rows
    }


SHOP = goods(
    ("F1", "Fern, 30 cm", "plant", "fern", 5, "pet-safe indoor"),
    ("F2", "Fern, 50 cm", "plant", "fern", 5, "pet-safe indoor"),
    ("M1", "Monstera, 60 cm", "plant", "monstera", 5, "indoor"),
    ("P1", "Clay pot, 18 cm", "pot", "clay-pot", 5, "indoor"),
    ("P2", "Zinc pot, 18 cm", "pot", "zinc-pot", 0, "outdoor"),
    ("C1", "Compost, 10 l", "supplies", "compost", 5, ""),
    ("S1", "Engraving", "service", "engraving", 5, ""),
)
PETS = {"pet-safe": "cat cats dog", "outdoor": "garden balcony"}


def skus(found: tuple[Offer, ...]) -> list[str]:
    return [offer.product.sku for offer in found]


def test_the_best_ranked_comes_first_with_what_it_goes_with() -> None:
    found = offers(SHOP, ["F1"], [Ranked("P1", 1.0, "F1"), Ranked("M1", 0.4)], "", {})
    assert [(offer.product.sku, offer.why) for offer in found] == [
        ("P1", "goes well with Fern, which you bought"),
        ("M1", "many of our customers take it"),
        ("C1", "many of our customers take it"),
    ]


def test_nobody_is_offered_another_size_of_what_they_have_but_compost_again() -> None:
    assert skus(offers(SHOP, ["F1", "C1"], [Ranked("F2", 1.0), Ranked("C1", 0.9)], "", {})) == ["C1", "M1", "P1"]


def test_of_one_family_one_is_offered_and_what_is_sold_out_or_a_service_never() -> None:
    found = skus(
        offers(SHOP, [], [Ranked("F1", 1.0), Ranked("F2", 0.9), Ranked("P2", 0.8), Ranked("S1", 0.7)], "", {}, most=9)
    )
    assert found == ["F1", "M1", "P1", "C1"]


def test_words_that_mean_a_tag_are_a_condition_and_the_reason() -> None:
    [offer] = offers(SHOP, [], [Ranked("M1", 1.0)], "anything for people with cats?", PETS)
    assert (offer.product.sku, offer.why) == ("F1", "pet safe, as you asked")


def test_where_nothing_meets_the_condition_nothing_is_offered_instead() -> None:
    assert offers(SHOP, ["F1"], [Ranked("M1", 1.0)], "a plant that is safe for my dog", PETS) == ()


def test_a_kind_that_is_named_is_a_condition() -> None:
    assert skus(offers(SHOP, [], [Ranked("F1", 1.0)], "which pots would you recommend", {})) == ["P1"]


def test_what_was_cancelled_is_not_owned() -> None:
    office = DictBackOffice(sample_orders(make_order("MG-10009", "C-0001", "cancelled", items=(("TL-1", 1),))))
    assert "TL-1" not in owned(office.orders_of("C-0001"))
    assert owned(office.orders_of("C-0001"))[0] == "PL-1"


# The action


@pytest.fixture
def services() -> Any:
    made = make_services()
    yield made
    made.reader.stop()


def say(services: Any, *texts: str, customer: str = "C-0001", role: str | None = None) -> list[dict[str, Any]]:
    async def run(call: dict[str, Any]) -> dict[str, Any]:
        outcome = await perform(call["next_action"], services, fold(call["tracker"]))
        return {"events": list(outcome.events), "responses": list(outcome.responses)}

    chat = Chat(run, customer=customer)

    async def all_of_it() -> list[dict[str, Any]]:
        return [(await chat.say(text))[-1] for text in texts]

    return asyncio.run(all_of_it())


def test_a_customer_hears_what_may_suit_and_why(services: Any) -> None:
    [reply] = say(services, "/recommend")
    assert reply["text"].startswith(phrases.MAY_SUIT)
    assert "Hand trowel, €19.50: " in reply["text"]
    assert "Boston fern" not in reply["text"].replace("goes well with Boston fern", "")  # bought already


def test_a_stranger_hears_what_many_take(services: Any) -> None:
    [reply] = say(services, "/recommend", customer="")
    assert "many of our customers take it" in reply["text"]


def test_nothing_is_offered_to_somebody_who_was_just_angry(services: Any) -> None:
    replies = say(services, "where is my order MG-10002, this is ridiculous", "/recommend")
    assert replies[-1]["text"] == phrases.NOT_NOW
    assert [button["payload"] for button in replies[-1]["buttons"]] == ["/talk_to_person"]


def test_what_others_who_asked_the_same_read_is_named() -> None:
    pages = {"delivery.md": (Related("returns.md", "Returns", 4), Related("delivery.md", "Delivery", 9))}
    services = make_services(knowledge=FakeKnowledge(related=pages))
    try:
        replies = say(services, "how long does delivery take and what does it cost", "/recommend")
    finally:
        services.reader.stop()
    assert replies[-1]["text"].endswith("Others who asked what you asked also read “Returns”.")
