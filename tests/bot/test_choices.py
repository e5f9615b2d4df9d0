"""Choosing among what was offered: names, numbers, sizes, both, all but one, the other one."""

from __future__ import annotations

import random
import time

import pytest

from bot.forms.choices import SAME, Option, adds, alike, chosen, other, volunteered, without_name

FERN = Option("fern", "Boston fern 'Verona', 30 cm", "plant")
POT_18 = Option("pot-18", "Terracotta pot, 18 cm", "pot")
POT_28 = Option("pot-28", "Terracotta pot, 28 cm", "pot")
SAUCER = Option("saucer", "Terracotta saucer, 18 cm", "pot")
TROWEL = Option("trowel", "Hand trowel, ash handle", "tool")
ORDER = (FERN, POT_18, POT_28, SAUCER, TROWEL)
TWO = (FERN, POT_18)
SIZES = (
    Option("14", "Terracotta pot, 14 cm, €6.90"),
    Option("18", "Terracotta pot, 18 cm, €8.90"),
    Option("23", "Terracotta pot, 23 cm, €11.90"),
    Option("28", "Terracotta pot, 28 cm, €17.90"),
    Option("35", "Terracotta pot, 35 cm, €29.90, sold out"),
)
WITH_OUT = (*SIZES, Option("out", "Take it out of the order", "remove without none leave drop"))
COLOURS = (
    Option("cream-24", "Stoneware planter, cream, 24 cm"),
    Option("blue-24", "Stoneware planter, ink blue, 24 cm"),
    Option("cream-30", "Stoneware planter, cream, 30 cm"),
)
CANS = (Option("1.5", "Copper watering can, 1.5 l"), Option("3", "Copper watering can, 3 l"))
GLOVES = (Option("S", "Goatskin gloves, S"), Option("M", "Goatskin gloves, M"), Option("L", "Goatskin gloves, L"))
WAYS = (
    Option("visa", "Visa ending 4242", "original same back way paid card account"),
    Option("gift_card", "A new gift card", "voucher credit"),
)
PAYMENTS = (
    Option("visa", "Visa ending 4242", "card"),
    Option("paypal", "PayPal", "paypal"),
    Option("gift", "Gift card ending 41XM", "gift_card"),
)
REASONS = (
    Option("changed_mind", "I changed my mind", "changed mind don't like dislike need unneeded"),
    Option(
        "wrong_size", "Wrong size or colour", "wrong size small big large wide tall short fit fits size colour color"
    ),
    Option("not_as_described", "Not as described", "not as described picture photo description looks"),
    Option("faulty", "It is faulty", "faulty broken crack cracked defect defective leaks damaged chipped bent"),
    Option("wrong_item", "You sent the wrong thing", "wrong item ordered else different"),
)
ORDERS = (
    Option("MG-10003", "MG-10003, 2 × Boston fern and Clay pot, 18 cm"),
    Option("MG-10002", "MG-10002, Hand trowel, ash handle"),
    Option("MG-10001", "MG-10001, Boston fern"),
)


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        (SIZES, "28cm", "28"),
        (SIZES, "28 cms", "28"),
        (SIZES, "28-cm", "28"),
        (SIZES, "28 centimetres", "28"),
        (SIZES, "the 28", "28"),
        (SIZES, "I'd like it in 35", "35"),
        (SIZES, "a pot of 23 cm", "23"),
        (SIZES, "the one for 17.90", "28"),
        (SIZES, "Terracotta pot, 28 cm, €17.90", "28"),
        (CANS, "1.5 litres", "1.5"),
        (CANS, "the 3l one", "3"),
        (COLOURS, "the blue one", "blue-24"),
        (COLOURS, "ink-blue", "blue-24"),
        (COLOURS, "cream, 30 cm", "cream-30"),
        (COLOURS, "cream 24", "cream-24"),
        (GLOVES, "m", "M"),
        (GLOVES, "size L please", "L"),
        (GLOVES, "I'm a medium", "M"),
        (GLOVES, "small", "S"),
        (PAYMENTS, "my visa", "visa"),
        (PAYMENTS, "ending in 4242", "visa"),
        (PAYMENTS, "pay pal", "paypal"),
        (PAYMENTS, "giftcard", "gift"),
        (PAYMENTS, "visa not paypal", "visa"),
        (WAYS, "the way i paid", "visa"),
        (WAYS, "a gift card", "gift_card"),
        (WAYS, "not a gift card", "visa"),
        (WITH_OUT, "take it out", "out"),
        (WITH_OUT, "just remove it", "out"),
        (WITH_OUT, "without it", "out"),
        (ORDERS, "the trowel order", "MG-10002"),
        (ORDERS, "10002", "MG-10002"),
        (REASONS, "it arrived broken", "faulty"),
        (REASONS, "it is leaking", "faulty"),
        (REASONS, "too small", "wrong_size"),
        (REASONS, "it doesn't fit", "wrong_size"),
        (REASONS, "I don't like it", "changed_mind"),
        (REASONS, "wrong thing", "wrong_item"),
        (REASONS, "it's the wrong item", "wrong_item"),
        (REASONS, "Not as described", "not_as_described"),
        (REASONS, "it's not what the photo showed", "not_as_described"),
        (REASONS, "it isn't faulty, just too big", "wrong_size"),
        (REASONS, "not broken, i just changed my mind", "changed_mind"),
    ],
)
def test_one_thing_is_named_by_what_tells_it_apart(options: tuple[Option, ...], text: str, value: str) -> None:
    assert chosen(text, options) == (value,)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (SIZES, "terracotta pot"),
        (SIZES, "the 18 or the 28"),
        (SIZES, "the bigger one"),
        (SIZES, "one"),
        (SIZES, "40 cm"),
        ((SIZES[0], WITH_OUT[-1]), "80 cm"),
        (WITH_OUT, "one of the pots in order MG-10001 for another size"),
        ((CANS[1],), "the 1.5 l one"),
        (SIZES, "number 9"),
        (SIZES, "everything"),
        (SIZES, "hello?"),
        (COLOURS, "cream"),
        (COLOURS, "the other colour"),
        (COLOURS, "the planter in another colour"),
        (GLOVES, "my gloves are the wrong ones"),
        (GLOVES, "XL"),
        (PAYMENTS, "mastercard"),
        (WAYS, "card"),
        (ORDERS, "the fern"),
        (REASONS, "wrong"),
        (REASONS, "no reason"),
        (ORDER, ""),
        ((), "the fern"),
    ],
)
def test_what_is_unclear_is_no_choice(options: tuple[Option, ...], text: str) -> None:
    assert chosen(text, options) == ()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("the fern", ["fern"]),
        ("i dont want the fern anymore", ["fern"]),
        ("2 ferns", ["fern"]),
        ("fern&trowel", ["fern", "trowel"]),
        ("trowel and fern", ["fern", "trowel"]),
        ("fern, pot 28 and trowel", ["fern", "pot-28", "trowel"]),
        ("the pots", ["pot-18", "pot-28"]),
        ("both pots", ["pot-18", "pot-28"]),
        ("the two pots", ["pot-18", "pot-28"]),
        ("the pots and the saucer", ["pot-18", "pot-28", "saucer"]),
        ("terracotta", ["pot-18", "pot-28", "saucer"]),
        ("28cm pot", ["pot-28"]),
        ("18 cm pot and the fern please", ["fern", "pot-18"]),
        ("the pot 18 cm", ["pot-18"]),
        ("the 18 cm ones", ["pot-18", "saucer"]),
        ("the tools", ["trowel"]),
        ("the plant", ["fern"]),
        ("teracotta sauser", ["saucer"]),
        ("trowl", ["trowel"]),
        ("the bigger pot", ["pot-28"]),
        ("the small pot and the saucer", ["pot-18", "saucer"]),
        ("first of all, the fern is dead", ["fern"]),
        ("thanks for everything, it's the trowel", ["trowel"]),
        ("all i want back is the fern", ["fern"]),
        ("all the pots", ["pot-18", "pot-28"]),
    ],
)
def test_several_things_are_named_at_once(text: str, values: list[str]) -> None:
    assert list(chosen(text, ORDER, several=True)) == values


