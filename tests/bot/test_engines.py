"""Every engine decodes as float32 does, on a tiny Llama; adapters merge as peft merges them; conversions are whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_llama import make_adapter, make_tiny_llama

from bot.engines import are_here, open_engine
from bot.engines.by_ctranslate2 import CTranslate2Engine, converted
from bot.engines.held_out import open_tokenizer, shared_head
from bot.engines.rounding import compensated
from bot.engines.weights import Weights
from bot.errors import ModelError

PROMPT = "Text: Repairs take ten working days.\nQuestion: how long?\nassistant:"
# How far an engine's logits may be from float32's: the root of the mean square, a share of that of the logits.
FAR = {"bfloat16": 0.03, "bitsandbytes": 0.1, "torchao": 0.1, "torchao-dynamic": 0.1, "ctranslate2": 0.15}
NAMES = are_here()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_llama(tmp_path_factory.mktemp("engines") / "llama")


@pytest.fixture(scope="module")
def prompt(tiny: Path) -> list[int]:
    ids: list[int] = open_tokenizer(tiny)(PROMPT)["input_ids"]
    return ids


def off(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.sqrt(np.square(found - exact).mean() / np.square(exact).mean()))


def plain_greedy(folder: Path, prompt: list[int], count: int) -> list[int]:
    """The slow twin: the whole text read anew for every token."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = list(prompt)
    for _ in range(count):
        with torch.inference_mode():
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize("name", ["float32", "ctranslate2-float32"])
def test_full_precision_decodes_what_reading_everything_anew_does(tiny: Path, prompt: list[int], name: str) -> None:
    engine = open_engine(name, Weights(tiny))
    assert list(engine.decode(prompt, head=0, max_tokens=24, stops=())) == plain_greedy(tiny, prompt, 24)


@pytest.mark.parametrize("name", NAMES)
def test_logits_stay_close_to_full_precision(tiny: Path, prompt: list[int], name: str) -> None:
    exact = open_engine("float32", Weights(tiny)).logits(prompt)
    found = open_engine(name, Weights(tiny)).logits(prompt)
    assert found.shape == exact.shape == (len(prompt), 99)
    assert found.dtype == np.float32
    assert off(found, exact) < FAR.get(name, 1e-4)


# Not bitsandbytes: which columns it holds for outliers depends on all the rows that it multiplies at once.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "bitsandbytes"])
def test_a_kept_head_changes_no_token(tiny: Path, prompt: list[int], name: str) -> None:
    engine = open_engine(name, Weights(tiny))
    other = [*prompt[:30], *prompt[40:]]
    without = [list(engine.decode(ids, head=0, max_tokens=12, stops=())) for ids in (prompt, other)]
    for _ in range(2):
        assert [list(engine.decode(ids, head=30, max_tokens=12, stops=())) for ids in (prompt, other)] == without


@pytest.mark.parametrize("name", NAMES)
def test_decoding_ends_with_the_token_that_stops_it(tiny: Path, prompt: list[int], name: str) -> None:
    engine = open_engine(name, Weights(tiny))
    free = list(engine.decode(prompt, head=0, max_tokens=12, stops=()))
    assert len(free) == 12
    stop = free[5]
    until = free[: free.index(stop) + 1]
    assert list(engine.decode(prompt, head=0, max_tokens=12, stops={stop})) == until


@pytest.mark.parametrize("name", NAMES)
def test_a_decoding_that_is_closed_leaves_the_engine_free(tiny: Path, prompt: list[int], name: str) -> None:
    engine = open_engine(name, Weights(tiny))
    left = engine.decode(prompt, head=0, max_tokens=1500, stops=())
    first = next(left)
    left.close()
    assert next(engine.decode(prompt, head=0, max_tokens=1, stops=())) == first


def test_8_bits_take_less_than_16_and_16_less_than_32(tiny: Path) -> None:
    sizes = {name: open_engine(name, Weights(tiny)).weight_bytes for name in NAMES}
    stored = sum(parameter_bytes(tiny))
    assert stored <= sizes["float32"] < 1.01 * stored
    assert stored / 2 <= sizes["bfloat16"] < 0.51 * stored
    for name in set(NAMES) & {"bitsandbytes", "ctranslate2"}:
        assert sizes[name] < 0.75 * stored


def parameter_bytes(folder: Path) -> list[int]:
    from safetensors.numpy import load_file

    return [array.nbytes for array in load_file(folder / "model.safetensors").values()]


def adapters() -> dict[str, Any]:
    from peft import AdaLoraConfig, IA3Config, LoraConfig

    common: dict[str, Any] = {"task_type": "CAUSAL_LM", "target_modules": "all-linear"}
    return {
        "lora": LoraConfig(r=4, lora_alpha=12, **common),
        "rank-stabilised": LoraConfig(r=4, lora_alpha=6, use_rslora=True, **common),
        "a rank of its own": LoraConfig(r=4, rank_pattern={"q_proj": 2}, alpha_pattern={"q_proj": 9}, **common),
        "adalora": AdaLoraConfig(init_r=4, target_r=2, total_step=9, tinit=1, tfinal=1, **common),
        "ia3": IA3Config(task_type="CAUSAL_LM"),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["lora", "rank-stabilised", "a rank of its own", "adalora", "ia3"])
