"""Fill the {placeholders} of a path, a query and a JSON body.

A text that is nothing but one placeholder becomes that value, whatever its kind; within other words a value is
written out. A name or entry whose values are all absent is left out of the body.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from bot.backoffice.http.mapping import ABSENT, walk

PLACEHOLDER = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)*)\}")
LOOP = frozenset({"for_each", "entry"})
MOST_CHARS = 200
Values = Mapping[str, Any]


class Unfit(ValueError):
    """A value cannot stand in a path, and so is nobody's identifier."""


def names_in(template: Any) -> Iterator[str]:
    """Each placeholder of a path, a query or a body; those of a loop's entry as `loop name/placeholder`."""
    if isinstance(template, str):
        yield from PLACEHOLDER.findall(template)
    elif is_loop(template):
        yield template["for_each"]
        yield from (f"{template['for_each']}/{name}" for name in names_in(template["entry"]))
    elif isinstance(template, Mapping | list | tuple):
        for part in template.values() if isinstance(template, Mapping) else template:
            yield from names_in(part)


def is_loop(template: Any) -> bool:
    """True for `{for_each = "lines", entry = {…}}`."""
    return isinstance(template, Mapping) and set(template) == LOOP and isinstance(template["for_each"], str)


def fits_a_path(value: str) -> bool:
    """False for nothing at all, dots alone (they lead elsewhere), control characters, and what is too long."""
    return bool(value.strip(". ")) and value.isprintable() and len(value) <= MOST_CHARS


def fill_path(template: str, values: Values) -> str:
    """Return the path with every value percent-encoded, slashes too. Raises Unfit."""

    def filled(match: re.Match[str]) -> str:
        value = str(walk(values, match[1]))
        if not fits_a_path(value):
            raise Unfit(f"{{{match[1]}}} does not fit a path")
        return quote(value, safe="")

    return PLACEHOLDER.sub(filled, template)


def fill_query(template: Mapping[str, str], values: Values) -> dict[str, str]:
    """Return the parameters; one without its value is left out."""
    filled = ((name, fill(text, values)) for name, text in template.items())
    return {name: str(value) for name, value in filled if value is not ABSENT}


def fill(template: Any, values: Values) -> Any:
    """Return the template with its values, or ABSENT if it named values and has none of them."""
    if isinstance(template, str):
        return _text(template, values)
    if is_loop(template):
        entries = walk(values, template["for_each"])
        return [fill(template["entry"], {**values, **one}) for one in entries] if isinstance(entries, list) else ABSENT
    if isinstance(template, Mapping):
        parts = {name: filled for name, part in template.items() if (filled := fill(part, values)) is not ABSENT}
        return parts if parts or not template else ABSENT
    if isinstance(template, list | tuple):
        return [filled for part in template if (filled := fill(part, values)) is not ABSENT]
    return template


def _text(template: str, values: Values) -> Any:
    alone = PLACEHOLDER.fullmatch(template)
    if alone:
        value = walk(values, alone[1])
        return ABSENT if value is None else value
    names = PLACEHOLDER.findall(template)
    if names and any(walk(values, name) in (None, ABSENT) for name in names):
        return ABSENT
    return PLACEHOLDER.sub(lambda match: str(walk(values, match[1])), template)
