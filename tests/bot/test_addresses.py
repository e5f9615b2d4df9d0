"""Reading an address: nine countries' ways of writing one, with what customers say around it."""

from __future__ import annotations

import random
import time

import pytest

from bot.backoffice.types import Address
from bot.forms.addresses import fits_a_label, missing, read_address
from bot.forms.postal import COUNTRIES, POSTS, country_name, spaced

NL, BE, LU, DE, AT = "Netherlands", "Belgium", "Luxembourg", "Germany", "Austria"
DK, FR, IE, SE, GB, US = "Denmark", "France", "Ireland", "Sweden", "United Kingdom", "USA"


def read(text: str, country: str) -> tuple[str | None, ...] | None:
    """Street, postal code, town and what else there is, in the country that was asked for."""
    found = read_address(text, country)
    if found is None:
        return None
    assert found.country == country
    return (found.street, found.postal_code, found.city, *filter(None, [found.extra, found.region]))


@pytest.mark.parametrize(
    ("country", "text", "parts"),
    [
        (NL, "Prinsengracht 263, 1016 GV Amsterdam", ("Prinsengracht 263", "1016 GV", "Amsterdam")),
        (NL, "prinsengracht 263 1016gv amsterdam", ("prinsengracht 263", "1016 GV", "amsterdam")),
        (NL, "Prinsengracht 263-2, 1016GV, Amsterdam", ("Prinsengracht 263-2", "1016 GV", "Amsterdam")),
        (NL, "Sonsbeekhof 17\n6814 BM\nArnhem", ("Sonsbeekhof 17", "6814 BM", "Arnhem")),
        (NL, "Kade 5, 's-Hertogenbosch 5211 AB", ("Kade 5", "5211 AB", "'s-Hertogenbosch")),
        (NL, "Den Bosch, 5211 AB, Kade 5", ("Kade 5", "5211 AB", "Den Bosch")),
        (NL, "1e Helmersstraat 12, 1054 DG Amsterdam", ("1e Helmersstraat 12", "1054 DG", "Amsterdam")),
        (NL, "Plein 1945 12, 1971 GA IJmuiden", ("Plein 1945 12", "1971 GA", "IJmuiden")),
        (NL, "Laan van Meerdervoort 1200, 2555 CE Den Haag", ("Laan van Meerdervoort 1200", "2555 CE", "Den Haag")),
        (NL, "Postbus 123, 5200 AA Den Bosch", ("Postbus 123", "5200 AA", "Den Bosch")),
        (NL, "Kade, 5, 5211 AB Den Bosch", ("Kade 5", "5211 AB", "Den Bosch")),
        (NL, "c/o Bakker, Kade 5, 5211 AB Den Bosch", ("Kade 5", "5211 AB", "Den Bosch", "c/o Bakker")),
        (BE, "ketelpoort 28 bus 3, 9000 gent", ("ketelpoort 28 bus 3", "9000", "gent")),
        (BE, "B-9000 Gent, Ketelpoort 28", ("Ketelpoort 28", "9000", "Gent")),
        (BE, "9000 Gent, Steenweg 1234", ("Steenweg 1234", "9000", "Gent")),
        (BE, "Steenweg 1234, 9000 Gent", ("Steenweg 1234", "9000", "Gent")),
        (BE, "9000 Gent, Plein 1945 12", ("Plein 1945 12", "9000", "Gent")),
        (BE, "BE-1000 Bruxelles, rue de la Loi 16", ("rue de la Loi 16", "1000", "Bruxelles")),
        (BE, "Rue de la Loi 16 1000 Bruxelles", ("Rue de la Loi 16", "1000", "Bruxelles")),
        (LU, "12, rue de Hollerich, L-1740 Luxembourg", ("12 rue de Hollerich", "1740", "Luxembourg")),
        (LU, "12 rue de Hollerich, 1740, Luxembourg", ("12 rue de Hollerich", "1740", "Luxembourg")),
        (DE, "Wiesentalstr. 44\n79115 Freiburg im Breisgau", ("Wiesentalstr. 44", "79115", "Freiburg im Breisgau")),
        (DE, "Straße des 17. Juni 135, 10623 Berlin", ("Straße des 17. Juni 135", "10623", "Berlin")),
        (DE, "D-04229 Leipzig, Kantorweg 3 a", ("Kantorweg 3 a", "04229", "Leipzig")),
        (DE, "Kantorweg 3a, Hinterhaus, 04229 Leipzig", ("Kantorweg 3a", "04229", "Leipzig", "Hinterhaus")),
        (AT, "Rosenhain 5/2/14, A-8010 Graz", ("Rosenhain 5/2/14", "8010", "Graz")),
        (AT, "Rosenhain 5, Stiege 2, Top 14, 8010 Graz", ("Rosenhain 5", "8010", "Graz", "Stiege 2, Top 14")),
        (DK, "Skovvangsvej 88, 2. th, 8200 Aarhus N", ("Skovvangsvej 88", "8200", "Aarhus N", "2. th")),
        (DK, "Skovvangsvej 88 2.th, DK-8200 Aarhus N", ("Skovvangsvej 88 2.th", "8200", "Aarhus N")),
        (FR, "41, rue des Tisseurs, 69004 Lyon", ("41 rue des Tisseurs", "69004", "Lyon")),
        (FR, "41 bis rue des Tisseurs 69004 LYON", ("41 bis rue des Tisseurs", "69004", "LYON")),
        (FR, "17 rue du 11 Novembre, F-59000 Lille", ("17 rue du 11 Novembre", "59000", "Lille")),
        (FR, "41 rue des Tisseurs, Bâtiment B, 69004 Lyon", ("41 rue des Tisseurs", "69004", "Lyon", "Bâtiment B")),
        (IE, "12 Curragh Terrace, Sunday's Well, Cork, T23 W6K1",
         ("12 Curragh Terrace", "T23 W6K1", "Cork", "Sunday's Well")),
        (IE, "12 curragh terrace, cork t23w6k1", ("12 curragh terrace", "T23 W6K1", "cork")),
        (IE, "Rose Cottage, Kilmacanogue, Co. Wicklow, A98 X9Y2",
         ("Rose Cottage", "A98 X9Y2", "Co. Wicklow", "Kilmacanogue")),
        (IE, "Flat 4, 22 Main Street, Dublin 8, D08 XY12", ("22 Main Street", "D08 XY12", "Dublin 8", "Flat 4")),
        (IE, "22 Main Street, D08 XY12 Dublin 8", ("22 Main Street", "D08 XY12", "Dublin 8")),
        (SE, "kornettsgatan 19 211 50 malmö", ("kornettsgatan 19", "211 50", "malmö")),
        (SE, "Kornettsgatan 19 lgh 1102, 21150 Malmö", ("Kornettsgatan 19 lgh 1102", "211 50", "Malmö")),
        (SE, "Kornettsgatan 19, SE-211 50 Malmö", ("Kornettsgatan 19", "211 50", "Malmö")),
        (GB, "12 Foo Street, London SW1A1AA", ("12 Foo Street", "SW1A 1AA", "London")),
        (US, "123 Elm Street, Suite 641, Denver, CO, 80279",
         ("123 Elm Street", "80279", "Denver", "Suite 641", "CO")),
        (US, "123 Elm Street, Denver, CO 80279", ("123 Elm Street", "80279", "Denver", "CO")),
    ],
)  # fmt: skip
def test_an_address_is_read_as_its_country_writes_it(country: str, text: str, parts: tuple[str, ...]) -> None:
    assert read(text, country) == parts


