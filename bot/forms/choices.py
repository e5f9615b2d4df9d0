"""Find which of the offered options a customer means: a name, "the second", "the bigger one", "all but the fern"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?", re.UNICODE)
ORDINALS = {
    word: place
    for place, words in enumerate(
        (
            ("first", "1st", "1"),
            ("second", "2nd", "2"),
            ("third", "3rd", "3"),
            ("fourth", "4th", "4"),
            ("fifth", "5th", "5"),
            ("sixth", "6th", "6"),
        )
    )
    for word in words
}
ORDINAL = re.compile(r"(?<![\w.])(first|second|third|fourth|fifth|sixth|[1-6](?:st|nd|rd|th)?)(?![\w.]\w)\b")
RUN = re.compile(r"\b(first|last) (two|three|four|2|3|4)\b")
COUNTS = {"two": 2, "three": 3, "four": 4, "2": 2, "3": 3, "4": 4}
LAST = re.compile(r"\b(?:the )?last(?: one)?\b")
NEWEST = re.compile(r"\b(?:latest|newest|most recent|last order)\b")  # orders are offered newest first
UNIT = re.compile(r"(\d)[ -]?(?:(cms?|centimet(?:re|er)s?)|(ml|millilit(?:re|er)s?)|(l|lit(?:re|er)s?)|(mm|m|kg|g))\b")
SIZE = re.compile(r"(?<!\d)([0-9]{1,4}(?:[.,][0-9]{1,3})?) ?(cm|mm|ml|m|l|kg|g)\b")
SCALE = {"mm": 0.1, "cm": 1.0, "m": 100.0, "ml": 0.001, "l": 1.0, "g": 0.001, "kg": 1.0}
LETTERS = {"xs": "extra-small", "s": "small", "m": "medium", "l": "large", "xl": "extra-large"}
BIG = re.compile(r"\b(?:bigg?|larg|tall|wid|long)(e|er|est)?\b")
SMALL = re.compile(r"\b(?:small|short|narrow|littl|tini|tiny)(e|er|est)?\b")
ALL = re.compile(
    r"\b(?:all|everything|(?:the )?whole (?:lot|order|thing)|the lot)\b(?! (?:i|good|else|right|the time)\b)"
)
IDIOM = re.compile(r"\b(?:first of all|not at all|at all|after all|that's all|thanks for (?:all|everything))\b")
BOTH = re.compile(r"\b(?:both|the two|these two)\b")
OTHER = re.compile(r"\b(?:the other|other one|another one|different one|wrong one|not that one|not this one)\b")
NOT = re.compile(
    r"\b(?:but not|not|isn't|without|except(?: for)?|apart from|other than|rather than|instead of|"
    r"(?<=all )but|(?<=everything )but|(?<=all of them )but|keep(?:ing)?) (?:the )?"
)
BREAK = re.compile(r"[;!?\n]|[.,](?![0-9])|(?<!all)(?<!everything)(?<!all of them) but (?!not )")
AND = re.compile(r"\band\b|[&+]|\bplus\b|\bas well as\b")
ALSO = re.compile(r"\b(?:also|as well|plus|add)\b|\btoo\W*$")
SOLD_OUT = re.compile(r"\bsold out\b")
FILLER = frozenset(
    word
    for line in (
        "the a an one ones it its it's this that my please i i'd i'm me and or to for of in on is are want would like",
        "send back take put order item thing number no yes actually rather instead mean meant sorry just only with",
        "from two three four both all everything",
    )
    for word in line.split()
)
SAME = "≈"  # begins the words of an option that is in some way what there was before; no word that anybody says
CLOSE = 0.82  # "terracota" is near enough to "terracotta" and "sauser" to "saucer"
LONGEST = 1000  # characters of a message that are looked at
MOST_GUESSED = 60  # words of one message that are compared with every name for slips of the keyboard
LONGEST_WORD = 24
FEW = 6  # words of a reply that is about one thing only


@dataclass(frozen=True, slots=True)
class Option:
    """Something to choose: its value, the title on its button, and more words that mean it."""

    value: str
    title: str
    words: str = ""


def chosen(text: str, options: Sequence[Option], *, several: bool = False) -> tuple[str, ...]:
    """Return the values that the text picks, in the options' order; empty if it picks none or is unclear.

    A name counts by the words that tell options apart; what follows "not", "all but" or "keep" is left out. Without
    `several` two equally good options are no choice, and "both" is one only where two things can be meant.
    """
    plain = _normal(text[:LONGEST])
    bare = plain.strip(" .!?,")
    if exact := tuple(option.value for option in options if _normal(option.title) == bare):
        return exact
    names = _Names(options)
    wanted, unwanted = _sides(IDIOM.sub(" ", plain))
    named = _named(wanted, options, names, several=several)
    against = set(_named(unwanted, options, names, several=True))
    if not named and not against:  # "without it" may itself be what a button says
        named = _named(plain, options, names, several=several)
    own = {option.value for option in options if against == {option.value} and "not" in names.of(option)}
    if own and not named:  # "not what the picture showed" is itself the reason "Not as described"
        return tuple(own)
    if against:
        left = tuple(option.value for option in options if option.value not in against)
        named = tuple(value for value in named if value not in against)
        if not named and (several or len(left) == 1):
            return left
        return named
    return named or _counted(wanted, options, several=several)


def volunteered(text: str, options: Sequence[Option], *, corrects: bool = False) -> tuple[str, ...]:
    """Return the one value that the text names without having been asked for it, or nothing.

    One rare word is enough ("it arrived cracked"); words that are in every other message ("order", "small", "back")
    have to be two, and of the title: "the wrong size", not "something from my order". Where it `corrects` what was
    said before, a few words may be any: "the original way".
    """
    picks = chosen(text, options)
    option = next((option for option in options if picks == (option.value,)), None)
    if option is None:
        return ()
    names = _Names(options)
    said = set(names.said(_normal(text[:LONGEST]))) & names.of(option)
    plain = bool(said - EVERYDAY) or len(said & _words(option.title)) > 1
    return picks if plain or (corrects and len(text.split()) <= FEW and said - {"not"}) else ()


def alike(text: str, options: Sequence[Option]) -> tuple[str, ...]:
    """Return the one value among several that fit that is otherwise like before: "cream" means cream in that size."""
    picks = chosen(text, options, several=True)
    like = tuple(o.value for o in options if o.value in picks and o.words.startswith(SAME))
    return like if 1 < len(picks) < len(options) and len(like) == 1 else ()


def other(text: str, options: Sequence[Option], current: Sequence[str]) -> tuple[str, ...] | None:
    """Return what "the other one" means: one value if only one is left, () if it must be asked, None if not said."""
    plain = _normal(text[:LONGEST])
    if not OTHER.search(plain):
        return None
    left = [option for option in options if option.value not in current]
    if len(left) == 1:
        return (left[0].value,)
    return _named(plain, left, _Names(left), several=False)


def without_name(text: str, option: Option) -> str:
    """The text without the words of this option's title."""
    own = _words(option.title)
    return " ".join(word for word in _normal(text[:LONGEST]).split() if not own & set(_stems(word)))


