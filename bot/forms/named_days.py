"""Find every day that a text names, in English or Chinese, and where it names it.

All patterns are read on lower-case text, and none may take more than linear time on a hostile one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SHORT = {
    "mon": 0,
    "tue": 1,
    "tues": 1,
    "wed": 2,
    "weds": 2,
    "thu": 3,
    "thur": 3,
    "thurs": 3,
    "fri": 4,
    "sat": 5,
    "sun": 6,
}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NUMBERS = ("a", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
COUNTS = {word: max(1, place) for place, word in enumerate(NUMBERS)}
HAN_WEEKDAYS = {**{sign: place for place, sign in enumerate("一二三四五六日")}, "天": 6}
HAN_DAYS = {"今天": 0, "明天": 1, "后天": 2, "大后天": 3}
LONG_PAST = 60  # days: a date further back than that means next year's

_MONTH = (
    r"(?P<month>(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b)\.?"
)
_DAY = r"(?<![\w./-])(?P<day>[0-9]{1,2})"
_YEAR = r"(?:,? (?P<year>20[0-9]{2})\b)?"
_COUNT = rf"(?P<count>{'|'.join(NUMBERS)}|[0-9]{{1,2}})"
_UNIT = r"(?:am|pm|cm|mm|ml|l|kg|g|m|€|%|euro|litre|hours|h|o'clock)\b"
ISO = re.compile(
    r"(?<![\w-])(?P<year>20[0-9]{2})[-/.年](?P<month>[0-9]{1,2})[-/.月](?P<day>[0-9]{1,2})(?![0-9-])[日号]?"
)
DAY_MONTH = re.compile(rf"{_DAY}(?:st|nd|rd|th)?\.?(?: day)?(?: of)? ?{_MONTH}{_YEAR}")
MONTH_DAY = re.compile(rf"\b{_MONTH} (?:the )?(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?\b(?![:.][0-9]){_YEAR}")
NUMERIC = re.compile(
    rf"(?<!€){_DAY}(?P<by>[./-])(?P<month>[0-9]{{1,2}})"
    rf"(?:(?P=by)(?P<year>(?:20)?[0-9]{{2}})(?![0-9])|\.?(?![\w/-]))(?! ?{_UNIT})"
)
ORDINAL = re.compile(
    rf"{_DAY}(?:st|nd|rd|th)\b(?! (?:one|item|option|order|parcel|time|floor|of (?:the|them|those|my)\b))"
)
# "thrusday" is a slip; "sat" and "sun" are days only where they are no verb and no star.
WEEKDAY = re.compile(
    r"(?:\b(?P<which>next|following|last|past|previous) )?"
    r"\b(?P<weekday>[a-z]{2,7}(?:day|dya|ady)s?\b|(?:mon|tues?|weds?|thu|thurs?|fri|"
    r"(?<!the )(?<!we )(?<!\bi )(?<!\bin )(?:sat|sun))\b\.?)"
    rf"(?:,? (?:the )?(?P<day>[0-9]{{1,2}})\b(?![:./-][0-9]| ?{_UNIT}|\.? (?:of )?(?:{'|'.join(MONTHS)})))?"
)
OF_MONTH = re.compile(rf" (?:of|in) (?:the month|next month|{'|'.join(MONTHS)})")
NEXT_WEEK = re.compile(
    r"(?:next week|the week after),?(?: on)? $|"
    r"^,? ?(?:of |in |the )*(?:next|following) week\b|^,? the week after\b(?! next)"
)
AFTER_NEXT = re.compile(r"week after next,?(?: on)? $|^,? ?(?:of |in |the )*(?:week )?after next\b")
WEEKS = re.compile(rf"\b{_COUNT} weeks? (?:from|on) $")
WEEKS_AFTER = re.compile(rf"^,? in {_COUNT} weeks?\b|^ week\b")
NAMED = re.compile(r"\b(?:the )?(?P<two>day after )?tomm?orr?ow\b|\b(?:tmrw|tmr|2moro)\b|\b(?P<now>today)\b")
IN = re.compile(
    rf"\bin {_COUNT} (?P<unit>day|week)s?\b|\b{_COUNT.replace('count', 'many')} (?P<of>day|week)s? from (?:now|today)\b"
)
HAN_DATE = re.compile(
    r"(?:(?P<month>[0-9]{1,2})月)?(?<![0-9])(?P<day>[0-9]{1,2})[日号]|(?P<m>[0-9]{1,2})月(?P<d>[0-9]{1,2})(?![0-9日号])"
)
HAN_WEEKDAY = re.compile(r"(?P<next>下{0,2})个?(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天])")
HAN_DAY = re.compile("大后天|后天|明天|今天")


@dataclass(frozen=True, slots=True)
class Mention:
    """A day that the words from `start` to `end` name; a `weekday` alone, or an `ordinal` without its month."""

    start: int
    end: int
    day: date
    weekday: bool = False
    ordinal: bool = False


def named_days(plain: str, today: date) -> list[Mention]:
    """Return every day named, in the order of the text; where two readings overlap, the one that starts first.

    A weekday is the next one after today, "next Friday" the one of next week; of dates without a year the next, or one
    that is just over. Days that do not exist are left out.
    """
    readers: tuple[Callable[[str, date], Iterator[Mention]], ...] = (_dates, _weekdays, _relative, _chinese)
    found = sorted((m for read in readers for m in read(plain, today)), key=lambda m: (m.start, -m.end))
    kept: list[Mention] = []
    for mention in found:
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return kept


def on_weekday(day: int, place: int, start: date) -> date | None:
    """The first day of this number, from `start` on and within two months, that falls on this weekday: "Tuesday 8"."""
    days = (start + timedelta(days=n) for n in range(62))
    return next((found for found in days if found.day == day and found.weekday() == place), None)


def real(year: int, month: int, day: int) -> date | None:
    """The date, if there is such a one."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _dates(plain: str, today: date) -> Iterator[Mention]:
    for pattern in (ISO, DAY_MONTH, MONTH_DAY, NUMERIC):
        for match in pattern.finditer(plain):
            if match[0] != "24/7" and (day := _dated(match, today)):
                yield Mention(*match.span(), day)
    for match in ORDINAL.finditer(plain):
        if day := _day_of_month(int(match["day"]), today):
            yield Mention(*match.span(), day, ordinal=True)


