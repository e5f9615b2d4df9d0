"""`nightdesk bench dialogue`: foretell what the agent does next, beside what can be had without learning much.

A row is one thing that an agent did: a reply under a name, a reply in words of his own ("custom"), or a lookup
("query" and the name of what was asked). What came before it in the conversation may be used and nothing else: not the
task the conversation was about, nor what the agent typed or clicked to get at the action (`finetune/dialogue/reader.py`
says what is left out). Two meanings of "out of scope" are measured. `out_of_scope`: the agent gave the reply of that
name. `off_script`: he gave it, or left the actions on offer for words of his own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.bench.scores import macro_f1
from finetune.dialogue.baselines import by_previous, by_words, majority
from finetune.dialogue.learn import Array, Policy, learn_dialogue
from finetune.dialogue.reader import FREE, OUTSIDE, Dialogue, Kind, read_dialogues, split
from finetune.dialogue.recipe import Recipe
from finetune.errors import BadLabels
from finetune.progress import Told
from retrieval.encoder import Encoder, SentenceEncoder

TIMED = 100
"""Actions whose foretelling is timed one by one."""


def bench_dialogue(
    base: Path,
    train: Path,
    test: Path | None = None,
    *,
    test_share: float = 0.2,
    seeds: int = 1,
    recipe: Recipe | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Return the figures of `nightdesk bench dialogue --json`, means over `seeds` runs.

    Without `test`, that share of the dialogues in `train`, drawn with the recipe's seed, is the test; else the test
    file is opened when every policy is learnt. top3: the right action is among the best three. labelled, free,
    lookups: accuracy on replies under a name, on replies in the agent's own words, on lookups. majority,
    by_previous, tfidf, tfidf_history: accuracies of what is to be beaten (`finetune/dialogue/baselines.py`); lead:
    accuracy over the best of them. unseen: share of rows whose action training lacks; they count as wrong.
    """
    if seeds < 1:
        raise BadLabels(f"seeds is {seeds}; it should be at least 1")
    if not 0 < test_share < 1:
        raise BadLabels(f"the test share is {test_share}; it should lie between 0 and 1, for example 0.2")
    recipe = recipe or Recipe()
    learnt = read_dialogues(train)
    kept: list[Dialogue] = []
    if test is None:
        learnt, kept = split(learnt, test_share, recipe.seed)
    encoder = SentenceEncoder(base, threads=1)
    policies = [
        learn_dialogue(learnt, encoder, replace(recipe, seed=recipe.seed + number), told) for number in range(seeds)
    ]
    asked = read_dialogues(test) if test else kept  # here, and nowhere before
    rows = [_row(policy, asked, encoder) for policy in policies]
    actions = [action for dialogue in asked for action in dialogue.actions]
    simple = {
        "majority": majority(learnt, asked),
        "by_previous": by_previous(learnt, asked),
        "tfidf": by_words(learnt, asked, history=False, seed=recipe.seed),
        "tfidf_history": by_words(learnt, asked, history=True, seed=recipe.seed),
    }
    reached = {name: float(np.mean(np.asarray(named) == np.asarray(actions))) for name, named in simple.items()}
    return _report(rows, reached) | {
        "turns": len(actions),
        "dialogues": len(asked),
        "trained_on": len(learnt),
        "actions": len(policies[0].labels),
        "unseen": round(float(np.mean([action not in policies[0].labels for action in actions])), 4),
        "seeds": seeds,
        "train_s": round(float(np.mean([policy.seconds for policy in policies])), 1),
        "ms_per_turn": round(_ms_per_turn(policies[0], asked, encoder), 2),
    }


def _row(policy: Policy, asked: Sequence[Dialogue], encoder: Encoder) -> dict[str, dict[str, float] | None]:
    """What one policy reached."""
    probabilities = policy.probabilities(asked, encoder)
    events = [event for dialogue in asked for event in dialogue.events if event.action]
    numbers = {label: number for number, label in enumerate(policy.labels)}
    gold = np.asarray([numbers.get(event.action, -1) for event in events], np.int64)
    named = probabilities.argmax(1)
    right = named == gold
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :3]
    lookup = np.asarray([event.kind is Kind.LOOKUP for event in events])
    free = np.asarray([event.action == FREE for event in events])
    figures: dict[str, dict[str, float] | None] = {
        "next_action": {
            "accuracy": float(right.mean()),
            "macro_f1": macro_f1(named, gold),
            "top3": float((best == gold[:, None]).any(axis=1).mean()),
            "labelled": _mean(right[~lookup & ~free]),
            "free": _mean(right[free]),
            "lookups": _mean(right[lookup]),
        }
    }
    for name, covered in OUTSIDE.items():
        outside = np.asarray([event.action in covered for event in events])
        figures[name] = _outside(policy, name, probabilities, outside)
    return figures


def _outside(policy: Policy, name: str, probabilities: Array, outside: NDArray[np.bool_]) -> dict[str, float] | None:
    """Recall, precision and F1 at the policy's threshold, the share that is outside, and AUROC."""
    from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

    if name not in policy.thresholds or outside.all() or not outside.any():
        return None
    scores = policy.outside(name, probabilities)
    precision, recall, f1, _ = precision_recall_fscore_support(
        outside, scores >= policy.thresholds[name], average="binary", zero_division=0
    )
    return {
        "recall": float(recall),
        "precision": float(precision),
        "f1": float(f1),
        "rate": float(outside.mean()),
        "auroc": float(roc_auc_score(outside, scores)),
        "threshold": policy.thresholds[name],
    }


def _report(rows: Sequence[dict[str, dict[str, float] | None]], reached: dict[str, float]) -> dict[str, Any]:
    def means(name: str) -> dict[str, float] | None:
        tables = [table for row in rows if (table := row[name]) is not None]
        return (
            {key: round(float(np.mean([table[key] for table in tables])), 4) for key in tables[0]} if tables else None
        )

    accuracies = [table["accuracy"] for row in rows if (table := row["next_action"]) is not None]
    best = max(reached.values())
    return {
        "next_action": {
            **(means("next_action") or {}),
            "accuracy_std": round(float(np.std(accuracies)), 4),
            **{name: round(value, 4) for name, value in reached.items()},
            "lead": round(float(np.mean(accuracies)) - best, 4),
        },
        **{name: means(name) for name in OUTSIDE},
    }


def _ms_per_turn(policy: Policy, asked: Sequence[Dialogue], encoder: Encoder) -> float:
    """How long one action takes to foretell, the conversation being read from its start each time."""
    places = [
        dialogue.events[:place]
        for dialogue in asked
        for place, event in enumerate(dialogue.events)
        if event.action and place
    ][:TIMED]
    started = time.perf_counter()
    for so_far in places:
        policy.rank(so_far, encoder)
    return (time.perf_counter() - started) / max(1, len(places)) * 1000


def _mean(right: NDArray[np.bool_]) -> float:
    return float(right.mean()) if len(right) else 0.0
