"""`nightdesk bench masking`: how much personal data rules and lists find, and how much the bundle's tagger adds."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from retrieval.errors import BadInput
from retrieval.masking import PLACEHOLDER, Masker
from retrieval.remask import mask_mentions
from retrieval.tagger import EncoderTagger
from retrieval.word_shapes import words_of


@dataclass(frozen=True, slots=True)
class Span:
    """Personal data: `text[start:end]`."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Marked:
    """A text and the personal data in it, as a person marked it."""

    text: str
    spans: tuple[Span, ...]


def bench_masking(path: Path, masker: Masker, tagger: EncoderTagger | None) -> dict[str, Any]:
    """Return the figures for rules alone and, with a tagger, for both: recall by kind, and precision.

    A span is found if none of its words is left standing; a placeholder is right if a marked span is among the words
    that it stands for.
    """
    marked = read_marked(path)
    figures = {"rules": _figures(marked, masker.mask)}
    if tagger is not None:

        def both(text: str) -> str:
            by_rules = masker.mask(text)
            return mask_mentions(by_rules, tagger.read([by_rules])[0])

        figures["rules_and_tagger"] = _figures(marked, both)
    return {"texts": len(marked)} | figures


def read_marked(path: Path) -> list[Marked]:
    """Read JSON (.gz too): a list of `{"full_text", "spans": [{"entity_type", "start_position", "end_position"}]}`."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return [
            Marked(
                str(row["full_text"]),
                tuple(
                    Span(str(span["entity_type"]), int(span["start_position"]), int(span["end_position"]))
                    for span in row["spans"]
                ),
            )
            for row in json.loads(raw)
        ]
    except FileNotFoundError:
        raise BadInput(f"{path} does not exist; give a JSON file of texts with marked spans") from None
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f'{path} is no list of {{"full_text", "spans": [{{"entity_type", "start_position", "end_position"}}]}}: '
            f"{type(error).__name__} {error}"
        ) from error


def _figures(marked: Sequence[Marked], mask: Callable[[str], str]) -> dict[str, Any]:
    there, found, placed, right = Counter[str](), Counter[str](), 0, 0
    for text in marked:
        replaced = replaced_in(text.text, mask(text.text))
        gone = {place for start, end in replaced for place in range(start, end)}
        for span in text.spans:
            there[span.kind] += 1
            said = [
                word
                for word in words_of(text.text)
                if span.start <= word.start < span.end and any(sign.isalnum() for sign in word.text)
            ]
            found[span.kind] += bool(said) and all(word.start in gone for word in said)
        placed += len(replaced)
        right += sum(any(start < span.end and span.start < end for span in text.spans) for start, end in replaced)
    return {
        "recall": {kind: round(found[kind] / there[kind], 4) for kind in sorted(there)},
        "recall_of_all": round(found.total() / max(1, there.total()), 4),
        "precision": round(right / max(1, placed), 4),
    }


def replaced_in(text: str, masked: str) -> list[tuple[int, int]]:
    """Return where the stretches of `text` lie that placeholders of `masked` stand for."""
    before, after = words_of(text), words_of(masked)
    matched = SequenceMatcher(None, [w.text for w in before], [w.text for w in after], autojunk=False)
    return [
        (before[a].start, before[b - 1].end)
        for kind, a, b, c, d in matched.get_opcodes()
        if kind == "replace" and any(PLACEHOLDER.fullmatch(word.text) for word in after[c:d])
    ]
