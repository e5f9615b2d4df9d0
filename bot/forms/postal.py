"""What is known of the countries that parcels go to: their names, their postal codes, where a house number stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# How customers write countries: as the company does, as the people there do, as a number plate does.
COUNTRIES: Mapping[str, tuple[str, ...]] = {
    "Netherlands": ("the netherlands", "nederland", "holland", "nl"),
    "Belgium": ("belgië", "belgie", "belgique", "belgien", "be"),
    "Luxembourg": ("luxemburg", "lëtzebuerg", "lu"),
    "Austria": ("österreich", "oesterreich", "at"),
    "Denmark": ("danmark", "dk"),
    "Germany": ("deutschland", "de"),
    "France": ("fr",),
    "Sweden": ("sverige", "se"),
    "Ireland": ("republic of ireland", "éire", "eire", "ie"),
    "USA": ("us", "u.s.a", "united states", "united states of america"),
    "United Kingdom": ("uk", "great britain", "gb", "england", "scotland", "wales"),
}
NAMES: Mapping[str, str] = {n: name for name, others in COUNTRIES.items() for n in (name.casefold(), *others)}
WITH_ARTICLE = frozenset({"Netherlands", "USA", "United Kingdom"})


@dataclass(frozen=True, slots=True)
class Post:
    """A country's postal codes: their pattern, the letters before a dash that may stand there, an example.

    `number_first` where the house number stands before the street; `named_houses` where a house may have none.
    """

    code: str
    example: str
    prefix: str = "(?!)"
    number_first: bool = False
    named_houses: bool = False


# The Universal Postal Union's formats. A country that is not here takes any code with three digits or more.
POSTS: Mapping[str, Post] = {
    "Netherlands": Post(r"[1-9][0-9]{3} ?(?!(?:in|te|is|to|at|of|de|en|nr|on|and)\b)[A-Za-z]{2}", "1234 AB", "NL"),
    "Belgium": Post(r"[1-9][0-9]{3}", "9000", "BE?"),
    "Luxembourg": Post(r"[0-9]{4}", "1645", "LU?", number_first=True),
    "Austria": Post(r"[1-9][0-9]{3}", "8010", "AT?"),
    "Denmark": Post(r"[0-9]{4}", "8200", "DK"),
    "Germany": Post(r"[0-9]{5}", "50668", "DE?"),
    "France": Post(r"[0-9]{5}", "69004", "FR?", number_first=True),
    "Sweden": Post(r"[0-9]{3} ?[0-9]{2}", "211 50", "SE?"),
    "Ireland": Post(r"[A-Za-z][0-9][0-9Ww] ?[A-Za-z0-9]{4}", "T23 W6K1", "IE", number_first=True, named_houses=True),
    "USA": Post(r"[0-9]{5}(?:-[0-9]{4})?", "10083", number_first=True),
    "United Kingdom": Post(
        r"[A-Za-z]{1,2}[0-9][A-Za-z0-9]? ?[0-9][A-Za-z]{2}", "LS1 4AP", number_first=True, named_houses=True
    ),
}
ANYWHERE = Post(r"[A-Za-z]{0,3}-?[0-9]{3,6}(?: ?[A-Z]{2})?", "", number_first=True)


def country_name(country: str) -> str:
    """The country's name as this table has it, whatever it was called; a country that is not here keeps its own."""
    return NAMES.get(country.casefold(), country)


def with_article(country: str) -> str:
    """The country in a sentence: "the Netherlands", "Belgium"."""
    name = country_name(country)
    return f"the {name}" if name in WITH_ARTICLE else name


def post_of(country: str) -> Post:
    """What the country's post does; for one that is not here, what most do."""
    return POSTS.get(country_name(country), ANYWHERE)


def spaced(code: str, country: str) -> str:
    """The code as the country's post writes it: `1234 AB`, `211 50`, `T23 W6K1`."""
    plain = code.upper().replace(" ", "")
    cut = {"Netherlands": 4, "Sweden": 3, "Ireland": 3, "United Kingdom": len(plain) - 3}.get(country_name(country))
    return f"{plain[:cut]} {plain[cut:]}" if cut else code.upper()
