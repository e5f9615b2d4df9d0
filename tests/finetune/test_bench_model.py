"""`nightdesk bench model` reports every engine, and what it chooses is what serves from then on."""

from __future__ import annotations

from pathlib import Path

from tiny_speaker import make_tiny_speaker

from bot.engines.router import pick
from bot.engines.weights import Weights
from finetune.bench.model import bench_model


def test_the_report_has_a_row_an_engine_and_the_choice_serves(tmp_path: Path) -> None:
    weights = Weights(make_tiny_speaker(tmp_path / "speaker"))
    told: list[str] = []
    report = bench_model(weights, threads=1, least_agreement=0.95, names=["float32", "nothing"], told=told.append)
    assert told == ["measuring float32"]
    assert report["chosen"] == "float32"
    assert report["left_out"] == {"nothing": "its library is not installed"}
    (row,) = report["backends"].values()
    assert {
        "load_s", "bytes", "first_token_ms", "tokens_per_s", "agreement", "perplexity", "roofline_share"
    } <= set(row)  # fmt: skip
    assert row["agreement"] == 1.0
    assert pick(weights, 1, 0.95).measured
