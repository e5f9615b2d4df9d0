"""Read a postal address from one message, and say what is missing from it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.backoffice.types import Address
from bot.forms.postal import NAMES, POSTS, country_name, post_of, spaced, with_article

LONGEST = 1000  # characters of a message that are looked at
LONGEST_PART = 80
MOST_PARTS = 20
SPLIT = re.compile(
    r"[,;\n!?]|\.\s+(?=(?:thanks|thx|thank|please|cheers|bye|regards|i|we|my|it|it's|is|can|could|best|that|the|sorry)\b)",
    re.IGNORECASE,
)
LEAD = re.compile(
    r"^(?:(?:no|yes|ok(?:ay)?|hi|hello|hey|sorry|wait|oh|oops|actually|rather|then|please|thanks|and|so|but|well)\b"
    r"[ .:-]{0,3})*"
    r"(?:(?:can you |could you |please )*(?:send|deliver|ship|change|move|make|put|redirect)"
    r"(?: it| this| that| everything| (?:the|my) (?:order|parcel|address|delivery))?(?: to)?\b|"
    r"(?:it |that |this )?(?:should|must|has to|can|needs to) (?:go|be sent|be delivered) to\b|"
    r"(?:i(?:'ve| have)?|we(?:'ve| have)?)(?: just)? moved to\b|"
    r"(?:my|the|our) (?:new |correct |right )?address(?: is)?(?: now)?\b|it'?s(?: now)?\b|to\b)?[ :-]{0,3}",
    re.IGNORECASE,
)
LABEL = re.compile(
    r"^(?:and )?(?:my |the )?(?:new )?(?:(?:postal code|post ?code|zip(?: code)?)\b(?: is)?|"
    r"(?:street(?: name)?|address|town|city|place|country|house ?number)(?: is\b|(?= ?[:=])))[ :=]{0,3}|"
    r"^(?:street|town|city) (?=[A-ZÀ-Þ])",
)
ORDER = re.compile(
    r"(?:\border )?(?<![\w-])(?!(?:A|AT|B|BE|D|DE|DK|F|FR|L|LU|S|SE|NL)-)(?:#|[A-Z]{1,4}-)[0-9]{4,}\b", re.IGNORECASE
)
PREFACE = re.compile(r"\b(?:is|to|at)(?: now)?(?: at)?[: ] ?|: ", re.IGNORECASE)
TAIL = re.compile(r"\b(?:please|thanks|thank you|thx|instead|now|if possible|asap|cheers|in|at|and)$", re.IGNORECASE)
AFTER_TOWN = re.compile(
    r" (?:until|from|because|for|since|when|if|and|as|by|before|instead|please|is|which|that|not)\b"
)
CHATTER = re.compile(
    r"(?:i|i'm|i've|i'd|we|we're|we've|my|our|this|that|the|it|its|it's|thanks?|thx|please|no|not|yes|hi|hello|sorry|ok|"
    r"because|since|until|as|so|and|but|is|if|when|can|could|order|cheers|just|only|instead|or)\b",
    re.IGNORECASE,
)
WISH = re.compile(r"\b(?:address|order|parcel|delivery)\b", re.IGNORECASE)  # "to another address" is on no label
# What a flat, a floor or a staircase begins with: a number there is no house number.
FLAT = re.compile(
    r"(?:apt|apartment|flat|unit|suite|room|floor|top|stiege|tür|bus|bte|boîte|lgh|app|étage|bâtiment|bat|"
    r"\d{1,2}\.? ?(?:th|tv|mf|sal|og|stock|etage|floor|verdieping|étage)|(?:st|kl)\.? ?(?:th|tv|mf))\b",
    re.IGNORECASE,
)
HOUSE = re.compile(r"\d{1,5} ?(?:[A-Za-z]|bis|ter)?(?:[/-]\d{1,4})?")
STREET = re.compile(r"(?=.*\d)(?=.*[^\W\d_]{2})")
TOWN = re.compile(r"'?[^\W\d_][^\d:@#<>]+(?:(?<=\w) [0-9]{1,2}(?:er|e)?)?")
STATE = re.compile(r"(?:(?P<town>.+?)[ ,]+)?(?P<state>[A-Z]{2})")


def read_address(text: str, country: str) -> Address | None:
    """Return the address that the text holds, or None unless street with number, postal code and town are there.

    `country` is where the parcel was to go; another country named in the text counts, be it by the letters before its
    code ("D-04229"). The town stands after the code ("1015 DV Amsterdam"), or before it ("Galway H91 X4T7").
    """
    parts, named, where = _placed(text, country)
    for place, match in _codes(parts, where):
        address = _around(parts, place, match, where, named)
        if address:
            return address
    return None


def missing(text: str, country: str) -> str:
    """Say which part of an address is missing from the text."""
    parts, _, where = _placed(text, country)
    codes = _codes(parts, where)
    streets = [part for part in parts if STREET.match(part) and not CHATTER.match(part)]
    if not codes and not streets:
        return "I need the street with its number, the postal code and the town"
    if not codes:
        example = post_of(where).example
        return "I couldn't find a postal code in that" + (
            f" (in {with_article(where)} it looks like {example})" if example else ""
        )
    rest = [ORDER.sub("", _around_code(part, where)) for part in parts]
    if not any(STREET.match(part) and not CHATTER.match(part) for part in rest):
        return "I have the postal code, but not the street with its number"
    return "I have the street and the postal code, but not the town"


def fits_a_label(address: Address) -> bool:
    """True where a carrier could print it: street and town, a postal code of its country, no signs that don't print."""
    parts = (address.street, address.city, address.country, address.extra or "", address.region or "")
    printable = all(part.isprintable() and len(part) <= LONGEST_PART for part in parts)
    named = all(any(sign.isalpha() for sign in part) for part in parts[:2])
    return printable and named and bool(re.fullmatch(post_of(address.country).code, address.postal_code))


