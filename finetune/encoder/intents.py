"""From labelled utterances to a tuned encoder and its intent head, everything chosen on a split of the utterances."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.catalogue import Handle, IntentEntry
from bot.head import Array, IntentHead
from finetune.encoder.loop import Examples, Told, Tuned, tune
from finetune.encoder.recipe import Recipe
from finetune.errors import BadLabels
from finetune.heads import best_temperature, exemplars_of, regression
from finetune.labelled import Labelled

STRENGTHS = (3.0, 10.0, 30.0)
MANY = 20
"""Utterances an intent from which a tenth is held out to choose on, and to stop by. Below it a fifth is, and every
epoch is run: one utterance an intent tells too little to stop by."""
PROXIES = 0.0
"""Stands for the tuned proxies themselves where another head is a regression of some strength."""


@dataclass(frozen=True)
class Sealed:
    """A tuned model folder with its head; nothing is chosen after this."""

    folder: Path
    head: IntentHead
    epochs: int
    strength: float
    held_out_accuracy: float
    seconds: float


def learn_intents(
    base: Path, utterances: Sequence[Labelled], recipe: Recipe, work: Path, told: Told | None = None
) -> Sealed:
    """Tune twice: once with a part held out, to choose head and temperature (and, of many, epochs); then on everything.

    work: a folder for checkpoints and the tuned model; a killed run goes on from there. An intent's name is read as
    one more utterance of it, if it has words. Raises BadLabels if an intent has fewer than two utterances.
    """
    started = time.perf_counter()
    labels = tuple(sorted({utterance.intent for utterance in utterances}))
    gold = np.asarray([labels.index(utterance.intent) for utterance in utterances], dtype=np.int64)
    _refuse_too_little(labels, gold)
    held = _held_out(gold, recipe.seed)
    texts = [utterance.text for utterance in utterances]
    names = _names(labels)

    def examples(rows: NDArray[np.int64]) -> Examples:
        return Examples(
            [*(texts[row] for row in rows), *names.values()], [*map(int, gold[rows]), *map(labels.index, names)]
        )

    kept, out = np.flatnonzero(~held), np.flatnonzero(held)
    part = examples(kept)
    judged = ([texts[row] for row in out], [int(gold[row]) for row in out]) if _many(gold) else None
    pilot = tune(base, part, recipe, held_out=judged, checkpoint=work / "pilot", told=told)
    strength, temperature, accuracy = _choose(pilot, part, [texts[row] for row in out], gold[out], recipe.scale)
    everything = examples(np.arange(len(gold)))
    tuned = tune(base, everything, recipe, stop_after=pilot.epochs, checkpoint=work / "final", told=told)
    folder = work / "model"
    tuned.encoder.save(folder)
    vectors, numbers = tuned.encoder.encode(everything.texts), np.asarray(everything.labels, dtype=np.int64)
    weight, bias = _linear(tuned, vectors, numbers, strength, recipe.scale)
    catalogue = {label: IntentEntry(label.replace("_", " "), Handle.SEARCH) for label in labels}
    head = IntentHead(labels, weight, bias, exemplars_of(vectors, numbers), temperature, catalogue=catalogue)
    return Sealed(folder, head, pilot.epochs, strength, accuracy, time.perf_counter() - started)


def _choose(
    pilot: Tuned, part: Examples, texts: Sequence[str], gold: NDArray[np.int64], scale: float
) -> tuple[float, float, float]:
    """Return the head's strength, its temperature and its accuracy on the utterances held out."""
    learnt, seen = pilot.encoder.encode(part.texts), pilot.encoder.encode(texts)
    numbers = np.asarray(part.labels, dtype=np.int64)
    found = []
    for strength in (PROXIES, *STRENGTHS):
        weight, bias = _linear(pilot, learnt, numbers, strength, scale)
        logits = seen @ weight.T + bias
        found.append((float((logits.argmax(1) == gold).mean()), best_temperature(logits, gold), strength))
    accuracy, temperature, strength = max(found, key=lambda row: row[0])  # of equals the plainest, which comes first
    return strength, temperature, accuracy


def _linear(
    tuned: Tuned, vectors: Array, gold: NDArray[np.int64], strength: float, scale: float
) -> tuple[Array, Array]:
    if strength != PROXIES:
        return regression(vectors, gold, strength)
    proxies = tuned.proxies.numpy()
    weight = scale * proxies / np.linalg.norm(proxies, axis=1, keepdims=True)
    return weight.astype(np.float32), np.zeros(len(weight), np.float32)


def _held_out(gold: NDArray[np.int64], seed: int) -> NDArray[np.bool_]:
    """Which rows are held out: of each intent its share, one at least."""
    share = 0.1 if _many(gold) else 0.2
    rng, held = np.random.default_rng([seed, 7]), np.zeros(len(gold), bool)
    for label in np.unique(gold):
        rows = rng.permutation(np.flatnonzero(gold == label))
        held[rows[: max(1, round(share * len(rows)))]] = True
    return held


def _many(gold: NDArray[np.int64]) -> bool:
    return len(gold) >= MANY * len(np.unique(gold))


def _names(labels: Sequence[str]) -> dict[str, str]:
    """The intents' names as a customer might put them: "card_arrival" reads "card arrival"."""
    plain = {label: re.sub(r"[_\W]+", " ", label).strip() for label in labels}
    return {label: text for label, text in plain.items() if re.search(r"[^\W\d]{3}", text)}


def _refuse_too_little(labels: Sequence[str], gold: NDArray[np.int64]) -> None:
    counts = Counter(map(int, gold))
    if len(labels) < 2:
        raise BadLabels(f"there is only the intent {labels[0]!r}; a head needs at least two")
    for number, label in enumerate(labels):
        if counts[number] < 2:
            raise BadLabels(f"the intent {label!r} has one utterance; tuning holds one out, so give it at least two")
