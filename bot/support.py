"""Check what a model wrote against what it was given: what is not in there does not stay."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.compose import content_words
from bot.composed.agreement import NUMBER as ANY_NUMBER
from bot.composed.agreement import plain_number, read_words
from bot.presentable import PLACEHOLDER, sentences
from bot.reading import EMAIL

# Hand-set on a dozen of SmolLM2's drafts over the demo company's words: what paraphrases passes, most of what it
# invents does not. It is a net under drafts that an agent reads; nothing reaches a customer through it.
LEAST_SHARE = 0.7
NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
CODE = re.compile(r"\b[A-Z]{2,}[-–]?\d+\b")
LINK = re.compile(r"https?://\S+|www\.\S+")
CAPITALS = re.compile(r"\b(?:\w+[A-Z]\w*|[A-Z]\w+)\b")
FIRST_WORD = re.compile(r"\W*[A-Z][a-z]*\b")
NEGATION = re.compile(r"\b(?:not|no|never|cannot|without|nor|none|unable)\b|n['’]t\b", re.IGNORECASE)
DEED = re.compile(
    r"\b(?:i|we)(?:['’]ve| have|['’]ll| will| am| are|['’]m|['’]re)?(?: going to)? (?:just |already |now )?"
    r"(?:refund|cancel|ship|sen[dt]|credit|issu|process|book|chang|updat|replac|contact|arrang|escalat|guarante|promis)",
    re.IGNORECASE,
)
# What the company does with every order may be said ("we refund within 5 days"), what was done with this one may not.
_ACT = r"(?:refund|cancel|ship|sen[dt]|credit|issu|process|book|chang|updat|replac|contact|arrang|escalat|order)\w*"
OWN_DEED = re.compile(
    rf"\b(?:i|we)(?:['’]ve| have)(?: just| already| now)? {_ACT}|"
    rf"\bi(?:['’]ll| will|['’]m| am)?(?: going to| now)? {_ACT}|"
    rf"\byour (?:order|parcel|refund|return|money) (?:has been|was|is being) {_ACT}|\b(?:i|we) (?:promise|guarantee)\b",
    re.IGNORECASE,
)


def supported(text: str, sources: Sequence[str]) -> str:
    """Return the sentences of `text` that the sources support, in order and each once; empty if none.

    A sentence stays if every number, code, e-mail address, link and name in it, and at least 70% of its content words,
    occur in the sources; if it denies where, and only where, the most similar sentence of the sources denies; and if
    it claims no deed ("I've refunded you"). Deeds are refused even where a source, another case, tells of one.
    """
    known = [sentence for source in sources for sentence in sentences(source)]
    kept: list[str] = []
    for sentence in sentences(text):
        if sentence not in kept and _holds(sentence, known):
            kept.append(sentence)
    return " ".join(kept)


def vetoed(sentence: str, sources: Sequence[str]) -> bool:
    """True for a sentence that may not stay whatever a checker makes of it.

    It shows a placeholder, claims that something was done or will be done by this writer, or holds a number, code,
    address or link that the sources do not.
    """
    if PLACEHOLDER.search(sentence) or OWN_DEED.search(sentence):
        return True
    joined = "\n".join(sources)
    known = {plain_number(number) for number in ANY_NUMBER.findall(joined)} | read_words(joined).numbers
    if not read_words(sentence).numbers <= known:
        return True
    exact = [*EMAIL.findall(sentence), *CODE.findall(sentence), *LINK.findall(sentence)]
    return any(item.rstrip(".,").lower() not in joined.lower() for item in exact)


def _holds(sentence: str, known: Sequence[str]) -> bool:
    if not known or PLACEHOLDER.search(sentence) or DEED.search(sentence):
        return False
    joined = "\n".join(known)
    numbers = set(NUMBER.findall(joined))
    if any(number not in numbers for number in NUMBER.findall(sentence)):
        return False
    low = joined.lower()
    names = CAPITALS.findall(FIRST_WORD.sub("", sentence, count=1))
    exact = [*EMAIL.findall(sentence), *CODE.findall(sentence), *LINK.findall(sentence), *names]
    if any(item.lower() not in low for item in exact):
        return False
    used = content_words(sentence)
    if not used or len(used & content_words(joined)) / len(used) < LEAST_SHARE:
        return False
    nearest = max(known, key=lambda source: len(used & content_words(source)))
    return bool(NEGATION.search(sentence)) == bool(NEGATION.search(nearest))
