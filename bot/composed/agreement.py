"""Where a sentence and its source disagree word by word: numbers, names, negation, opposites, limits.

A sentence that shares nine words of ten with its source may say the opposite of it; these are the places to look.
English only, as the response model is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from bot.compose import STOP

WORD = re.compile(r"[€$£]?[−-]?\d+(?:[.,:]\d+)*%?|[^\W\d_]+(?:['’-][^\W\d_]+)*")
WORD_AND_NUMBER = re.compile(r"\S+")
NUMBER = re.compile(r"[−-]?\d+(?:[.,:]\d+)*")
CLAUSE_END = re.compile(
    r"[;:.!?()]\s*|,\s+(?:and|but|or|so|since|because|as|which|who|while|though|although|unless|if|until|nor|not)\b\s*|"
    r"\s+(?:but|because|since|unless|although|though|while|until|whereas)\s+",
    re.IGNORECASE,
)
SPELT = dict(
    pair.split("=")
    for pair in WORD_AND_NUMBER.findall(
        "one=1 two=2 three=3 four=4 five=5 six=6 seven=7 eight=8 nine=9 ten=10 eleven=11 twelve=12 thirteen=13 "
        "fourteen=14 fifteen=15 twenty=20 thirty=30 forty=40 fifty=50 sixty=60 hundred=100 once=1 twice=2 half=.5"
    )
)
NEGATORS = frozenset(
    WORD.findall(
        "not no never cannot can't without nor none unable neither nothing nobody isn't aren't don't doesn't didn't "
        "won't wouldn't shouldn't couldn't wasn't weren't haven't hasn't mustn't needn't "
        "rarely seldom hardly impossible"
    )
)
LIMITS = frozenset(
    WORD.findall(
        "only just solely all every each always any anyone everyone everything most usually mostly nearly almost about "
        "roughly sometimes often some few several may might perhaps if unless except until provided otherwise both "
        "either least up"
    )
)
PLACES_AND_DAYS = frozenset(
    WORD.findall(
        "monday tuesday wednesday thursday friday saturday sunday january february march april may june july august "
        "september october november december"
    )
)
OPPOSITES: tuple[tuple[str, str], ...] = (
    ("before", "after"),
    ("until", "after"),
    ("above", "below"),
    ("over", "under"),
    ("inside", "outside"),
    ("indoors", "outdoors"),
    ("inner", "outer"),
    ("upper", "lower"),
    ("more", "less"),
    ("more", "fewer"),
    ("most", "least"),
    ("dearer", "cheaper"),
    ("larger", "smaller"),
    ("higher", "lower"),
    ("wider", "narrower"),
    ("deeper", "shallower"),
    ("first", "last"),
    ("top", "bottom"),
    ("warm", "cold"),
    ("warm", "cool"),
    ("hot", "cold"),
    ("wet", "dry"),
    ("damp", "dry"),
    ("light", "dark"),
    ("bright", "dark"),
    ("sun", "shade"),
    ("open", "closed"),
    ("open", "shut"),
    ("morning", "evening"),
    ("morning", "afternoon"),
    ("summer", "winter"),
    ("spring", "autumn"),
    ("north", "south"),
    ("east", "west"),
    ("all", "none"),
    ("always", "never"),
    ("all", "some"),
    ("every", "no"),
    ("used", "unused"),
    ("opened", "unopened"),
    ("safe", "poisonous"),
    ("safe", "dangerous"),
    ("harmless", "poisonous"),
    ("harmless", "dangerous"),
    ("harmless", "harmful"),
    ("possible", "impossible"),
    ("good", "bad"),
    ("right", "wrong"),
    ("new", "old"),
    ("early", "late"),
    ("quick", "slow"),
    ("full", "part"),
    ("with", "without"),
    ("together", "separately"),
    ("valid", "invalid"),
    ("included", "extra"),
    ("include", "exclude"),
    ("including", "excluding"),
    ("free", "costs"),
    ("free", "cost"),
    ("free", "charge"),
    ("free", "charged"),
    ("free", "surcharge"),
    ("free", "pay"),
    ("minutes", "hours"),
    ("minutes", "days"),
    ("hours", "days"),
    ("days", "weeks"),
    ("days", "months"),
    ("weeks", "months"),
    ("months", "years"),
    ("weeks", "years"),
    ("yes", "no"),
    ("sender", "receiver"),
    ("healthy", "sick"),
    ("accept", "refuse"),
    ("refund", "voucher"),
    ("daily", "weekly"),
    ("monthly", "weekly"),
    ("working", "banking"),
)


def _opposites() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for one, other in OPPOSITES:
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in found.items()}


OPPOSITE_OF = _opposites()


@dataclass(frozen=True)
class Words:
    """A piece of text as the comparison sees it: its words in order, those that carry meaning as stems."""

    words: tuple[str, ...]
    stems: tuple[str, ...]  # one a word; "" for a word that carries no meaning by itself
    content: frozenset[str]
    numbers: frozenset[str]
    names: frozenset[str]
    negations: int

    @property
    def anchors(self) -> frozenset[str]:
        """What must stand together: numbers and names."""
        return self.numbers | self.names


@lru_cache(maxsize=8192)
def read_words(text: str) -> Words:
    """Return the text's words, read once."""
    text = text.replace("’", "'").replace("−", "-")
    raw = WORD.findall(text)
    words = tuple(SPELT.get(word.lower(), word.lower()) for word in raw)
    stems = tuple(stem(word) if word not in STOP and word not in NEGATORS else "" for word in words)
    names = {
        word.lower()
        for place, word in enumerate(raw)
        if word[:1].isupper() and place and word.lower() not in STOP and word.lower() not in NEGATORS and word != "I"
    } | {word for word in words if word in PLACES_AND_DAYS and word != "may"}
    return Words(
        words,
        stems,
        frozenset(stem for stem in stems if stem),
        frozenset(plain_number(word) for word in words if any(c.isdigit() for c in word)),
        frozenset(_singular(name) for name in names),
        sum(word in NEGATORS or word.endswith("n't") for word in words),
    )


