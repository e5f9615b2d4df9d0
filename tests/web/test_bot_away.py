"""When the assistant is away: a notice in time, and exactly one reply or handoff."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from web_fakes import ARTICLES, FakeBot, Json, Site, eventually, reply, respond

from web import ledger


def broken(call: Json) -> Json:
    raise RuntimeError("it broke")


MISDEEDS = {
    "an exception": broken,
    "no JSON": lambda call: b"<html>Bad gateway</html>",
    "a list": lambda call: b"[]",
    "no responses": lambda call: {"events": []},
    "an unknown event": lambda call: {"events": [{"event": "explode"}], "responses": [reply("Boom.")]},
    "a slot without a name": lambda call: {"events": [{"event": "slot"}], "responses": [reply("Hm.")]},
    "text that is none": lambda call: {"events": [], "responses": [{"text": 7}]},
    "a button without a payload": lambda call: {"events": [], "responses": [{"text": "A", "buttons": [{}]}]},
    "nothing to say": lambda call: {"events": [], "responses": []},
    "blanks": lambda call: {"events": [], "responses": [reply("  \n ")]},
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_what_is_no_answer_is_asked_for_again(make_site: Callable[..., Site], bot: FakeBot, misdeed: str) -> None:
    bot.behave = MISDEEDS[misdeed]
    visitor = make_site().visitor()
    visitor.say("delivery")
    eventually(lambda: bot.calls or None)
    bot.behave = respond
    assert visitor.wait_for("assistant") == [ARTICLES["delivery"]]


@pytest.mark.parametrize("misdeed", ["an exception", "nothing to say", "no JSON"])
def test_a_turn_without_an_answer_goes_to_a_person_in_time(
    make_site: Callable[..., Site], bot: FakeBot, misdeed: str
) -> None:
    bot.behave = MISDEEDS[misdeed]
    site = make_site(turn_deadline_s=0.4, notice_after_s=0.1)
    visitor = site.visitor()
    visitor.say("delivery")
    conversation = visitor.wait_until("open")
    assert conversation["reason"] == "tool_failure"
    assert visitor.said("assistant") == []
    assert visitor.said("system") == [ledger.NOTICE, ledger.GAVE_UP]
    assert site.rows("SELECT outcome FROM turns") == [("handoff",)]
    packet = site.agent().read(visitor.conversation)["packet"]
    assert (packet["v"], packet["reason"]) == (1, "tool_failure")


def test_the_notice_comes_within_two_seconds_and_once(make_site: Callable[..., Site], bot: FakeBot) -> None:
    bot.hang.clear()
    visitor = make_site(sweep_s=0.2).visitor()
    at = time.monotonic()
    visitor.say("delivery")
    visitor.wait_for("system")
    assert time.monotonic() - at < 2.0
    notice = visitor.state()["events"][-1]["data"]
    assert notice["buttons"] == [{"title": "Talk to a person", "payload": "/handoff"}]
    bot.hang.set()
    assert visitor.wait_for("assistant") == [ARTICLES["delivery"]]
    assert visitor.said("system") == [ledger.NOTICE]


def test_a_prompt_answer_comes_without_a_notice(make_site: Callable[..., Site]) -> None:
    visitor = make_site(notice_after_s=0.3).visitor()
    visitor.say("delivery")
    visitor.wait_for("assistant")
    time.sleep(0.4)
    assert visitor.said("system") == []


def test_nobody_listening_at_all_is_no_different(make_site: Callable[..., Site], bot: FakeBot) -> None:
    bot.close()
    visitor = make_site(turn_deadline_s=0.3, notice_after_s=0.1).visitor()
    visitor.say("delivery")
    visitor.wait_until("open")
    assert visitor.said("system") == [ledger.NOTICE, ledger.GAVE_UP]


def test_an_answer_after_the_deadline_is_not_shown(make_site: Callable[..., Site], bot: FakeBot) -> None:
    bot.hang.clear()
    site = make_site(turn_deadline_s=0.2, attempt_timeout_s=5)
    visitor = site.visitor()
    visitor.say("delivery")
    visitor.wait_until("open")
    bot.hang.set()
    time.sleep(0.1)
    assert visitor.said("assistant") == []


def test_the_notices_button_brings_a_person_while_the_assistant_is_away(
    make_site: Callable[..., Site], bot: FakeBot
) -> None:
    bot.hang.clear()
    site = make_site(notice_after_s=0.05)
    visitor = site.visitor()
    visitor.say("delivery")
    visitor.wait_for("system")
    visitor.say("Talk to a person", payload="/handoff")
    assert visitor.wait_until("open")["reason"] == "customer_request"
    bot.hang.set()
    time.sleep(0.1)
    assert visitor.said("assistant") == []
    assert site.rows("SELECT outcome FROM turns") == [("handoff",)]


def test_every_unfinished_turn_of_the_conversation_ends_with_the_handoff(
    make_site: Callable[..., Site], bot: FakeBot
) -> None:
    bot.hang.clear()
    site = make_site(turn_deadline_s=0.3, join_within_s=0)
    visitor = site.visitor()
    visitor.say("delivery")
    visitor.say("repot")
    visitor.wait_until("open")
    assert site.rows("SELECT outcome FROM turns") == [("handoff",), ("handoff",)]
    assert visitor.said("system").count(ledger.GAVE_UP) == 1


def test_a_long_call_keeps_its_lease(make_site: Callable[..., Site], bot: FakeBot) -> None:
    bot.slow(0.5)
    site = make_site(lease_s=0.15)
    visitor = site.visitor()
    visitor.say("delivery")
    visitor.wait_for("assistant")
    assert len(bot.calls) == 1


def test_logs_name_the_conversation_and_not_the_words(
    make_site: Callable[..., Site], bot: FakeBot, caplog: pytest.LogCaptureFixture
) -> None:
    bot.behave = broken
    visitor = make_site(turn_deadline_s=0.2).visitor()
    visitor.say("my secret delivery")
    visitor.wait_until("open")
    assert any(getattr(record, "conversation", None) == visitor.conversation for record in caplog.records)
    assert "secret" not in repr([record.__dict__ for record in caplog.records])


def test_nothing_is_left_of_a_stopping_point_that_is_not_armed(make_site: Callable[..., Site], tmp_path: Path) -> None:
    points = tmp_path / "points"
    points.mkdir()
    visitor = make_site(points_dir=points).visitor()
    visitor.say("delivery")
    assert visitor.wait_for("assistant")
    assert list(points.iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [
        "web.before_commit",
        "web.after_commit",
        "web.leased",
        "web.bot_called",
        "web.before_apply_commit",
        "web.after_apply_commit",
    ],
)
def test_an_armed_point_stops_its_caller_until_released(
    make_site: Callable[..., Site], tmp_path: Path, name: str
) -> None:
    points = tmp_path / "points"
    points.mkdir()
    visitor = make_site(points_dir=points).visitor()
    (points / f"{name}.arm").touch()
    speaker = threading.Thread(target=visitor.say, args=("delivery",))
    speaker.start()
    hit = points / f"{name}.hit"
    eventually(lambda: hit.exists() or None)
    time.sleep(0.05)
    hit.unlink()
    speaker.join(5)
    assert visitor.wait_for("assistant") == [ARTICLES["delivery"]]