@pytest.mark.parametrize(
    "text",
    [
        "Kade 5, 5211 AB Den Bosch",
        "Kade 5 5211ab Den Bosch.",
        "Hi, can you send it to Kade 5, 5211 AB Den Bosch please? Thanks!",
        "could you please redirect the parcel to Kade 5, 5211 AB Den Bosch",
        "we moved! it's now Kade 5, 5211AB Den Bosch. thx",
        "I've moved to Kade 5 in 5211 AB Den Bosch",
        "We have just moved to Kade 5, 5211 AB Den Bosch.",
        "Can you please deliver this to my mum's place: Kade 5, 5211 AB Den Bosch?",
        "order MG-10001 should go to Kade 5, 5211 AB Den Bosch",
        "MG-10001, Kade 5, 5211 AB Den Bosch",
        "no, Kade 5, not 6, 5211 AB Den Bosch",
        "actually make it Kade 5, 5211 AB Den Bosch instead",
        "my new address is Kade 5, 5211 AB Den Bosch",
        "The address is now: Kade 5, 5211 AB Den Bosch, because I'm staying with my parents for two weeks",
        "Kade 5, 5211 AB Den Bosch until friday",
        "street: Kade 5, postal code: 5211 AB, town: Den Bosch",
        "street Kade 5; postcode 5211 AB; city Den Bosch",
        "My street is Kade 5, the postcode is 5211 AB and the city is Den Bosch",
        "Kade 5, 5211 AB Den Bosch, the Netherlands",
        "Kade 5, 5211 AB Den Bosch NEDERLAND",
        "Kade 5\nNL-5211 AB Den Bosch\nNL",
        "no wait, number 5: Kade 5, 5211 AB Den Bosch",
        "ok then Kade 5, 5211 AB Den Bosch",
        "please send order MG-10001 to another address\nKade 5, 5211 AB Den Bosch",
        "change the delivery address of MG-10001, Kade 5, 5211 AB Den Bosch",
    ],
)
def test_what_is_said_around_an_address_is_no_part_of_it(text: str) -> None:
    assert read(text, NL) == ("Kade 5", "5211 AB", "Den Bosch")


