"""How well entities are found, by entity (conlleval's exact match) and by token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from finetune.entities.conll import chunks_of

Tags = Sequence[Sequence[str]]


def entity_figures(gold: Tags, named: Tags) -> dict[str, Any]:
    """Return precision, recall and F1 over all entities, and F1 by kind; right means kind and both ends right."""
    said, meant, both = Counter[str](), Counter[str](), Counter[str]()
    for gold_tags, named_tags in zip(gold, named, strict=True):
        there, found = set(chunks_of(gold_tags)), set(chunks_of(named_tags))
        meant.update(chunk.kind for chunk in there)
        said.update(chunk.kind for chunk in found)
        both.update(chunk.kind for chunk in there & found)
    right = both.total()
    return {
        "entity_f1": _f1(right, said.total(), meant.total()),
        "entity_precision": right / max(1, said.total()),
        "entity_recall": right / max(1, meant.total()),
        "by_kind": {kind: _f1(both[kind], said[kind], meant[kind]) for kind in sorted(set(meant) | set(said))},
    }


def token_figures(gold: Tags, named: Tags) -> dict[str, float]:
    """Return micro and macro F1 over tokens, O being a class like the others.

    `token_*_f1` count the IOB2 tags, B-PER and I-PER apart; `token_*_f1_kinds` count kinds. Micro F1 over all classes
    is the share of tokens that are right.
    """
    tags = [pair for a, b in zip(gold, named, strict=True) for pair in zip(a, b, strict=True)]
    kinds = [(a.partition("-")[2] or a, b.partition("-")[2] or b) for a, b in tags]
    figures = {}
    for ending, pairs in (("", tags), ("_kinds", kinds)):
        both = Counter(a for a, b in pairs if a == b)
        meant, said = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
        classes = set(meant) | set(said)
        figures[f"token_micro_f1{ending}"] = both.total() / max(1, len(pairs))
        figures[f"token_macro_f1{ending}"] = sum(_f1(both[c], said[c], meant[c]) for c in classes) / max(
            1, len(classes)
        )
    return figures


def _f1(right: int, said: int, meant: int) -> float:
    return 2 * right / (said + meant) if said + meant else 0.0
