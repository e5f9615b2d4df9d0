from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_bert import make_tiny_bert

from bot.head import softmax
from finetune.bench.ablation import OPTIONS, bench_ablation
from finetune.encoder.loop import Examples, tune
from finetune.encoder.recipe import Recipe
from finetune.ensemble import folded, learn_several, logits_of, probabilities_of, tune_folded
from finetune.errors import BadLabels

TEXTS = ["where is my parcel", "track my order", "track it", "stop my order", "cancel the order", "undo it"]
EXAMPLES = Examples(TEXTS, [0, 0, 0, 1, 1, 1])
RECIPE = Recipe(epochs=2, batch=3, learning_rate=3e-3, members=2)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("weights") / "tiny")


def test_members_differ_and_their_probabilities_are_averaged(tiny: Path) -> None:
    one, other = learn_several(tiny, EXAMPLES, RECIPE)
    assert not torch.equal(one.proxies, other.proxies)
    alone = [softmax(logits_of(member, TEXTS, RECIPE.scale)) for member in (one, other)]
    together = probabilities_of([one, other], TEXTS, RECIPE.scale)
    assert np.allclose(together, (alone[0] + alone[1]) / 2, atol=1e-6)
    assert np.allclose(together.sum(1), 1.0, atol=1e-5)
    flat = probabilities_of([one, other], TEXTS, RECIPE.scale, temperature=4.0)
    assert (flat.max(1) < together.max(1)).all()


def test_what_several_agree_on_is_folded_into_one(tiny: Path) -> None:
    told: list[tuple[int, int]] = []
    student = tune_folded(
        tiny, EXAMPLES, RECIPE, unlabelled=["track the parcel"], told=lambda done, steps, _: told.append((done, steps))
    )
    members = list(learn_several(tiny, EXAMPLES, RECIPE))
    soft = probabilities_of(members, [*TEXTS, "track the parcel"], RECIPE.scale, RECIPE.soft_temperature)
    by_hand = tune(tiny, folded(EXAMPLES, soft, ["track the parcel"]), replace(RECIPE, members=1))
    assert torch.equal(student.proxies, by_hand.proxies)
    steps = [done for done, _ in told]
    assert steps == sorted(steps)


def test_one_member_is_tuning_as_it_always_was(tiny: Path) -> None:
    alone = replace(RECIPE, members=1)
    assert torch.equal(tune_folded(tiny, EXAMPLES, alone).proxies, tune(tiny, EXAMPLES, alone).proxies)


@pytest.mark.parametrize("calls", [3, 11])
def test_a_folding_killed_in_one_of_its_runs_ends_as_one_that_was_not(tiny: Path, tmp_path: Path, calls: int) -> None:
    said: list[int] = []

    def die(done: int, steps: int, left_s: float) -> None:
        said.append(done)
        if len(said) == calls:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune_folded(tiny, EXAMPLES, RECIPE, checkpoint=tmp_path, told=die, save_every_s=0)
    resumed = tune_folded(tiny, EXAMPLES, RECIPE, checkpoint=tmp_path)
    assert torch.equal(resumed.proxies, tune_folded(tiny, EXAMPLES, RECIPE).proxies)


def test_the_ablation_compares_each_option_with_the_base(tiny: Path, tmp_path: Path) -> None:
    train, others = tmp_path / "few.csv", tmp_path / "all.csv"
    rows = [*zip(TEXTS, ["track"] * 3 + ["cancel"] * 3, strict=True)]
    write(train, rows)
    write(others, [*rows, ("where is it", "track"), ("cancel it", "cancel"), ("money back", "refund")])

    def run(options: tuple[str, ...], seeds: int) -> dict[str, object]:
        recipe = replace(RECIPE, members=1)
        return bench_ablation(
            tiny, train, others=others, recipe=recipe, options=options, seeds=seeds, keep=tmp_path / "runs"
        )

    first = run(("mixup",), 1)
    assert (first["learnt"], first["judged"]) == (6, 2)  # rows it learnt from and intents it never saw are left out
    second = run(("mixup", "distilled", "names left out"), 2)
    assert len(list((tmp_path / "runs").glob("*.safetensors"))) == 8
    assert second["base"]["gain_points"] == {"proxies": 0.0, "regression": 0.0}  # type: ignore[index]
    assert {"mixup", "distilled", "names left out", "ensemble", "frozen vectors beside"} <= set(second)
    assert second["distilled"]["cost"] > 2  # type: ignore[index]
    assert run(("mixup",), 1) == first


def test_an_ablation_that_cannot_be_is_refused(tiny: Path, tmp_path: Path) -> None:
    train = tmp_path / "few.csv"
    write(train, [*zip(TEXTS, ["track"] * 3 + ["cancel"] * 3, strict=True)])
    with pytest.raises(BadLabels, match="there is no option 'magic'"):
        bench_ablation(tiny, train, recipe=RECIPE, options=("magic",))
    with pytest.raises(BadLabels, match="leaves no row to judge on"):
        bench_ablation(tiny, train, others=train, recipe=RECIPE)
    assert "mixup" in OPTIONS


def write(path: Path, rows: list[tuple[str, str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "intent"), *rows])