@pytest.mark.parametrize(
    "text", ["all", "all of them", "everything", "the whole order", "the lot", "everything, please", "all of it back"]
)
def test_all_means_all(text: str) -> None:
    assert chosen(text, ORDER, several=True) == tuple(option.value for option in ORDER)


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ("all but the fern", ["fern"]),
        ("all of them but the fern", ["fern"]),
        ("all except the fern", ["fern"]),
        ("everything except for the trowel", ["trowel"]),
        ("everything but the pots", ["pot-18", "pot-28"]),
        ("not the fern", ["fern"]),
        ("not the fern, not the trowel", ["fern", "trowel"]),
        ("not the fern and not the trowel", ["fern", "trowel"]),
        ("not the fern or the trowel", ["fern", "trowel"]),
        ("I want to keep the fern, send back the rest", ["fern"]),
        ("all apart from the 28 cm pot", ["pot-28"]),
    ],
)
def test_what_is_excepted_is_never_chosen(text: str, left_out: list[str]) -> None:
    assert list(chosen(text, ORDER, several=True)) == [o.value for o in ORDER if o.value not in left_out]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("the pots, not the fern", ["pot-18", "pot-28"]),
        ("the trowel and the fern but not the pots", ["fern", "trowel"]),
        ("not the fern but the trowel", ["trowel"]),
        ("keep the pots but send back the fern", ["fern"]),
        ("the trowel instead of the fern", ["trowel"]),
        ("rather than the fern, the trowel", ["trowel"]),
    ],
)
def test_a_correction_names_both_and_means_one(text: str, values: list[str]) -> None:
    assert list(chosen(text, ORDER, several=True)) == values