def _around(parts: list[str], place: int, match: re.Match[str], where: str, named: str) -> Address | None:
    """The address whose postal code is this match, if the rest of one is around it."""
    before, after = _trim(parts[place][: match.start()]), _town_of(parts[place][match.end() :])
    earlier, later = parts[:place], parts[place + 1 :]
    region = None
    if after:
        town, rest = after, [*earlier, before, *later]
    elif country_name(where) == "USA" and (state := STATE.fullmatch(before or (earlier or [""])[-1])):
        rest = earlier if before else earlier[:-1]
        town, region = state["town"] or (rest or [""])[-1], state["state"]
        rest = [*(rest if state["town"] else rest[:-1]), *later]
    elif before and (earlier or later) and _is_town(before, where):
        town, rest = before, [*earlier, *later]
    else:
        town, earlier, later = _beside(earlier, later, where)
        rest = [*earlier, before, *later]
        town = town or (named if named == "Luxembourg" else "")
    rest = _joined([_clean(part) for part in rest], where)
    street = _street(rest, where)
    extra = [part for part in rest if part != street and _is_extra(part)]
    code = spaced(match[1], where)
    address = Address(street, code, town, where, ", ".join(extra)[:LONGEST_PART] or None, region)
    return address if fits_a_label(address) else None


def _placed(text: str, country: str) -> tuple[list[str], str, str]:
    """The parts of the text, the country it names, and the country that counts, as the company writes it."""
    parts, named = _without_country(_parts(text))
    found = named or _prefixed(parts)
    return parts, named, country if not found or country_name(country) == found else found


def _parts(text: str) -> list[str]:
    plain = ORDER.sub(" ", text[:LONGEST].replace("’", "'"))
    parts = [_trim(LABEL.sub("", LEAD.sub("", part.strip(), count=1))) for part in SPLIT.split(plain)]
    return [part for part in parts if part][:MOST_PARTS]


def _trim(part: str) -> str:
    """Without blanks, stops and polite words around it."""
    plain = part.strip(" .,:-")
    while (shorter := TAIL.sub("", plain).rstrip(" .,:-")) != plain:
        plain = shorter
    return plain


def _without_country(parts: list[str]) -> tuple[list[str], str]:
    """Take the country off the end, whether it is a part of its own or the last words of one."""
    for place in range(len(parts) - 1, -1, -1):
        if name := NAMES.get(parts[place].casefold()):
            return [*parts[:place], *parts[place + 1 :]], name
    words = parts[-1].split() if parts else []
    for count in (4, 3, 2, 1):
        name = NAMES.get(" ".join(words[-count:]).casefold()) if count < len(words) else None
        shorter = " ".join(words[:-count])
        if name and len(" ".join(words[-count:])) > 3 and not shorter[-1].isdigit():
            return [*parts[:-1], shorter], name
    return parts, ""