@lru_cache(maxsize=4096)
def clauses(text: str) -> tuple[str, ...]:
    """Split a sentence where another statement begins; pieces of less than two words join the one before."""
    parts: list[str] = []
    place = 0
    for end in [*CLAUSE_END.finditer(text), None]:
        part = text[place : end.start() if end else len(text)].strip(" ,")
        word = end.group().strip(" ,;:.!?()") if end else ""
        place = end.end() - len(word) - (1 if word else 0) if end and word else (end.end() if end else len(text))
        if len(WORD.findall(part)) >= 2 or not parts:
            parts.append(part)
        else:
            parts[-1] = f"{parts[-1]} {part}".strip()
    return tuple(part for part in parts if part)


def stem(word: str) -> str:
    """Cut a word to a crude stem; numbers stay."""
    if any(c.isdigit() for c in word):
        return plain_number(word)
    word = word.removesuffix("'s")
    for ending in ("ation", "ingly", "ings", "ing", "edly", "ies", "ied", "ed", "es", "s", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] in "ey":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


def plain_number(word: str) -> str:
    """Return a number without currency, percent sign, grouping and trailing zeros: €5.90 and 5.9 are the same."""
    number = NUMBER.search(word)
    if not number:
        return word
    text = number.group().replace("−", "-").rstrip(".,:")
    if ":" in text:
        hours, _, minutes = text.partition(":")
        return hours if not minutes.strip("0") else text
    text = text.replace(",", ".") if re.fullmatch(r"-?\d+,\d{1,2}", text) else text.replace(",", "")
    return text.rstrip("0").rstrip(".") if "." in text else text


