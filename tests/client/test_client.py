"""What the clients of the kill tests and the bench do when the service answers badly, late, in pieces or not at all."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scripted_server import Part, Peer, ScriptedServer

from web.client import Visitor
from web.event_stream import Stream
from web.journal import Acknowledged, Connected, Entry, Journal, Refused, Saw, Sent, read_journals
from web.plain_http import Http, Rejected, Silence, Unacknowledged

Serve = Callable[..., ScriptedServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[ScriptedServer] = []

    def start(*parts: Part) -> ScriptedServer:
        servers.append(ScriptedServer(parts))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def frame(id: int, role: str = "assistant", text: str = "Grüße") -> bytes:
    event = {
        "id": id, "conversation": "c1", "kind": "message", "at": "2026-11-22T08:00:00.000Z", "private": False,
        "data": {"id": f"m{id}", "role": role, "text": text},
    }  # fmt: skip
    return f"id: {id}\nevent: message\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


def chunks(text: bytes, size: int) -> bytes:
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def streaming(text: bytes, size: int = 1000) -> Part:
    def part(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM + chunks(text, size) + b"0\r\n\r\n")

    return part


def open_stream(server: ScriptedServer, entries: list[Entry] | None = None, after: int = 0) -> Stream:
    write = entries.append if entries is not None else None
    return Stream(Http(server.url), "/events", dict, conversation="c1", after=after, write=write)


# --- the stream


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_arrive_whole_however_they_are_cut(serve: Serve, size: int) -> None:
    stream = open_stream(serve(streaming(frame(4) + frame(9), size)))
    assert [stream.next(2.0).id, stream.next(2.0).id] == [4, 9]


def test_a_stream_may_come_without_chunks(serve: Serve) -> None:
    def part(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + frame(4) + frame(9))

    stream = open_stream(serve(part))
    assert [stream.next(2.0).id, stream.next(2.0).data["text"]] == [4, "Grüße"]


def test_comments_typing_signs_and_retry_hints_are_passed_over(serve: Serve) -> None:
    noise = b'retry: 1000\n\n: still here\n\nevent: typing\ndata: {"role": "agent"}\n\n'
    assert open_stream(serve(streaming(noise + frame(4) + noise))).next(2.0).id == 4


def test_a_broken_stream_comes_back_after_the_last_whole_event(serve: Serve) -> None:
    def broken(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM + chunks(frame(4) + frame(5)[:20], 1000))
        time.sleep(0.1)
        peer.reset()

    entries: list[Entry] = []
    server = serve(broken, streaming(frame(5)))
    stream = open_stream(server, entries, after=3)
    assert [stream.next(2.0).id, stream.next(2.0).id] == [4, 5]
    assert ["Last-Event-ID: 3" in server.requests[0], "Last-Event-ID: 4" in server.requests[1]] == [True, True]
    assert [entry.after for entry in entries if isinstance(entry, Connected)] == [3, 4]
    assert [entry.event for entry in entries if isinstance(entry, Saw)] == [4, 5]


def test_an_event_that_is_half_there_when_time_is_up_is_not_lost(serve: Serve) -> None:
    go_on = threading.Event()

    def slow(peer: Peer) -> None:
        peer.request()
        whole = chunks(frame(4), 10)
        peer.send(STREAM + whole[:47])
        go_on.wait(5.0)
        peer.send(whole[47:])
        time.sleep(0.2)

    server = serve(slow)
    stream = open_stream(server)
    with pytest.raises(Silence):
        stream.next(0.2)
    go_on.set()
    assert stream.next(2.0).id == 4
    assert len(server.requests) == 1


def test_polling_takes_what_is_there_and_does_not_wait(serve: Serve) -> None:
    done = threading.Event()

    def part(peer: Peer) -> None:
        peer.request()
        peer.send(STREAM + chunks(b"retry: 1000\n\n" + frame(4) + frame(5), 1000))
        done.wait(5.0)

    stream = open_stream(serve(part))
    assert stream.next(2.0).id == 4
    began = time.monotonic()
    assert stream.poll() is not None
    assert stream.poll() is None
    assert time.monotonic() - began < 0.1
    done.set()


def test_a_stream_that_is_refused_says_so(serve: Serve) -> None:
    def part(peer: Peer) -> None:
        peer.request()
        peer.json(404, {"error": {"code": "not_found", "message": "There is no such conversation."}})

    with pytest.raises(Rejected, match="404 not_found: There is no such conversation"):
        open_stream(serve(part)).next(2.0)


# --- messages


def acknowledge(peer: Peer) -> None:
    peer.request()
    peer.json(201, {"message": {"id": "m1"}, "cursor": 7})


def visitor(server: ScriptedServer, folder: Path, patience_s: float = 5.0) -> tuple[Visitor, Path]:
    path = folder / "journal.jsonl"
    client = Visitor(server.url, Journal(path), patience_s=patience_s, timeout_s=0.5)
    client.token, client.conversation = "token", "c1"
    return client, path


def nonces(server: ScriptedServer) -> list[str]:
    return [json.loads(request.split("\r\n\r\n", 1)[1])["nonce"] for request in server.requests]


def test_a_message_is_sent_again_with_its_nonce_until_it_is_acknowledged(serve: Serve, tmp_path: Path) -> None:
    def dies_before_it_answers(peer: Peer) -> None:
        peer.request()
        peer.reset()

    def is_restarting(peer: Peer) -> None:
        peer.request()
        peer.json(503, {})

    def hangs(peer: Peer) -> None:
        peer.request()
        time.sleep(0.7)

    server = serve(dies_before_it_answers, is_restarting, hangs, acknowledge)
    client, path = visitor(server, tmp_path)
    receipt = client.say("Where is my order?")
    assert (receipt.message, receipt.cursor, receipt.attempts) == ("m1", 7, 4)
    assert len(set(nonces(server))) == 1
    kinds = [type(entry) for entry in read_journals([path])]
    assert kinds == [Sent, Acknowledged]


def test_nobody_at_the_address_is_waited_for(serve: Serve, tmp_path: Path) -> None:
    server = serve()
    server.close()
    client, path = visitor(server, tmp_path, patience_s=0.3)
    with pytest.raises(Unacknowledged, match=r"gave up after 0\.3 s"):
        client.say("Where is my order?")
    assert [type(entry) for entry in read_journals([path])] == [Sent]


def test_a_refused_message_is_not_sent_again(serve: Serve, tmp_path: Path) -> None:
    def refuse(peer: Peer) -> None:
        peer.request()
        peer.json(422, {"error": {"code": "too_long", "message": "Say it in 4000 characters."}})

    server = serve(refuse)
    client, path = visitor(server, tmp_path)
    with pytest.raises(Rejected, match="422 too_long"):
        client.say("…")
    assert [type(entry) for entry in read_journals([path])] == [Sent, Refused]
    assert len(server.requests) == 1


def test_slower_please_is_heeded_and_is_no_refusal(serve: Serve, tmp_path: Path) -> None:
    def slower(peer: Peer) -> None:
        peer.request()
        peer.json(429, {"error": {"code": "too_many_requests", "message": "Slower, please."}})

    client, _ = visitor(serve(slower, acknowledge), tmp_path)
    assert client.say("Where is my order?").attempts == 2


def test_a_kept_connection_that_was_closed_meanwhile_costs_no_attempt(serve: Serve, tmp_path: Path) -> None:
    client, _ = visitor(serve(acknowledge, acknowledge), tmp_path)
    assert [client.say("One").attempts, client.say("Two").attempts] == [1, 1]


# --- the journal


def test_what_a_killed_client_left_half_written_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    entries: list[Entry] = [Sent("c1", "n1", "customer", "Grüße"), Acknowledged("c1", "n1", "m1", None)]
    with Journal(path) as journal:
        for entry in entries:
            journal.write(entry)
    with path.open("ab") as file:
        file.write(b'{"what":"sen')
    assert read_journals([path]) == entries


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"what":"sent"}\n')
    with pytest.raises(ValueError, match=r"journal\.jsonl:1 is not a journal entry"):
        read_journals([path])


def test_a_journal_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    with Journal(tmp_path / "journals" / "one.jsonl"):
        assert (tmp_path / "journals" / "one.jsonl").stat().st_mode & 0o077 == 0
