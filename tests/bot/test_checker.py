"""The checker: what its features see, how its file is read, and that trees are walked as sklearn walks them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from composed_fakes import all_words_known, encode_tokens, make_judge

from bot.answerability import TokenVectors
from bot.composed.agreement import clauses, disorder, goes_with, number_support, opposed, plain_number, read_words
from bot.composed.checker import FEATURES, Checker, features
from bot.errors import HeadError
from bot.support import vetoed

PASSAGE = "Delivery takes 2 to 4 working days to Belgium and 4 to 6 working days to Austria. It costs €5.90."


def feature(name: str, sentence: str, *passages: str) -> float:
    row, _ = features(sentence, passages or (PASSAGE,), TokenVectors(encode_tokens))
    return float(row[FEATURES.index(name)])


@pytest.mark.parametrize(
    ("written", "plain"),
    [("€5.90", "5.9"), ("10:00", "10"), ("17:30", "17:30"), ("−6", "-6"), ("1,000", "1000"), ("80%", "80")],
)
def test_a_number_is_read_however_it_is_written(written: str, plain: str) -> None:
    assert plain_number(written) == plain


def test_spelt_numbers_are_numbers() -> None:
    assert read_words("ten working days").numbers == {"10"}


def test_a_number_needs_its_surroundings() -> None:
    source = [read_words(PASSAGE)]
    assert number_support(read_words("Delivery takes 2 to 4 working days."), source) > 0.6
    assert number_support(read_words("Delivery takes 2 to 4 hours."), source) < 0.6
    assert number_support(read_words("Delivery takes 3 working days."), source) == 0.0
    assert number_support(read_words("Delivery takes days."), source) == 1.0


def test_a_name_goes_with_the_number_before_it() -> None:
    source = [read_words("Delivery takes 2 days to Belgium and 6 days to Austria.")]
    assert goes_with(read_words("It takes 6 days to Austria."), source) == 1.0
    assert goes_with(read_words("It takes 2 days to Austria."), source) == 0.0


def test_opposites_are_counted_where_the_word_itself_is_not_there() -> None:
    assert opposed(read_words("Water it after noon."), read_words("Water it before noon.")) == 1
    assert opposed(read_words("Water it before and after noon."), read_words("Water it before and after noon.")) == 0


def test_the_same_words_in_another_order_show() -> None:
    assert disorder(["blade", "4", "spring", "12"], ["blade", "12", "spring", "4"]) > 0
    assert disorder(["blade", "12"], ["blade", "12", "spring"]) == 0


def test_a_sentence_is_parted_where_another_statement_begins() -> None:
    assert clauses("You may keep it, but plants cannot be returned.") == (
        "You may keep it",
        "but plants cannot be returned",
    )


def test_a_denial_is_seen_against_the_nearest_sentence() -> None:
    assert feature("denies_other_sentence", "Plants cannot be returned.", "Plants can be returned.") == 1
    assert feature("denies_other_sentence", "Plants cannot be returned.", "Plants can't be returned.") == 0


def test_the_passages_own_sentence_agrees_in_everything() -> None:
    own = "Delivery takes 2 to 4 working days to Belgium and 4 to 6 working days to Austria."
    assert [feature(name, own) for name in ("words", "in_order", "pairs", "numbers")] == pytest.approx([1, 1, 1, 1])
    assert [feature(name, own) for name in ("words_missing", "anchors_missing", "opposed_sentence")] == [0, 0, 0]


@pytest.mark.parametrize(("sentence", "passages"), [("", (PASSAGE,)), ("...", (PASSAGE,)), ("Hello there.", ())])
def test_nothing_supports_nothing(sentence: str, passages: tuple[str, ...]) -> None:
    judged = make_judge().judge(sentence, passages)
    assert judged.probability == 0.0
    assert not make_judge().holds(judged)


def test_a_sentence_rests_on_the_passage_it_is_nearest_to() -> None:
    assert make_judge().judge("Plants cannot be returned.", (PASSAGE, "Plants cannot be returned.")).passage == 1


def test_a_checker_survives_its_file() -> None:
    made = all_words_known()
    rows = np.random.default_rng(1).random((50, len(FEATURES))).astype(np.float32)
    read = Checker.from_bytes(made.to_bytes())
    assert (read.probabilities(rows) == made.probabilities(rows)).all()
    assert read.threshold == made.threshold


@pytest.mark.parametrize(
    "change",
    [
        {"format": 9},
        {"features": ["other"]},
        {"threshold": 0},
        {"splits": [[99] * 7]},
        {"cuts": [[0.0] * 6]},
        {"leaves": [[float("nan")] * 8]},
        {"leaves": "none"},
    ],
)
def test_a_damaged_file_is_refused_with_a_sentence(change: dict[str, object]) -> None:
    made = json.loads(all_words_known().to_bytes()) | change
    with pytest.raises(HeadError, match=r"support\.json"):
        Checker.from_bytes(json.dumps(made).encode())


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(HeadError, match="damaged"):
        Checker.from_bytes(b"\x80pickle")


@pytest.mark.parametrize(
    "sentence",
    [
        "I have refunded you.",
        "We've cancelled it.",
        "I'll send a new one.",
        "Your order has been shipped.",
        "It costs €7.",
        "Write to me at help@other.example.",
        "See https://other.example/now.",
        "Dear [NAME], it costs €5.90.",
    ],
)
def test_some_sentences_may_never_stay(sentence: str) -> None:
    assert vetoed(sentence, (PASSAGE,))


@pytest.mark.parametrize("sentence", ["It costs €5.90.", "We refund within 2 working days.", "Delivery costs 5.90."])
def test_what_the_company_does_with_every_order_may_be_said(sentence: str) -> None:
    assert not vetoed(sentence, (PASSAGE,))
