"""What of a passage may be shown to a customer, and its words without the trimmings of a transcript."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from retrieval.types import Passage, PassageKind

PLACEHOLDER = re.compile(r"\[[A-Z][A-Z_]*(?:[ _-]?\d+)?\]|<[A-Z][A-Z_]+>")
GREETING = re.compile(
    r"^\s*(?:(?:hi|hello|hey|dear|good (?:morning|afternoon|evening))(?: there| again)?"
    r"(?:[ ,]+(?:\[[A-Z_]+\]|@\w+|[A-Z][\w'-]+))?[,!.:–-]+\s*|@\w+[ ,:]+)+",
    re.IGNORECASE,
)
THANKS_NAME = re.compile(r"\b(thanks|thank you|sorry|hi|hello|welcome|please)[ ,]+\[NAME\]", re.IGNORECASE)
COMMA_NAME = re.compile(r",\s*\[NAME\](?=[,.!?\s]|$)")
SIGNATURE = re.compile(
    r"\s*(?:"
    r"[\^*][A-Z][A-Za-z]{0,14}\.?|(?<!\S)[~/][A-Z][A-Za-z]{0,14}\.?"  # ^Helen, *TMT, /HL
    r"|[-–—]{1,2}\s?(?:\[NAME\]|[A-Z][a-z]{1,14}|[A-Z]{2,3})"  # - Sam, --AB
    r"|(?:(?<=[.!?\n])|^)\s*"
    r"(?i:(?:kind|best|warm|many)(?: regards| wishes)?|regards|cheers|sincerely|all the best|yours)"
    r"(?:[,.!\s]+(?:\[NAME\]|[A-Z][\w' ]{1,30}))?[,.!]?"
    r"|(?:(?<=[.!?\n])|^)\s*(?:\[NAME\]|[A-Z][a-z]{1,14}) (?:from|at|of) (?:the )?[A-Z][\w' ]{1,30}(?:team)?"
    r"|\(?\d\s?/\s?\d\)?"  # 1/2
    r")\s*$",
)
SPACES = re.compile(r"[ \t]+")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9€£$])|(?<=[。！？])\s*|\n+")
ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|approx|no|nr|mr|mrs|ms|dr|st|vs|incl)\.|\b[A-Z]\.)$", re.IGNORECASE)
CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")


def may_see(passage: Passage, least_customers: int) -> bool:
    """True where customers may be shown the passage: articles, and cards that served enough or are vouched for.

    Never a card that a later one or an article contradicts, unless somebody approved it in spite of that.
    """
    if passage.kind is PassageKind.ARTICLE:
        return True
    vouched = passage.approved or passage.trusted or passage.customers >= least_customers
    return passage.kind is PassageKind.CARD and vouched and not passage.superseded


@lru_cache(maxsize=4096)
def strip_trimmings(text: str) -> str:
    """Return the text without a leading greeting and without signatures, paragraphs kept."""
    text = GREETING.sub("", text.strip(), count=1)
    previous = None
    while previous != text:
        previous, text = text, SIGNATURE.sub("", text).rstrip()
    text = THANKS_NAME.sub(r"\1", COMMA_NAME.sub("", text))
    lines = [SPACES.sub(" ", line).strip() for line in text.splitlines()]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return text[:1].upper() + text[1:]


def shown_text(passage: Passage) -> str | None:
    """Return the passage's words as a customer may read them, or None if a masked placeholder would remain."""
    text = passage.text.strip() if passage.kind is PassageKind.ARTICLE else strip_trimmings(passage.text)
    if not text or PLACEHOLDER.search(text):
        return None
    return text


def sentences(text: str) -> list[str]:
    """Split into sentences; the lines of a list stay apart, abbreviations do not split."""
    parts: list[str] = []
    for part in SENTENCE_END.split(text):
        if not part or not part.strip():
            continue
        if parts and ABBREVIATION.search(parts[-1]):
            parts[-1] += " " + part.strip()
        else:
            parts.append(part.strip())
    return parts


def overlap_zh(question: str, passage: Passage) -> float:
    """Return the share of the question's pairs of neighbouring Chinese characters found in the passage, in [0, 1]."""
    pairs = _pairs(question)
    if not pairs:
        return 0.0
    return len(pairs & _pairs(f"{passage.question}\n{passage.text}")) / len(pairs)


def _pairs(text: str) -> set[str]:
    characters = CJK.findall(text)
    return {first + second for first, second in pairwise(characters)}
