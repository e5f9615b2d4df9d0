from __future__ import annotations

from pathlib import Path

import pytest
from dialogue_desk import write_dialogues
from tiny_bert import make_tiny_bert

from finetune.bench.dialogue import bench_dialogue
from finetune.dialogue.recipe import Recipe
from finetune.errors import BadLabels

RECIPE = Recipe(epochs=4, batch=8, learning_rate=1e-2, part=16, state=16)
OUTSIDE = {"recall", "precision", "f1", "rate", "auroc", "threshold"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("weights") / "tiny")


def test_the_figures_are_there_under_their_names(tiny: Path, tmp_path: Path) -> None:
    report = bench_dialogue(tiny, write_dialogues(tmp_path / "d.jsonl", range(50)), seeds=2, recipe=RECIPE)
    assert set(report["next_action"]) == {
        "accuracy", "accuracy_std", "macro_f1", "top3", "labelled", "free", "lookups", "majority", "by_previous",
        "tfidf", "tfidf_history", "lead",
    }  # fmt: skip
    assert set(report["out_of_scope"]) == set(report["off_script"]) == OUTSIDE
    assert (report["dialogues"], report["trained_on"], report["seeds"]) == (10, 40, 2)
    assert report["turns"] > 40
    assert report["unseen"] == 0
    assert report["next_action"]["accuracy"] > report["next_action"]["majority"]


def test_the_test_file_is_opened_only_after_training(tiny: Path, tmp_path: Path) -> None:
    train, test = write_dialogues(tmp_path / "train.jsonl", range(20)), tmp_path / "test.jsonl"

    def write_it_late(done: int, epochs: int, left_s: float) -> None:
        if not test.exists():
            write_dialogues(test, range(50, 60))

    report = bench_dialogue(tiny, train, test, recipe=RECIPE, told=write_it_late)
    assert (report["dialogues"], report["trained_on"]) == (10, 20)


def test_numbers_that_make_no_sense_are_refused(tiny: Path, tmp_path: Path) -> None:
    train = write_dialogues(tmp_path / "d.jsonl", range(5))
    with pytest.raises(BadLabels, match="seeds is 0"):
        bench_dialogue(tiny, train, seeds=0)
    with pytest.raises(BadLabels, match="test share is 1"):
        bench_dialogue(tiny, train, test_share=1)
