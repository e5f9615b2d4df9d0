import numpy as np
import pytest

from finetune.bench.scores import calibration_error, coverage_at, macro_f1, out_of_scope_figures


def test_coverage_is_the_longest_confident_prefix_within_the_target() -> None:
    confidence = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    right = np.array([True, True, False, True, False])
    assert coverage_at(confidence, right, 0.0) == pytest.approx(0.4)
    assert coverage_at(confidence, right, 0.25) == pytest.approx(0.8)
    assert coverage_at(confidence, ~right, 0.0) == 0.0


def test_equal_confidences_are_answered_together_or_not_at_all() -> None:
    assert coverage_at(np.array([0.9, 0.9, 0.1]), np.array([True, False, True]), 0.0) == 0.0


def test_a_perfectly_calibrated_score_has_no_error() -> None:
    confidence = np.array([0.75] * 4 + [0.25] * 4)
    right = np.array([True, True, True, False, False, False, False, True])
    assert calibration_error(confidence, right) == pytest.approx(0.0)
    assert calibration_error(np.ones(4), np.zeros(4, bool)) == pytest.approx(1.0)


def test_the_threshold_is_the_strictest_that_recalls_four_fifths() -> None:
    inside, outside = np.array([0.1, 0.2, 0.35, 0.6]), np.array([0.9, 0.8, 0.7, 0.4, 0.05])
    found = out_of_scope_figures(inside, np.array([True, False, True, True]), outside)
    assert found["recall"] == pytest.approx(0.8)
    assert found["in_scope_accuracy"] == pytest.approx(0.5)  # the second is wrong, the fourth is called out of scope


def test_an_intent_that_training_lacks_counts_as_missed() -> None:
    assert macro_f1(np.array([0, 0, 1]), np.array([0, 0, -1])) == pytest.approx(0.5)


def test_auroc_is_the_share_of_pairs_in_the_right_order() -> None:
    found = out_of_scope_figures(np.array([0.1, 0.6]), np.array([True, True]), np.array([0.9, 0.4]))
    assert found["auroc"] == pytest.approx(0.75)
