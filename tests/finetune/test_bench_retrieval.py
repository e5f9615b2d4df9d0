from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from tiny_bert import make_tiny_bert

from finetune.bench.ranking import (
    Choice,
    Selection,
    figures,
    joined,
    made_selection,
    read_selection,
    summary,
    word_scores,
)
from finetune.bench.retrieval import bench_retrieval
from finetune.encoder.recipe import Recipe
from finetune.errors import BadLabels

POOL = ["track the parcel now", "cancel the order", "the refund is paid"]
QUERIES = [{"query": "where is my refund", "cand": [0, 1, 2], "gold": 2}, {"query": "when", "cand": [0, 1], "gold": 0}]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("weights") / "tiny")


def write(path: Path, made: object) -> Path:
    path.write_bytes(gzip.compress(json.dumps(made).encode()))
    return path


def test_words_find_the_answer_that_shares_a_rare_one() -> None:
    selection = Selection(tuple(POOL), (Choice("where is my refund", (0, 1, 2), 2),))
    assert figures(selection, word_scores(selection)) == {"r1": 1.0, "r10": 1.0, "mrr": 1.0}


def test_a_ranker_that_tells_nothing_apart_earns_nothing() -> None:
    selection = Selection(tuple(POOL), (Choice("zebra", (0, 1, 2), 0),))
    assert figures(selection, word_scores(selection))["mrr"] == pytest.approx(1 / 3, abs=1e-4)


def test_the_figures_are_means_over_the_ranks() -> None:
    assert summary([1, 2, 20]) == {"r1": 0.3333, "r10": 0.6667, "mrr": 0.5167}


@pytest.mark.parametrize(
    "made",
    [[], {"pool": POOL}, {"pool": POOL, "queries": []}, {"pool": POOL, "queries": [{**QUERIES[0], "gold": 3}]},
     {"pool": POOL, "queries": [{**QUERIES[0], "cand": [0, 1, 9]}]}],
)  # fmt: skip
def test_a_file_that_is_no_bench_is_refused_by_name(tmp_path: Path, made: object) -> None:
    with pytest.raises(BadLabels, match=r"bench\.json\.gz"):
        read_selection(write(tmp_path / "bench.json.gz", made), str)


def test_tuning_on_transcripts_and_both_references_are_reported(tiny: Path, tmp_path: Path) -> None:
    threads = [
        {"id": str(n), "turns": [{"role": "customer", "text": q}, {"role": "agent", "text": a}]}
        for n, (q, a) in enumerate([("where is my order", "track it now"), ("undo it", "cancel the order please")] * 3)
    ]
    train = tmp_path / "threads.jsonl"
    train.write_text("".join(json.dumps(thread) + "\n" for thread in threads))
    bench = write(tmp_path / "bench.json.gz", {"pool": POOL, "queries": QUERIES})
    report = bench_retrieval(tiny, bench, train, exclude_last=2, recipe=Recipe(epochs=1, batch=4))
    assert set(report) == {"ours", "zero_shot", "bm25"}
    assert all(set(row) - {"words"} == {"r1", "r10", "mrr"} for row in report.values())
    assert report["ours"]["words"] == 0.0, "six exchanges are too few to choose a share on"
    assert bench_retrieval(tiny, bench)["ours"] is None
    with pytest.raises(BadLabels, match="holds 0 exchanges"):
        bench_retrieval(tiny, bench, train, exclude_last=6)


def test_a_share_of_the_words_can_turn_a_ranking() -> None:
    selection = Selection(tuple(POOL), (Choice("where is my refund", (0, 1, 2), 2),))
    cosines = [np.array([0.5, 0.1, 0.4])]
    ranked = [figures(selection, joined(cosines, word_scores(selection), share))["r1"] for share in (0.0, 0.5)]
    assert ranked == [0.0, 1.0]


def test_a_made_selection_has_each_answer_once_among_others() -> None:
    pairs = [(f"question {n}", f"answer {n % 30}") for n in range(60)]
    made = made_selection(pairs, 10, seed=3)
    assert len(made.pool) == 30
    for (question, answer), choice in zip(pairs, made.choices, strict=True):
        assert (choice.query, made.pool[choice.candidates[choice.gold]]) == (question, answer)
        assert len(set(choice.candidates)) == len(choice.candidates) == 10
