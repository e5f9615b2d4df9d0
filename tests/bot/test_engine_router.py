"""Which engine serves: the fastest among those that agree, measured once a machine, each in a process of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from tiny_llama import make_tiny_llama

from bot.engines import NAMES
from bot.engines.by_ctranslate2 import converted, eight_bits
from bot.engines.router import choose, default, kept, measure_all, pick
from bot.engines.weights import Weights, adapter_in, weights_that_serve
from bot.errors import ModelError
from bot.response_weights import folder_of
from bot.settings import Settings


def row(tokens_per_s: float, agreement: float, first_token_ms: float = 100.0) -> dict[str, float]:
    return {"tokens_per_s": tokens_per_s, "agreement": agreement, "first_token_ms": first_token_ms}


REFERENCE = row(10, 1.0)


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        ({"float32": REFERENCE}, "float32"),
        ({"float32": REFERENCE, "ctranslate2": row(40, 0.96)}, "ctranslate2"),
        ({"float32": REFERENCE, "ctranslate2": row(40, 0.94)}, "float32"),
        ({"float32": REFERENCE, "ctranslate2": row(40, 0.94), "bfloat16": row(15, 0.98)}, "bfloat16"),
        ({"float32": REFERENCE, "bitsandbytes": row(5, 0.99)}, "float32"),
        # Few tokens a second more do not pay for a prompt that is read slowly.
        ({"float32": REFERENCE, "torchao": row(11, 0.99, 5000)}, "float32"),
    ],
)
def test_the_fastest_that_agrees_serves(rows: dict[str, dict[str, float]], chosen: str) -> None:
    assert choose(rows, 0.95).engine == chosen


def test_on_a_gpu_8_bits_serve_if_they_agree() -> None:
    rows = {"float32": REFERENCE, "bfloat16": row(30, 0.99), "bitsandbytes": row(20, 0.97)}
    assert choose(rows, 0.95, on_gpu=True).engine == "bitsandbytes"
    assert choose(rows, 0.98, on_gpu=True).engine == "bfloat16"


def test_the_reason_names_what_was_faster_and_failed() -> None:
    why = choose({"float32": REFERENCE, "ctranslate2": row(40, 0.5)}, 0.95).why
    assert "ctranslate2" in why
    assert "95%" in why


def test_measuring_keeps_what_pick_finds_until_the_machine_changes(tmp_path: Path) -> None:
    weights = Weights(make_tiny_llama(tmp_path / "llama"))
    assert pick(weights, 1, 0.95) == default(weights)
    measured = measure_all(weights, 1, names=("ctranslate2-float32",))
    assert list(measured.rows) == ["float32", "ctranslate2-float32"]
    assert [each["agreement"] for each in measured.rows.values()] == [1.0, 1.0]
    assert all(each["perplexity"] > 1 and each["bytes"] > 0 for each in measured.rows.values())
    assert pick(weights, 1, 0.95).measured
    assert kept(weights, 2) is None  # other threads, another measurement
    assert kept(replace(weights, adapter=None), 1) == measured


def test_an_engine_that_takes_too_long_is_ended_and_without_a_reference_nothing_is_measured(tmp_path: Path) -> None:
    weights = Weights(make_tiny_llama(tmp_path / "llama"))
    with pytest.raises(ModelError, match=r"no engine can be measured: it was not measured within 0\.01 s"):
        measure_all(weights, 1, names=("float32",), longest_s=0.01)
    assert kept(weights, 1) is None


def test_a_damaged_measurement_is_none(tmp_path: Path) -> None:
    weights = Weights(make_tiny_llama(tmp_path / "llama"))
    (weights.made_shelf() / f"measured-{weights.fingerprint}.json").write_text('{"machine": ')
    assert kept(weights, 1) is None
    assert pick(weights, 1, 0.95) == default(weights)


def test_the_default_is_what_can_be_loaded_at_once(tmp_path: Path) -> None:
    weights = Weights(make_tiny_llama(tmp_path / "llama"))
    assert default(weights).engine == "float32"
    converted(weights, eight_bits())
    assert default(weights).engine == "ctranslate2"


def test_every_engine_can_be_named_in_the_configuration() -> None:
    assert set(get_args(Settings.model_fields["model_engine"].annotation)) == {"auto", *NAMES}


def test_the_bundle_in_service_brings_its_adapter(home: Path) -> None:
    with pytest.raises(ModelError, match="doctor --mend"):
        weights_that_serve(home)
    make_tiny_llama(folder_of(home))
    assert weights_that_serve(home).adapter is None
    bundle = home / "models" / "20260101T000000Z-00000000"
    (bundle / "response").mkdir(parents=True)
    assert adapter_in(bundle) is None
    (bundle / "response" / "adapter_model.safetensors").write_bytes(b"")
    assert adapter_in(bundle) == bundle / "response"
