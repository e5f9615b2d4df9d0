"""What the response model learns from: customers' questions, the passages found for them, and what they support."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.actions.suggest import MODEL_PASSAGES
from bot.compose import content_words
from bot.presentable import sentences, shown_text, strip_trimmings
from bot.prompts import DONT_KNOW, MAX_PASSAGES_CHARS
from bot.support import supported
from retrieval.exchanges import Exchange
from retrieval.types import Hit, PassageKind

LEAST_WORDS = 4
"""A sentence with fewer content words ("Good.", "See you there!") is true of anything; alone it teaches nothing."""
MOST_SENTENCES = 3
DANGLING = re.compile(r"(?:it|they|that|th[eo]se|this|he|she|then|so|but|and|or|also|below|above|only)\b", re.I)
"""How a sentence begins that leans on the one before; where that one is gone, it goes too."""
UNKNOWN_SHARE = 0.25
"""Of the examples this share has its passage taken away, and the reply that is right then."""

Find = Callable[[Sequence[str]], Sequence[Sequence[Hit]]]
"""Search questions as a customer's are searched: hits of each, best first."""


@dataclass(frozen=True, slots=True)
class Example:
    """A question, what was found for it, and the right reply; `conversation` says what must not be split."""

    question: str
    passages: tuple[str, ...]
    reply: str
    conversation: str

    @property
    def answered(self) -> bool:
        """False where the right reply is that nobody knows."""
        return self.reply != DONT_KNOW


def examples_of(exchanges: Sequence[Exchange], find: Find, *, unknown_share: float = UNKNOWN_SHARE) -> list[Example]:
    """Return examples from masked exchanges, each once, in the order of the corpus.

    The reply is that part of the agent's words which the passages support (bot/support.py); an exchange of which
    nothing is left is dropped, since it would teach to invent. Where only a passage further down supports it, that
    passage takes the last one's place.
    `unknown_share` of all examples are answered ones once more without what answered them.
    """
    usable = [exchange for exchange in exchanges if exchange.whole and exchange.language == "en"]
    found = find([exchange.leading_text for exchange in usable])
    answered: list[Example] = []
    unanswered: list[Example] = []
    seen: set[tuple[str, str]] = set()
    for exchange, hits in zip(usable, found, strict=True):
        texts = _texts(exchange, hits)
        passages, reply = _grounded(strip_trimmings(exchange.answer), texts)
        question = exchange.leading_text.strip()
        if not reply or (question.lower(), reply) in seen:
            continue
        seen.add((question.lower(), reply))
        answered.append(Example(question, passages, reply, exchange.source))
        others = [text for text in texts if text not in passages and not supported(reply, [text])][:MODEL_PASSAGES]
        if others:
            unanswered.append(Example(question, tuple(others), DONT_KNOW, exchange.source))
    wanted = round(len(answered) * unknown_share / (1 - unknown_share))
    taken = {id(example) for example in sorted(unanswered, key=_shuffled)[:wanted]}
    return [*answered, *(example for example in unanswered if id(example) in taken)]


def split(examples: Sequence[Example], held_out: float) -> tuple[list[Example], list[Example]]:
    """Return what is learnt and what is held out, about this share; conversations stay whole.

    The same conversation always falls on the same side, whatever else is in the corpus.
    """
    out = [_share_of(example.conversation) < held_out for example in examples]
    return (
        [example for example, held in zip(examples, out, strict=True) if not held],
        [example for example, held in zip(examples, out, strict=True) if held],
    )


def _texts(exchange: Exchange, hits: Sequence[Hit]) -> list[str]:
    """What may be shown of the hits, without the exchange's own answer under another name."""
    own = strip_trimmings(exchange.answer)
    texts: list[str] = []
    for hit in hits:
        text = shown_text(hit.passage)
        itself = hit.passage.kind is not PassageKind.ARTICLE and hit.passage.customers < 2
        if text and text not in texts and not (itself and strip_trimmings(hit.passage.text) == own):
            texts.append(text)
    return texts


def _grounded(reply: str, texts: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The passages as they are served, or with one from further down, and what of the reply they support."""
    first = tuple(texts[:MODEL_PASSAGES])
    served = _supported_part(reply, first)
    if served or not first:
        return first, served
    for text in texts[MODEL_PASSAGES:]:
        swapped = (*first[:-1], text)
        part = _supported_part(reply, swapped)
        if part:
            return swapped, part
    return first, ""


def _supported_part(reply: str, passages: Sequence[str]) -> str:
    if not passages or len("\n".join(passages)) > MAX_PASSAGES_CHARS:
        return ""
    kept = [part for part in sentences(supported(reply, passages)) if _says_something(part)]
    while kept and DANGLING.match(kept[0]):
        del kept[0]
    return " ".join(kept[:MOST_SENTENCES])


def _says_something(sentence: str) -> bool:
    return len(content_words(sentence)) >= LEAST_WORDS and not sentence.endswith("?")


def _shuffled(example: Example) -> str:
    return hashlib.sha256(f"{example.conversation}\0{example.question}".encode()).hexdigest()


def _share_of(conversation: str) -> float:
    return int.from_bytes(hashlib.sha256(conversation.encode()).digest()[:4]) / 2**32
