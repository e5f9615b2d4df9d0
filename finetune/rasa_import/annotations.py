"""Rasa's marks for entities inside an example: `[Bonn](city)`, `[Bonn]{"entity": "city", "role": "to"}`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

ANNOTATION = re.compile(r"\[([^\[\]]+)\](?:\(([^()]*)\)|(\{[^{}]*\}|\[\s*\{[^\[\]]*\}\s*\]))")
LEFT_OPEN = re.compile(r"\][({]|\]\[\s*\{")
# Words with their apostrophes and hyphens, single Chinese characters, and every other sign by itself.
TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+(?:['’-][^\W\u3400-\u9fff]+)*|[^\w\s]")


class BadAnnotation(Exception):
    """An entity's mark cannot be read; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Span:
    """text[start:end] is an entity; `value` is what it stands for where that is another word."""

    start: int
    end: int
    entity: str
    role: str = ""
    group: str = ""
    value: str = ""

    @property
    def tag(self) -> str:
        """The kind a tagger learns: the entity, with its role where it has one."""
        return f"{self.entity}.{self.role}" if self.role else self.entity


def read_annotations(example: str) -> tuple[str, tuple[Span, ...]]:
    """Return the words as a customer says them and the entities in them. Raises BadAnnotation."""
    text, spans, at = "", [], 0
    for match in ANNOTATION.finditer(example):
        text += _plain(example[at : match.start()])
        named = _named(match[2], match[3])
        spans.append(_span(len(text), match[1], named))
        text += match[1]
        at = match.end()
    text += _plain(example[at:])
    before = len(text) - len(text.lstrip())
    shifted = [Span(s.start - before, s.end - before, s.entity, s.role, s.group, s.value) for s in spans]
    return text.strip(), tuple(shifted)


def tagged_tokens(text: str, spans: Sequence[Span]) -> list[tuple[str, str]]:
    """Return the tokens of the text with IOB2 tags; an entity's edge always parts two tokens."""
    cuts = {edge for span in spans for edge in (span.start, span.end)}
    edges = sorted({0, len(text), *cuts})
    found = []
    for start, end in pairwise(edges):
        span = next((span for span in spans if span.start <= start and end <= span.end), None)
        for number, token in enumerate(TOKEN.findall(text[start:end])):
            found.append((token, "O" if span is None else f"{'I' if number else 'B'}-{span.tag}"))
    return found


def _plain(text: str) -> str:
    if match := LEFT_OPEN.search(text):
        raise BadAnnotation(f"an entity's mark is not closed near {text[max(0, match.start() - 20) :][:40]!r}")
    return text


def _named(paren: str | None, braces: str | None) -> dict[str, str]:
    if paren is not None:
        entity, _, value = paren.partition(":")
        found: object = {"entity": entity.strip(), "value": value.strip()}
    else:
        try:
            found = json.loads(braces or "")
        except ValueError as error:
            raise BadAnnotation(f"{braces} is not JSON ({error})") from error
        found = found[0] if isinstance(found, list) else found
    if not isinstance(found, dict) or not str(found.get("entity") or "").strip():
        raise BadAnnotation(f"{paren or braces or '()'} names no entity")
    return {str(key): str(value) for key, value in found.items() if value is not None}


def _span(start: int, words: str, named: dict[str, str]) -> Span:
    value = named.get("value", "")
    return Span(
        start=start,
        end=start + len(words),
        entity=re.sub(r"\s+", "_", named["entity"].strip()),
        role=re.sub(r"\s+", "_", named.get("role", "").strip()),
        group=named.get("group", ""),
        value="" if value == words else value,
    )
