"""The bot is away: the customer hears within two seconds, and exactly one reply or one handoff follows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from kill_service import Loose, Place, eventually, running

from web.client import Receipt, Visitor
from web.event_stream import Seen
from web.journal import Journal
from web.oracle import Verdict
from web.plain_http import Silence
from web.proof import prove
from web.supervisor import Command

pytestmark = pytest.mark.kill

HEARD_WITHIN_S = 2.0


class Scene:
    """A visitor in mid-conversation with a real service whose bot can be taken away."""

    def __init__(self, place: Place, commands: Sequence[Command], folder: Path) -> None:
        self.place, self.service = place, Loose(commands, folder / "service.log")
        self._path = folder / "visitor.jsonl"
        self.visitor = Visitor(place.url, Journal(self._path))

    def begin(self) -> None:
        for name in ("bot", "web"):
            self.service.start(name)
        self.service.wait_ready()
        self.visitor.open()
        first = self.visitor.wait_for_ending(self.visitor.say("How long does delivery take?"), 30.0)
        assert first.kind == "reply", "the bot answers before it is taken away"

    def loses_the_bot_in_mid_turn(self, words: str) -> Receipt:
        """The bot is killed with -9 when it has made its answer and not yet sent it."""
        armed, hit = (self.place.points / f"bot.before_reply.{ending}" for ending in ("arm", "hit"))
        armed.touch()
        receipt = self.visitor.say(words)
        eventually(hit.exists, 20.0, "the turn reaches bot.before_reply")
        self.service.kill("bot")
        hit.unlink()
        return receipt

    def notice(self, receipt: Receipt) -> Seen:
        """The next system message; it came in time."""
        seen, passed = self.visitor.wait_for(lambda seen: seen.role == "system", 10.0)
        assert not any(event.role == "assistant" and event.id > (receipt.cursor or 0) for event in passed)
        assert seen.arrived_s - receipt.sent_s <= HEARD_WITHIN_S
        return seen

    def stays_quiet(self, seconds: float) -> None:
        with pytest.raises(Silence):
            self.visitor.wait_for(lambda seen: seen.role == "assistant", seconds)

    def said(self, role: str, after: int | None) -> list[str]:
        events = self.visitor.events()["events"]
        messages = [event for event in events if event["kind"] == "message" and event["id"] > (after or 0)]
        return [event["data"]["text"] for event in messages if event["data"]["role"] == role]

    def verdict(self) -> Verdict:
        return prove(self.place.url, [self._path], **self.place.agent(), database=self.place.database, settle_s=0)


@pytest.fixture
def scene(light_place: Place, tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """`scene(room__key=value, …)` begins one under these settings, with the bot that starts in a second."""
    with ExitStack() as stack:

        def begin(**settings: object) -> Scene:
            place = replace(light_place, settings=settings)
            return stack.enter_context(begun(Scene(place, place.light_commands(), tmp_path)))

        yield begin


@contextmanager
def begun(scene: Scene) -> Iterator[Scene]:
    with running(scene.service):
        scene.begin()
        yield scene


def test_a_bot_killed_in_mid_turn_is_noticed_at_once_and_replies_once_when_it_is_back(
    scene: Callable[..., Scene],
) -> None:
    play = scene()
    receipt = play.loses_the_bot_in_mid_turn("Can I pay by invoice?")
    play.notice(receipt)
    time.sleep(3.0)
    play.service.start("bot")
    assert play.visitor.wait_for_ending(receipt, 45.0).kind == "reply"
    play.stays_quiet(3.0)
    assert len(play.said("assistant", receipt.cursor)) == 1
    assert len(play.said("system", receipt.cursor)) == 1
    assert play.verdict().held, str(play.verdict())


def test_a_bot_that_stays_away_ends_the_turn_in_one_handoff(scene: Callable[..., Scene]) -> None:
    play = scene(web__turn_deadline_s=4.0)
    receipt = play.loses_the_bot_in_mid_turn("Can I pay by invoice?")
    play.notice(receipt)
    ending = play.visitor.wait_for_ending(receipt, 10.0)
    assert (ending.kind, ending.event.data["reason"]) == ("handoff", "tool_failure")
    assert 3.9 <= ending.event.arrived_s - receipt.sent_s <= 6.0
    play.service.start("bot")
    play.service.wait_ready()
    play.visitor.say("Are you still there?")
    play.stays_quiet(5.0)  # people have it now: neither the old answer nor a new one
    assert play.said("assistant", receipt.cursor) == []
    assert len(play.said("system", receipt.cursor)) == 2, "a notice and the handoff's words"
    assert play.verdict().held, str(play.verdict())


def test_thirty_seconds_without_the_bot(place_in: Callable[..., Place], tmp_path: Path) -> None:
    """The real thing under its own deadline of 60 s: a notice for each turn, one reply each when the bot is back."""
    place = place_in()
    with begun(Scene(place, place.commands(), tmp_path)) as play:
        thirty_seconds_away(play)


def thirty_seconds_away(play: Scene) -> None:
    gone_s = time.monotonic()
    under_way = play.loses_the_bot_in_mid_turn("Can I pay by invoice?")
    play.notice(under_way)
    time.sleep(5.0)
    later = play.visitor.say("Do you deliver to Norway?")
    play.notice(later)
    play.stays_quiet(30.0 - (time.monotonic() - gone_s))
    play.service.start("bot")
    for _ in (under_way, later):
        play.visitor.wait_for(lambda seen: seen.role == "assistant", 45.0)
    play.stays_quiet(5.0)
    assert len(play.said("assistant", under_way.cursor)) == 2
    assert len(play.said("system", under_way.cursor)) == 2
    assert play.verdict().held, str(play.verdict())
