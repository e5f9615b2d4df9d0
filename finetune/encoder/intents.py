"""From labelled utterances to a tuned encoder and its intent head, everything chosen on a split of the utterances."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.head import Array, IntentHead
from finetune.curves import Curves, under
from finetune.encoder.loop import Examples, Tuned
from finetune.encoder.recipe import Recipe
from finetune.ensemble import tune_folded
from finetune.errors import BadLabels, BadRecipe
from finetune.heads import OutOfFold
from finetune.labelled import Labelled
from finetune.pairs import NO_PAIRS, Pairs
from finetune.pilot import SEEN, Rows, Verdict, judge_pilot, made_head
from finetune.progress import Told
from finetune.split import held_out_rows
from finetune.utterances import read_utterances
from retrieval.encoder import Encoder, SentenceEncoder

MANY = 20
"""Utterances an intent from which every epoch is measured, to stop by. Below it every epoch is run: one utterance an
intent tells too little."""
SETTLED = 5000
"""Utterances from which the pilot serves: tuning again with the last twentieth costs as much as all the rest taught."""


@dataclass(frozen=True)
class Sealed:
    """A tuned model folder with its head; nothing is chosen after this.

    view: what the pilot said of utterances it had not seen, the ground for thresholds. pilot: the folder of the model
    that said it, with the texts it had seen in seen.json; the served one itself where there were many utterances.
    """

    folder: Path
    head: IntentHead
    view: OutOfFold
    pilot: Path
    epochs: int
    strength: float
    held_out_accuracy: float
    seconds: float


def learn_intents(
    base: Path,
    utterances: Sequence[Labelled],
    recipe: Recipe,
    work: Path,
    told: Told | None = None,
    *,
    outside: Sequence[str] = (),
    pairs: Pairs = NO_PAIRS,
    curves: Curves | None = None,
) -> Sealed:
    """Tune a pilot with a part held out, choose on that part, then tune on everything (few: again, many: no more).

    work: a folder for checkpoints and the tuned models; a killed run goes on from there. outside: utterances out of
    scope, never tuned on, for the out-of-scope score. pairs: questions and answers learnt at the same time. An
    intent's name is read as one more utterance of it, if it has words. Raises BadLabels if there are fewer than two
    intents, or none has two utterances, BadRecipe if tuning diverges.
    """
    started = time.perf_counter()
    labels = tuple(sorted({utterance.intent for utterance in utterances}))
    gold = np.asarray([labels.index(utterance.intent) for utterance in utterances], dtype=np.int64)
    _refuse_too_little(labels, gold)
    texts, names = [utterance.text for utterance in utterances], names_of(labels)

    def examples(rows: NDArray[np.int64]) -> Examples:
        return Examples(
            [*(texts[row] for row in rows), *names.values()], [*map(int, gold[rows]), *map(labels.index, names)],
            pairs.questions, pairs.answers, pairs.sources, pairs.negatives,
        )  # fmt: skip

    held = held_out_rows(gold, 0.05 if len(gold) >= SETTLED else 0.2, recipe.seed)
    kept, out = np.flatnonzero(~held), np.flatnonzero(held)
    judged = ([texts[row] for row in out], [int(gold[row]) for row in out]) if _many(gold) else None
    pilot = tune_folded(
        base,
        examples(kept),
        recipe,
        held_out=judged,
        checkpoint=work / "pilot",
        told=told,
        curves=under(curves, "pilot"),
    )
    _save(pilot, work / "pilot-model", [texts[row] for row in kept])
    judge = SentenceEncoder(work / "pilot-model")
    verdict = judge_pilot(
        labels, _rows(judge, examples(kept)), Rows(read_utterances(judge, [texts[row] for row in out]), gold[out]),
        read_utterances(judge, outside), proxies=_proxies(pilot, recipe.scale), seed=recipe.seed,
    )  # fmt: skip
    everything = examples(np.arange(len(gold)))
    tuned, folder = pilot, work / "pilot-model"
    if len(gold) < SETTLED:
        tuned = tune_folded(
            base,
            everything,
            recipe,
            stop_after=pilot.epochs,
            checkpoint=work / "final",
            told=told,
            curves=under(curves, "final"),
        )
        folder = work / "model"
        _save(tuned, folder, texts)
    serving = SentenceEncoder(folder)
    known_outside = read_utterances(serving, outside).vectors
    head = made_head(labels, _rows(serving, everything), known_outside, verdict, _proxies(tuned, recipe.scale))
    return _sealed(folder, head, work / "pilot-model", pilot, verdict, time.perf_counter() - started)


def _sealed(folder: Path, head: IntentHead, at: Path, pilot: Tuned, verdict: Verdict, seconds: float) -> Sealed:
    return Sealed(folder, head, verdict.view, at, pilot.epochs, verdict.strength, verdict.accuracy, seconds)


def _rows(encoder: Encoder, examples: Examples) -> Rows:
    utterances = read_utterances(encoder, examples.texts)
    if not np.isfinite(utterances.vectors).all():
        raise BadRecipe("tuning diverged: the encoder's vectors are no numbers any more; lower its learning_rate")
    return Rows(utterances, np.asarray(examples.labels, dtype=np.int64))


def _proxies(tuned: Tuned, scale: float) -> Array:
    proxies = tuned.proxies.numpy()
    scaled: Array = (scale * proxies / np.linalg.norm(proxies, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def _save(tuned: Tuned, folder: Path, texts: Sequence[str]) -> None:
    """Write the model folder anew, and which texts it was tuned on: nothing may be judged by them."""
    shutil.rmtree(folder, ignore_errors=True)
    tuned.encoder.save(folder)
    (folder.parent / f"{folder.name}-{SEEN}").write_text(json.dumps(sorted(set(texts)), ensure_ascii=False), "utf-8")


def _many(gold: NDArray[np.int64]) -> bool:
    return len(gold) >= MANY * len(np.unique(gold))


def names_of(labels: Sequence[str]) -> dict[str, str]:
    """The intents' names as a customer might put them: "card_arrival" reads "card arrival"."""
    plain = {label: re.sub(r"[_\W]+", " ", label).strip() for label in labels}
    return {label: text for label, text in plain.items() if re.search(r"[^\W\d]{3}", text)}


def _refuse_too_little(labels: Sequence[str], gold: NDArray[np.int64]) -> None:
    if len(labels) < 2:
        raise BadLabels(f"there is only the intent {labels[0]!r}; a head needs at least two")
    if max(Counter(map(int, gold)).values()) < 2:
        raise BadLabels("no intent has two utterances; tuning holds one out, so give most intents at least two")