def adds(text: str) -> bool:
    """True where the words add to what was chosen before."""
    return bool(ALSO.search(text[:LONGEST].casefold()))


class _Names:
    """The words that mean each option, without those that all of them share."""

    def __init__(self, options: Sequence[Option]) -> None:
        self._titles = {option.value: _words(option.title) for option in options}
        words = {option.value: _words(option.words) | self._titles[option.value] for option in options}
        shared = set.intersection(*words.values()) if len(options) > 1 else set()
        self._words = {value: _without(shared, mine) for value, mine in words.items()}
        self._titled = set().union(*self._titles.values()) - shared
        self._vocabulary = sorted(set().union(*self._words.values()))

    def of(self, option: Option) -> set[str]:
        return self._words[option.value]

    def said(self, plain: str) -> list[str]:
        """The words of the text that are names' words, put right where a key slipped; each once."""
        stems = list(dict.fromkeys(_stems(plain)))
        known = [word for word in stems if word in self._vocabulary]
        unknown = [w for w in stems if w not in self._vocabulary and w.isalnum() and 5 <= len(w) <= LONGEST_WORD]
        guessed = [
            near for word in unknown[:MOST_GUESSED] for near in get_close_matches(word, self._vocabulary, 1, CLOSE)
        ]
        return list(dict.fromkeys([*known, *guessed]))

    def hits(self, word: str, option: Option, *, title_first: bool) -> bool:
        """True where the word means the option. With `title_first` a word of somebody's title counts in titles only."""
        if title_first and word in self._titled:
            return word in self._titles[option.value]
        return word in self._words[option.value]


def _without(shared: set[str], words: set[str]) -> set[str]:
    """The words that are not shared, nor grown together with one: "planter" is no slip for "planter, ink"."""
    return {word for word in words - shared if not any(len(s) > 3 and word.startswith(s) for s in shared)}


def _normal(text: str) -> str:
    plain = text.casefold().replace("’", "'")
    return UNIT.sub(_unit, plain)


def _unit(match: re.Match[str]) -> str:
    unit = "cm" if match[2] else "ml" if match[3] else "l" if match[4] else match[5]
    return f"{match[1]} {unit}"


def _sides(plain: str) -> tuple[str, str]:
    """Split "the pot, not the fern" into what is wanted and what is not."""
    wanted: list[str] = []
    unwanted: list[str] = []
    for clause in BREAK.split(plain):
        before, *rest = NOT.split(clause)
        wanted.append(before)
        unwanted += filter(str.strip, rest)
    return ", ".join(wanted), " and ".join(unwanted)


def _named(plain: str, options: Sequence[Option], names: _Names, *, several: bool) -> tuple[str, ...]:
    if several:
        return _several(plain, options, names)
    if phrase := _only_in(plain, options):
        return phrase
    said = names.said(plain)
    scores = [sum(names.hits(word, option, title_first=False) for word in said) for option in options]
    best = max(scores, default=0)
    top = [option for option, score in zip(options, scores, strict=True) if score == best]
    picked = top if len(top) == 1 and best and not _of_another_size(top[0], plain) else _sized(plain, top)
    return tuple(option.value for option in picked) if len(picked) == 1 else ()


