"""`nightdesk bench intents`: train on one file, open the other once, say how right the product would be."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.bench.scores import calibration_error, coverage_at, macro_f1, out_of_scope_figures
from finetune.encoder.intents import Sealed, learn_intents
from finetune.encoder.recipe import Recipe
from finetune.errors import BadLabels
from finetune.labelled import read_labelled, read_texts
from finetune.progress import Told
from finetune.thresholds import pick_intent_thresholds
from finetune.utterances import read_utterances
from retrieval.encoder import SentenceEncoder

TIMED = 200
WRONG = 0.02


@dataclass(frozen=True)
class _Seen:
    """What one sealed model said of the test file: probabilities (N, C), scores (N,) and (M,), and times."""

    probabilities: NDArray[np.float32]
    scores: NDArray[np.float32]
    outside_top: NDArray[np.float32]
    outside_scores: NDArray[np.float32]
    ms_per_utterance: float


def bench_intents(
    base: Path,
    train: Path,
    test: Path,
    oos: Path | None = None,
    *,
    seeds: int = 1,
    recipe: Recipe | None = None,
    work: Path | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Return the figures of `nightdesk bench intents --json`, means over `seeds` runs.

    Every model is sealed before the test file is opened. work: a folder that lets a killed run go on.
    ece: expected calibration error in 15 bins (Guo et al. 2017). coverage_at_98: the largest share of all test
    utterances, out-of-scope ones included, that can be answered in the order of confidence with at most 2 of 100
    wrong. sealed_at_98: the share answered, and the share wrong among these, by thresholds chosen for 2 wrong of 100
    on utterances held out of training, which know of nothing out of scope. oos: AUROC; recall, the first of at least
    .80 that a threshold reaches; and in-scope accuracy at that threshold, where an in-scope utterance called out of
    scope is wrong.
    """
    if seeds < 1:
        raise BadLabels(f"seeds is {seeds}; it should be at least 1")
    utterances = read_labelled(train)
    with TemporaryDirectory(prefix="nightdesk-bench-") as scratch:
        kept = work or Path(scratch)
        recipe = recipe or Recipe.for_rows(len(utterances))
        sealed = [
            learn_intents(base, utterances, replace(recipe, seed=recipe.seed + number), kept / f"seed{number}", told)
            for number in range(seeds)
        ]
        asked = read_labelled(test)  # here, and nowhere before
        outside = read_texts(oos) if oos else []
        return _report(sealed, [row.text for row in asked], [row.intent for row in asked], outside)


def _report(
    sealed: Sequence[Sealed], texts: Sequence[str], intents: Sequence[str], outside: Sequence[str]
) -> dict[str, Any]:
    labels = sealed[0].head.labels
    gold = np.asarray([labels.index(intent) if intent in labels else -1 for intent in intents])
    rows = []
    for model in sealed:
        seen = _look(model, texts, outside)
        named, top = seen.probabilities.argmax(1), seen.probabilities.max(1)
        right = named == gold
        confidence = np.concatenate([top * (1 - seen.scores), seen.outside_top * (1 - seen.outside_scores)])
        row = {
            "accuracy": float(right.mean()),
            "macro_f1": macro_f1(named, gold),
            "ece": calibration_error(top, right),
            "coverage_at_98": coverage_at(confidence, np.concatenate([right, np.zeros(len(outside), bool)]), WRONG),
            **_sealed(model, seen, right),
            "train_s": model.seconds,
            "ms_per_utterance": seen.ms_per_utterance,
        }
        if outside:
            row |= out_of_scope_figures(seen.scores, right, seen.outside_scores)
        rows.append(row)
    return _summary(rows, bool(outside))


def _sealed(model: Sealed, seen: _Seen, right: NDArray[np.bool_]) -> dict[str, float]:
    """Return `answered` and `wrong`: what the thresholds that the pilot's unseen utterances chose do here."""
    chosen = pick_intent_thresholds(model.view, WRONG).thresholds
    top = np.concatenate([seen.probabilities.max(1), seen.outside_top])
    scores = np.concatenate([seen.scores, seen.outside_scores])
    good = np.concatenate([right, np.zeros(len(seen.outside_top), bool)])
    answered = (top >= chosen["intent_probability"]) & (scores < chosen["out_of_scope"])
    wrong = float((~good[answered]).mean()) if answered.any() else 0.0
    return {"answered": float(answered.mean()), "wrong": wrong}


def _summary(rows: Sequence[dict[str, float]], outside: bool) -> dict[str, Any]:
    def mean(name: str) -> float:
        return round(float(np.mean([row[name] for row in rows])), 4)

    accuracies = [row["accuracy"] for row in rows]
    return {
        "accuracy": {"mean": mean("accuracy"), "std": round(float(np.std(accuracies)), 4), "seeds": len(rows)},
        "macro_f1": mean("macro_f1"),
        "oos": {name: mean(name) for name in ("auroc", "recall", "in_scope_accuracy")} if outside else None,
        "ece": mean("ece"),
        "coverage_at_98": mean("coverage_at_98"),
        "sealed_at_98": {"answered": mean("answered"), "wrong": mean("wrong")},
        "train_s": mean("train_s"),
        "ms_per_utterance": mean("ms_per_utterance"),
    }


def _look(model: Sealed, texts: Sequence[str], outside: Sequence[str]) -> _Seen:
    encoder = SentenceEncoder(model.folder, threads=1)
    probabilities, scores = model.head.apply(*read_utterances(encoder, texts))
    outside_probabilities, outside_scores = model.head.apply(*read_utterances(encoder, outside))
    started = time.perf_counter()
    few = texts[:TIMED]
    for text in few:
        model.head.apply(*read_utterances(encoder, [text]))
    ms = (time.perf_counter() - started) / len(few) * 1000
    top = outside_probabilities.max(axis=1) if len(outside) else np.zeros(0, np.float32)
    return _Seen(probabilities, scores, top, outside_scores, ms)