@pytest.mark.parametrize(
    ("options", "text", "value"),
    [
        (REASONS, "return the pot please, it arrived cracked", "faulty"),
        (REASONS, "wrong size, MG-10003", "wrong_size"),
        (REASONS, "I changed my mind about the trowel", "changed_mind"),
        (REASONS, "you sent me the wrong pot", "wrong_item"),
        (WAYS, "and the money onto a gift card please", "gift_card"),
    ],
)
def test_what_nobody_asked_for_may_be_said_at_once(options: tuple[Option, ...], text: str, value: str) -> None:
    assert volunteered(text, options) == (value,)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (REASONS, "I'd like to return something from order MG-10003"),
        (REASONS, "I want to send back the small pot"),
        (REASONS, "I need to send something else back"),
        (WAYS, "I want to send my fork back, I paid with a voucher"),
        (REASONS, "actually I mean the clay pot, not the trowel"),
    ],
)
def test_a_word_that_anybody_says_volunteers_nothing(options: tuple[Option, ...], text: str) -> None:
    assert volunteered(text, options) == ()


INSTEAD = (  # of a planter in moss green, 24 cm
    Option("green-30", "Stoneware planter, moss green, 30 cm", SAME),
    Option("cream-24", "Stoneware planter, cream, 24 cm", SAME),
    Option("blue-24", "Stoneware planter, ink blue, 24 cm", SAME),
    Option("cream-30", "Stoneware planter, cream, 30 cm"),
)


def test_a_short_correction_may_be_of_everyday_words() -> None:
    assert volunteered("the original way", WAYS, corrects=True) == ("visa",)
    assert volunteered("no, not that", REASONS, corrects=True) == ()


@pytest.mark.parametrize(
    ("text", "values"), [("cream", ("cream-24",)), ("30 cm", ("green-30",)), ("24 cm", ()), ("another colour", ())]
)
def test_where_one_thing_changes_the_rest_stays_as_it_was(text: str, values: tuple[str, ...]) -> None:
    assert alike(text, INSTEAD) == values


def test_words_of_a_name_are_left_out() -> None:
    assert without_name("swap the moss-green planter 24cm for cream", Option("", "Planter, moss green, 24 cm")) == (
        "swap the for cream"
    )


def test_both_needs_two_things_that_can_be_meant() -> None:
    assert chosen("both", TWO, several=True) == ("fern", "pot-18")
    assert chosen("both of them please", TWO, several=True) == ("fern", "pot-18")
    assert chosen("both", ORDER, several=True) == ()
    assert chosen("both", TWO) == ()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("the first", ["fern"]),
        ("2", ["pot-18"]),
        ("the third one", ["pot-28"]),
        ("option 4", ["saucer"]),
        ("#3", ["pot-28"]),
        ("the last one", ["trowel"]),
        ("number 9", []),
        ("0", []),
    ],
)
def test_things_are_counted_as_they_were_offered(text: str, values: list[str]) -> None:
    assert list(chosen(text, ORDER)) == values
    assert list(chosen(text, ORDER, several=True)) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("first and third", ["fern", "pot-28"]),
        ("3 and 1", ["fern", "pot-28"]),
        ("1,3", ["fern", "pot-28"]),
        ("1 & 2 & 5", ["fern", "pot-18", "trowel"]),
        ("the first two", ["fern", "pot-18"]),
        ("the last two", ["saucer", "trowel"]),
    ],
)
def test_several_places_are_several_things(text: str, values: list[str]) -> None:
    assert list(chosen(text, ORDER, several=True)) == values
    assert chosen(text, ORDER) == ()


