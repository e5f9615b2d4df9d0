"""What reaches widget and desk: everything once, in order, wherever they come back from."""

from __future__ import annotations

import itertools
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Connection
from web_fakes import Json, Site, Widget, eventually

from web import sse
from web.store import events
from web.types import Audience, Kind
from web.wake import STREAMS


class Listener:
    """Reads a stream in the background, frame by frame."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.frames: list[Json] = []
        self.comments = 0
        self.ended = threading.Event()
        self._chunks = chunks
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for chunk in self._chunks:
            for block in chunk.decode().split("\n\n"):
                if block.startswith(":"):
                    self.comments += 1
                fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
                if "data" in fields:
                    self.frames.append({"id": fields.get("id"), "kind": fields["event"], **json.loads(fields["data"])})
        self.ended.set()

    def wait_for(self, count: int) -> list[Json]:
        return eventually(lambda: self.frames if len(self.frames) >= count else None)


def listen(site: Site, conversation: str | None, cursor: int | None = 0, **more: float) -> Listener:
    return Listener(sse.stream(site.service.database, site.service.feed, conversation, cursor, **more))


def texts(frames: list[Json]) -> list[str]:
    return [frame["data"]["text"] for frame in frames if frame["kind"] == "message"]


def test_a_stream_brings_what_is_new(site: Site) -> None:
    visitor = site.visitor()
    listener = listen(site, visitor.conversation)
    visitor.say("delivery")
    frames = listener.wait_for(2)
    assert [frame["data"]["role"] for frame in frames] == ["customer", "assistant"]
    assert [int(frame["id"]) for frame in frames] == [event["id"] for event in visitor.state()["events"]]


@pytest.mark.parametrize("cut", range(8))
def test_a_state_read_early_and_the_events_missed_since_are_the_state_now(site: Site, cut: int) -> None:
    visitor, noor = site.visitor(), site.agent()
    deeds: list[Callable[[], object]] = [
        lambda: (visitor.say("delivery"), visitor.wait_for("assistant")),
        lambda: visitor.ask_for_person(),
        lambda: noor.act(visitor.conversation, "claim"),
        lambda: noor.say(visitor.conversation, "Hello"),
        lambda: noor.act(visitor.conversation, "notes", {"nonce": "n", "text": "private"}),
        lambda: noor.act(visitor.conversation, "give-back"),
        lambda: (visitor.say("repot"), visitor.wait_for("assistant", count=2)),
    ]
    for deed in deeds[:cut]:
        deed()
    early = visitor.state()
    for deed in deeds[cut:]:
        deed()
    now = visitor.state()
    missed = listen(site, visitor.conversation, early["cursor"]).wait_for(len(now["events"]) - len(early["events"]))
    expected = [event["id"] for event in now["events"]]
    assert [event["id"] for event in early["events"]] + [int(frame["id"]) for frame in missed] == expected
    assert [frame["data"] for frame in missed] == [event["data"] for event in now["events"][len(early["events"]) :]]


def test_a_client_that_comes_back_gets_exactly_what_it_missed(site: Site) -> None:
    visitor = site.visitor()
    visitor.say("delivery")
    visitor.wait_for("assistant")
    first = visitor.state()["events"][0]["id"]
    answer = visitor.http.get(
        f"/api/conversations/{visitor.conversation}/events", headers={**visitor.headers, "Last-Event-ID": str(first)}
    )
    assert answer.mimetype == "text/event-stream"
    chunks = list(itertools.islice(answer.response, 2))
    answer.close()
    assert chunks[0] == b"retry: 1000\n\n"
    assert chunks[1].count(b"id: ") == 1
    assert f"id: {first + 1}".encode() in chunks[1]


@pytest.mark.parametrize("cursor", ["-1", "abc", "1e3", "9" * 30])
def test_a_cursor_is_a_number(site: Site, cursor: str) -> None:
    visitor = site.visitor()
    path = f"/api/conversations/{visitor.conversation}/events?cursor={cursor}"
    assert visitor.http.get(path, headers=visitor.headers).json["error"]["code"] == "bad_cursor"


def test_visitors_never_hear_what_is_private_and_agents_do(site: Site) -> None:
    visitor, noor = site.visitor(), site.agent()
    public, desk = listen(site, visitor.conversation), listen(site, None)
    noor.act(visitor.conversation, "notes", {"nonce": "n", "text": "private"})
    visitor.say("delivery")
    public.wait_for(2)
    kinds = [frame["kind"] for frame in desk.wait_for(4)]
    assert kinds == ["message", "message", "message", "reading"]
    assert "private" not in texts(public.frames)
    assert "private" in texts(desk.frames)


def test_nobody_hears_another_conversation(site: Site) -> None:
    mine, other = site.visitor(), site.visitor()
    listener = listen(site, mine.conversation)
    other.say("delivery")
    other.wait_for("assistant")
    mine.say("repot")
    assert texts(listener.wait_for(2))[0] == "repot"


def test_a_typing_sign_has_no_id_and_is_not_stored(site: Site) -> None:
    visitor, noor = site.visitor(), site.agent()
    widget, desk = listen(site, visitor.conversation), listen(site, None)
    time.sleep(0.05)
    assert visitor.post("/typing", {}).status_code == 204
    assert noor.act(visitor.conversation, "typing").status_code == 204
    (seen,) = desk.wait_for(1)
    assert (seen["id"], seen["kind"], seen["role"]) == (None, "typing", "customer")
    assert widget.wait_for(1)[0]["author"] == "Noor"
    assert site.rows("SELECT count(*) FROM events") == [(0,)]


def test_a_quiet_stream_says_that_it_is_there(site: Site) -> None:
    listener = listen(site, site.visitor().conversation, heartbeat_s=0.02)
    assert eventually(lambda: listener.comments >= 2 or None)


def test_streams_end_when_the_process_stops(site: Site) -> None:
    listeners = [listen(site, None), listen(site, site.visitor().conversation)]
    time.sleep(0.05)
    site.service.stop()
    assert all(listener.ended.wait(2) for listener in listeners)
    assert listen(site, None).ended.wait(2)


def test_a_stream_ends_now_and_then_so_that_its_reader_shows_who_they_are(site: Site) -> None:
    assert listen(site, site.visitor().conversation, longest_s=0.05, heartbeat_s=0.02).ended.wait(2)


def test_a_slow_reader_loses_nothing(site: Site) -> None:
    visitor = site.visitor()
    chunks = sse.stream(site.service.database, site.service.feed, visitor.conversation, 0)
    assert next(chunks) == b"retry: 1000\n\n"
    _flood(site, visitor, 700)  # more than a queue holds, while nobody reads
    listener = Listener(chunks)
    assert texts(listener.wait_for(700)) == [f"line {number}" for number in range(700)]
    _flood(site, visitor, 10)
    assert len(listener.wait_for(710)) == 710


def test_what_another_process_wrote_is_found_too(make_site: Callable[..., Site]) -> None:
    here, there = make_site(), make_site(run=False)
    visitor = here.visitor()
    listener = listen(here, visitor.conversation)
    _flood(there, visitor, 1)
    assert texts(listener.wait_for(1)) == ["line 0"]


def test_thousands_of_idle_streams_cost_one_look_at_the_log(site: Site) -> None:
    visitor = site.visitor()
    feed = site.service.feed
    others = [feed.subscribe(f"c_{number}") for number in range(5000)]
    listener = listen(site, visitor.conversation)
    at = time.perf_counter()
    visitor.say("delivery")
    listener.wait_for(2)
    assert time.perf_counter() - at < 1.0
    for other in others:
        feed.leave(other)


def test_one_stream_too_many_ends_the_oldest_of_its_conversation_and_no_other(site: Site) -> None:
    feed = site.service.feed
    neighbour = feed.subscribe("c_other")
    mine = [feed.subscribe("c_mine") for _ in range(STREAMS + 1)]
    assert mine[0].get(timeout_s=1.0) is None, "the end of the stream"
    for still_open in (*mine[1:], neighbour):
        with pytest.raises(queue.Empty):
            still_open.get(timeout_s=0.01)
    feed.leave(mine[0])  # its stream ends later and says so again
    assert len(feed._visitors["c_mine"]) == STREAMS


def test_signs_of_typing_beyond_measure_are_left_out(site: Site) -> None:
    visitor = site.visitor()
    desk = site.service.feed.subscribe(None)
    for _ in range(30):
        visitor.post("/typing", {})
    assert desk._queue.qsize() <= 11


def _flood(site: Site, visitor: Widget, count: int) -> None:
    def work(connection: Connection) -> None:
        for number in range(count):
            said = {"text": f"line {number}"}
            events.append(connection, visitor.conversation, Kind.MESSAGE, said, time.time(), Audience.EVERYONE)

    site.service.database.write(work)
