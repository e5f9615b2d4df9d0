"""Reading together."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from bot_fakes import FakeKnowledge, fit_head

from bot.errors import NotReady, ReadingFailed
from bot.knowledge import Audience, Knowledge
from bot.reader import Found, Reader
from retrieval.types import PassageKind


def read_all(reader: Reader, texts: list[str]) -> list[Found]:
    async def run() -> list[Found]:
        return list(await asyncio.gather(*(reader.find(text) for text in texts)))

    reader.start()
    try:
        return asyncio.run(run())
    finally:
        reader.stop()


def test_what_waits_while_the_worker_is_busy_shares_one_pass() -> None:
    knowledge = FakeKnowledge(pause_s=0.05)
    read_all(Reader(lambda: knowledge), [f"question {n}" for n in range(20)])
    assert sum(knowledge.batches) == 20
    assert len(knowledge.batches) <= 3


def test_no_batch_is_larger_than_allowed() -> None:
    knowledge = FakeKnowledge(pause_s=0.02)
    read_all(Reader(lambda: knowledge, max_batch=4), [f"question {n}" for n in range(10)])
    assert max(knowledge.batches) <= 4
    assert sum(knowledge.batches) == 10


def test_each_gets_what_it_would_have_got_alone() -> None:
    texts = ["how long does delivery take", "hello", "is the discount voucher code valid twice", "cancel my order"]
    knowledge = FakeKnowledge()
    together = read_all(Reader(lambda: knowledge), texts)
    alone = [read_all(Reader(lambda: knowledge), [text])[0] for text in texts]
    for one, other in zip(together, alone, strict=True):
        assert [intent.name for intent in one.intents] == [intent.name for intent in other.intents]
        assert one.out_of_scope == pytest.approx(other.out_of_scope, rel=1e-5)
        assert [hit.passage.id for hit in one.hits] == [hit.passage.id for hit in other.hits]


def test_the_intents_are_the_heads_best_first() -> None:
    [found] = read_all(Reader(FakeKnowledge), ["cancel my order"])
    assert found.intents[0].name == "cancel_order"
    probabilities = [intent.probability for intent in found.intents]
    assert probabilities == sorted(probabilities, reverse=True)


def test_without_a_head_passages_are_still_found() -> None:
    [found] = read_all(Reader(lambda: FakeKnowledge(head=None)), ["how long does delivery take"])
    assert found.intents == ()
    assert found.hits[0].passage.id == 1


def test_exchanges_are_found_for_agents_only() -> None:
    reader = Reader(FakeKnowledge)
    reader.start()
    kinds = {
        audience: {hit.passage.kind for hit in asyncio.run(reader.find("my fern arrived", audience)).hits}
        for audience in Audience
    }
    reader.stop()
    assert PassageKind.EXCHANGE in kinds[Audience.AGENT]
    assert PassageKind.EXCHANGE not in kinds[Audience.CUSTOMER]


def test_a_followup_does_not_read_its_message_again() -> None:
    knowledge = FakeKnowledge()
    reader = Reader(lambda: knowledge)
    reader.start()
    for _ in range(3):
        asyncio.run(reader.find("where is my order"))
    reader.stop()
    assert knowledge.batches == [1]


def test_a_newer_bundle_reads_the_same_words_anew() -> None:
    serving = FakeKnowledge()
    reader = Reader(lambda: serving)
    reader.start()
    first = asyncio.run(reader.find("where is my order"))
    serving = FakeKnowledge(bundle="0002-fake")
    second = asyncio.run(reader.find("where is my order"))
    reader.stop()
    assert (first.bundle, second.bundle) == ("0001-fake", "0002-fake")


def test_one_batch_that_fails_does_not_end_the_worker() -> None:
    class OnceBroken(FakeKnowledge):
        def encode(self, texts: Any) -> Any:
            if not self.batches:
                self.batches.append(len(texts))
                raise RuntimeError("a passing trouble")
            return super().encode(texts)

    knowledge = OnceBroken()
    reader = Reader(lambda: knowledge)
    reader.start()
    with pytest.raises(ReadingFailed):
        asyncio.run(reader.find("first"))
    assert asyncio.run(reader.find("hello")).intents
    reader.stop()


def test_before_there_is_a_bundle_nothing_waits() -> None:
    def none_yet() -> Knowledge:
        raise NotReady("not yet")

    reader = Reader(none_yet)
    assert reader.bundle is None
    with pytest.raises(NotReady):
        asyncio.run(reader.find("hello"))


def test_a_reader_that_is_stopped_ends_its_thread() -> None:
    before = threading.active_count()
    reader = Reader(lambda: FakeKnowledge(head=fit_head()))
    reader.start()
    reader.stop()
    assert threading.active_count() == before
