"""What articles call a thing of the past: sentences like "Until 31 August 2026 one had to …" or "… no longer …".

English sentences and ISO dates only; an article in another language is no witness here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from retrieval.articles import sentences
from retrieval.passages import Draft
from retrieval.words import words

LEAST_COMMON = 5
"""Words that a card shares with a sentence about an old rule, at least."""

MUCH = 0.6
"""Share of the shorter one's words that makes two texts speak of the same thing."""

_YEAR = "january february march april may june july august september october november december"
_MONTHS = _YEAR.split()
_DAY = r"(?:(?P<day>\d{1,2})(?:st|nd|rd|th)? (?:of )?)?"
_DATE = re.compile(
    rf"\b(?P<how>until|till|up to|before|since|as of|as from|from) (?:the )?(?:end of )?"
    rf"(?:{_DAY}(?P<month>{'|'.join(_MONTHS)}),? (?P<year>\d{{4}})|(?P<iso>\d{{4}}-\d{{2}}-\d{{2}}))",
    re.IGNORECASE,
)
_PAST = re.compile(r"\bno longer\b|\bused to\b|\bformerly\b|\bpreviously\b", re.IGNORECASE)
_SINCE = frozenset({"since", "as of", "as from", "from"})


@dataclass(frozen=True, slots=True)
class Bygone:
    """A sentence of an article about a rule that ended, its words, and the day it names ("" if none)."""

    sentence: str
    source: str
    words: frozenset[str]
    since: str


def bygones(articles: Iterable[Draft], today: str) -> list[Bygone]:
    """Return what the articles call past on this day (ISO 8601); dates still to come are left out."""
    found = []
    for article in articles:
        for sentence in sentences(article.text):
            dated = _DATE.search(sentence)
            day = _day(dated) if dated else ""
            ended = bool(day) and day <= today
            if ended or (not dated and _PAST.search(sentence)):
                found.append(Bygone(sentence.strip("() "), article.source, frozenset(words(sentence)), day))
    return found


def gone_by(card: Draft, known: Iterable[Bygone]) -> Bygone | None:
    """Return the sentence that says this card's rule has ended, or None.

    "Since …" tells nothing against a card that was given after that day.
    """
    mine = frozenset(words(card.text))
    for bygone in known:
        started = bygone.sentence.lower().startswith(tuple(_SINCE))
        if started and not (card.last_at and bygone.since and card.last_at[:10] < bygone.since):
            continue
        if len(mine & bygone.words) >= LEAST_COMMON and overlap(mine, bygone.words) >= MUCH:
            return bygone
    return None


def overlap(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of the shorter text's words that the other has too."""
    return len(one & other) / max(1, min(len(one), len(other)))


def _day(found: re.Match[str]) -> str:
    if found["iso"]:
        return found["iso"]
    month = _MONTHS.index(found["month"].lower()) + 1
    try:
        return date(int(found["year"]), month, int(found["day"] or 1)).isoformat()
    except ValueError:
        return ""
