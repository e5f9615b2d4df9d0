"""Read utterances together: what is waiting when the worker comes free shares one forward pass.

Nothing waits for company: an utterance that arrives alone is read alone.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bot.catalogue import Catalogue
from bot.composed.checker import Judge
from bot.errors import BotError, NotReady, ReadingFailed
from bot.head import Array
from bot.knowledge import Audience, Knowledge, KnowledgeSource
from bot.mentions import Mention
from bot.thresholds import Thresholds
from bot.types import RankedIntent, Sentiment
from retrieval.related import Related
from retrieval.types import Hit

KEPT = 512
KEPT_S = 60.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a bundle makes of an utterance: intents best first, passages best first, and the bundle's own rules."""

    bundle: str
    thresholds: Thresholds
    catalogue: Catalogue
    intents: tuple[RankedIntent, ...] = ()
    out_of_scope: float = 0.0
    hits: tuple[Hit, ...] = ()
    mentions: tuple[Mention, ...] = ()
    sentiment: Sentiment | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    text: str
    audience: Audience
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Found]


@dataclass
class Reader:
    """One thread that encodes, classifies and searches for all requests in progress.

    `mask` puts placeholders for order numbers and the like, as the indexed passages and the head's training have them.
    Recent findings are kept for a minute, so that a followup action need not read its message again. What goes wrong
    while reading comes out as ReadingFailed; without a bundle everything raises NotReady.
    """

    source: KnowledgeSource
    top_k: int = 8
    max_batch: int = 64
    mask: Callable[[str], str] = str
    batches: int = 0
    _queue: queue.SimpleQueue[_Waiting | None] = field(default_factory=queue.SimpleQueue)
    _recent: OrderedDict[tuple[str, str, Audience], tuple[float, Found]] = field(default_factory=OrderedDict)
    _vectors: OrderedDict[tuple[str, str], Array] = field(default_factory=OrderedDict)  # the worker's own
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the worker."""
        self._thread = threading.Thread(target=self._work, name="reader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let the worker finish what it has and end."""
        self._queue.put(None)
        if self._thread:
            self._thread.join(timeout=10)

    def rules(self) -> Found:
        """Return the current bundle's rules without reading anything; what a pressed button needs."""
        knowledge = self.source()
        return Found(knowledge.bundle, knowledge.thresholds, knowledge.head.catalogue if knowledge.head else {})

    def related(self, source: str) -> tuple[Related, ...]:
        """Return the articles that customers who asked about this one asked about as well."""
        return self.source().related.get(source, ())

    @property
    def judge(self) -> Judge | None:
        """What checks composed sentences, or None where the bundle has no checker."""
        return self.source().judge

    @property
    def bundle(self) -> str | None:
        """The id of the bundle that serves, or None before there is one."""
        try:
            return self.source().bundle
        except NotReady:
            return None

    async def find(self, text: str, audience: Audience = Audience.CUSTOMER) -> Found:
        """Return what the current bundle makes of the text, read together with whatever else is waiting."""
        bundle = self.source().bundle
        kept = self._recent.get((bundle, text, audience))
        if kept and time.monotonic() - kept[0] < KEPT_S:
            return kept[1]
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Found] = loop.create_future()
        self._queue.put(_Waiting(text, audience, loop, future))
        found = await future
        self._remember((found.bundle, text, audience), found)
        return found

    def _remember(self, key: tuple[str, str, Audience], found: Found) -> None:
        now = time.monotonic()
        self._recent[key] = (now, found)
        self._recent.move_to_end(key)
        while self._recent and (len(self._recent) > KEPT or now - next(iter(self._recent.values()))[0] > KEPT_S):
            self._recent.popitem(last=False)

    def _work(self) -> None:
        while True:
            batch = self._take()
            if batch is None:
                return
            try:
                answers: Sequence[Found | BaseException] = self._read(batch)
            except Exception as error:  # a worker must outlive any one batch; each waiter hears of it
                failure = (
                    error if isinstance(error, BotError) else ReadingFailed(f"reading failed: {type(error).__name__}")
                )
                failure.__cause__ = error if failure is not error else None
                answers = [failure] * len(batch)
            self._deliver(batch, answers)

    def _take(self) -> list[_Waiting] | None:
        """Wait for one, then take all that is there."""
        first = self._queue.get()
        batch = []
        while first is not None:
            batch.append(first)
            if len(batch) == self.max_batch:
                return batch
            try:
                first = self._queue.get_nowait()
            except queue.Empty:
                return batch
        if batch:
            self._queue.put(None)
            return batch
        return None

    def _read(self, batch: Sequence[_Waiting]) -> list[Found]:
        self.batches += 1
        knowledge = self.source()
        texts = [self.mask(waiting.text) for waiting in batch]
        embeddings = self._encode(knowledge, texts)
        hits: list[list[Hit]] = [[] for _ in batch]
        for audience in Audience:
            rows = [i for i, waiting in enumerate(batch) if waiting.audience is audience]
            if rows:
                chosen = [texts[i] for i in rows]
                found = knowledge.search(chosen, embeddings[rows], audience, self.top_k)
                for i, row in zip(rows, found, strict=True):
                    hits[i] = row
        mentions, moods = knowledge.mentions(texts), knowledge.sentiments(texts, embeddings)
        if knowledge.head is None:
            return [
                Found(knowledge.bundle, knowledge.thresholds, {}, hits=tuple(row), mentions=tuple(mine), sentiment=mood)
                for row, mine, mood in zip(hits, mentions, moods, strict=True)
            ]
        probabilities, out_of_scope = knowledge.head.apply(embeddings, texts, knowledge.layers(texts))
        return [
            Found(
                knowledge.bundle,
                knowledge.thresholds,
                knowledge.head.catalogue,
                tuple(RankedIntent(knowledge.head.labels[c], float(p[c])) for c in (-p).argsort()[:5]),
                float(scope),
                tuple(row),
                tuple(mine),
                mood,
            )
            for p, scope, row, mine, mood in zip(probabilities, out_of_scope, hits, mentions, moods, strict=True)
        ]

    def _encode(self, knowledge: Knowledge, texts: Sequence[str]) -> Array:
        """Encode what was not encoded lately: a handoff looks the customer's words up again, for agents."""
        fresh = [text for text in dict.fromkeys(texts) if (knowledge.bundle, text) not in self._vectors]
        if fresh:
            for text, vector in zip(fresh, knowledge.encode(fresh), strict=True):
                self._vectors[knowledge.bundle, text] = vector
        rows = np.stack([self._vectors[knowledge.bundle, text] for text in texts])
        while len(self._vectors) > KEPT:
            self._vectors.popitem(last=False)
        return rows

    def _deliver(self, batch: Sequence[_Waiting], answers: Sequence[Found | BaseException]) -> None:
        pairs = list(zip(batch, answers, strict=True))
        for loop in {waiting.loop for waiting in batch}:
            mine = [(waiting.future, answer) for waiting, answer in pairs if waiting.loop is loop]
            if not loop.is_closed():
                loop.call_soon_threadsafe(_settle, mine)


def _settle(pairs: Sequence[tuple[asyncio.Future[Found], Found | BaseException]]) -> None:
    for future, answer in pairs:
        if future.done():
            continue
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)