def _prefixed(parts: list[str]) -> str:
    """The country that the letters before a postal code name."""
    for part in reversed(parts):
        for name, post in POSTS.items():
            if re.search(rf"(?<![\w-])(?i:{post.prefix})-{post.code}(?![\w-])", part):
                return name
    return ""


def _codes(parts: list[str], where: str) -> list[tuple[int, re.Match[str]]]:
    """Where postal codes stand, the likeliest first: one with a town after it, then the later one.

    Of several in one part the last counts: a house number of four digits looks like one.
    """
    found = [(place, match) for place, part in enumerate(parts) if (match := _code(part, where))]
    return sorted(found, key=lambda at: (not _town_of(parts[at[0]][at[1].end() :]), -at[0]))


def _code(part: str, where: str) -> re.Match[str] | None:
    post = post_of(where)
    pattern = rf"(?<![\w-])(?:(?i:{post.prefix})[- ])?({post.code})(?![\w-])"
    return list(_all(pattern, part))[-1] if re.search(pattern, part) else None


def _all(pattern: str, part: str) -> Iterator[re.Match[str]]:
    """Every match, also those that overlap: in "19 211 50" the code is the last two numbers."""
    match = re.search(pattern, part)
    while match:
        yield match
        match = re.compile(pattern).search(part, match.start() + 1)


def _around_code(part: str, where: str) -> str:
    match = _code(part, where)
    return f"{part[: match.start()]} {part[match.end() :]}" if match else part


def _town_of(after: str) -> str:
    """The town that these words after a postal code are, or "" if they are none."""
    town = _trim(AFTER_TOWN.split(LABEL.sub("", LEAD.sub("", after.strip(" ,."), count=1)))[0])
    return town if TOWN.fullmatch(town) and not CHATTER.match(town) else ""


def _is_town(part: str, where: str) -> bool:
    """True where a part may be a town: it has no number, but for a district of Dublin or Cork."""
    numbered = any(c.isdigit() for c in part)
    return bool(TOWN.fullmatch(part)) and not CHATTER.match(part) and (not numbered or country_name(where) == "Ireland")


def _beside(earlier: list[str], later: list[str], where: str) -> tuple[str, list[str], list[str]]:
    """The town beside a postal code that stands alone: the part after it, else the one before."""
    if later and _is_town(later[0], where):
        return later[0], earlier, later[1:]
    if earlier and _is_town(earlier[-1], where):
        return earlier[-1], earlier[:-1], later
    return "", earlier, later


def _clean(part: str) -> str:
    """A part without what leads up to it: "my mum's place: Kade 5", "the parcel has to go to Kade 5"."""
    ends = [match.end() for match in PREFACE.finditer(part)]
    last = ends[-1] if ends and any(c.isdigit() for c in part[ends[-1] :]) else 0
    return _trim(part[last:])


def _joined(parts: list[str], where: str) -> list[str]:
    """Put a house number that stands alone beside its street: "41, rue des Tisseurs"."""
    whole = [part for part in parts if part]
    for place, part in enumerate(whole):
        if not HOUSE.fullmatch(part):
            continue
        beside = (place + 1, place - 1) if post_of(where).number_first else (place - 1, place + 1)
        for other in beside:
            if 0 <= other < len(whole) and _is_town(whole[other], where):
                pair = f"{part} {whole[other]}" if other > place else f"{whole[other]} {part}"
                return [*whole[: min(place, other)], pair, *whole[max(place, other) + 1 :]]
    return whole


def _street(parts: list[str], where: str) -> str:
    fitting = [part for part in parts if not CHATTER.match(part) and not FLAT.match(part)]
    numbered = [part for part in fitting if STREET.match(part)]
    if not numbered and post_of(where).named_houses:
        return next(iter(fitting), "")
    return next(iter(numbered), "")


def _is_extra(part: str) -> bool:
    """True for a flat, a company, a name; what customers say besides belongs on no label."""
    said = CHATTER.match(part) or WISH.search(part)
    return not said and len(part.split()) <= 5 and any(c.isalnum() for c in part)
