"""On a GPU the response model is tuned beside an 8-bit base, from end to end."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "finetune"))

from tiny_speaker import make_tiny_speaker

from finetune.response.adapters import load_base, load_tokenizer, with_adapter
from finetune.response.examples import Example
from finetune.response.loop import learn, loss_of, steps_of
from finetune.response.loss import Speaker
from finetune.response.recipe import ResponseRecipe
from finetune.response.saved import load_adapter, save_adapter
from finetune.response.tokens import Row, row_of

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"),
]
RECIPE = ResponseRecipe(epochs=8, batch=2, learning_rate=1e-2, patience=9, dropout=0.1)
PAD = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_speaker(tmp_path_factory.mktemp("weights") / "speaker")


@pytest.fixture(scope="module")
def rows(folder: Path) -> list[Row]:
    tokenizer = load_tokenizer(folder)
    said = [
        Example("how long does delivery take?", ("Delivery takes two days.",), "It takes two days.", "a"),
        Example("returns cost?", ("Returns are free within 30 days.",), "Returns are free.", "b"),
    ]
    return [row_of(tokenizer, example) for example in said * 3]


def eight_bit(model: Any) -> bool:
    return any(type(part).__name__ == "Linear8bitLt" for part in model.modules())


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("method", ["lora", "adalora", "ia3"])
def test_an_adapter_is_tuned_on_an_8_bit_base_saved_and_reloaded(
    method: str, checkpointing: bool, folder: Path, rows: list[Row], tmp_path: Path
) -> None:
    recipe = replace(RECIPE, method=method, checkpointing=checkpointing)
    base = load_base(folder)
    assert eight_bit(base)
    model = with_adapter(base, recipe, steps_of(rows, recipe))
    found = learn(model, rows, recipe, pad=PAD, held_out=rows[:2])
    assert min(found.losses[1:]) < found.losses[0]
    save_adapter(model, tmp_path / "response", base=folder, base_name="tiny")
    again = load_adapter(load_base(folder), tmp_path / "response", folder)
    assert eight_bit(again)
    assert loss_of(Speaker(again), rows, recipe, PAD) == pytest.approx(min(found.losses), abs=0.05)


def test_a_run_killed_on_a_gpu_goes_on_where_it_was(folder: Path, rows: list[Row], tmp_path: Path) -> None:
    def model() -> Any:
        return with_adapter(load_base(folder), RECIPE, steps_of(rows, RECIPE))

    straight, resumed = model(), model()
    learn(straight, rows, RECIPE, pad=PAD)
    learn(model(), rows, RECIPE, pad=PAD, checkpoint=tmp_path, most_steps=5)
    learn(resumed, rows, RECIPE, pad=PAD, checkpoint=tmp_path)
    kept = {name: part for name, part in resumed.named_parameters() if part.requires_grad}
    for name, part in straight.named_parameters():
        if part.requires_grad:
            # A GPU adds up in no fixed order; the CPU's twin of this test asks for equal bits.
            assert torch.allclose(part, kept[name], atol=1e-3)
