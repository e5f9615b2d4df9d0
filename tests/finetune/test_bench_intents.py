from __future__ import annotations

from pathlib import Path

import pytest
from tiny_bert import make_tiny_bert

from finetune.bench.intents import bench_intents
from finetune.encoder.recipe import Recipe
from finetune.errors import BadLabels

KEYS = {"accuracy", "macro_f1", "oos", "ece", "coverage_at_98", "sealed_at_98", "train_s", "ms_per_utterance"}
RECIPE = Recipe(epochs=3, batch=4, learning_rate=3e-3)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("weights") / "tiny")


def write(path: Path, rows: list[tuple[str, str]]) -> Path:
    path.write_text("text,intent\n" + "".join(f"{text},{intent}\n" for text, intent in rows))
    return path


TRAIN = [(text, "track") for text in ("where is it", "track my parcel", "track it", "is it late")]
TRAIN += [(text, "refund") for text in ("money back", "refund my order", "refund it", "the money please")]


def test_the_figures_are_there_under_their_names(tiny: Path, tmp_path: Path) -> None:
    train = write(tmp_path / "train.csv", TRAIN)
    test = write(tmp_path / "test.csv", [("track the order", "track"), ("money back please", "refund")])
    oos = tmp_path / "oos.csv"
    oos.write_text("text\nstop\nundo the late\n")
    report = bench_intents(tiny, train, test, oos, seeds=2, recipe=RECIPE)
    assert set(report) == KEYS
    assert set(report["oos"]) == {"auroc", "recall", "in_scope_accuracy"}
    assert report["accuracy"]["seeds"] == 2
    assert 0 <= report["accuracy"]["mean"] <= 1
    assert bench_intents(tiny, train, test, recipe=RECIPE)["oos"] is None


def test_the_test_file_is_opened_only_after_training(tiny: Path, tmp_path: Path) -> None:
    train, test = write(tmp_path / "train.csv", TRAIN), tmp_path / "test.csv"

    def write_it_late(done: int, steps: int, left_s: float) -> None:
        if not test.exists():
            write(test, [("track the order", "track")])

    assert bench_intents(tiny, train, test, recipe=RECIPE, told=write_it_late)["macro_f1"] in (0.0, 1.0)


def test_no_seeds_are_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(BadLabels, match="seeds is 0"):
        bench_intents(tiny, write(tmp_path / "t.csv", TRAIN), tmp_path / "t.csv", seeds=0)
