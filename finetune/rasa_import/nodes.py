"""YAML as texts, rows and tables that know their line, and what can be saved of a file that is not valid YAML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from finetune.rasa_import.findings import Ledger, Place

TOP_KEY = re.compile(r"[A-Za-z_][\w-]*[ \t]*:")
PLAIN_NOTHING = ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar as it is written; `block` where it is a literal (`|`), whose lines follow its own."""

    place: Place
    value: str
    block: bool = False

    def lines(self) -> list[tuple[Place, str]]:
        """Each line of the text with its place, blank ones left out."""
        first = self.place.line + 1 if self.block else self.place.line
        found = []
        for number, line in enumerate(self.value.split("\n")):
            if line.strip():
                found.append((Place(self.place.file, first + number * self.block), line.strip()))
        return found


@dataclass(frozen=True, slots=True)
class Rows:
    """A sequence."""

    place: Place
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, in file order; each key once."""

    place: Place
    entries: tuple[tuple[Text, Node], ...]

    def get(self, key: str) -> Node | None:
        """The value of a key, or None."""
        return next((value for name, value in self.entries if name.value == key), None)

    def text(self, key: str) -> str:
        """The value of a key that holds a text, stripped; "" where it does not."""
        value = self.get(key)
        return value.value.strip() if isinstance(value, Text) else ""

    def keys(self) -> list[str]:
        """The keys in file order."""
        return [name.value for name, _ in self.entries]


Node = Text | Rows | Table


def rows(node: Node | None) -> tuple[Node, ...]:
    """The items of a sequence; nothing for anything else."""
    return node.items if isinstance(node, Rows) else ()


def entries(node: Node | None) -> tuple[tuple[Text, Node], ...]:
    """The entries of a mapping; nothing for anything else."""
    return node.entries if isinstance(node, Table) else ()


def parse(text: str, file: str, ledger: Ledger) -> list[Table]:
    """Return the file's mappings; where the file is not valid YAML, those of its parts that are.

    A part that cannot be read is a finding with the line at which the parser stopped.
    """
    try:
        return _tables(text, file, ledger)
    except _Unreadable:
        pass
    found: list[Table] = []
    for part in _sections(text):
        try:
            found += _tables(part, file, ledger)
        except _Unreadable:
            for item in _items(part):
                try:
                    found += _tables(item, file, ledger)
                except _Unreadable as broken:
                    ledger.left_out(
                        Place(file, broken.line or _first_line(item)),
                        "a part of the file",
                        f"it is not valid YAML: {broken}",
                        "mend it and import again",
                    )
    return found


class _Unreadable(Exception):
    """The parser stopped."""

    def __init__(self, problem: str, line: int | None) -> None:
        super().__init__(problem)
        self.line = line


def _tables(text: str, file: str, ledger: Ledger) -> list[Table]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        documents: list[Any] = [node for node in YAML(typ="safe", pure=True).compose_all(text) if node is not None]
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _Unreadable(str(error.problem or error.context), mark.line + 1 if mark else None) from error
    except YAMLError as error:
        raise _Unreadable(str(error).splitlines()[0], None) from error
    except (RecursionError, ValueError) as error:
        raise _Unreadable("it is nested too deeply or holds a value that cannot be", None) from error
    reader = _Reader(file, ledger)
    found = [reader.read(node) for node in documents]
    for node in found:
        if not isinstance(node, Table):
            ledger.left_out(node.place, "a document", "its top level is not a mapping of keys such as `nlu:`")
    return [node for node in found if isinstance(node, Table)]


class _Reader:
    """Turns the parser's nodes into ours; an anchor that is used often is read once, one inside itself is empty."""

    def __init__(self, file: str, ledger: Ledger) -> None:
        self._file, self._ledger = file, ledger
        self._known: dict[int, Node] = {}

    def read(self, node: Any) -> Node:
        if id(node) not in self._known:
            place = Place(self._file, node.start_mark.line + 1)
            self._known[id(node)] = Text(place, "")  # what an anchor inside itself finds
            self._known[id(node)] = self._read(node, place)
        return self._known[id(node)]

    def _read(self, node: Any, place: Place) -> Node:
        if isinstance(node.value, str):
            nothing = node.style is None and node.value in PLAIN_NOTHING
            return Text(place, "" if nothing else node.value, node.style == "|")
        if all(isinstance(part, tuple) for part in node.value) and node.id == "mapping":
            return self._table(node, place)
        return Rows(place, tuple(self.read(part) for part in node.value))

    def _table(self, node: Any, place: Place) -> Table:
        found: dict[str, tuple[Text, Node]] = {}
        for key, value in node.value:
            name = self.read(key)
            if not isinstance(name, Text):
                self._ledger.left_out(name.place, "an entry", "its key is not a word")
            elif name.value in found:
                first = found[name.value][0].place
                self._ledger.left_out(
                    name.place, f"the second {name.value!r}", f"the key stands on line {first.line} already"
                )
            else:
                found[name.value] = (name, self.read(value))
        return Table(place, tuple(found.values()))


def _sections(text: str) -> Iterator[str]:
    """The text cut before each key at the left margin; blank lines stand in for what is before, so lines count."""
    yield from _cut(text.split("\n"), 0, lambda line: bool(TOP_KEY.match(line)), header=None)


def _items(section: str) -> Iterator[str]:
    """A section cut before each of its items or keys, each under the section's own key."""
    lines = section.split("\n")
    header = next((number for number, line in enumerate(lines) if TOP_KEY.match(line)), None)
    inner = [line for line in lines[(header or 0) + 1 :] if line.strip() and not line.lstrip().startswith("#")]
    if header is None or not inner:
        yield section
        return
    indent = len(inner[0]) - len(inner[0].lstrip(" "))

    def begins(line: str) -> bool:
        rest = line[indent:]
        return line[:indent].strip() == "" and bool(rest[:1].strip()) and not rest.startswith("#")

    yield from _cut(lines, header + 1, begins, header=lines[header])


def _cut(lines: list[str], start: int, begins: Callable[[str], bool], header: str | None) -> Iterator[str]:
    marks = [number for number in range(start, len(lines)) if begins(lines[number])]
    for number, end in zip(marks, [*marks[1:], len(lines)], strict=True):
        before = [""] * number
        if header is not None:
            before[start - 1] = header
        yield "\n".join(before + lines[number:end])


def _first_line(text: str) -> int:
    lines = text.split("\n")
    written = [number for number, line in enumerate(lines, start=1) if line.strip()]
    return written[1] if len(written) > 1 else (written or [1])[0]