def test_a_size_is_compared_where_that_is_clear() -> None:
    assert chosen("the biggest", SIZES) == ("35",)
    assert chosen("the smallest one please", SIZES) == ("14",)
    assert chosen("the bigger one", CANS) == ("3",)
    assert chosen("the small one", CANS) == ("1.5",)
    assert chosen("the larger cream one", COLOURS) == ("cream-30",)
    assert chosen("smaller, no, bigger", CANS) == ()
    mixed = (Option("ml", "Brass mister, 300 ml"), Option("l", "Brass mister, 0.5 l"))
    assert chosen("the bigger one", mixed) == ("l",)


def test_the_latest_order_is_the_one_offered_first() -> None:
    assert chosen("the latest", ORDERS) == ("MG-10003",)
    assert chosen("my last order", ORDERS) == ("MG-10003",)
    assert chosen("the last one", ORDERS) == ("MG-10001",)


def test_a_button_that_is_sold_out_is_not_the_one_that_takes_out() -> None:
    assert chosen("take it out please", WITH_OUT) == ("out",)
    assert chosen("the 35", WITH_OUT) == ("35",)


@pytest.mark.parametrize(
    ("text", "current", "value"),
    [
        ("no, the other one", ["fern"], ("pot-18",)),
        ("the other one please", ["pot-18"], ("fern",)),
        ("wrong one", ["fern"], ("pot-18",)),
        ("the fern", ["fern"], None),
        ("hello", [], None),
    ],
)
def test_of_two_the_other_one_is_clear(text: str, current: list[str], value: tuple[str, ...] | None) -> None:
    assert other(text, TWO, current) == value


def test_of_three_the_other_one_is_asked_for_unless_it_is_named() -> None:
    assert other("the other one", ORDER, ["fern"]) == ()
    assert other("the other one, the trowel", ORDER, ["fern"]) == ("trowel",)
    assert other("the other fern", ORDER, ["fern"]) == ()


@pytest.mark.parametrize(
    "text", ["also the fern", "the fern as well", "the fern too", "plus the fern", "add the fern."]
)
def test_more_may_be_added(text: str) -> None:
    assert adds(text)


@pytest.mark.parametrize("text", ["it's too small", "too big for the shelf", "the fern", "an address"])
def test_a_reason_adds_nothing(text: str) -> None:
    assert not adds(text)


def test_every_title_chooses_its_own_option_however_it_is_typed() -> None:
    rng = random.Random(3)
    for options in (ORDER, SIZES, WITH_OUT, COLOURS, CANS, GLOVES, PAYMENTS, WAYS, REASONS, ORDERS):
        for option in options:
            for typed in (option.title, option.title.upper(), option.title.lower() + "!", f"  {option.title}. "):
                assert chosen(typed, options) == (option.value,)
            words = option.title.replace(",", "").split()
            rng.shuffle(words)
            assert chosen(" ".join(words), options) in {(option.value,), ()}, words


def test_only_what_was_offered_is_ever_chosen() -> None:
    rng = random.Random(5)
    words = [
        "the", "not", "all", "both", "first", "2", "last", "but", "and", ",", "fern", "pot", "28", "cm", "terracotta",
        "other", "one", "bigger", "smallest", "except", "keep", "trowel", "without", "everything", "or", "it", "PT-205",
        "🪴", "盆", "٣", "\x00", "'", "\u202e",
    ]  # fmt: skip
    values = [option.value for option in ORDER]
    for _ in range(3000):
        text = " ".join(rng.choices(words, k=rng.randrange(1, 9)))
        for several in (True, False):
            picks = chosen(text, ORDER, several=several)
            assert list(picks) == [value for value in values if value in picks], text
            assert several or len(picks) <= 1, text


PIECES = (
    "terracotta ", "teracota sausr ", "x", "not ", "all of ", "both and ", "1 ", "٣", "é", "'", "not the pot, but ",
    "28cm", "8 c", " ", ",", "fern and ", "first last ", "but not ", "keep the ", "bigger ", "the other one ", "too ",
    "as well ",
)  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("several", [True, False])
def test_a_hostile_message_takes_no_longer_than_a_long_one(piece: str, several: bool) -> None:
    text = (piece * 8000)[:8000]
    times = []
    for _ in range(3):
        started = time.process_time()
        chosen(text, (*ORDER, *SIZES), several=several)
        other(text, ORDER, ["fern"])
        adds(text)
        times.append(time.process_time() - started)
    assert min(times) < 0.05