def number_support(sentence: Words, sources: Sequence[Words]) -> float:
    """Return how much of each number's surroundings its best place in the sources shares; the worst number counts.

    In [0, 1]; 1 without a number, 0 for a number that stands nowhere. The word after a number, mostly its unit, counts
    as much as three others.
    """
    worst = 1.0
    for place, word in enumerate(sentence.words):
        if not any(c.isdigit() for c in word):
            continue
        mine = plain_number(word)
        around = _around(sentence, place, 5)
        unit = _next_stem(sentence, place)
        best = 0.0
        for source in sources:
            for there, other in enumerate(source.words):
                if not any(c.isdigit() for c in other) or plain_number(other) != mine:
                    continue
                theirs = _around(source, there, 9)
                shared = len(around & theirs) + 1
                total = len(around) + 1
                if unit:
                    shared += 3 * (unit == _next_stem(source, there))
                    total += 3
                best = max(best, shared / total)
        worst = min(worst, best)
    return worst


def opposed(sentence: Words, source: Words) -> int:
    """Count the words of the sentence whose opposite the source has where it has not the word itself."""
    theirs = set(source.words)
    return sum(
        word in OPPOSITE_OF and word not in theirs and bool(OPPOSITE_OF[word] & theirs) for word in set(sentence.words)
    )


def limits_lost(sentence: Words, source: Words) -> int:
    """Count the source's limits ("only", "usually", "unless") that the sentence does not repeat."""
    return len((LIMITS & set(source.words)) - set(sentence.words))


def limits_added(sentence: Words, source: Words) -> int:
    """Count the sentence's limits that the source does not have."""
    return len((LIMITS & set(sentence.words)) - set(source.words))


def pairs(words: Words) -> frozenset[tuple[str, str]]:
    """Return the neighbouring stems, words without meaning left out."""
    stems = [stem for stem in words.stems if stem]
    return frozenset(pairwise(stems))


def longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        previous = 0
        for place, against in enumerate(other, start=1):
            kept = row[place]
            row[place] = previous + 1 if word == against else max(row[place], row[place - 1])
            previous = kept
    return row[-1]


def disorder(one: Sequence[str], other: Sequence[str]) -> float:
    """Return the share of `one` that stands in `other` but not in its order; 0 for the same words in the same order."""
    if not one:
        return 0.0
    known = set(other)
    kept = [item for item in one if item in known]
    return (len(kept) - longest_common(kept, other)) / len(one)


def goes_with(sentence: Words, sources: Sequence[Words]) -> float:
    """Return the share of its names whose numbers are those of the sentence where a source has both; 1 for nothing.

    A name's number is the last one before it in the source, else the first one after it: "2 days to France and
    4 days to Spain".
    """
    if not sentence.numbers or not sentence.names:
        return 1.0
    met, known = 0, 0
    for name in sentence.names:
        theirs = [number for source in sources for number in _numbers_of(name, source)]
        if theirs:
            known += 1
            met += any(number in sentence.numbers for number in theirs)
    return met / known if known else 1.0


def share(part: Iterable[object], whole: frozenset[object] | frozenset[str] | set[str]) -> float:
    """Return which share of `part` is in `whole`; 1 for nothing."""
    items = set(part)
    return len(items & whole) / len(items) if items else 1.0


def _numbers_of(name: str, source: Words) -> list[str]:
    found = []
    for place, word in enumerate(source.words):
        if _singular(word) != name:
            continue
        before = [other for other in source.words[:place] if any(c.isdigit() for c in other)]
        after = [other for other in source.words[place + 1 :] if any(c.isdigit() for c in other)]
        found += [plain_number(other) for other in before[-1:] or after[:1]]
    return found


def _around(words: Words, place: int, reach: int) -> set[str]:
    near = words.stems[max(0, place - reach) : place] + words.stems[place + 1 : place + 1 + reach]
    return {stem for stem in near if stem}


def _next_stem(words: Words, place: int) -> str:
    return next((stem for stem in words.stems[place + 1 : place + 3] if stem), "")


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") and len(name) > 4 else name
