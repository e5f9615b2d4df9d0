"""Sentences beside passages, each labelled with whether the passages support it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.presentable import sentences
from finetune.checker.rules import false_sentences, names_in, true_sentences
from finetune.errors import BadLabels
from retrieval.encoder import Encoder

BY_HAND, BY_RULE = 1.0, 0.25
SHAPE = '{"source": …, "passages": [text], "supported": [text], "unsupported": [[kind, text]]}'


@dataclass(frozen=True)
class Written:
    """A line of a labelled file: passages of one source and what was written about them."""

    source: str
    passages: tuple[str, ...]
    supported: tuple[str, ...]
    unsupported: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Pair:
    """A sentence beside the passages it is held against; `weight` is what it counts for, `kind` how it was made."""

    sentence: str
    passages: tuple[str, ...]
    supported: bool
    source: str
    kind: str
    weight: float


def read_written(path: Path) -> list[Written]:
    """Read JSONL of `{"source", "passages", "supported", "unsupported"}`. Raises BadLabels naming the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadLabels(f"{path} cannot be read as UTF-8 ({type(error).__name__}); expected lines of {SHAPE}") from None
    return [_written(raw, f"{path}:{line}") for line, raw in enumerate(text.splitlines(), start=1) if raw.strip()]


def _written(raw: str, where: str) -> Written:
    try:
        row = json.loads(raw)
        made = Written(
            str(row["source"]),
            tuple(row["passages"]),
            tuple(row["supported"]),
            tuple((kind, text) for kind, text in row["unsupported"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BadLabels(f"{where} is not {SHAPE}: {type(error).__name__}") from error
    texts = [*made.passages, *made.supported, *(text for _, text in made.unsupported)]
    if not made.passages or not all(isinstance(text, str) and text.strip() for text in texts):
        raise BadLabels(f"{where} needs at least one passage, and text wherever {SHAPE} has text")
    return made


def pairs_by_hand(written: Sequence[Written], encoder: Encoder) -> Iterator[Pair]:
    """Yield what people labelled. A single passage gets the one nearest to it beside it, as retrieval would."""
    company = _with_company([row.passages for row in written], encoder)
    for row, passages in zip(written, company, strict=True):
        for text in row.supported:
            yield Pair(text, passages, True, row.source, "by hand", BY_HAND)
        for kind, text in row.unsupported:
            yield Pair(text, passages, False, row.source, kind, BY_HAND)


def pairs_by_rule(passages: Sequence[tuple[str, str]], encoder: Encoder, seed: int) -> Iterator[Pair]:
    """Yield true and false sentences made from (source, text); the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    names = names_in([text for _, text in passages])
    company = _with_company([(text,) for _, text in passages], encoder)
    strangers = _near_strangers(passages, encoder)
    for (source, text), beside, stranger in zip(passages, company, strangers, strict=True):
        for sentence in dict.fromkeys(true_sentences(text, chance)):
            yield Pair(sentence, beside, True, source, "own", BY_RULE)
        for sentence, kind in {new: kind for kind, new in false_sentences(text, names, chance)}.items():
            yield Pair(sentence, beside, False, source, kind, BY_RULE)
        others = [part for part in sentences(stranger) if len(part.split()) > 4 and part not in " ".join(beside)]
        if others:
            yield Pair(chance.choice(others), beside, False, source, "mismatch", BY_RULE)


def _with_company(rows: Sequence[tuple[str, ...]], encoder: Encoder) -> list[tuple[str, ...]]:
    """Put beside each lone passage the one nearest to it, before and after it by turns."""
    vectors = encoder.encode([row[0] for row in rows])
    cosines = vectors @ vectors.T
    made = []
    for number, row in enumerate(rows):
        order = [j for j in (-cosines[number]).argsort() if rows[j][0] != row[0]]
        if len(row) > 1 or not order:
            made.append(row)
        else:
            other = rows[order[number % min(3, len(order))]][0]
            made.append((*row, other) if number % 2 else (other, *row))
    return made


def _near_strangers(passages: Sequence[tuple[str, str]], encoder: Encoder) -> list[str]:
    """Return for each passage the nearest one of another source; itself's text where there is no other source."""
    vectors = encoder.encode([text for _, text in passages])
    cosines = vectors @ vectors.T
    found = []
    for number, (source, _) in enumerate(passages):
        order = [j for j in (-cosines[number]).argsort() if passages[j][0] != source]
        found.append(passages[order[0]][1] if order else "")
    return found
