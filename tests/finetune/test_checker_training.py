"""Training the checker: what it learns from, how its threshold is chosen, and when customers may read what passes."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from bot.composed.checker import FEATURES, Checker
from bot.presentable import sentences
from finetune.checker.fit import DRAFTED_SUPPORTED, RATE, TREES, Table, fit_checker, least_threshold
from finetune.checker.labels import Standing, read_answers
from finetune.checker.learn import good_enough
from finetune.checker.pairs import read_written
from finetune.checker.rules import false_sentences, names_in, true_sentences
from finetune.errors import BadLabels

PASSAGE = (
    "Pots can be returned within 30 days of delivery, since they do not wilt. Plants cannot be returned on Monday. "
    "The label costs two euro. You may bring it to Zutphen before noon."
)
DEMO = Path(__file__).parents[2] / "data" / "demo"


def made(rows: int = 240, seed: int = 3) -> Table:
    """Sentences whose support shows in two features, about six sources."""
    dice = np.random.default_rng(seed)
    features = dice.random((rows, len(FEATURES))).astype(np.float32)
    supported = features[:, 0] + features[:, 19] > 1
    sources = np.asarray([f"page-{number % 6}.md" for number in range(rows)])
    kinds = np.where(supported, "by hand", "number")
    return Table(features, supported, np.ones(rows, np.float32), sources, kinds)


def test_the_trees_are_those_that_sklearn_fitted() -> None:
    table = made()
    fitted = fit_checker(table, folds=3, seed=13).checker
    twin = GradientBoostingClassifier(
        n_estimators=TREES, max_depth=3, learning_rate=RATE, subsample=0.7, random_state=13
    )
    twin.fit(table.features, table.supported, sample_weight=table.weights)
    rows = made(100, seed=8).features
    assert fitted.probabilities(rows) == pytest.approx(twin.predict_proba(rows)[:, 1], abs=2e-4)


def test_training_twice_gives_the_same_bytes() -> None:
    first, second = (fit_checker(made(120), folds=2, seed=13).checker.to_bytes() for _ in range(2))
    assert first == second


def test_a_saved_checker_judges_as_the_one_in_memory() -> None:
    checker = fit_checker(made(120), folds=2, seed=13).checker
    rows = made(60, seed=5).features
    assert (Checker.from_bytes(checker.to_bytes()).probabilities(rows) == checker.probabilities(rows)).all()


def test_the_threshold_counts_as_many_unsupported_sentences_as_a_model_writes() -> None:
    probabilities = np.asarray([0.9] * 90 + [0.8] * 10 + [0.85] + [0.1] * 99, np.float32)
    supported = np.asarray([True] * 100 + [False] * 100)
    assert least_threshold(probabilities, supported, 0.98) == pytest.approx(0.9, abs=1e-4)
    wrong = (1 - DRAFTED_SUPPORTED) / 100
    assert DRAFTED_SUPPORTED / (DRAFTED_SUPPORTED + wrong) < 0.98  # which is why .8 is not enough


def test_no_threshold_is_good_enough_where_the_wrong_are_the_surest() -> None:
    probabilities = np.asarray([0.9, 0.8, 0.7], np.float32)
    assert least_threshold(probabilities, np.asarray([False, True, True]), 0.98) == 1.0


def test_one_source_is_too_few() -> None:
    table = replace(made(), sources=np.asarray(["page.md"] * 240))
    with pytest.raises(BadLabels, match="two sources"):
        fit_checker(table, folds=3, seed=1)


def test_what_rules_make_is_true_to_the_passage_or_not() -> None:
    dice = random.Random(4)
    true = list(true_sentences(PASSAGE, dice))
    assert "Pots can be returned within 30 days of delivery." in true
    assert "Plants can't be returned on Monday." in true
    false = list(false_sentences(PASSAGE, names_in([PASSAGE, "It is open in Arnhem."]), dice))
    assert {"number", "negation", "opposite", "name", "splice"} <= {kind for kind, _ in false}
    assert not {sentence for _, sentence in false} & set(true)
    assert ("negation", "Plants can be returned on Monday.") in false


def test_rules_make_the_same_of_the_same_seed() -> None:
    first, second = (list(false_sentences(PASSAGE, ["Arnhem", "Monday"], random.Random(9))) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"source": "a", "passages": ["p"], "supported": ["s"]}',
        '{"source": "a", "passages": [], "supported": ["s"], "unsupported": []}',
        '{"source": "a", "passages": ["p"], "supported": [3], "unsupported": []}',
        '{"source": "a", "passages": ["p"], "supported": ["s"], "unsupported": ["no kind"]}',
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "pairs.jsonl"
    good = {"source": "a", "passages": ["p"], "supported": ["s"], "unsupported": [["number", "t"]]}
    path.write_text(json.dumps(good) + "\n" + line + "\n", "utf-8")
    with pytest.raises(BadLabels, match=r"pairs\.jsonl:2 .*passages"):
        read_written(path)


@pytest.mark.parametrize(
    "line", ["{", '{"question": "q"}', '{"question": "q", "passages": [], "draft": "d", "supported": []}']
)
def test_a_bad_labelled_answer_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(line + "\n", "utf-8")
    with pytest.raises(BadLabels, match=r"answers\.jsonl:1 .*supported"):
        read_answers(path)


GOOD: dict[str, Any] = {
    "answers": 200, "shown": 150, "coverage": 0.75, "supported": 0.97, "answering": 0.6, "extractive_answering": 0.55,
    "written": 80, "quoted": 120, "drafted": 400, "drafted_supported": 0.2, "passed": 60, "passed_supported": 0.97,
    "unlabelled": 0,
}  # fmt: skip


def test_customers_read_composed_answers_only_where_all_of_it_is_proven() -> None:
    assert good_enough(Standing(**GOOD))


@pytest.mark.parametrize("change", [{"shown": 99}, {"coverage": 0.59}, {"supported": 0.94}, {"answering": 0.54}])
def test_one_thing_short_keeps_them_from_customers(change: dict[str, float]) -> None:
    assert not good_enough(Standing(**(GOOD | change)))


def test_the_demos_own_sentences_can_be_read_and_are_plenty() -> None:
    written = read_written(DEMO / "support_pairs.jsonl")
    assert sum(len(row.supported) for row in written) >= 300
    assert sum(len(row.unsupported) for row in written) >= 200
    assert len({row.source for row in written}) >= 30


def test_the_demos_labelled_answers_can_be_read() -> None:
    answers = read_answers(DEMO / "composed_labels.jsonl")
    assert sum(len(answer.supported) for answer in answers) >= 200
    assert len(answers) >= 200
    assert all(text in answer.supported for answer in answers for text in sentences(answer.draft))
