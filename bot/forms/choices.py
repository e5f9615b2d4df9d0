"""Find which of the offered options a customer means: by name, by number, "the second", "both", "the other one"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?", re.UNICODE)
ORDINALS = {
    word: place
    for place, words in enumerate(
        (
            ("first", "1st", "one", "1"),
            ("second", "2nd", "two", "2"),
            ("third", "3rd", "three", "3"),
            ("fourth", "4th", "four", "4"),
            ("fifth", "5th", "five", "5"),
            ("sixth", "6th", "six", "6"),
        )
    )
    for word in words
}
ORDINAL = re.compile(
    r"\b(?:the |number |no\.? |option |#)?(first|second|third|fourth|fifth|sixth|[1-6](?:st|nd|rd|th)?)"
    r"(?: one| item| option)?\b"
)
UNIT = re.compile(r"(\d)(cm|mm|m|l|ml|kg|g)\b")
ALL = re.compile(
    r"\b(?:all(?: of (?:them|it|these|those))?|both(?: of them)?|everything|the whole (?:lot|order|thing))\b"
)
LAST = re.compile(r"\b(?:the )?last(?: one)?\b")
OTHER = re.compile(r"\b(?:the other|other one|another one|different one|wrong one|not that one|not this one)\b")
NOT = re.compile(r"\b(?:but not|not|isn't|without|except) (?:the )?")
ALSO = re.compile(r"\b(?:also|as well|too|plus|add)\b")
FILLER = frozenset(
    [
        "the",
        "a",
        "an",
        "one",
        "ones",
        "it",
        "its",
        "this",
        "that",
        "my",
        "please",
        "i",
        "me",
        "and",
        "or",
        "to",
        "for",
        "of",
        "in",
        "on",
        "is",
        "are",
        "want",
        "would",
        "like",
        "send",
        "back",
        "take",
        "put",
        "order",
        "item",
        "thing",
        "number",
        "no",
        "yes",
        "actually",
        "rather",
        "instead",
        "mean",
        "meant",
        "sorry",
        "just",
        "only",
        "with",
        "from",
    ]
)
CLOSE = 0.84  # "terracota" is near enough to "terracotta", "pot" is not to "pit"


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose: its value, the title on its button, and more words that mean it."""

    value: str
    title: str
    words: str = ""


def chosen(text: str, options: Sequence[Option], *, several: bool = False) -> tuple[str, ...]:
    """Return the values that the text picks, in the options' order; empty if it picks none or is unclear.

    A name counts by the words that tell options apart; what follows "not" is left out. Without `several` two
    equally good options are no choice.
    """
    plain = UNIT.sub(r"\1 \2", text.casefold().replace("’", "'"))
    if exact := tuple(option.value for option in options if option.title.casefold() == plain.strip(" .!")):
        return exact
    if several and ALL.search(plain) and not NOT.search(plain):
        return tuple(option.value for option in options)
    wanted, unwanted = _sides(plain)
    named = _named(wanted, options, several=several)
    if unwanted:
        against = set(_named(unwanted, options, several=True))
        left = tuple(option.value for option in options if option.value not in against)
        named = tuple(value for value in named if value not in against)
        if not named and against and (several or len(left) == 1):
            return left
    return named or _counted(wanted, options, several=several)


def other(text: str, options: Sequence[Option], current: Sequence[str]) -> tuple[str, ...] | None:
    """Return what "the other one" means: one value if only one is left, () if it must be asked, None if not said."""
    if not OTHER.search(text.casefold()):
        return None
    left = [option for option in options if option.value not in current]
    if len(left) == 1:
        return (left[0].value,)
    return _named(text.casefold(), left, several=False)


def adds(text: str) -> bool:
    """True where the words add to what was chosen before."""
    return bool(ALSO.search(text.casefold()))


def _sides(plain: str) -> tuple[str, str]:
    """Split "the pot, not the fern" into what is wanted and what is not."""
    parts = NOT.split(plain, maxsplit=1)
    if len(parts) == 1:
        return plain, ""
    cut = re.split(r"[,;.]| but ", parts[1], maxsplit=1)
    return f"{parts[0]} {cut[1] if len(cut) > 1 else ''}", cut[0]


def _named(plain: str, options: Sequence[Option], *, several: bool) -> tuple[str, ...]:
    said = [word for word in WORD.findall(plain) if word not in FILLER]
    if not said:
        return ()
    names = [_words(option) for option in options]
    shared = set.intersection(*names) if len(names) > 1 else set()
    scores = [_overlap(said, name - shared) for name in names]
    best = max(scores, default=0.0)
    if best <= 0:
        return ()
    if several:
        return _best_of_each_word(said, options, [name - shared for name in names])
    top = [option.value for option, score in zip(options, scores, strict=True) if score == best]
    return tuple(top) if len(top) == 1 else ()


def _best_of_each_word(said: Sequence[str], options: Sequence[Option], names: Sequence[set[str]]) -> tuple[str, ...]:
    """Return every option that some word points to, leaving those that another option explains better.

    "the small pot and the saucer" names two things; "terracotta pot" names one of two pots.
    """
    hits = [{word for word in said if _overlap([word], name)} for name in names]
    kept = [
        option.value
        for place, option in enumerate(options)
        if hits[place] and not any(hits[place] < hits[rival] for rival in range(len(options)) if rival != place)
    ]
    return tuple(kept)


def _overlap(said: Sequence[str], name: set[str]) -> float:
    return float(sum(1 for word in dict.fromkeys(said) if _means(word, name)))


def _means(word: str, name: set[str]) -> bool:
    if word in name or word.rstrip("s") in name or f"{word}s" in name:
        return True
    return len(word) >= 5 and bool(get_close_matches(word, name, 1, CLOSE))


def _words(option: Option) -> set[str]:
    return {word for word in WORD.findall(f"{option.title} {option.words}".casefold()) if word not in FILLER}


def _counted(plain: str, options: Sequence[Option], *, several: bool) -> tuple[str, ...]:
    places = [ORDINALS[match[1]] for match in ORDINAL.finditer(plain)]
    if LAST.search(plain):
        places.append(len(options) - 1)
    values = tuple(options[place].value for place in dict.fromkeys(places) if place < len(options))
    return values if several or len(values) == 1 else ()