def test_a_merged_adapter_says_what_peft_says_unmerged(
    tiny: Path, prompt: list[int], tmp_path: Path, kind: str
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    adapter = make_adapter(tiny, tmp_path / "adapter", adapters()[kind])
    unmerged = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32), adapter
    ).eval()
    with torch.inference_mode():
        expected = unmerged(torch.tensor([prompt])).logits[0].numpy()
    found = open_engine("float32", Weights(tiny, adapter)).logits(prompt)
    assert np.abs(expected - open_engine("float32", Weights(tiny)).logits(prompt)).max() > 0.1
    assert np.abs(found - expected).max() < 1e-4


@pytest.mark.parametrize("name", [name for name in NAMES if name != "float32"])
def test_every_engine_serves_the_adapter(tiny: Path, prompt: list[int], tmp_path: Path, name: str) -> None:
    adapter = make_adapter(tiny, tmp_path / "adapter", adapters()["lora"])
    exact, found = (open_engine(each, Weights(tiny, adapter)).logits(prompt) for each in ("float32", name))
    assert off(found, exact) < FAR.get(name, 1e-4)
    assert not list((tiny.parent / "llama.engines").glob(".merged-*"))


def test_an_adapter_of_another_base_is_refused(tiny: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tiny, tmp_path / "adapter", adapters()["lora"])
    described = json.loads((adapter / "base.json").read_text())
    (adapter / "base.json").write_text(json.dumps({**described, "fingerprint": "0123456789abcdef"}))
    with pytest.raises(ModelError, match="0123456789ab"):
        open_engine("float32", Weights(tiny, adapter))


def test_an_adapter_that_cannot_be_merged_is_refused(tiny: Path, tmp_path: Path) -> None:
    from peft import PrefixTuningConfig

    adapter = make_adapter(tiny, tmp_path / "adapter", PrefixTuningConfig(num_virtual_tokens=2, task_type="CAUSAL_LM"))
    with pytest.raises(ModelError, match=r"PREFIX_TUNING; serving merges"):
        open_engine("float32", Weights(tiny, adapter))


def test_the_fingerprint_knows_the_adapter(tiny: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tiny, tmp_path / "adapter", adapters()["lora"])
    assert Weights(tiny).fingerprint == Weights(tiny).fingerprint != Weights(tiny, adapter).fingerprint


def test_a_conversion_is_made_once_and_again_when_it_is_damaged(tiny: Path) -> None:
    weights = Weights(tiny)
    folder = converted(weights, "int8")
    model = folder / "model.bin"
    written = model.stat().st_mtime_ns
    assert converted(weights, "int8") == folder
    assert model.stat().st_mtime_ns == written
    whole = model.read_bytes()
    model.write_bytes(whole[:-1] + b"\0" + whole[-1:])
    assert converted(weights, "int8") == folder
    assert model.read_bytes() == whole
    assert not list(weights.shelf.glob(".converting-*"))


def test_an_unknown_engine_is_refused_with_the_known_ones(tiny: Path) -> None:
    with pytest.raises(ModelError, match="there is no engine 'int4'; there are float32"):
        open_engine("int4", Weights(tiny))


def test_what_all_texts_begin_with_is_counted() -> None:
    assert shared_head([[1, 2, 3], [1, 2, 4], [1, 2]]) == 2
    assert shared_head([[1], [2]]) == 0


def test_compensated_rounding_errs_less_on_what_was_seen_than_plain_rounding() -> None:
    random = np.random.default_rng(5)
    inputs = (random.normal(size=(400, 48)) @ random.normal(size=(48, 48))).astype(np.float32)
    weight = random.normal(size=(20, 48)).astype(np.float32)
    numbers, worth = compensated(weight, inputs.T @ inputs, 15)
    plain = np.rint(weight / worth[:, None]) * worth[:, None]
    assert np.abs(numbers).max() <= 15
    errors = [np.square(inputs @ (weight - rounded).T).mean() for rounded in (numbers * worth[:, None], plain)]
    assert errors[0] < 0.5 * errors[1]


def test_rounding_that_rounds_hardly_anything_leaves_the_logits_alone(tiny: Path, prompt: list[int]) -> None:
    """Smoothing moves factors between weights: with 8 bits instead of 7 only the rounding is left, and it halves."""
    exact = open_engine("float32", Weights(tiny)).logits(prompt)
    off_by = []
    for quantization in ("int7", "int8"):
        folder = converted(Weights(tiny), quantization)
        off_by.append(off(CTranslate2Engine(folder, "float32", 1).logits(prompt), exact))
    assert off_by[1] < 0.75 * off_by[0] < 0.1
