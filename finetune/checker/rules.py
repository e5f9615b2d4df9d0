"""Make true and false sentences out of a passage's own, by rule: cheap, plentiful, and plainer than what people write.

The false ones change what a small language model gets wrong: a number, a name, a denial, an opposite, who does what.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence

from bot.composed.agreement import OPPOSITE_OF, PLACES_AND_DAYS
from bot.presentable import sentences

LEAST_WORDS, MOST_WORDS = 4, 40
MOST_EACH = 2  # of one kind, a passage
NUMBER = re.compile(r"(?<![\w.,:])\d+(?:[.,]\d+)?(?![\w:])")
SPELT = ("two", "three", "four", "five", "six", "seven", "eight", "ten", "twelve", "twenty", "thirty", "forty")
SPELT_WORD = re.compile(rf"\b(?:{'|'.join(SPELT)})\b")
NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{2,}\b")
DAYS = tuple(sorted(name.capitalize() for name in PLACES_AND_DAYS if name.endswith("day")))
MONTHS = tuple(sorted(name.capitalize() for name in PLACES_AND_DAYS if not name.endswith("day")))
DENIED = re.compile(r"\b(is|are|was|can|may|will|must|should|do|does|need|would|could)(?: not\b|n['’]t\b|not\b)")
CANNOT = re.compile(r"\bcannot\b|\bcan['’]t\b")
ASSERTED = re.compile(r"\b(is|are|can|may|will|must|should)\b(?! not)")
NEVER = re.compile(r"\b(?:never|no longer)\b ?")
VERB = re.compile(r" (?=(?:is|are|can|cannot|may|must|takes?|costs?|has|have|gets?|comes?|goes|go|carries|keeps?)\b)")
TAIL = re.compile(r",? (?:since|because|so that|as|which)\b[^;:]*?(?=[.;]|$)|,? and [^,;:]*?(?=[.;]|$)|\s*\([^)]*\)")
SHORT = (
    ("cannot", "can't"),
    ("do not", "don't"),
    ("does not", "doesn't"),
    ("is not", "isn't"),
    ("are not", "aren't"),
    ("will not", "won't"),
    ("it is", "it's"),
    ("you will", "you'll"),
)
Change = Callable[[str, random.Random], str | None]


def true_sentences(passage: str, chance: random.Random) -> Iterator[str]:
    """Yield what the passage says: its own sentences, shorter forms of them, two of them joined."""
    own = _fit(sentences(passage))
    yield from own
    for sentence in own:
        shorter = TAIL.sub("", sentence, count=1)
        if shorter != sentence and len(shorter.split()) >= LEAST_WORDS + 1:
            yield shorter
        if (spoken := _contracted(sentence)) != sentence:
            yield spoken
    if len(own) > 1:
        place = chance.randrange(len(own) - 1)
        first, second = own[place], own[place + 1]
        if len((first + second).split()) <= MOST_WORDS:
            yield f"{first.rstrip('.')}, and {second[0].lower()}{second[1:]}"


def false_sentences(passage: str, names: Sequence[str], chance: random.Random) -> Iterator[tuple[str, str]]:
    """Yield (kind, sentence) that the passage does not say, though its words are the passage's own.

    names: what names there are elsewhere, to put in the place of one.
    """
    own = _fit(sentences(passage))
    changes: dict[str, Change] = {
        "number": _other_number,
        "negation": _denied,
        "opposite": _opposite,
        "name": lambda sentence, dice: _other_name(sentence, names, passage, dice),
    }
    known = set(own)
    for kind, change in changes.items():
        made = [new for sentence in own if (new := change(sentence, chance)) and new not in known]
        yield from ((kind, new) for new in chance.sample(made, min(MOST_EACH, len(made))))
    yield from (("splice", new) for new in _spliced(own, chance) if new not in known)


def names_in(passages: Sequence[str]) -> list[str]:
    """Return the names in the passages, in order, each once."""
    return list(dict.fromkeys(name for passage in passages for name in NAME.findall(passage)))


def _fit(parts: Sequence[str]) -> list[str]:
    return [part for part in parts if LEAST_WORDS <= len(part.split()) <= MOST_WORDS]


def _contracted(sentence: str) -> str:
    for plain, short in SHORT:
        if re.search(rf"\b{plain}\b", sentence):
            return re.sub(rf"\b{plain}\b", short, sentence)
    return sentence


def _other_number(sentence: str, chance: random.Random) -> str | None:
    found = [*NUMBER.finditer(sentence), *SPELT_WORD.finditer(sentence)]
    if not found:
        return None
    match = chance.choice(found)
    old = match.group()
    if old in SPELT:
        new = chance.choice([word for word in SPELT if word != old])
    else:
        value = float(old.replace(",", "."))
        made = chance.choice((value * 2, value * 10, value + 1, value + 5, max(value - 1, 0), value / 2))
        new = f"{made:g}" if "." not in old else f"{made:.2f}"
    return f"{sentence[: match.start()]}{new}{sentence[match.end() :]}" if new != old else None


def _denied(sentence: str, chance: random.Random) -> str | None:
    for pattern, new in ((CANNOT, "can"), (DENIED, r"\1"), (NEVER, "")):
        if pattern.search(sentence):
            return pattern.sub(new, sentence, count=1)
    found = list(ASSERTED.finditer(sentence))
    if not found:
        return None
    match = chance.choice(found)
    word = match.group()
    return f"{sentence[: match.start()]}{'cannot' if word == 'can' else f'{word} not'}{sentence[match.end() :]}"


def _opposite(sentence: str, chance: random.Random) -> str | None:
    found = [match for match in re.finditer(r"\b[a-z]+\b", sentence) if match.group() in OPPOSITE_OF]
    if not found:
        return None
    match = chance.choice(found)
    new = chance.choice(sorted(OPPOSITE_OF[match.group()]))
    return f"{sentence[: match.start()]}{new}{sentence[match.end() :]}"


def _other_name(sentence: str, names: Sequence[str], passage: str, chance: random.Random) -> str | None:
    found = list(NAME.finditer(sentence))
    if not found:
        return None
    match = chance.choice(found)
    old = match.group()
    rivals = next((kind for kind in (DAYS, MONTHS) if old.removesuffix("s") in kind), names)
    others = [name for name in rivals if name not in sentence and (rivals is not names or name in passage)]
    others = others or [name for name in rivals if name not in sentence]
    return f"{sentence[: match.start()]}{chance.choice(others)}{sentence[match.end() :]}" if others else None


def _spliced(own: Sequence[str], chance: random.Random) -> Iterator[str]:
    """Yield one sentence's beginning with another's end, parted before the verb."""
    halves = [(parts[0], parts[1]) for sentence in own if len(parts := VERB.split(sentence, maxsplit=1)) == 2]
    heads = [head for head, _ in halves if 1 <= len(head.split()) <= 8 and "," not in head]
    for head in chance.sample(heads, min(MOST_EACH, len(heads))):
        tails = [tail for other, tail in halves if other != head]
        if tails:
            yield f"{head} {chance.choice(tails)}"
