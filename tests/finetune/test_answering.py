from __future__ import annotations

import numpy as np
import pytest

from bot.answerability import FEATURES
from finetune.answerability import LEAST_RIGHT, Pairs, fit_answerability
from finetune.answering import Searched, pick_answering
from finetune.labelled import Question
from finetune.settings import Settings
from finetune.thresholds import pick_probability, wrong_at_most
from finetune.utterances import Utterances


def pairs(questions: int, noise: float, seed: int = 0) -> Pairs:
    """Two passages a question, the first right for even questions; one feature tells, but for the noise."""
    rng = np.random.default_rng(seed)
    right = np.asarray([place == 0 and number % 2 == 0 for number in range(questions) for place in range(2)])
    rows = rng.normal(size=(len(right), len(FEATURES))).astype(np.float32)
    rows[:, 0] = right * 4 + rng.normal(size=len(right)) * noise
    numbers = np.repeat(np.arange(questions), 2)
    return Pairs(rows, right, numbers, np.ones(len(right), bool), tuple(f"{n // 2}.md" for n in numbers))


def searched(made: Pairs, questions: int) -> Searched:
    asked = tuple(Question(f"q{n}", f"{n}.md" if n % 2 == 0 else None) for n in range(questions))
    utterances = Utterances(np.zeros((questions, 4), np.float32), [question.text for question in asked])
    by_cosine = [(0.5, n % 2 == 0) for n in range(questions)]
    return Searched(asked, utterances, by_cosine, made)


def test_what_tells_right_from_wrong_is_learnt() -> None:
    made = pairs(200, noise=0.5)
    fitted = fit_answerability(made, seed=1)
    assert fitted is not None
    assert np.abs(fitted.model.weights).argmax() == 0
    assert fitted.out_of_fold[made.right].mean() > 0.9 > 0.1 > fitted.out_of_fold[~made.right].mean()


def test_with_too_little_nothing_is_fitted() -> None:
    assert fit_answerability(pairs(2 * LEAST_RIGHT - 2, noise=0.5), seed=1) is None


def test_each_question_is_judged_by_its_most_probable_passage() -> None:
    made = pairs(200, noise=0.1)
    fitted = fit_answerability(made, seed=1)
    assert fitted is not None
    best = fitted.best(made, 201)
    assert all(right for _, right in best[0:200:2])
    assert best[200] == (0.0, False)  # nothing was found for it


def test_a_passage_no_customer_may_be_shown_is_never_the_answer() -> None:
    made = pairs(200, noise=0.1)
    hidden = Pairs(made.features, made.right, made.question, ~made.right, made.groups)
    fitted = fit_answerability(hidden, seed=1)
    assert fitted is not None
    assert not any(right for _, right in fitted.best(hidden, 200))


def test_thresholds_by_probability_join_those_by_cosine() -> None:
    made = pairs(400, noise=0.3)
    found = pick_answering(searched(made, 400), np.ones(400, bool), Settings())
    assert 0 < found.thresholds["answer_probability"] < 1
    assert found.thresholds["suggest_probability"] <= found.thresholds["answer_probability"]
    assert found.metrics["by_probability"]["answer"]["coverage"] == pytest.approx(0.5, abs=0.05)
    assert set(found.files) == {"answerability.json"}


def test_an_encoder_without_tokens_leaves_the_cosine_to_decide() -> None:
    plain = Searched((Question("q", None),) * 4, Utterances(np.zeros((4, 4), np.float32)), [(0.5, True)] * 4, None)
    found = pick_answering(plain, np.ones(4, bool), Settings())
    assert found.files == {}
    assert "answer_probability" not in found.thresholds


def test_a_handful_of_right_answers_is_no_proof() -> None:
    few = [(0.9, True)] * 20 + [(0.1, False)] * 20
    assert pick_probability(few, 0.02).thresholds["probability"] == 1.0
    assert pick_probability(few * 2, 0.02).thresholds["probability"] == 0.9


def test_the_bound_is_clopper_and_pearsons() -> None:
    # Their table's "rule of three": none wrong among 59 excludes 5% with 95% confidence, and 58 do not.
    assert wrong_at_most(0, 59, 0.95) < 0.05 < wrong_at_most(0, 58, 0.95)
    assert wrong_at_most(5, 5, 0.95) == 1.0
