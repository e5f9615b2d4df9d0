"""Check what a model wrote against what it was given: what is not in there does not stay."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.compose import content_words
from bot.presentable import PLACEHOLDER, sentences
from bot.reading import EMAIL

# Hand-set on SmolLM2's drafts over the demo company: at .6 paraphrases pass and its inventions do not. It is a net for
# drafts that an agent reads; nothing reaches a customer through it.
LEAST_SHARE = 0.6
NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
CODE = re.compile(r"\b[A-Z]{2,}[-–]?\d+\b")
LINK = re.compile(r"https?://\S+|www\.\S+")
NAME = re.compile(r"(?<![.!?:\n] )(?<!^)\b[A-Z][a-z]{2,}\b")
DEED = re.compile(
    r"\b(?:i|we)(?:'ve| have|'ll| will)? (?:just |already |now )?"
    r"(?:refund|cancel|ship|sen[dt]|credit|issue|process|book|chang|updat|replac|contact|arrang|escalat|guarantee|promise)",
    re.IGNORECASE,
)


def supported(text: str, sources: Sequence[str]) -> str:
    """Return the sentences of `text` that the sources support, in order; empty if none.

    A sentence stays if every number, code, e-mail address, link and name in it, and at least 60% of its content words,
    occur in the sources, and it claims no deed ("I've refunded you") and holds no placeholder.
    """
    joined = "\n".join(sources)
    words = content_words(joined)
    return " ".join(sentence for sentence in sentences(text) if _holds(sentence, joined, words))


def _holds(sentence: str, sources: str, words: set[str]) -> bool:
    if PLACEHOLDER.search(sentence) or DEED.search(sentence):
        return False
    numbers = set(NUMBER.findall(sources))
    if any(number not in numbers for number in NUMBER.findall(sentence)):
        return False
    low = sources.lower()
    exact = [*EMAIL.findall(sentence), *CODE.findall(sentence), *LINK.findall(sentence), *NAME.findall(sentence)]
    if any(item.lower() not in low for item in exact):
        return False
    used = content_words(sentence)
    return bool(used) and len(used & words) / len(used) >= LEAST_SHARE
