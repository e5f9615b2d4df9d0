"""Compose an answer: the writer writes, each finished sentence is held against the passages, what holds is said.

A sentence that does not hold mostly means a sentence of the passages and has it wrong ("for 6 hours" for 60). Then that
sentence is said in its own words, as long as it is near both to what was written and to what was asked.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from bot.composed.checker import Judge
from bot.errors import ModelError
from bot.presentable import sentences
from bot.prompts import DONT_KNOW, draft_prompt
from bot.support import vetoed
from bot.writer import Writer

log = logging.getLogger(__name__)
MOST_SENTENCES = 3
MOST_CHARS = 420
MOST_IDLE = 2
"""Sentences in a row that bring nothing, after which the writer is not listened to any longer."""
NEAR_WRITTEN, NEAR_ASKED = 0.35, 0.37
"""Mean largest cosines of tokens, between what was written or asked and a sentence that is said."""
SENTENCE_BEFORE_CHARS = 240
YES_OR_NO = re.compile(r"^(?:yes|no|sure|certainly|absolutely|of course|unfortunately|sorry)[,.!:;]\s+", re.IGNORECASE)
LEANS = re.compile(
    r"^(?:it|its|they|their|them|this|that|these|those|there|then|here|he|she|his|her|both|neither|otherwise|but|so|"
    r"and|or|also|afterwards|meanwhile|none|one|if (?:it|they|so|not)|which|after that|once (?:packed|opened))\b",
    re.IGNORECASE,
)
"""A sentence that begins so says little without the one before it."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A checked sentence, the number of the passage it rests on, and whether the words are the writer's or its own."""

    text: str
    passage: int
    written: bool


async def compose(
    writer: Writer, judge: Judge, question: str, passages: Sequence[str], *, max_tokens: int, timeout_s: float
) -> AsyncGenerator[Sentence]:
    """Yield checked sentences as they are written; at most three, none twice, none that the passages do not support.

    Where the writer fails or time runs out, what was yielded stands. Closing this iterator stops the writing.
    """
    if not passages:
        return
    deadline = time.monotonic() + timeout_s
    said: list[str] = []
    idle = 0
    written: list[str] = []
    try:
        pieces = writer.stream(draft_prompt(question, passages), max_tokens=max_tokens, timeout_s=timeout_s)
        async with aclosing(_whole(pieces)) as drafts:
            async for draft in drafts:
                if draft in written or draft in DONT_KNOW:
                    return  # it goes round in circles, or says itself that the passages do not answer
                written.append(draft)
                found = await asyncio.to_thread(_checked, judge, draft, question, passages)
                if found is None or found.text in said or any(found.text in text for text in said):
                    idle += 1
                elif len(" ".join([*said, found.text])) <= MOST_CHARS or not said:
                    idle = 0
                    said.append(found.text)
                    yield found
                if len(said) == MOST_SENTENCES or idle == MOST_IDLE or time.monotonic() >= deadline:
                    return
    except ModelError as error:
        log.warning("the writer stopped after %d sentences: %s", len(said), error)


def _checked(judge: Judge, draft: str, question: str, passages: Sequence[str]) -> Sentence | None:
    """Return the sentence if it holds and bears on the question, else the one of the passages that it means, if any."""
    draft = without_yes_or_no(draft)
    judged = judge.judge(draft, passages)
    if judge.holds(judged) and not vetoed(draft, passages):
        asked = max((near for _, (near,) in judge.nearness([question], [draft])), default=0.0)
        return Sentence(draft, judged.passage, written=True) if asked >= NEAR_ASKED else None
    near = [
        (written + asked, place)
        for place, (written, asked) in judge.nearness([draft, question], passages)
        if written >= NEAR_WRITTEN and asked >= NEAR_ASKED
    ]
    if not near:
        return None
    passage, number = max(near)[1]
    return Sentence(quote(passages[passage], number), passage, written=False)


def quote(passage: str, number: int) -> str:
    """Return a sentence of the passage; one that leans on the sentence before it brings that along."""
    parts = sentences(passage)
    text = parts[number]
    if number and LEANS.match(text) and len(parts[number - 1]) <= SENTENCE_BEFORE_CHARS:
        return f"{parts[number - 1]} {text}"
    return text


def without_yes_or_no(sentence: str) -> str:
    """Return the sentence without a leading "Yes," or "No,": whether it answers so nobody checks."""
    rest = YES_OR_NO.sub("", sentence, count=1)
    return rest[:1].upper() + rest[1:]


async def _whole(pieces: AsyncIterator[str]) -> AsyncGenerator[str]:
    """Yield sentences as soon as the next one begins; the last one only if it was finished."""
    text = ""
    async with aclosing(pieces) as open_pieces:  # type: ignore[type-var]
        async for piece in open_pieces:
            text += piece
            *done, last = sentences(text) or [""]
            if done:
                text = text[text.rindex(last) :]  # with the space it may end in: the next piece may begin without one
            for sentence in done:
                yield sentence
    if text.strip().endswith((".", "!", "?")):
        yield text.strip()
