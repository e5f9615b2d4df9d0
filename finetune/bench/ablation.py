"""`nightdesk bench ablation`: what each option of the recipe gains, and what it costs, on rows that were not learnt."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.head import softmax
from finetune.encoder.intents import names_of
from finetune.encoder.loop import Examples, tune
from finetune.encoder.model import TrainableEncoder
from finetune.encoder.recipe import Recipe
from finetune.ensemble import folded, logits_of
from finetune.errors import BadLabels
from finetune.labelled import Labelled, read_labelled
from finetune.linear import regression
from finetune.progress import Told
from finetune.split import held_out_rows
from retrieval.encoder import SentenceEncoder

Array = NDArray[np.float32]
STRENGTH = 10.0
BASE = "base"
OPTIONS: dict[str, Mapping[str, float | int]] = {
    "contrast": {"contrast": 1.0},
    "r-drop": {"consistency": 1.0},
    "mixup": {"mixup": 0.4},
    "adversarial": {"adversarial": 0.1},
    "augmentation": {"augment": 0.3},
    "word dropout": {"word_dropout": 0.1},
    "moving average": {"average": 0.98},
    "layer-wise decay": {"layer_decay": 0.8, "learning_rate": 1e-4},
    "smoothing": {"smoothing": 0.1},
    "lower half frozen": {"frozen_layers": 3, "learning_rate": 1e-4},
    "no dropout": {"dropout": 0.0},
    "names left out": {},
    "distilled": {},
}
"""Each against the base recipe, seed by seed. The last two change what is learnt from."""
SHARED = ("ensemble", "frozen vectors beside")
"""Rows that cost no run of their own: the base runs asked together, and beside the untuned encoder's vectors."""


@dataclass(frozen=True)
class _Run:
    """One learnt encoder: its logits on the rows learnt (N, C) and judged (M, C), its accuracies, its CPU seconds."""

    learnt: Array
    judged: Array
    accuracy: dict[str, float]
    beside: float
    cpu_s: float


@dataclass(frozen=True)
class _Sets:
    texts: list[str]
    gold: NDArray[np.int64]
    names: dict[str, str]
    labels: tuple[str, ...]
    judged: list[str]
    judged_gold: NDArray[np.int64]

    def examples(self, names: bool) -> Examples:
        said = self.names if names else {}
        return Examples([*self.texts, *said.values()], [*map(int, self.gold), *map(self.labels.index, said)])


def bench_ablation(
    base: Path,
    train: Path,
    *,
    others: Path | None = None,
    rows: int = 1500,
    test_share: float = 0.2,
    seeds: int = 1,
    recipe: Recipe,
    options: Sequence[str] = tuple(OPTIONS),
    keep: Path | None = None,
    told: Callable[[str], Told | None] = lambda _: None,
) -> dict[str, Any]:
    """Return the figures of `nightdesk bench ablation --json`: for each option gain in points and share of CPU time.

    Judged on `rows` drawn from `others` that are not in `train`, or on `test_share` of `train`. accuracy: by the
    tuned proxies, and by a logistic regression (C=10) on the tuned vectors; gain is the mean over the seeds of the
    difference to the base recipe with the same seed. keep: a folder of finished runs; a second call adds what is new.
    Raises BadLabels for an option that there is none of, or if no row is left to judge on.
    """
    for option in options:
        if option not in OPTIONS:
            raise BadLabels(f"there is no option {option!r}; there are {', '.join(OPTIONS)}")
    sets = _sets(train, others, rows, test_share, recipe.seed)
    untuned = SentenceEncoder(base, threads=1)
    frozen = untuned.encode(sets.texts), untuned.encode(sets.judged)
    TrainableEncoder(base, recipe)  # what loading costs the first time is no option's cost

    def run(option: str, seed: int, examples: Examples) -> _Run:
        changed = recipe.altered({**OPTIONS.get(option, {}), "seed": seed}, option)
        made = changed.fingerprint(sets.texts, sets.judged, option, seeds if option == "distilled" else 0)
        kept = keep / f"{option.replace(' ', '-')}-{seed}-{made}" if keep else None
        found = _read(kept)
        if found is None:
            found = _run(base, sets, examples, changed, frozen, kept, told(f"{option}, seed {seed}"))
        return found

    numbers = [recipe.seed + number for number in range(seeds)]
    bases = [run(BASE, seed, sets.examples(True)) for seed in numbers]
    report: dict[str, Any] = {
        "learnt": len(sets.texts),
        "judged": len(sets.judged),
        "epochs": recipe.epochs,
        "seeds": seeds,
        "base": _figures(bases, bases),
    }
    for option in options:
        runs = []
        for seed in numbers:
            examples = sets.examples(option != "names left out")
            if option == "distilled":
                soft = np.mean([softmax(one.learnt / recipe.soft_temperature) for one in bases], axis=0)
                examples = folded(examples, soft.astype(np.float32))
            runs.append(run(option, seed, examples))
        report[option] = _figures(runs, bases)
    if "distilled" in report:
        report["distilled"]["cost"] += seeds  # for those it learns from
    return report | _shared(bases, sets.judged_gold)


