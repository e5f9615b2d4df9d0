"""The `nlu:` part: examples by intent, synonyms, lookup tables, regular expressions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from finetune.rasa_import.annotations import BadAnnotation, Span, read_annotations
from finetune.rasa_import.findings import Ledger, Place
from finetune.rasa_import.nodes import Node, Rows, Table, Text, rows


@dataclass(frozen=True, slots=True)
class Example:
    """An utterance, the intent it is an example of (`faq/ask_hours` for a retrieval intent), and its entities."""

    text: str
    intent: str
    spans: tuple[Span, ...]
    place: Place


@dataclass(slots=True)
class Nlu:
    """All that the `nlu:` parts of an assistant's files hold."""

    examples: list[Example] = field(default_factory=list)
    synonyms: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    lookups: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    regexes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def read_nlu(node: Node, into: Nlu, ledger: Ledger) -> None:
    """Add what `node` holds; a line that cannot be read is left out and named."""
    if not isinstance(node, Rows):
        ledger.left_out(node.place, "nlu", "it should be a list of items such as `- intent: greet`")
    for item in rows(node):
        kind = next((key for key in ("intent", "synonym", "lookup", "regex") if _named(item, key)), None)
        if not isinstance(item, Table) or kind is None:
            _refuse(item, ledger)
        elif kind == "intent":
            into.examples += _examples(item, ledger)
        else:
            kept = {"synonym": into.synonyms, "lookup": into.lookups, "regex": into.regexes}[kind]
            kept[item.text(kind)] += [line for _, line in _lines(item, f"{kind} {item.text(kind)!r}", ledger)]


def _named(item: Node, key: str) -> bool:
    return isinstance(item, Table) and bool(item.text(key))


def _refuse(item: Node, ledger: Ledger) -> None:
    ledger.left_out(
        item.place,
        "an item of nlu",
        "it names no intent, synonym, lookup or regex",
        "give it a name, as in `- intent: greet`",
    )


def _examples(item: Table, ledger: Ledger) -> Iterator[Example]:
    intent = item.text("intent")
    for place, line in _lines(item, f"intent {intent!r}", ledger):
        try:
            text, spans = read_annotations(line)
        except BadAnnotation as error:
            ledger.left_out(place, f"an example of {intent!r}", str(error), "mend the mark and import again", line)
            continue
        if text:
            yield Example(text, intent, spans, place)


def _lines(item: Table, what: str, ledger: Ledger) -> Iterator[tuple[Place, str]]:
    """The examples of an item: lines of one text that begin with a dash, or a list of texts or `text:` tables."""
    node = item.get("examples")
    if node is None or (isinstance(node, Text) and not node.value.strip()):
        ledger.left_out(item.place, what, "it has no examples", "write some, each on a line `- …` below `examples: |`")
    elif isinstance(node, Text):
        yield from _dashed(node, what, ledger)
    elif isinstance(node, Rows):
        for row in node.items:
            text = row.get("text") if isinstance(row, Table) else row
            if not isinstance(text, Text) or not text.value.strip():
                ledger.left_out(row.place, f"an example of {what}", "it has no text")
                continue
            for place, line in text.lines():
                yield place, line.removeprefix("- ").strip()
    else:
        ledger.left_out(node.place, what, "its examples should be lines that begin with a dash, or a list")


def _dashed(node: Text, what: str, ledger: Ledger) -> Iterator[tuple[Place, str]]:
    for place, line in node.lines():
        if line.startswith("-"):
            if line[1:].strip():
                yield place, line[1:].strip()
        elif not line.startswith("#"):
            ledger.left_out(
                place,
                f"a line of {what}",
                "it does not begin with a dash",
                "begin each example with `- `, on a line of its own",
                line,
            )
