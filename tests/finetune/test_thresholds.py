import numpy as np
import pytest

from finetune.heads import OutOfFold
from finetune.thresholds import pick_cosine, pick_intent_thresholds, pick_margin, pick_scope_to_ask


def view(rows: list[tuple[float, int, float, int]]) -> OutOfFold:
    """Rows of (top probability, top label, out of scope, gold)."""
    probabilities = np.zeros((len(rows), 2), np.float32)
    for index, (top, label, _, _) in enumerate(rows):
        probabilities[index, label], probabilities[index, 1 - label] = top, 1 - top
    scope = np.asarray([row[2] for row in rows], np.float32)
    return OutOfFold(("a", "b"), probabilities, scope, np.asarray([row[3] for row in rows]))


def test_the_most_is_answered_within_the_target() -> None:
    rows = [(0.9, 0, 0.1, 0)] * 49 + [(0.9, 0, 0.1, 1)] + [(0.6, 1, 0.1, 0)] * 10
    found = pick_intent_thresholds(view(rows), target_wrong=0.02)
    assert 0.6 < found.thresholds["intent_probability"] <= 0.9
    assert found.wrong_share == pytest.approx(0.02)


def test_what_is_out_of_scope_counts_as_wrong_when_answered() -> None:
    rows = [(0.9, 0, 0.2, 0)] * 20 + [(0.99, 0, 0.8, -1)] * 5
    found = pick_intent_thresholds(view(rows), target_wrong=0.0)
    assert 0.2 < found.thresholds["out_of_scope"] <= 0.8
    assert found.coverage == 1.0


def test_without_examples_out_of_scope_what_is_likelier_outside_than_in_is_never_served() -> None:
    rows = [(0.9, 0, 0.05, 0)] * 50 + [(0.9, 0, 0.8, 0)] * 5
    chosen = pick_intent_thresholds(view(rows), 0.02)
    assert chosen.thresholds["out_of_scope"] <= 0.5
    assert chosen.coverage == pytest.approx(50 / 55)


def test_nothing_is_answered_when_no_threshold_reaches_the_target() -> None:
    found = pick_intent_thresholds(view([(0.9, 0, 0.1, 1)] * 5), target_wrong=0.02)
    assert found.coverage == 0.0


def test_the_margin_asks_back_in_about_the_share_given() -> None:
    rows = [(0.5 + step / 200, 0, 0.1, 0) for step in range(100)]
    margin = pick_margin(view(rows), share_asked=0.1)
    assert 0.05 < margin < 0.15


def test_about_the_share_given_of_what_is_out_of_scope_is_asked_what_is_meant() -> None:
    rows = [(0.9, 0, 0.01 * n, -1) for n in range(1, 101)] + [(0.9, 0, 0.0, 0)] * 50
    assert pick_scope_to_ask(view(rows), 0.15) == pytest.approx(0.15, abs=0.01)
    assert pick_scope_to_ask(view([(0.9, 0, 0.1, 0)]), 0.15) == 0.5


def test_the_cosine_is_the_lowest_that_keeps_the_target() -> None:
    scored = [(0.9, True), (0.8, True), (0.7, False), (0.6, True)]
    assert pick_cosine(scored, 0.0).thresholds["answer_cosine"] == 0.8
    assert pick_cosine(scored, 0.25).thresholds["answer_cosine"] == 0.6
    assert pick_cosine([(0.9, False)], 0.02).thresholds["answer_cosine"] == 1.0


def test_equal_cosines_are_taken_or_left_together() -> None:
    assert pick_cosine([(0.9, True), (0.9, False)], 0.0).thresholds["answer_cosine"] == 1.0
