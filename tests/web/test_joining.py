"""Messages typed one after the other, and answers that come too late."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from web_fakes import ARTICLES, FakeBot, Json, Site, eventually, respond

from web.intake import Posted
from web.types import Visitor


class Gate:
    """An assistant whose first answer waits until it is let go."""

    def __init__(self, bot: FakeBot) -> None:
        self.opened = threading.Event()
        self._bot = bot
        bot.behave = self.answer

    def answer(self, call: Json) -> Json:
        if call is self._bot.calls[0]:
            self.opened.wait(5)
        return respond(call)

    def reached(self) -> None:
        eventually(lambda: self._bot.calls or None)


def discarded(site: Site, conversation: str) -> list[Json]:
    events = site.agent().read(conversation)["events"]
    return [event["data"] for event in events if event["kind"] == "turn_discarded"]


def test_a_message_that_follows_closely_joins_the_turn_under_way(site: Site, bot: FakeBot) -> None:
    gate, visitor = Gate(bot), site.visitor()
    visitor.say("xyzzy")
    gate.reached()
    visitor.say("I mean delivery")
    assert visitor.wait_for("assistant") == [ARTICLES["delivery"]]
    joined = bot.calls[1]["tracker"]
    assert joined["latest_message"]["text"] == "xyzzy\nI mean delivery"
    assert [event["text"] for event in joined["events"] if event["event"] == "user"] == ["xyzzy", "I mean delivery"]
    assert site.rows("SELECT count(*) FROM turns") == [(1,)]


def test_the_answer_to_the_first_half_is_never_shown(site: Site, bot: FakeBot) -> None:
    gate, visitor = Gate(bot), site.visitor()
    visitor.say("xyzzy")
    gate.reached()
    visitor.say("I mean delivery")
    visitor.wait_for("assistant")
    gate.opened.set()
    (late,) = eventually(lambda: discarded(site, visitor.conversation) or None)
    assert late["why"] in ("newer_message", "already_ended")
    assert late["responses"][0]["text"].startswith("I don't know")
    assert visitor.said("assistant") == [ARTICLES["delivery"]]


def test_retries_and_joins_keep_the_key_under_which_the_turn_acts(site: Site, bot: FakeBot) -> None:
    gate, visitor = Gate(bot), site.visitor()
    first = visitor.say("xyzzy").json["message"]["id"]
    gate.reached()
    visitor.say("I mean delivery")
    visitor.wait_for("assistant")
    assert {call["tracker"]["latest_message"]["message_id"] for call in bot.calls} == {first}


def test_a_message_that_comes_later_waits_for_its_own_turn(make_site: Callable[..., Site], bot: FakeBot) -> None:
    gate, visitor = Gate(bot), make_site(join_within_s=0.02).visitor()
    visitor.say("delivery")
    gate.reached()
    time.sleep(0.03)
    visitor.say("repot")
    time.sleep(0.1)
    assert len(bot.calls) == 1
    gate.opened.set()
    assert visitor.wait_for("assistant", count=2) == [ARTICLES["delivery"], ARTICLES["repot"]]


def test_a_message_after_the_answer_is_a_new_turn(site: Site) -> None:
    visitor = site.visitor()
    visitor.say("delivery")
    visitor.wait_for("assistant")
    visitor.say("repot")
    assert visitor.wait_for("assistant", count=2)[1] == ARTICLES["repot"]


def test_a_pressed_button_is_an_answer_of_its_own(site: Site, bot: FakeBot) -> None:
    gate, visitor = Gate(bot), site.visitor()
    visitor.say("delivery")
    gate.reached()
    visitor.say("Yes, cancel it", payload="/affirm")
    gate.opened.set()
    visitor.wait_for("assistant", count=2)
    assert [call["tracker"]["latest_message"]["text"] for call in bot.calls] == ["delivery", "/affirm"]


def test_a_turn_whose_worker_died_is_taken_up_again(make_site: Callable[..., Site], bot: FakeBot) -> None:
    visitor = make_site(run=False).visitor()
    visitor.say("delivery")  # taken in and leased by a process that then dies
    after = make_site()
    assert visitor.wait_for("assistant") == [ARTICLES["delivery"]]
    assert after.rows("SELECT outcome, attempts FROM turns") == [("reply", 2)]


def test_a_lease_that_ran_out_on_another_machine_is_anybodys(make_site: Callable[..., Site], bot: FakeBot) -> None:
    there = make_site(run=False, lease_s=0.3)
    visitor = there.visitor()
    visitor.say("delivery")
    held = "UPDATE turns SET leased_by = 'elsewhere/1/abc'"
    there.service.database.write(lambda connection: connection.connection.cursor().execute(held))
    make_site()
    time.sleep(0.1)
    assert bot.calls == []
    assert visitor.wait_for("assistant") == [ARTICLES["delivery"]]


def test_only_the_holder_of_the_fence_may_answer(make_site: Callable[..., Site], bot: FakeBot) -> None:
    site = make_site(run=False, lease_s=0.01)
    visitor, service = site.visitor(), site.service
    taken = service.intake.accept(visitor.conversation, Visitor(visitor.id), Posted("n", "delivery"), time.time())
    slow = taken.lease
    assert slow is not None
    assert taken.turn is not None
    time.sleep(0.02)
    service.runner.answer(taken.turn)
    late = service.bot.converse(slow.draft, 1.0)
    service.database.write(lambda connection: service.runner._apply(connection, slow, late))
    assert visitor.said("assistant") == [ARTICLES["delivery"]]
    assert discarded(site, visitor.conversation)[0]["why"] == "already_ended"


def test_a_held_turn_is_not_leased_twice(make_site: Callable[..., Site]) -> None:
    site = make_site(run=False, lease_s=0.2)
    visitor, service = site.visitor(), site.service
    taken = service.intake.accept(visitor.conversation, Visitor(visitor.id), Posted("n", "delivery"), time.time())
    turn = taken.turn
    assert turn is not None
    assert service.database.write(lambda connection: service.runner.lease(connection, turn)) is None
    time.sleep(0.25)
    assert service.database.write(lambda connection: service.runner.lease(connection, turn)) is not None