@pytest.mark.parametrize(
    ("text", "country"),
    [
        ("Ketelpoort 28, 9000 Gent, Belgium", BE),
        ("Ketelpoort 28, 9000 Gent, België", BE),
        ("Ketelpoort 28, 9000 Gent Belgique", BE),
        ("Kantorweg 3a, D-04229 Leipzig", DE),
        ("Kantorweg 3a, 04229 Leipzig, Deutschland", DE),
        ("Rosenhain 5/2, A-8010 Graz", AT),
        ("12 Foo Street, SW1A 1AA London, UK", GB),
    ],
)
def test_another_country_that_the_words_name_counts(text: str, country: str) -> None:
    found = read_address(text, NL)
    assert found is not None
    assert found.country == country


def test_a_country_under_another_name_keeps_the_companys() -> None:
    found = read_address("123 Elm Street, Denver, CO 80279, United States", "United States of America")
    assert found is not None
    assert found.country == "United States of America"


@pytest.mark.parametrize(
    ("country", "text", "says"),
    [
        (NL, "can you change it please", "the street with its number, the postal code and the town"),
        (NL, "the same as last time", "the street with its number, the postal code and the town"),
        (NL, "what is my current address?", "the street with its number, the postal code and the town"),
        (NL, "Laan van Meerdervoort 1200, Den Haag", r"postal code in that \(in the Netherlands it looks"),
        (NL, "Kade 1200 in Utrecht", r"postal code in that \(in the Netherlands it looks like 1234 AB\)"),
        (NL, "Kantorweg 3a, 04229 Leipzig", "in the Netherlands it looks like 1234 AB"),
        (AT, "Rosenhain 5, 80101 Graz", "in Austria it looks like 8010"),
        (NL, "Rosenhain 5, 80101 Graz, Austria", "in Austria it looks like 8010"),
        ("Atlantis", "Kade 5, Den Bosch", "postal code in that$"),
        (NL, "1016 GV Amsterdam", "not the street with its number"),
        (NL, "Dorpsstraat, 1016 GV Amsterdam", "not the street with its number"),
        (NL, "I ordered 3 pots on 12/11, order 1016 GV", "not the street with its number"),
        (NL, "Kade 5, 5211 AB", "not the town"),
        (NL, "Kade 1200 in Utrecht, 3512 JC", "not the town"),
        (DE, "Kantorweg 3a 04229", "not the town"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(country: str, text: str, says: str) -> None:
    assert read_address(text, country) is None
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(missing(text, country))


def test_what_was_read_is_read_again_from_its_own_line() -> None:
    rng = random.Random(11)
    streets = {FR: "41 rue des Tisseurs", IE: "12 Curragh Terrace", LU: "12 rue de Hollerich", GB: "9 Mill Lane"}
    towns = ["Utrecht", "Sint-Niklaas", "Freiburg im Breisgau", "'s-Hertogenbosch", "Aarhus N", "Malmö"]
    for _ in range(300):
        country = rng.choice([name for name in POSTS if name != US])
        street = streets.get(country, f"Lindelaan {rng.randrange(1, 999)}{rng.choice(['', 'a', '-2'])}")
        extra = rng.choice([None, "c/o Bakker", "Hinterhaus"])
        address = Address(street, spaced(POSTS[country].example, country), rng.choice(towns), country, extra)
        lead = rng.choice(["", "please send it to ", "no, it's ", "my new address: "])
        assert read_address(lead + address.line() + rng.choice(["", ".", " please!"]), country) == address


def test_nothing_that_is_read_is_longer_than_a_label() -> None:
    found = read_address(f"{'Kade ' * 60} 5, 5211 AB Den Bosch", NL)
    assert found is None
    found = read_address(f"Kade 5, {', '.join(['Hinterhaus im Hof'] * 12)}, 5211 AB Den Bosch", NL)
    assert found is not None
    assert len(found.line()) < 200


@pytest.mark.parametrize(
    "change",
    [
        {"street": ""}, {"street": "5"}, {"street": "Kade 5\nDen Bosch"}, {"street": "\u202eKade 5"}, {"city": ""},
        {"street": "Kade 5" * 20}, {"city": "Den\x00Bosch"}, {"city": "5211"}, {"postal_code": ""}, {"extra": "x" * 81},
        {"postal_code": "5211"}, {"postal_code": "5211 AB extra"}, {"country": "Belgium"}, {"country": "\t"},
    ],
)  # fmt: skip
def test_what_no_carrier_could_print_is_no_address(change: dict[str, str]) -> None:
    good = {"street": "Kade 5", "postal_code": "5211 AB", "city": "Den Bosch", "country": NL}
    assert fits_a_label(Address(**good))
    assert not fits_a_label(Address(**(good | change)))


def test_signs_that_do_not_print_are_not_read() -> None:
    assert read_address("Kade\u202e 5, 5211 AB Den Bosch", NL) is None


def test_every_country_has_its_postal_codes_and_reads_its_own_example() -> None:
    assert set(COUNTRIES) == set(POSTS)
    for name, post in POSTS.items():
        found = read_address(f"Kade 5, {post.example} Utrecht", name)
        assert found is not None, name
        assert found.postal_code == post.example
        assert {country_name(other) for other in COUNTRIES[name]} == {name}


PIECES = (
    " ", "no ", "is ", "is:", "to now at ", "1234 ", "1234AB ", "1234 AB, ", "a", "1", ",", ", 1", ": 1", "-", "'",
    "D-", "please ", "kade 5 ", "the ", "my new address is ", "MG-", "#1", "A1", "É", "٣", "\n", "in in ", "5, kade, ",
    "CO ", "CO, ", ", 80279 ", "A ,"
)  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("country", [NL, IE, US, "Atlantis"])
def test_a_hostile_message_takes_no_longer_than_a_long_one(piece: str, country: str) -> None:
    text = (piece * 8000)[:8000]
    times = []
    for _ in range(3):
        started = time.process_time()
        read_address(text, country)
        missing(text, country)
        times.append(time.process_time() - started)
    assert min(times) < 0.05
