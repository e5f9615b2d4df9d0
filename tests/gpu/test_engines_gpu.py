"""On a GPU the response model serves in LLM.int8: small enough, and saying what float32 says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bot.engines import open_engine
from bot.engines.held_out import held_out, open_tokenizer
from bot.engines.measure import score
from bot.engines.router import default, measure_all, pick
from bot.engines.weights import Weights


@pytest.fixture(scope="module")
def smollm2(weights: Path) -> Weights:
    if not (weights / "smollm2" / "model.safetensors").is_file():
        pytest.skip("SmolLM2 is not here; `nightdesk doctor --mend` fetches it")
    return Weights(weights / "smollm2")


def test_8_bits_serve_before_anything_is_measured(smollm2: Weights) -> None:
    assert default(smollm2).engine == "bitsandbytes"


def test_8_bits_take_at_most_62_hundredths_of_16(smollm2: Weights) -> None:
    small, large = (open_engine(name, smollm2).weight_bytes for name in ("bitsandbytes", "bfloat16"))
    assert small <= 0.62 * large


def test_8_bits_say_what_full_precision_says(smollm2: Weights) -> None:
    texts = held_out(open_tokenizer(smollm2.folder))
    exact, perplexity = score(open_engine("float32", smollm2), texts)
    found, perplexity_in_8_bits = score(open_engine("bitsandbytes", smollm2), texts)
    assert len(exact) >= 300
    assert np.mean(exact == found) >= 0.95
    assert perplexity_in_8_bits <= 1.05 * perplexity


def test_measuring_keeps_8_bits_where_they_agree(smollm2: Weights) -> None:
    rows = measure_all(smollm2, 1, names=("float32", "bfloat16", "bitsandbytes")).rows
    assert set(rows) == {"float32", "bfloat16", "bitsandbytes"}
    agrees = rows["bitsandbytes"]["agreement"] >= 0.95
    assert (pick(smollm2, 1, 0.95).engine == "bitsandbytes") == agrees