def _several(plain: str, options: Sequence[Option], names: _Names) -> tuple[str, ...]:
    picked: set[str] = set()
    for part in AND.split(plain):
        meant = _explained(names.said(part), options, names)
        meant = _sized(part, meant or options) or [o for o in meant if not _of_another_size(o, part)]
        picked |= {option.value for option in meant}
    if not picked and ALL.search(plain):
        return tuple(option.value for option in options)
    if BOTH.search(plain) and len(picked or options) != 2:
        return ()
    if not picked and BOTH.search(plain) and not RUN.search(plain):
        return tuple(option.value for option in options)
    return tuple(option.value for option in options if option.value in picked)


def _explained(said: Sequence[str], options: Sequence[Option], names: _Names) -> list[Option]:
    """Return every option that some word points to, leaving those that another option explains better.

    "pot 28, fern" names two things; "terracotta pot" both of two pots; "18 cm pot" no saucer of 18 cm.
    """
    hits = [{word for word in said if names.hits(word, option, title_first=True)} for option in options]
    return [
        option for option, mine in zip(options, hits, strict=True) if mine and not any(mine < rival for rival in hits)
    ]


def _only_in(plain: str, options: Sequence[Option]) -> tuple[str, ...]:
    """The one option whose title holds the whole phrase: "the wrong thing" in "You sent the wrong thing"."""
    phrase = re.sub(r"^(?:it's |it is |the |a |my )+", "", plain.strip(" .!?,"))
    if len(phrase) < 5 or " " not in phrase:
        return ()
    found = [option.value for option in options if f" {phrase} " in f" {_normal(option.title)} "]
    return (found[0],) if len(found) == 1 else ()


def _sized(plain: str, options: Sequence[Option]) -> list[Option]:
    """The bigger, the smallest … of options whose titles tell their size; only "biggest" chooses among three."""
    big, small = BIG.search(plain), SMALL.search(plain)
    said = big or small
    sizes = {option.value: size for option in options if (size := _size(option)) is not None}
    if said is None or (big and small) or len(set(sizes.values())) < 2 or (len(sizes) > 2 and said[1] != "est"):
        return []
    wanted = max(sizes.values()) if big else min(sizes.values())
    return [option for option in options if sizes.get(option.value) == wanted]


def _size(option: Option) -> float | None:
    found = SIZE.findall(_normal(option.title))
    return float(found[-1][0].replace(",", ".")) * SCALE[found[-1][1]] if found else None


def _of_another_size(option: Option, plain: str) -> bool:
    """True where the words name sizes and the option has others: "80 cm" is not the pot of 60 cm, the only one left."""
    said, mine = _sizes(plain), _sizes(_normal(option.title))
    return any(unit in mine and not mine[unit] & numbers for unit, numbers in said.items())


def _sizes(plain: str) -> dict[str, set[float]]:
    sizes: dict[str, set[float]] = {}
    for number, unit in SIZE.findall(plain):
        sizes.setdefault(unit, set()).add(float(number.replace(",", ".")))
    return sizes


def _words(text: str) -> set[str]:
    """What a name may be called: its words, two neighbours as one ("giftcard"), sizes that are letters in full."""
    plain = SOLD_OUT.sub(" ", _normal(text))
    letters = {LETTERS[letter] for letter in re.findall(r"(?<!\d )\b(xs|s|m|l|xl)\b", plain)}
    return set(_stems(plain)) | letters


def _stems(plain: str) -> list[str]:
    words = WORD.findall(plain)
    joined = [a + b for a, b in pairwise(words) if a.isalpha() and b.isalpha() and not {a, b} <= FILLER]
    return [_stem(word) for word in (*words, *joined) if word not in FILLER]


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _counted(plain: str, options: Sequence[Option], *, several: bool) -> tuple[str, ...]:
    if NEWEST.search(plain):
        return (options[0].value,) if options else ()
    if run := RUN.search(plain):
        count = COUNTS[run[2]]
        picked = options[:count] if run[1] == "first" else options[-count:]
        return tuple(option.value for option in picked) if several and count <= len(options) else ()
    places = [ORDINALS[match[1]] for match in ORDINAL.finditer(plain)]
    if LAST.search(plain):
        places.append(len(options) - 1)
    values = {options[place].value for place in places if 0 <= place < len(options)}
    picks = tuple(option.value for option in options if option.value in values)
    return picks if several or len(picks) == 1 else ()


# Words of options that customers use about anything.
EVERYDAY = frozenset(
    _stem(word)
    for line in (
        "not order ordered item thing sent send else different wrong changed change need don't mind look looks",
        "picture photo description size colour color small big large wide tall short narrow fit fits",
        "original same back way paid card account voucher credit new",
    )
    for word in line.split()
)
