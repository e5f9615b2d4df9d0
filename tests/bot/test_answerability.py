from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bot.answerability import FEATURES, KEPT, SCORED, Answerability, TokenVectors, features, with_probabilities
from bot.errors import HeadError
from bot.head import Array
from bot.thresholds import Bar
from retrieval.types import Hit, Passage, PassageKind

WIDTH = 64


class WordTokens:
    """Every word has a direction of its own; counts how many texts it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> tuple[Array, list[Array]]:
        self.asked += texts
        tokens = [
            np.asarray([self._row(word) for word in text.split()], np.float32).reshape(-1, WIDTH) for text in texts
        ]
        return np.asarray([rows.sum(axis=0) for rows in tokens], np.float32), tokens

    def _row(self, word: str) -> Array:
        row = np.random.default_rng(zlib.crc32(word.strip(".,?").lower().encode())).normal(size=WIDTH)
        return (row / np.linalg.norm(row)).astype(np.float32)


def hit(rank: int, text: str, source: str, cosine: float | None, kind: PassageKind = PassageKind.ARTICLE) -> Hit:
    return Hit(Passage(rank, kind, "About", text, "", source, "en"), cosine, 3.0 / rank, 1 / (10 + rank), rank)


FOUND = (
    hit(1, "compost comes in bags of ten litres", "compost.md", 0.8),
    hit(2, "a closed bag of compost can be returned", "returns.md", 0.7),
    hit(3, "returned things are refunded", "returns.md", 0.6),
)
QUESTION = "can a closed bag be returned"


def named(rows: Array, place: int) -> dict[str, float]:
    return dict(zip(FEATURES, map(float, rows[place]), strict=True))


def model(**weights: float) -> Answerability:
    zeros, ones = np.zeros(len(FEATURES), np.float32), np.ones(len(FEATURES), np.float32)
    chosen = np.asarray([weights.get(name, 0.0) for name in FEATURES], np.float32)
    return Answerability(zeros, ones, chosen, 0.0)


def test_a_passage_that_has_every_word_of_the_question_meets_its_worst_token_fully() -> None:
    rows = features(QUESTION, FOUND, TokenVectors(WordTokens()))
    assert rows.shape == (3, len(FEATURES))
    assert named(rows, 1)["least_token"] == pytest.approx(1.0, abs=1e-2)
    assert named(rows, 0)["least_token"] < 0.6


def test_a_lead_is_over_the_best_passage_of_another_source() -> None:
    rows = features(QUESTION, FOUND, TokenVectors(WordTokens()))
    compost, bag, refund = (named(rows, place) for place in range(3))
    assert bag["tokens_lead"] == pytest.approx(bag["tokens"] - compost["tokens"])
    assert refund["tokens_lead"] == pytest.approx(refund["tokens"] - compost["tokens"])  # not over its own article's
    assert compost["tokens_lead"] == pytest.approx(compost["tokens"] - bag["tokens"])


def test_a_hit_that_only_the_words_matched_is_left_as_it_is() -> None:
    chinese = hit(4, "一般一周浇一次水", "zh.jsonl", None, PassageKind.CARD)
    found = with_probabilities(model(tokens=3.0), QUESTION, [*FOUND, chinese], TokenVectors(WordTokens()))
    assert found[3].answer_probability is None
    assert with_probabilities(model(), QUESTION, [chinese], TokenVectors(WordTokens())) == [chinese]
    assert with_probabilities(model(), QUESTION, [], TokenVectors(WordTokens())) == []


def test_the_passage_that_covers_the_question_is_the_most_probable_whatever_its_rank() -> None:
    found = with_probabilities(model(tokens=5.0), QUESTION, FOUND, TokenVectors(WordTokens()))
    assert max(found, key=lambda one: one.answer_probability or 0.0).rank == 2
    assert all(0 < (one.answer_probability or 0) < 1 for one in found)
    assert [replace(one, answer_probability=None) for one in found] == list(FOUND)


def test_hits_far_down_are_not_judged_and_answer_nothing() -> None:
    many = [hit(rank, f"text number {rank}", f"{rank}.md", 0.5) for rank in range(1, SCORED + 3)]
    encode = WordTokens()
    found = with_probabilities(model(), QUESTION, many, TokenVectors(encode))
    assert [one.answer_probability for one in found[SCORED:]] == [0.0, 0.0]
    assert len(encode.asked) == 1 + SCORED


def test_nothing_is_certain_so_a_threshold_of_one_lets_nothing_pass() -> None:
    found = with_probabilities(model(cosine=1e6), QUESTION, FOUND, TokenVectors(WordTokens()))
    assert not any(Bar(0.0, 1.0).reached_by(one) for one in found)
    assert all(Bar(1.0, 0.99).reached_by(one) for one in found)


def test_a_text_without_any_token_is_met_by_nothing() -> None:
    rows = features("", FOUND, TokenVectors(WordTokens()))
    assert np.isfinite(rows).all()
    assert named(rows, 0)["tokens"] == 0.0


def test_what_was_encoded_lately_is_not_encoded_again() -> None:
    encode = WordTokens()
    tokens = TokenVectors(encode)
    vectors = tokens.encode_and_keep([QUESTION])
    features(QUESTION, FOUND, tokens)
    features(QUESTION, FOUND, tokens)
    assert len(encode.asked) == 1 + len(FOUND)
    assert vectors.shape == (1, WIDTH)


def test_what_is_kept_is_bounded() -> None:
    tokens = TokenVectors(WordTokens())
    for number in range(KEPT + 5):
        tokens.of([f"text {number}"])
    assert len(tokens._kept) == KEPT


def test_a_saved_model_says_the_same_as_the_one_in_memory() -> None:
    fitted = model(cosine=0.3, tokens=-1.7)
    rows = features(QUESTION, FOUND, TokenVectors(WordTokens()))
    again = Answerability.from_bytes(fitted.to_bytes())
    np.testing.assert_array_equal(again.probabilities(rows), fitted.probabilities(rows))


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"not json",
        lambda raw: raw.replace(b'"format": 1', b'"format": 9'),
        lambda raw: raw.replace(b'"least_token"', b'"most_token"'),
        lambda raw: raw.replace(b'"intercept": 0.0', b'"intercept": NaN'),
        lambda raw: raw.replace(b'"scale": [\n  1.0,', b'"scale": [\n  0.0,'),
        lambda raw: raw.replace(b'"mean": [\n  0.0,', b'"mean": ['),
        lambda raw: b"[]",
    ],
)
def test_a_damaged_model_is_refused_with_a_sentence(damage) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(HeadError, match=r"answerability\.json.*run `nightdesk train` again"):
        Answerability.from_bytes(damage(model().to_bytes()))
