from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_bert import make_tiny_bert

from finetune.encoder.recipe import Recipe, read_recipe, write_recipe
from finetune.errors import BadLabels, BadRecipe
from finetune.labelled import Labelled
from finetune.search import RANGES, RECIPE_FILE, recipe_of, search

pytest.importorskip("optuna")

UTTERANCES = [
    *(Labelled(text, "track") for text in ("where is my parcel", "track my order", "track it", "where is it now")),
    *(Labelled(text, "cancel") for text in ("stop my order", "cancel the order", "undo it", "cancel it now")),
    *(Labelled(text, "refund") for text in ("money back", "refund the money", "refund it", "where is my money")),
]
START = Recipe(epochs=2, batch=16, learning_rate=1e-3)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture(scope="module")
def found(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What three undisturbed trials write."""
    home = tmp_path_factory.mktemp("home")
    search(tiny, UTTERANCES, 3, home, start=START)
    return (home / RECIPE_FILE).read_text()


def test_the_best_recipe_is_kept_where_training_finds_it(tmp_path: Path, found: str) -> None:
    (tmp_path / RECIPE_FILE).write_text(found)
    written = json.loads(found)
    assert recipe_of(tmp_path, START) == replace(START, **written["recipe"])
    assert set(written["recipe"]) <= set(RANGES)
    assert written["held_out_accuracy"] >= written["start_accuracy"]
    assert (written["held_out"], written["trials"]) == (3, 3)


def test_one_trial_is_the_recipe_to_begin_with(tiny: Path, tmp_path: Path) -> None:
    assert search(tiny, UTTERANCES, 1, tmp_path, start=START) == START


@pytest.mark.parametrize("step", [2, 4])
def test_a_search_killed_in_any_trial_ends_as_one_that_was_not(
    tiny: Path, tmp_path: Path, found: str, step: int
) -> None:
    said: list[int] = []

    def die(done: int, steps: int, left_s: float) -> None:
        said.append(done)
        if len(said) == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(tiny, UTTERANCES, 3, tmp_path, die, start=START)
    search(tiny, UTTERANCES, 3, tmp_path, start=START)
    assert (tmp_path / RECIPE_FILE).read_text() == found


def test_a_search_that_is_asked_for_more_trials_adds_them(tiny: Path, tmp_path: Path) -> None:
    tried: list[tuple[int, float]] = []
    for trials in (1, 2):
        search(tiny, UTTERANCES, trials, tmp_path, start=START, tried=lambda number, best: tried.append((number, best)))
    assert [number for number, _ in tried] == [1, 2]
    assert tried[0][1] <= tried[1][1]


def test_other_utterances_or_another_start_are_another_search(tiny: Path, tmp_path: Path) -> None:
    search(tiny, UTTERANCES, 1, tmp_path, start=START)
    tried: list[int] = []
    search(tiny, UTTERANCES[:-1], 1, tmp_path, start=START, tried=lambda number, _: tried.append(number))
    search(tiny, UTTERANCES, 1, tmp_path, start=replace(START, seed=3), tried=lambda number, _: tried.append(number))
    assert tried == [1, 1]


def test_without_a_search_the_recipe_is_as_it_was(tmp_path: Path) -> None:
    assert recipe_of(tmp_path, START) == START


def test_too_few_utterances_or_trials_are_named(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(BadLabels, match="'refund' has one utterance"):
        search(tiny, UTTERANCES[:9], 1, tmp_path)
    with pytest.raises(BadRecipe, match="--search is 0"):
        search(tiny, UTTERANCES, 0, tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no recipe"),
        ('{"recipe": 3}', "should be an object"),
        ('{"recipe": {"epoch": 3}}', "'epoch' is no field"),
        ('{"recipe": {"epochs": 2.5}}', "epochs is 2.5; it should be a whole number"),
        ('{"recipe": {"dropout": 1.5}}', "dropout is 1.5; it is a share"),
        ('{"recipe": {"batch": 0}}', "batch is 0; it should be above 0"),
        ('{"recipe": {"mixup": -1}}', "mixup is -1; it should be at least 0"),
        ('{"recipe": {"scale": "20"}}', "scale is '20'; it should be a number"),
        ('{"recipe": {"precision": "int4"}}', "precision is 'int4'"),
    ],
)
def test_a_spoilt_recipe_is_refused_with_its_file_and_value(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(BadRecipe, match=said) as error:
        read_recipe(path, START)
    assert str(path) in str(error.value)


def test_a_recipe_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_recipe(tmp_path / "recipe.json", {"epochs": 7, "mixup": 0.25}, {"trials": 3})
    assert read_recipe(tmp_path / "recipe.json", START) == replace(START, epochs=7, mixup=0.25)
