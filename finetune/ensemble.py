"""Several encoders that differ by their seed: asked together, or folded into one that learns what they agree on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bot.head import Array, softmax
from finetune.curves import Curves, under
from finetune.encoder.loop import Examples, Tuned, tune
from finetune.encoder.recipe import Recipe
from finetune.progress import Told

SEED_STEP = 101
"""Between the members' seeds: far enough that seeds of several benches don't meet."""


def learn_several(
    base: Path,
    examples: Examples,
    recipe: Recipe,
    *,
    checkpoint: Path | None = None,
    told: Told | None = None,
    curves: Curves | None = None,
    runs: int = 0,
    **same: Any,
) -> Iterator[Tuned]:
    """Tune `recipe.members` encoders one after the other, each with a seed of its own; `same` goes to `tune` as it is.

    checkpoint: a folder in which each member has its own; a killed run goes on with the member it was at. runs: of how
    many `told` is to tell, if others follow.
    """
    for number in range(recipe.members):
        yield tune(
            base,
            examples,
            replace(recipe, seed=recipe.seed + SEED_STEP * number, members=1),
            checkpoint=checkpoint / f"member{number}" if checkpoint else None,
            told=_part(told, number, runs or recipe.members),
            curves=under(curves, f"member{number}"),
            **same,
        )


def probabilities_of(members: Sequence[Tuned], texts: Sequence[str], scale: float, temperature: float = 1.0) -> Array:
    """Return float32 (N, C): the mean of the members' probabilities, their logits divided by `temperature`."""
    each = [softmax(logits_of(member, texts, scale) / temperature) for member in members]
    mean: Array = np.mean(each, axis=0, dtype=np.float32)
    return mean


def logits_of(member: Tuned, texts: Sequence[str], scale: float) -> Array:
    """Return float32 (N, C): scaled cosines of the texts to the member's proxies."""
    proxies = member.proxies.numpy()
    logits: Array = scale * member.encoder.encode(texts) @ (proxies / np.linalg.norm(proxies, axis=1, keepdims=True)).T
    return logits


def tune_folded(
    base: Path,
    examples: Examples,
    recipe: Recipe,
    *,
    unlabelled: Sequence[str] = (),
    checkpoint: Path | None = None,
    told: Told | None = None,
    curves: Curves | None = None,
    **same: Any,
) -> Tuned:
    """Tune one encoder; with `recipe.members` above 1, from soft labels that so many others agree on.

    Hinton et al. 2015, "Distilling the Knowledge in a Neural Network". unlabelled: texts that the members label too.
    One encoder comes out and serving costs what it always did; learning costs members + 1 times as much. Takes what
    `tune` takes, goes on after a kill as it does, and is `tune` itself where there is one member.
    """
    if recipe.members == 1 or not examples.texts:
        return tune(base, examples, recipe, checkpoint=checkpoint, told=told, curves=curves, **same)
    runs, texts = recipe.members + 1, [*examples.texts, *unlabelled]
    members = learn_several(base, examples, recipe, checkpoint=checkpoint, told=told, curves=curves, runs=runs, **same)
    soft = [probabilities_of([member], texts, recipe.scale, recipe.soft_temperature) for member in members]
    agreed: Array = np.mean(soft, axis=0, dtype=np.float32)
    return tune(
        base,
        folded(examples, agreed, unlabelled),
        replace(recipe, members=1),
        checkpoint=checkpoint / "folded" if checkpoint else None,
        told=_part(told, runs - 1, runs),
        curves=curves,
        **same,
    )


def folded(examples: Examples, soft: Array, unlabelled: Sequence[str] = ()) -> Examples:
    """Return the examples with soft labels float32 (N + U, C), the last U of them for texts that nobody labelled."""
    texts, labels = [*examples.texts, *unlabelled], [*examples.labels, *([-1] * len(unlabelled))]
    return replace(examples, texts=texts, labels=labels, soft=soft)


def _part(told: Told | None, number: int, runs: int) -> Told | None:
    """What tells of one run of several as of a part of the whole."""
    if told is None:
        return None

    def tell(done: int, steps: int, left_s: float) -> None:
        pace = left_s / max(1, steps - done) if done < steps else 0.0
        told(number * steps + done, runs * steps, left_s + pace * steps * (runs - 1 - number))

    return tell
