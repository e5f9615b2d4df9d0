"""Read a day from a customer's words."""

from __future__ import annotations

import re
from datetime import date, datetime, time

# A bare "10" or "may" is no day, and "second" not the second of the month.
DAY_WORD = re.compile(
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\b(?:mon|tue|wed|thu|fri|sat|sun)\b|tomorrow|today|\bweeks?\b|\bdays?\b|"
    r"\d{4}-\d{1,2}-\d{1,2}|\b\d{1,2}[./-]\d{1,2}\b|\b\d{1,2}(?:st|nd|rd|th)\b|"
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*\.? \d{1,2}\b|"
    r"\b\d{1,2}(?:st|nd|rd|th)?(?: of)? (?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)",
    re.IGNORECASE,
)
INSTEAD = re.compile(r"\b(?:not|instead of|rather than)\b(?: (?:the|on))?\s+[^,.;]+?(?=,|\.|;| but |$)", re.IGNORECASE)


def read_day(text: str, today: date) -> str | None:
    """Return the day meant, as an ISO date, the next one that fits; None if the words name none.

    Days before a month are read European: 3/12 is 3 December. Of several days the last counts ("not Tuesday,
    Thursday").
    """
    if not DAY_WORD.search(text):
        return None
    from dateparser.search import search_dates

    settings = {
        "RELATIVE_BASE": datetime.combine(today, time(12)),
        "PREFER_DATES_FROM": "future",
        "DATE_ORDER": "DMY",
    }
    iso = re.search(r"\b\d{4}-\d{2}-\d{2}\b", text)
    if iso:
        return _real(iso[0])
    found = search_dates(INSTEAD.sub(" ", text), languages=["en"], settings=settings) or []
    days = [when.date() for words, when in found if DAY_WORD.search(words)]
    return days[-1].isoformat() if days else None


def _real(text: str) -> str | None:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None
