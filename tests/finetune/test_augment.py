from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from finetune.augment import augmented, slipped, without_words

TEXTS = ["where is my parcel 4471 please", "cancel the order now", "refund it", "hm", "我的包裹在哪里", ""]


def changes(one: str, other: str) -> int:
    """Letters that are in one text and not in the other."""
    return sum(((Counter(one) - Counter(other)) + (Counter(other) - Counter(one))).values())


def test_the_same_seed_and_epoch_say_the_same_and_others_do_not() -> None:
    many = TEXTS * 10
    assert augmented(many, 0.5, 0.2, 1, 0) == augmented(many, 0.5, 0.2, 1, 0)
    assert augmented(many, 0.5, 0.2, 1, 0) != augmented(many, 0.5, 0.2, 1, 1)
    assert augmented(many, 0.5, 0.2, 1, 0) != augmented(many, 0.5, 0.2, 2, 0)


def test_nothing_is_changed_where_nothing_is_asked_for() -> None:
    assert augmented(TEXTS, 0.0, 0.0, 1, 0) == TEXTS


def test_about_the_share_asked_for_is_changed() -> None:
    said = augmented(["where is my parcel please"] * 1000, 0.3, 0.0, 1, 0)
    assert 0.2 < np.mean([text != "where is my parcel please" for text in said]) <= 0.36
    words = [len(text.split()) for text in augmented(["a b c d e f g h i j"] * 500, 0.0, 0.2, 1, 0)]
    assert np.mean(words) == pytest.approx(8.0, abs=0.2)


def test_a_slip_touches_a_few_letters_and_never_a_number() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        said = slipped(TEXTS[0], rng)
        assert changes(TEXTS[0], said) <= 4  # two slips: each takes, adds or replaces one letter
        assert "4471" in said.split()
        assert len(said.split()) == len(TEXTS[0].split())


def test_words_that_are_left_out_leave_the_others_in_their_order() -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        left = iter(TEXTS[0].split())
        said = without_words(TEXTS[0], 0.5, rng).split()
        assert said
        assert all(word in left for word in said)
    assert without_words("refund it", 1.0, rng) in ("refund", "it")


def test_a_text_without_words_to_part_comes_back_as_it_was() -> None:
    rng = np.random.default_rng(0)
    for text in TEXTS[3:]:
        assert (slipped(text, rng), without_words(text, 0.9, rng)) == (text, text)
