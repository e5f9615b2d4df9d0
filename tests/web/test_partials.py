"""A reply composed while the customer waits: shown as it grows, replaced when it is written down, else taken back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from test_streams import Listener, listen, texts
from web_fakes import ARTICLES, FakeBot, Site, eventually

from web.partials import Partials
from web.types import Kind

WIRE = Path(__file__).parents[2] / "docs" / "wire"
SAYS = ["Delivery takes two to four days.", "It costs 4.90 EUR."]


@pytest.fixture
def speaking(make_site: Callable[..., Site], bot: FakeBot) -> Site:
    bot.says = SAYS
    return make_site()


def partials(listener: Listener) -> list[str]:
    return [frame["text"] for frame in listener.frames if frame["kind"] == "partial"]


def heard(listener: Listener, count: int) -> list[str]:
    return eventually(lambda: found if len(found := partials(listener)) >= count else None)


def test_each_sentence_makes_the_partial_grow_and_the_message_follows(speaking: Site) -> None:
    visitor = speaking.visitor()
    listener = listen(speaking, visitor.conversation)
    visitor.say("delivery")
    assert visitor.wait_for("assistant") == [ARTICLES["delivery"]]
    eventually(lambda: texts(listener.frames)[1:] or None)
    assert partials(listener) == [SAYS[0], " ".join(SAYS)]


def test_a_partial_is_stored_nowhere_and_has_no_id(speaking: Site, bot: FakeBot) -> None:
    bot.pause.clear()
    visitor = speaking.visitor()
    listener = listen(speaking, visitor.conversation)
    visitor.say("delivery")
    heard(listener, 2)
    assert visitor.said("assistant") == []
    assert all(frame["id"] is None for frame in listener.frames if frame["kind"] == "partial")
    assert speaking.rows("SELECT count(*) FROM messages WHERE role = 'assistant'") == [(0,)]
    bot.pause.set()
    assert visitor.wait_for("assistant") == [ARTICLES["delivery"]]


def test_a_partial_is_as_the_schema_says(speaking: Site) -> None:
    schema = json.loads((WIRE / "partial.schema.json").read_text("utf-8"))
    visitor = speaking.visitor()
    listener = listen(speaking, visitor.conversation)
    visitor.say("delivery")
    heard(listener, 2)
    for frame in (frame for frame in listener.frames if frame["kind"] == "partial"):
        jsonschema.validate({"conversation": frame["conversation"], "text": frame["text"]}, schema)


def test_the_desk_sees_the_reply_grow_too_and_other_visitors_do_not(speaking: Site) -> None:
    visitor, other = speaking.visitor(), speaking.visitor()
    desk, elsewhere = listen(speaking, None), listen(speaking, other.conversation)
    visitor.say("delivery")
    heard(desk, 2)
    visitor.wait_for("assistant")
    assert partials(elsewhere) == []


def test_a_person_who_takes_over_takes_the_partial_back(speaking: Site, bot: FakeBot) -> None:
    bot.pause.clear()
    visitor, noor = speaking.visitor(), speaking.agent()
    listener = listen(speaking, visitor.conversation)
    visitor.say("delivery")
    heard(listener, 2)
    noor.act(visitor.conversation, "claim")
    assert heard(listener, 3)[-1] == ""
    eventually(lambda: [frame for frame in listener.frames if frame["kind"] == "status"] or None)
    order = [frame["kind"] for frame in listener.frames if frame["kind"] in ("partial", "status")]
    assert order[:3] == ["partial", "partial", "partial"]  # taken back before the widget hears of the person
    bot.pause.set()
    noor.say(visitor.conversation, "Hello, Noor here.")
    visitor.wait_for("agent")
    assert visitor.said("assistant") == []
    assert partials(listener)[-1] == ""


def test_a_sentence_that_comes_after_the_takeover_is_not_shown(site: Site) -> None:
    visitor, noor = site.visitor(), site.agent()
    visitor.say("delivery")
    visitor.wait_for("assistant")
    epoch = visitor.state()["conversation"]["epoch"]
    noor.act(visitor.conversation, "claim")
    listener = listen(site, visitor.conversation)
    partial = Partials(site.service.feed, lambda _: visitor.state()["conversation"]["epoch"])
    with partial.under_way(visitor.conversation, epoch) as hears:
        hears("Too late.")
    noor.say(visitor.conversation, "Hello, Noor here.")
    eventually(lambda: True if "Hello, Noor here." in texts(listener.frames) else None)
    assert partials(listener) == []


def test_news_of_the_takeover_that_comes_with_the_first_sentence_takes_nothing_back(site: Site) -> None:
    visitor, noor = site.visitor(), site.agent()
    visitor.say("delivery")
    visitor.wait_for("assistant")
    listener = listen(site, visitor.conversation)
    status = threading.Event()

    def epoch_read_late(conversation: str) -> int:
        noor.act(conversation, "claim")
        assert status.wait(10)
        return visitor.state()["conversation"]["epoch"]

    partial = Partials(site.service.feed, epoch_read_late)
    site.service.feed.before(lambda event: status.set() if event.kind is Kind.STATUS else None)
    with partial.under_way(visitor.conversation, visitor.state()["conversation"]["epoch"]) as hears:
        hears("Too late.")
    noor.say(visitor.conversation, "Hello, Noor here.")
    eventually(lambda: True if "Hello, Noor here." in texts(listener.frames) else None)
    assert partials(listener) == []


def test_a_bot_that_dies_in_mid_sentence_leaves_no_half_message(speaking: Site, bot: FakeBot) -> None:
    bot.breaks_off = True
    visitor = speaking.visitor()
    listener = listen(speaking, visitor.conversation)
    visitor.say("delivery")
    eventually(lambda: True if "" in partials(listener) else None)
    assert visitor.said("assistant") == []
    bot.breaks_off = False
    assert visitor.wait_for("assistant") == [ARTICLES["delivery"]]


@pytest.mark.parametrize("last", [b"{", b"[]", b'{"sentence": 3}', b'{"events": [], "responses": "no"}'])
def test_a_garbled_stream_is_a_failed_attempt(speaking: Site, bot: FakeBot, last: bytes) -> None:
    good = bot.behave
    bot.behave = lambda call: last
    visitor = speaking.visitor()
    visitor.say("delivery")
    eventually(lambda: len(bot.calls) >= 2 or None)
    assert visitor.said("assistant") == []
    bot.behave = good
    assert visitor.wait_for("assistant") == [ARTICLES["delivery"]]


def test_an_assistant_that_composes_nothing_is_asked_as_ever(site: Site, bot: FakeBot) -> None:
    visitor = site.visitor()
    listener = listen(site, visitor.conversation)
    visitor.say("delivery")
    visitor.wait_for("assistant")
    eventually(lambda: texts(listener.frames)[1:] or None)
    assert partials(listener) == []


def test_what_follows_up_is_run_without_a_stream(speaking: Site, bot: FakeBot) -> None:
    visitor = speaking.visitor()
    visitor.say("MG-10001")
    assert visitor.wait_for("assistant") == ["Order MG-10001 is on its way."]
