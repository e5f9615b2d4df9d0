"""Answers as clauses, which of them say the same, and which of many are compared at all."""

from __future__ import annotations

import random

import pytest

from retrieval.alike import near_pairs, share
from retrieval.clauses import clauses, guard_of, words_of


def parts(text: str) -> list[str]:
    return [text[c.start : c.end] for c in clauses(text)]


def guard(text: str) -> tuple[str, ...]:
    return guard_of(text, words_of(text))


def test_an_answer_is_cut_at_stops_colons_lines_and_salutations() -> None:
    said = "Dear [NAME], it's simple: pots can go back; plants can't. Ask for a label at 10:30.\nT."
    assert parts(said) == [
        "Dear [NAME],",
        "it's simple:",
        "pots can go back;",
        "plants can't.",
        "Ask for a label at 10:30.",
        "T.",
    ]


def test_chinese_is_cut_at_its_own_stops_and_read_sign_by_sign() -> None:
    assert parts("不用，浇透一次。六周内不要施肥。") == ["不用，浇透一次。", "六周内不要施肥。"]
    assert words_of("等14天。") == ("等", "14", "天")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Saturday isn't offered.", "Saturday is not offered"),
        ("It takes two weeks.", "It takes 2 weeks!"),
        ("You don’t have to do anything", "you do not have to do anything"),
    ],
)
def test_contractions_case_and_number_words_are_no_difference(one: str, other: str) -> None:
    assert words_of(one) == words_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Delivery is free from €60 of goods", "Delivery is free from €75 of goods"),
        ("It can go back within 3 days", "It can go back within 3 weeks"),
        ("We pack it before the weekend", "We pack it after the weekend"),
        ("Engraved tools can come back", "Engraved tools can't come back"),
        ("We send it on Tuesday", "We send it on Thursday"),
        ("We deliver to France and Sweden", "We deliver to France and Norway"),
        ("It stands −7 degrees", "It stands 7 degrees"),
    ],
)
def test_what_may_not_differ_is_guarded(one: str, other: str) -> None:
    assert guard(one) != guard(other)


def test_nothing_and_not_anything_deny_alike() -> None:
    assert guard("There is nothing you need to do") == guard("You needn't do anything there")


def test_the_index_finds_every_pair_that_comparing_all_finds() -> None:
    generator = random.Random(7)
    vocabulary = [f"w{n}" for n in range(60)]
    rows: set[tuple[str, ...]] = set()
    for _ in range(60):
        base = [generator.choice(vocabulary) for _ in range(generator.randint(3, 14))]
        rows.add(tuple(base))
        for _ in range(3):
            changed = list(base)
            if generator.random() < 0.6:
                changed[generator.randrange(len(changed))] = generator.choice(vocabulary)
            if generator.random() < 0.6:
                changed.insert(generator.randrange(len(changed) + 1), generator.choice(vocabulary))
            rows.add(tuple(changed))
    ordered = sorted(rows)
    plain = [
        (i, j)
        for i in range(len(ordered))
        for j in range(i + 1, len(ordered))
        if min(len(ordered[i]), len(ordered[j])) >= 5 and share(ordered[i], ordered[j]) >= 0.8
    ]
    assert len(plain) > 80
    assert near_pairs(ordered, 0.8) == plain


def test_word_order_counts() -> None:
    assert share(("from", "here", "to", "there"), ("from", "there", "to", "here")) < 0.8
