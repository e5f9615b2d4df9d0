"""Read the day that a customer's words mean.

The grammar is our own: dateparser's search, tried first, read 60 of 120 wordings of a delivery day wrong ("Thursday",
"the 3rd", "next week friday"), and its time grows with the message.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

from bot.forms.named_days import Mention, named_days, on_weekday, real

LONGEST = 1000  # characters of a message that are looked at
CLAUSE = re.compile(
    r"[,;!?\n，。；！？]|\.(?![0-9])|(?<!any day )(?<!every day )\bbut\b|\b(?:so|otherwise|then)\b|\brather\b(?! than)"
)
NEGATES = re.compile(
    r"\b(?:not|cannot|cant|dont|never|except|besides|without|instead of|than|day but|until|till?|after|before|away)\b|"
    r"\bbusy\b|n't\b|不要|不是|不行|除了|别"
)
ALLOWS = re.compile(
    r"\bnot (?:before|earlier than|until|till)\b|\bno later than\b|\bwhy (?:not|don't we)\b|\bweek after(?: next)?\b"
)
DENIED = re.compile(
    r"(?:(?:is|are|was|would be|'s) )?"
    r"(?:bad|out|no good|impossible|not (?:good|possible|ok|great|convenient|an option))\b|"
    r"(?:is|are|does|do|wo|ca|would)n'?t\b|(?:cannot|is not|does not|do not|will not)\b|不行|不要|不方便"
)
FORMER = re.compile(r"\b(?:from|planned|scheduled|supposed|expected|currently|was|were|meant|due|arriving)\b")
COMMA = re.compile(r"[\s,，、]*(?:on |the )*")
OR = re.compile(r"[\s,，?]*(?:or else|or|alternatively|and|to|[-–/]|或者?|还是)[\s,，?]*(?:on |the )*")
ELSE = re.compile(r"\b(?:otherwise|or else|if not|alternatively)\b")
BESIDE = re.compile(r",? ?\(?(?:the |on )*")


def read_day(text: str, today: date) -> str | None:
    """Return the day meant, as an ISO date; None if the words name none, or none that exists.

    Days before a month are read European: 3/12 is 3 December. What follows "not", "instead of" or "until" is not
    meant, nor the day it was planned for; of "Tuesday or Wednesday" the first is, of a correction ("Tuesday, no,
    Thursday") the last. A weekday and a date that disagree name no day. See `named_days` for the rest.
    """
    plain = text[:LONGEST].casefold().replace("’", "'")
    mentions = _with_month(plain, _agreeing(plain, named_days(plain, today)))
    between = [plain[a : m.start] for a, m in zip([0, *(m.end for m in mentions)], mentions, strict=False)]
    meant = [m for m, denied in zip(mentions, _denied(plain, mentions, between), strict=True) if not denied]
    former = {m for m, words in zip(mentions, between, strict=True) if FORMER.search(_clause(words))}
    kept = [m for m in meant if m not in former] or meant
    while len(kept) > 1 and _or(plain[kept[-2].end : kept[-1].start]):
        kept = kept[:-1]
    return kept[-1].day.isoformat() if kept else None


def _clause(words: str) -> str:
    """What of these words stands in the clause of the day after them."""
    return CLAUSE.split(words)[-1]


def _or(words: str) -> bool:
    """True where words between two days give a choice, of which the first is the better."""
    return bool(COMMA.fullmatch(words) or OR.fullmatch(words) or ELSE.search(words))


def _denied(plain: str, mentions: list[Mention], between: list[str]) -> list[bool]:
    """For each day, whether the words say that it is not meant; "not Monday, Tuesday or Wednesday" means none."""
    denied: list[bool] = []
    for place, (mention, words) in enumerate(zip(mentions, between, strict=True)):
        listed = OR.fullmatch(words) or (
            COMMA.fullmatch(words) and OR.fullmatch("".join(between[place + 1 : place + 2]))
        )
        itself = NEGATES.search(ALLOWS.sub(" ", _clause(words)))
        after = DENIED.match(plain[mention.end : mention.end + 20].lstrip())
        denied.append(bool(itself or after or (listed and denied and denied[-1])))
    return denied


def _agreeing(plain: str, mentions: list[Mention]) -> list[Mention]:
    """Join a weekday and the date beside it; where they disagree the customer has to be asked, so neither is kept."""
    kept: list[Mention] = []
    for mention in mentions:
        last = kept[-1] if kept and kept[-1].weekday and not mention.weekday else None
        if last is None or not BESIDE.fullmatch(plain[last.end : mention.start]):
            kept.append(mention)
            continue
        kept.pop()
        day, place = mention.day, last.day.weekday()
        if mention.ordinal:
            day = on_weekday(day.day, place, min(day, last.day) - timedelta(days=6)) or day
        if day.weekday() == place:
            kept.append(Mention(last.start, mention.end, day))
        elif "-" in plain[mention.start : mention.end]:  # "Thursday 9-12" is a time of the day
            kept.append(replace(last, end=mention.end))
    return kept


def _with_month(plain: str, mentions: list[Mention]) -> list[Mention]:
    """Give the 2nd of "the 2nd or 3rd of December" its month."""
    whole: list[Mention] = []
    for place, mention in enumerate(mentions):
        following = mentions[place + 1] if place + 1 < len(mentions) else None
        if mention.ordinal and following and _or(plain[mention.end : following.start]):
            day = real(following.day.year, following.day.month, mention.day.day) or mention.day
            mention = replace(mention, day=day)
        whole.append(mention)
    return whole
