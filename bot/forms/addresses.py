"""Read a postal address from one message, and say what is missing from it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.backoffice.types import Address

# Postal codes by country (Universal Postal Union's formats); a country that is not here takes any code with a digit.
CODES: Mapping[str, str] = {
    "netherlands": r"\d{4} ?[A-Za-z]{2}",
    "belgium": r"(?:B-)?\d{4}",
    "luxembourg": r"(?:L-)?\d{4}",
    "austria": r"(?:A-)?\d{4}",
    "denmark": r"(?:DK-)?\d{4}",
    "germany": r"(?:D-)?\d{5}",
    "france": r"(?:F-)?\d{5}",
    "sweden": r"\d{3} ?\d{2}",
    "ireland": r"[A-Za-z]\d[\dWw] ?[A-Za-z\d]{4}",
    "usa": r"\d{5}(?:-\d{4})?",
    "united states": r"\d{5}(?:-\d{4})?",
    "united kingdom": r"[A-Za-z]{1,2}\d[A-Za-z\d]? ?\d[A-Za-z]{2}",
}
ANY_CODE = r"[A-Za-z]{0,3}-?\d{3,6}(?: ?[A-Za-z]{2})?"
LEAD = re.compile(
    r"^(?:(?:no|yes|ok(?:ay)?|hi|hello|sorry|actually|please|thanks)\b[ ,.:;-]*)*"
    r"(?:(?:can you |could you |please )*(?:send|deliver|ship|change|move|make|put|redirect)"
    r"(?: it| this| that| the (?:order|parcel|address))?(?: to)?|(?:it |that )?(?:should|must|has to) go to|"
    r"(?:my|the|our) (?:new |correct |right )?address(?: is)?|it'?s(?: now)?|to)\b[ :,-]*",
    re.IGNORECASE,
)
PREFACE = re.compile(r"^.*\b(?:is|to)(?: now| at)?[: ]+(?=.*\d)", re.IGNORECASE)
TAIL = re.compile(r"[\s,.]*(?:please|thanks|thank you|instead|now)[\s,.!]*$", re.IGNORECASE)
NAMED_HOUSES = frozenset({"ireland", "united kingdom"})  # where a house may have a name and no number
STREET = re.compile(r"(?=.*\d)(?=.*[^\W\d_]{2})", re.UNICODE)
CHATTER = re.compile(r"(?:i|i'm|i've|we|we've|my|our|this|the|it|thanks?|please)\b", re.IGNORECASE)
COUNTRIES = tuple(name.title() if name != "usa" else "USA" for name in CODES)


def read_address(text: str, country: str) -> Address | None:
    """Return the address that the text holds, or None unless street with number, postal code and town are there.

    `country` is where the parcel was to go; another country named in the text counts. The town stands after the code
    ("1015 DV Amsterdam"), or before it ("Galway H91 X4T7").
    """
    parts = _parts(text)
    named = next((name for name in COUNTRIES if parts and parts[-1].casefold() == name.casefold()), None)
    if named:
        parts = parts[:-1]
    where = named or country
    for place in range(len(parts) - 1, -1, -1):
        match = _code(parts[place], where)
        if match is None:
            continue
        before, after = parts[place][: match.start()].strip(" ,"), parts[place][match.end() :].strip(" ,")
        left = parts[:place] + parts[place + 1 :]
        if after:
            town, left = after, [*left, before] if before else left
        elif before and left:
            town = before
        else:
            town, left = _town(parts, place)
        street = next((part for part in left if STREET.match(part)), "")
        street = PREFACE.sub("", street)
        if not street and where.casefold() in NAMED_HOUSES:
            street = left[0] if left else ""
        if not street or not town:
            return None
        extra = ", ".join(part for part in left if PREFACE.sub("", part) != street and not CHATTER.match(part)) or None
        return Address(street, _spaced(match[0]), town, where, extra)
    return None


def _town(parts: list[str], place: int) -> tuple[str, list[str]]:
    """The town beside a postal code that stands alone: the part after it, else the one before."""
    rest = [*parts[:place], *parts[place + 1 :]]
    for beside in (place + 1, place - 1):
        if 0 <= beside < len(parts) and not any(c.isdigit() for c in parts[beside]):
            town = parts[beside]
            return town, [part for part in rest if part != town]
    return "", rest


def missing(text: str, country: str) -> str:
    """Say which part of an address is missing from the text."""
    parts = _parts(text)
    code = any(_code(part, country) for part in parts)
    if not code and not any(STREET.match(part) for part in parts):
        return "I need the street with its number, the postal code and the town"
    if not code:
        example = EXAMPLES.get(country.casefold())
        return "I couldn't find a postal code in that" + (f" (in {country} it looks like {example})" if example else "")
    if not any(STREET.match(part) and not _code(part, country) for part in parts):
        return "I have the postal code, but not the street with its number"
    return "I need the street with its number, the postal code and the town"


EXAMPLES: Mapping[str, str] = {
    "netherlands": "1234 AB",
    "belgium": "9000",
    "luxembourg": "1645",
    "austria": "8010",
    "denmark": "8200",
    "germany": "50668",
    "france": "69004",
    "sweden": "211 50",
    "ireland": "T23 W6K1",
    "usa": "10083",
}


def _parts(text: str) -> list[str]:
    plain = TAIL.sub("", LEAD.sub("", text.strip()))
    return [part.strip(" .") for part in re.split(r"[,;\n]", plain) if part.strip(" .")]


def _code(part: str, country: str) -> re.Match[str] | None:
    """The postal code of a part: the last match, so that a house number of four digits is not one."""
    pattern = CODES.get(country.casefold(), ANY_CODE)
    found = list(re.finditer(rf"(?<![\w-]){pattern}(?![\w-])", part))
    return found[-1] if found else None


def _spaced(code: str) -> str:
    dutch = re.fullmatch(r"(\d{4}) ?([A-Za-z]{2})", code)
    return f"{dutch[1]} {dutch[2].upper()}" if dutch else code.upper()
