from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_bert import make_tiny_bert

from finetune.bench.memory import FEATURES, Memory, Ranker, features_of
from finetune.bench.ranking import (
    Choice,
    Selection,
    figures,
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
    assert all(set(row) - {"weights"} == {"r1", "r10", "mrr"} for row in report.values())
    only_cosines = {"cosine": 1.0} | dict.fromkeys(FEATURES[1:], 0.0)
    assert report["ours"]["weights"] == only_cosines, "six exchanges are too few to learn weights on"
    assert bench_retrieval(tiny, bench)["ours"] is None
    with pytest.raises(BadLabels, match="holds 0 exchanges"):
        bench_retrieval(tiny, bench, train, exclude_last=6)


class Known:
    """An encoder that knows a few texts: unit vectors by name."""

    fingerprint, folder, width = "known", Path("known"), 4

    def __init__(self, **texts: Sequence[float]) -> None:
        self._vectors = {text: np.asarray(row, np.float32) / np.linalg.norm(row) for text, row in texts.items()}

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([self._vectors[text] for text in texts]) if texts else np.zeros((0, 4), np.float32)


QUESTION = {"late": (1, 0, 0, 0), "delayed": (0.9, 0.1, 0, 0), "broken": (0, 1, 0, 0)}
ANSWER = {"sorry": (0, 0, 1, 0), "apologies": (0, 0, 0.9, 0.1), "repaired": (0, 0, 0, 1), "mended": (0, 0, 0.1, 0.9)}
ASKED = Selection(("apologies", "mended"), (Choice("delayed", (0, 1), 0), Choice("broken", (0, 1), 1)))


def feature(rows: Sequence[NDArray[np.float32]], name: str) -> NDArray[np.float32]:
    return np.stack([row[:, FEATURES.index(name)] for row in rows])


def test_memory_tells_what_neither_words_nor_cosines_do() -> None:
    encoder = Known(**QUESTION, **ANSWER)
    memory = Memory.read(encoder, [("late", "sorry"), ("broken", "repaired")] * 2)
    rows = features_of(ASKED, encoder, memory)
    assert not feature(rows, "cosine").any()
    assert not feature(rows, "words").any()
    for name in ("asked", "answered"):
        told = feature(rows, name)
        assert (told.argmax(axis=1) == [0, 1]).all(), name


def test_without_exchanges_memory_says_nothing() -> None:
    encoder = Known(**QUESTION, **ANSWER)
    rows = features_of(ASKED, encoder, Memory.read(encoder, []))
    assert not np.stack(rows).any()


def test_a_candidate_near_to_many_questions_is_a_hub() -> None:
    encoder = Known(**QUESTION, **ANSWER | {"apologies": (1, 0, 1, 0)})
    rows = features_of(ASKED, encoder, Memory.read(encoder, [("late", "sorry"), ("delayed", "sorry")]))
    assert (feature(rows, "hub").argmax(axis=1) == 0).all()


def test_the_ranker_learns_what_tells_the_gold_one_apart() -> None:
    rng = np.random.default_rng(1)
    gold = rng.integers(0, 5, 200).tolist()
    rows = [rng.normal(size=(5, len(FEATURES))).astype(np.float32) for _ in gold]
    for row, place in zip(rows, gold, strict=True):
        row[:, FEATURES.index("hub")] *= 1000.0  # of no use, however large
        row[place, FEATURES.index("asked")] += 4.0
        row[:, FEATURES.index("words")] = 0.0
    ranker = Ranker.fit(rows, gold)
    weights = ranker.told()
    assert max(weights, key=lambda name: abs(weights[name])) == "asked"
    assert abs(weights["hub"]) < 1e-3
    assert weights["words"] == 0.0
    ranked = [int(scores.argmax()) for scores in ranker.scores(rows)]
    assert np.mean([found == place for found, place in zip(ranked, gold, strict=True)]) > 0.9


def test_a_made_selection_has_each_answer_once_among_others() -> None:
    pairs = [(f"question {n}", f"answer {n % 30}") for n in range(60)]
    made = made_selection(pairs, 10, seed=3)
    assert len(made.pool) == 30
    for (question, answer), choice in zip(pairs, made.choices, strict=True):
        assert (choice.query, made.pool[choice.candidates[choice.gold]]) == (question, answer)
        assert len(set(choice.candidates)) == len(choice.candidates) == 10
