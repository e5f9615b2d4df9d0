"""What the bundle's tagger read in an utterance, beside what the rules are sure of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.forms.slots import Kind
from bot.types import Entity

LEAST = 0.5
"""A mention less probable than this is as good as not read."""

FOR_SLOTS: Mapping[Kind, frozenset[str]] = {
    Kind.CHOICES: frozenset({"PRODUCT", "COLOUR", "SIZE"}),
    Kind.EACH: frozenset({"PRODUCT", "COLOUR", "SIZE"}),
    Kind.DAY: frozenset({"DATE"}),
    Kind.ADDRESS: frozenset({"ADDRESS"}),
}
"""Of which kinds of mentions a slot's value may be made, where the whole message gave it none."""
TURNED = re.compile(
    r"\b(?:not|no|never|without|except|apart|but|keep(?:ing)?|instead|rather|other|than)\b|n['’]t\b|\?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Mention:
    """Words of an utterance that are of a kind (in capitals, as it was labelled), with the tagger's probability."""

    kind: str
    words: str
    probability: float


def entities_with(text: str, certain: Sequence[Entity], mentions: Sequence[Mention]) -> tuple[Entity, ...]:
    """Return the rules' entities and the mentions that overlap none, in the order they appear.

    The tagger read the text with placeholders in it, so its words are looked up again, one after the other.
    """
    found, at = list(certain), 0
    for mention in mentions:
        start = text.find(mention.words, at)
        if start < 0 or mention.probability < LEAST:
            continue
        at = start + len(mention.words)
        if not any(entity.start < at and start < entity.end for entity in certain):
            found.append(Entity(mention.kind.lower(), mention.words, start, at))
    return tuple(sorted(found, key=lambda entity: entity.start))


def words_for(kind: Kind, text: str, mentions: Sequence[Mention]) -> str:
    """Return the words that may be the value of such a slot, in order; "" if there are none.

    None where the text asks something or takes something out: "keep the fern" mentions a fern and means the others.
    """
    if TURNED.search(text):
        return ""
    kinds = FOR_SLOTS.get(kind, frozenset())
    return ", ".join(m.words for m in mentions if m.kind in kinds and m.probability >= LEAST)