def _dated(match: re.Match[str], today: date) -> date | None:
    named, day = match["month"], int(match["day"])
    month = int(named) if named.isdigit() else MONTHS.index(named[:3]) + 1
    if month > 12 >= day and match.re is NUMERIC and match["by"] != ".":  # 11/26 is written the American way
        month, day = day, month
    return _next(day, month, match["year"], today)


def _next(day: int, month: int, year: str | None, today: date) -> date | None:
    if year:
        return real(int(year) + (2000 if len(year) == 2 else 0), month, day)
    this = real(today.year, month, day)
    return this if this and (today - this).days <= LONG_PAST else real(today.year + 1, month, day)


def _day_of_month(day: int, today: date) -> date | None:
    """The next such day, today included."""
    months = (today.month - 1 + n for n in range(3))
    days = (real(today.year + month // 12, month % 12 + 1, day) for month in months)
    return next((found for found in days if found and found >= today), None)


def _weekdays(plain: str, today: date) -> Iterator[Mention]:
    for match in WEEKDAY.finditer(plain):
        place = _weekday(match["weekday"])
        start, end = match.start(), match.end("weekday")
        if place is None or match["which"] in ("last", "past", "previous") or OF_MONTH.match(plain, end):
            continue  # what is over, and "the first Thursday of December"
        if match["day"] and (dated := on_weekday(int(match["day"]), place, today)):
            yield Mention(start, match.end(), dated)
            continue
        before, after = plain[max(0, start - 24) : start], plain[end : end + 24]
        day = _in_its_week(place, before, after, bool(match["which"]), today)
        said = WEEKS_AFTER.search(after)
        yield Mention(start, end + (said.end() if said else 0), day, weekday=True)


def _in_its_week(place: int, before: str, after: str, is_next: bool, today: date) -> date:
    next_week = today + timedelta(days=7 - today.weekday() + place)
    if AFTER_NEXT.search(before) or AFTER_NEXT.search(after):
        return next_week + timedelta(weeks=1)
    weeks = WEEKS.search(before) or WEEKS_AFTER.search(after)
    if weeks is None and (is_next or NEXT_WEEK.search(before) or NEXT_WEEK.search(after)):
        return next_week
    coming = today + timedelta(days=(place - today.weekday() - 1) % 7 + 1)
    return coming + timedelta(weeks=_count(weeks["count"] or "a") if weeks else 0)


def _weekday(word: str) -> int | None:
    """The weekday that a word means, also misspelt; None for "holiday" and "today"."""
    plain = word.rstrip(".")
    if plain in SHORT:
        return SHORT[plain]
    plain = plain.removesuffix("s")
    if plain in WEEKDAYS:
        return WEEKDAYS.index(plain)
    slips = {place: slip for place, name in enumerate(WEEKDAYS) if (slip := _slip(plain, name))}
    return min(slips, key=lambda place: slips[place], default=None)


def _slip(word: str, name: str) -> int:
    """How many keys slipped, 0 if it is another word: letters left out or doubled, two swapped, one changed."""
    if word[0] != name[0]:
        return 0
    if len(word) == len(name):
        changed = sum(a != b for a, b in zip(word, name, strict=True))
        return 1 if changed == 1 or sorted(word) == sorted(name) else 0
    shorter, longer = sorted((word, name), key=len)
    letters, lost = iter(longer), len(longer) - len(shorter)
    near = lost == 1 or (lost == 2 and len(shorter) >= 6)
    return lost if near and all(letter in letters for letter in shorter) else 0


def _count(word: str) -> int:
    return COUNTS.get(word) or int(word)


def _relative(plain: str, today: date) -> Iterator[Mention]:
    for match in NAMED.finditer(plain):
        yield Mention(*match.span(), today + timedelta(days=2 if match["two"] else 0 if match["now"] else 1))
    for match in IN.finditer(plain):
        days = _count(match["count"] or match["many"]) * (7 if (match["unit"] or match["of"]) == "week" else 1)
        yield Mention(*match.span(), today + timedelta(days=days))


def _chinese(plain: str, today: date) -> Iterator[Mention]:
    for match in HAN_DATE.finditer(plain):
        month, number = match["month"] or match["m"], int(match["day"] or match["d"])
        day = _next(number, int(month), None, today) if month else _day_of_month(number, today)
        if day:
            yield Mention(*match.span(), day)
    for match in HAN_WEEKDAY.finditer(plain):
        place, weeks = HAN_WEEKDAYS[match["weekday"]], len(match["next"])
        monday, coming = today - timedelta(days=today.weekday()), (place - today.weekday() - 1) % 7 + 1
        named = monday + timedelta(weeks=weeks, days=place) if weeks else today + timedelta(days=coming)
        yield Mention(*match.span(), named, weekday=True)
    for match in HAN_DAY.finditer(plain):
        yield Mention(*match.span(), today + timedelta(days=HAN_DAYS[match[0]]))