def _sets(train: Path, others: Path | None, rows: int, test_share: float, seed: int) -> _Sets:
    learnt = read_labelled(train)
    if others is None:
        _, gold = _numbered(learnt)
        held = held_out_rows(gold, test_share, seed)
        judged = [learnt[row] for row in np.flatnonzero(held)]
        learnt = [learnt[row] for row in np.flatnonzero(~held)]
    else:
        seen, intents = {row.text for row in learnt}, {row.intent for row in learnt}
        judged = [row for row in read_labelled(others) if row.text not in seen and row.intent in intents]
        order = np.random.default_rng(seed).permutation(len(judged))[:rows]
        judged = [judged[row] for row in sorted(order)]
    if not judged:
        raise BadLabels(f"{others or train} leaves no row to judge on; give rows of the same intents not in {train}")
    labels, gold = _numbered(learnt)
    names = names_of(labels)
    asked = np.asarray([labels.index(row.intent) for row in judged], dtype=np.int64)
    return _Sets([row.text for row in learnt], gold, names, labels, [row.text for row in judged], asked)


def _numbered(utterances: Sequence[Labelled]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    labels = tuple(sorted({row.intent for row in utterances}))
    return labels, np.asarray([labels.index(row.intent) for row in utterances], dtype=np.int64)


def _run(
    base: Path,
    sets: _Sets,
    examples: Examples,
    recipe: Recipe,
    frozen: tuple[Array, Array],
    kept: Path | None,
    told: Told | None,
) -> _Run:
    started = time.process_time()
    tuned = tune(base, examples, recipe, told=told, checkpoint=kept.with_suffix(".progress") if kept else None)
    cpu_s = time.process_time() - started
    vectors, seen = tuned.encoder.encode(sets.texts), tuned.encoder.encode(sets.judged)
    logits = logits_of(tuned, sets.judged, recipe.scale)
    accuracy = {"proxies": _share(logits, sets.judged_gold), "regression": _regressed(vectors, seen, sets)}
    both = [np.hstack(pair) / np.sqrt(2, dtype=np.float32) for pair in ((vectors, frozen[0]), (seen, frozen[1]))]
    learnt = logits_of(tuned, examples.texts, recipe.scale)
    made = _Run(learnt, logits, accuracy, _regressed(both[0], both[1], sets), cpu_s)
    if kept:
        _write(kept, made)
    return made


def _regressed(vectors: Array, seen: Array, sets: _Sets) -> float:
    weight, bias = regression(vectors, sets.gold, STRENGTH)
    return _share(seen @ weight.T + bias, sets.judged_gold)


def _share(logits: Array, gold: NDArray[np.int64]) -> float:
    return float((logits.argmax(1) == gold).mean())


def _figures(runs: Sequence[_Run], bases: Sequence[_Run]) -> dict[str, Any]:
    def mean(head: str) -> float:
        return float(np.mean([run.accuracy[head] for run in runs]))

    pairs = list(zip(runs, bases, strict=True))
    return {
        "accuracy": {head: round(mean(head), 4) for head in ("proxies", "regression")},
        "gain_points": {
            head: round(100 * float(np.mean([run.accuracy[head] - plain.accuracy[head] for run, plain in pairs])), 2)
            for head in ("proxies", "regression")
        },
        "cost": round(float(np.mean([run.cpu_s / plain.cpu_s for run, plain in pairs])), 2),
    }


def _shared(bases: Sequence[_Run], gold: NDArray[np.int64]) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    alone = float(np.mean([run.accuracy["proxies"] for run in bases]))
    if len(bases) > 1:
        together = _share(np.mean([softmax(run.judged) for run in bases], axis=0), gold)
        rows["ensemble"] = {
            "accuracy": {"proxies": round(together, 4)},
            "gain_points": {"proxies": round(100 * (together - alone), 2)},
            "cost": float(len(bases)),
        }
    beside = float(np.mean([run.beside for run in bases]))
    plain = float(np.mean([run.accuracy["regression"] for run in bases]))
    rows["frozen vectors beside"] = {
        "accuracy": {"regression": round(beside, 4)},
        "gain_points": {"regression": round(100 * (beside - plain), 2)},
        "cost": 1.0,
    }
    return rows


def _write(kept: Path, run: _Run) -> None:
    from safetensors.numpy import save_file

    kept.parent.mkdir(parents=True, exist_ok=True)
    notes = {"accuracy": run.accuracy, "beside": run.beside, "cpu_s": run.cpu_s}
    save_file({"learnt": run.learnt, "judged": run.judged}, kept.with_suffix(".half"), {"notes": json.dumps(notes)})
    kept.with_suffix(".half").replace(kept.with_suffix(".safetensors"))


def _read(kept: Path | None) -> _Run | None:
    from safetensors import safe_open

    path = kept.with_suffix(".safetensors") if kept else None
    if path is None or not path.exists():
        return None
    with safe_open(path, "np") as file:
        return _Run(file.get_tensor("learnt"), file.get_tensor("judged"), **json.loads(file.metadata()["notes"]))
