"""The gold actions of every task, driven through the assistant, leave the database as the bench's tools leave it."""

from __future__ import annotations

import asyncio

import pytest
from retail_data import WRITES, Action, Task, World, worlds
from retail_driver import shop
from retail_measure import driven
from retail_tools import replay

WORLDS = worlds()
TASKS = [
    pytest.param(world, task, id=f"{name}-{task.id}") for name, world in WORLDS.items() for task in world.split("train")
]
SAMPLE = WORLDS["sample"]


@pytest.mark.parametrize(("world", "task"), TASKS)
def test_the_gold_actions_end_in_the_gold_state(world: World, task: Task) -> None:
    result = driven(world, task)
    assert result.strays == []
    assert result.equal


@pytest.mark.parametrize("name", WRITES)
def test_the_sample_has_a_task_for_every_writing_tool(name: str) -> None:
    done = {
        action.name
        for task in SAMPLE.split("train")
        for action, taken in zip(task.actions, replay(SAMPLE.db, task.actions)[1], strict=True)
        if taken
    }
    assert name in done


def test_the_sample_has_a_gold_action_that_its_tool_refuses() -> None:
    task = SAMPLE.tasks["too-dear-for-the-gift-card"]
    state, taken = replay(SAMPLE.db, task.actions)
    assert taken == (True, False)
    assert state == SAMPLE.db


def test_another_variant_than_the_gold_one_is_told_apart() -> None:
    gold = SAMPLE.tasks["lamp-for-a-longer-cable"].actions
    other = Action(gold[-1].name, {**gold[-1].arguments, "new_item_ids": ["5100000012"]})
    result = driven(SAMPLE, Task("other", (*gold[:-1], other)))
    assert result.equal
    assert result.ours != replay(SAMPLE.db, gold)[0]


def test_several_items_changed_together_take_the_price_and_options_of_the_last_as_the_bench_has_it() -> None:
    result = driven(SAMPLE, SAMPLE.tasks["two-things-changed-at-once"])
    lines = result.ours["orders"]["#W2000001"]["items"]
    assert [line["item_id"] for line in lines] == ["5100000011", "5100000032", "5100000021"]
    assert [line["price"] for line in lines] == [58.83, 58.83, 89.0]


def test_one_of_two_alike_goes_back_and_both_may_become_different_ones() -> None:
    one = driven(SAMPLE, SAMPLE.tasks["one-of-two-jackets-returned"]).ours["orders"]["#W2000002"]
    both = driven(SAMPLE, SAMPLE.tasks["both-jackets-exchanged-for-different-ones"]).ours["orders"]["#W2000002"]
    assert one["return_items"] == ["5100000021"]
    assert both["exchange_items"] == ["5100000021", "5100000021"]
    assert both["exchange_new_items"] == ["5100000022", "5100000024"]


def test_nothing_is_written_before_the_yes_and_a_second_yes_writes_nothing_more() -> None:
    with shop(SAMPLE.db) as visit:
        here = visit("mira_olsen_1001")

        async def talk() -> list[int]:
            cancel = '/cancel_order{"order_number": "#W1000002", "reason": "no_longer_needed"}'
            return [(await here.say(text)).writes for text in (cancel, "/affirm", "/affirm")]

        assert asyncio.run(talk()) == [0, 1, 0]
    assert here.office.db["users"]["mira_olsen_1001"]["payment_methods"]["gift_card_1001"]["balance"] == 139.8


def test_a_wish_that_no_tool_grants_goes_to_a_person_and_changes_nothing() -> None:
    with shop(SAMPLE.db) as visit:
        here = visit()
        steps = [asyncio.run(here.do(action)) for action in SAMPLE.tasks["wants-a-cancellation-undone"].actions]
    assert all(step.expressed for step in steps)
    assert here.paused
    assert here.office.db == SAMPLE.db
