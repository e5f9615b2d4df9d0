"""Where composed answers go: to customers as a reply, sentence by sentence to whoever streams, to agents as a draft."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import pairwise

from bot.compose import WHOLE_CHARS, cite
from bot.composed.checker import Judge
from bot.composed.compose import Sentence, compose
from bot.errors import NotReady
from bot.presentable import shown_text
from bot.services import Services
from bot.thresholds import Thresholds
from bot.types import Citation
from retrieval.types import Hit

LONG_CHARS = 240
"""A passage up to three lines long is read as fast as what could be composed from it."""

Hears = Callable[[Sentence, Citation], Awaitable[None]]
listener: ContextVar[Hears | None] = ContextVar("listener", default=None)
"""Who hears each sentence of a customer's answer when it has been checked; set by the stream of one request."""


@dataclass(frozen=True, slots=True)
class Composed:
    """What was composed: the text, and one citation a passage that a sentence of it rests on."""

    text: str
    citations: tuple[Citation, ...]
    sentences: tuple[Sentence, ...]


def for_customers(services: Services, thresholds: Thresholds) -> bool:
    """True where customers may read what is composed: the operator said so, or left it to evaluation and that did."""
    chosen = services.settings.composed
    return chosen == "customers" or (chosen == "auto" and thresholds.composed >= 1)


def composes(services: Services) -> bool:
    """True where the bundle that serves now composes for customers."""
    try:
        return services.reader.judge is not None and for_customers(services, services.reader.rules().thresholds)
    except NotReady:
        return False


def worth_composing(hits: Sequence[Hit]) -> bool:
    """True where the passages are several or long."""
    texts = [text for hit in hits if (text := shown_text(hit.passage))]
    return len(texts) > 1 or any(len(text) > LONG_CHARS for text in texts)


async def compose_reply(
    services: Services, question: str, hits: Sequence[Hit], timeout_s: float, hears: Hears | None = None
) -> Composed | None:
    """Return what the writer composed from the hits and the checker let through; None for nothing.

    `hears` is told of each sentence as soon as it has been checked.
    """
    judge = _judge(services)
    shown = [(hit.passage, text) for hit in hits if (text := shown_text(hit.passage)) and len(text) <= 2 * WHOLE_CHARS]
    if judge is None or not shown:
        return None
    said: list[Sentence] = []
    composing = compose(
        services.writer,
        judge,
        question,
        [text for _, text in shown],
        max_tokens=services.settings.model_max_tokens,
        timeout_s=timeout_s,
    )
    async with aclosing(composing) as sentences:
        async for sentence in sentences:
            said.append(sentence)
            if hears is not None:
                await hears(sentence, cite(shown[sentence.passage][0]))
    if not said:
        return None
    used = dict.fromkeys(sentence.passage for sentence in said)
    return Composed(_joined(said), tuple(cite(shown[number][0]) for number in used), tuple(said))


def _joined(said: Sequence[Sentence]) -> str:
    """Join the sentences; another passage's begin a new line, as they do in an extractive answer."""
    text = said[0].text
    for before, sentence in pairwise(said):
        text += ("\n" if sentence.passage != before.passage else " ") + sentence.text
    return text


def _judge(services: Services) -> Judge | None:
    try:
        return services.reader.judge
    except NotReady:
        return None
