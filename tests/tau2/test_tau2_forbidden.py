"""What the bench's policy forbids is refused, names the policy, and leaves the database as it was."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest
from retail_data import Action, World, worlds
from retail_driver import KINDS, payload, shop, write_of
from retail_forbidden import Row, Verdict, rows
from retail_measure import tried
from retail_office import TERMS, RetailOffice, copied
from retail_tools import replay

from bot.actions.fill_form import OWN_ORDERS
from bot.backoffice.rules import refusal
from bot.backoffice.writes import UpdateContact, order_of
from bot.errors import NoSuchOrder, NotAllowed

WORLDS = worlds()
MOST = {"sample": 3, "tau2": 12}
CASES = [
    pytest.param(world, MOST[name], row, id=f"{name}-{row.name}") for name, world in WORLDS.items() for row in rows()
]
SAMPLE = WORLDS["sample"]


@pytest.mark.parametrize(("world", "most", "row"), CASES)
def test_a_forbidden_act_is_refused_by_name_and_changes_nothing(world: World, most: int, row: Row) -> None:
    found = tried(world, row, most)
    assert found, "the database should have room for an attempt"
    assert {verdict for verdict, _ in found} == {row.verdict}
    assert {policy for verdict, policy in found if verdict is Verdict.NAMED} <= {row.policy}


@pytest.mark.parametrize(
    "row", [row for row in rows() if row.policy not in (None, OWN_ORDERS)], ids=lambda row: row.name
)
def test_the_shop_itself_refuses_the_write_by_the_same_name(row: Row) -> None:
    for attempt in row.some(SAMPLE.db, 3):
        if attempt.action is None or attempt.then != "/affirm":
            continue
        office = RetailOffice(copied(SAMPLE.db))
        for number, allowed in enumerate(attempt.before):
            office.perform(write_of(allowed), attempt.customer, key=f"before-{number}")
        state = copied(office.db)
        with pytest.raises(NotAllowed) as caught:
            office.perform(write_of(attempt.action), attempt.customer, key="forbidden")
        assert caught.value.refusal
        assert caught.value.refusal.policy == row.policy
        assert office.db == state


@pytest.mark.parametrize("what", ["email", "phone"])
def test_the_shop_itself_changes_nothing_of_an_account_but_the_address(what: str) -> None:
    office = RetailOffice(copied(SAMPLE.db))
    with pytest.raises(NotAllowed):
        office.perform(UpdateContact(what, "new"), "june_park_3003", key="k")
    assert office.db == SAMPLE.db


def test_somebody_elses_order_is_not_there_for_the_shop_either() -> None:
    office = RetailOffice(copied(SAMPLE.db))
    row = next(row for row in rows() if row.name == "cancel somebody else's order")
    attempt = row.some(SAMPLE.db, 1)[0]
    assert attempt.action
    with pytest.raises(NoSuchOrder):
        office.perform(write_of(attempt.action), attempt.customer, key="k")


@pytest.mark.parametrize(
    ("asked", "meant", "customer", "order"),
    [
        ("exchange_delivered_order_items", "modify_pending_order_items", "tom_baker_2002", "#W2000001"),
        ("modify_pending_order_items", "exchange_delivered_order_items", "mira_olsen_1001", "#W1000003"),
    ],
)
def test_a_swap_called_by_the_wrong_name_is_asked_for_by_the_right_one(
    asked: str, meant: str, customer: str, order: str
) -> None:
    way = SAMPLE.db["orders"][order]["payment_history"][0]["payment_method_id"]
    arguments = {
        "order_id": order,
        "item_ids": ["5100000012"],
        "new_item_ids": ["5100000013"],
        "payment_method_id": way,
    }
    with shop(SAMPLE.db) as visit:
        here = visit(customer)

        async def talk() -> None:
            await here.say(payload(Action(asked, arguments)))
            assert here.awaited
            assert here.awaited["write"] == KINDS[meant]
            await here.say("/affirm")

        asyncio.run(talk())
    assert here.office.db == replay(SAMPLE.db, [Action(meant, arguments)])[0]


def test_an_order_that_is_processed_between_question_and_yes_is_not_cancelled() -> None:
    with shop(SAMPLE.db) as visit:
        here = visit("mira_olsen_1001")

        async def talk() -> str | None:
            await here.say('/cancel_order{"order_number": "#W1000002", "reason": "no_longer_needed"}')
            here.office.db["orders"]["#W1000002"]["status"] = "processed"
            return (await here.say("/affirm")).refused_by

        assert asyncio.run(talk()) == "Cancel pending order"
    assert here.office.db["orders"]["#W1000002"]["status"] == "processed"
    assert here.office.log == []


def test_every_rule_of_the_terms_leaves_the_gold_writes_alone() -> None:
    office = RetailOffice(copied(SAMPLE.db))
    goods = {product.sku: product for product in office.products()}
    write = write_of(SAMPLE.tasks["lamp-for-a-longer-cable"].actions[-1])
    order = office.order(order_of(write) or "")
    customer = office.customer(order.customer_id)
    assert refusal(write, order, customer, goods, TERMS, date(2026, 11, 22)) is None
