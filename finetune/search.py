"""`nightdesk train --search N`: try recipes on a split of the training utterances, and keep the best as a file.

Optuna proposes (TPE), stops early what lags behind, and remembers everything on disk, so that a killed search goes on.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from finetune.encoder.loop import Examples, tune
from finetune.encoder.recipe import Recipe, read_recipe, write_recipe
from finetune.errors import BadLabels, BadRecipe, LibraryMissing
from finetune.labelled import Labelled
from finetune.progress import Told
from finetune.split import held_out_rows

if TYPE_CHECKING:
    import optuna

RECIPE_FILE = "recipe.json"
HELD_OUT = 0.2
RANGES: dict[str, tuple[float, float]] = {
    "learning_rate": (1e-5, 3e-4),
    "proxy_learning_rate": (1e-3, 3e-2),
    "epochs": (3, 16),
    "batch": (16, 64),
    "scale": (10.0, 40.0),
    "dropout": (0.0, 0.2),
    "smoothing": (0.0, 0.2),
    "layer_decay": (0.7, 1.0),
    "word_dropout": (0.0, 0.2),
    "mixup": (0.0, 0.5),
}
"""Where proposals are drawn from: evenly, or where nothing is 0 evenly by order of magnitude; wider if the recipe to
begin with lies outside."""
START_UP = 5
"""Trials by chance before TPE proposes and anything is stopped early."""
Tried = Callable[[int, float], None]
"""Told after each trial: its number, counted from 1, and the best held-out accuracy so far."""


def search(
    base: Path,
    utterances: Sequence[Labelled],
    trials: int,
    home: Path,
    told: Told | None = None,
    *,
    start: Recipe | None = None,
    tried: Tried | None = None,
    device: str = "auto",
) -> Recipe:
    """Return the best recipe of `trials`, by held-out accuracy; written to `home`/recipe.json, where `train` finds it.

    The first trial is `start` itself, and only what is better replaces it. A fifth of each intent's utterances is held
    out, the same for every trial; no other file is opened. Equal arguments give an equal search, also across a kill:
    `home`/search keeps each trial that is done. Raises LibraryMissing without Optuna, BadLabels for too few utterances.
    """
    start = start or Recipe()
    if trials < 1:
        raise BadRecipe(f"--search is {trials}; it should be at least 1")
    split = _Split.of(utterances, start.seed)
    work = start.fingerprint(split.texts, split.labels, split.held_out)
    study = _study(home / "search", work)
    _take_up(study, start)
    while (done := len(_done(study))) < trials:
        study.sampler = _sampler(
            start.seed + done
        )  # one a trial: what is proposed does not hang on when we were killed
        trial = study.ask()
        recipe = start.altered(_propose(trial, start), "the search")
        folder = home / "search" / f"{work}-{recipe.fingerprint()}"
        accuracy = _try(trial, base, split, recipe, folder, told, device)
        shutil.rmtree(folder, ignore_errors=True)
        _tell(study, trial, accuracy)
        if tried:
            tried(done + 1, study.best_value)
    best = study.best_trial  # of equals the first
    changes = _changes(best, start)
    about = {
        "held_out_accuracy": round(best.value or 0.0, 4),
        "start_accuracy": round(_done(study)[0].value or 0.0, 4),
        "held_out": len(split.held_out[0]),
        "trials": trials,
        "utterances_sha256": hashlib.sha256(json.dumps([[u.text, u.intent] for u in utterances]).encode()).hexdigest(),
    }
    write_recipe(home / RECIPE_FILE, changes, about)
    return start.altered(changes, "the search")


def recipe_of(home: Path, base: Recipe) -> Recipe:
    """Return `base` with what a search has found for this home, if there was one. Raises BadRecipe for a bad file."""
    return read_recipe(home / RECIPE_FILE, base)


class _Split:
    def __init__(self, texts: list[str], labels: list[int], held_out: tuple[list[str], list[int]]) -> None:
        self.texts, self.labels, self.held_out = texts, labels, held_out

    @classmethod
    def of(cls, utterances: Sequence[Labelled], seed: int) -> _Split:
        intents = sorted({row.intent for row in utterances})
        gold = np.asarray([intents.index(row.intent) for row in utterances], dtype=np.int64)
        for number, intent in enumerate(intents):
            if (gold == number).sum() < 2:
                raise BadLabels(
                    f"the intent {intent!r} has one utterance; a search holds one out, so give at least two"
                )
        if len(intents) < 2:
            raise BadLabels("there is one intent at most; a search needs at least two")
        held = held_out_rows(gold, HELD_OUT, seed)
        texts = [row.text for row in utterances]

        def part(rows: Sequence[int]) -> tuple[list[str], list[int]]:
            return [texts[row] for row in rows], [int(gold[row]) for row in rows]

        return cls(*part([*map(int, np.flatnonzero(~held))]), part([*map(int, np.flatnonzero(held))]))


def _propose(trial: optuna.trial.BaseTrial, start: Recipe) -> dict[str, Any]:
    proposed: dict[str, Any] = {}
    for name, (least, most) in RANGES.items():
        was = getattr(start, name)
        low, high = min(least, was), max(most, was)
        if isinstance(was, int):
            proposed[name] = trial.suggest_int(name, int(low), int(high), log=low > 0)
        else:
            proposed[name] = trial.suggest_float(name, low, high, log=low > 0)
    return proposed


def _try(
    trial: optuna.Trial, base: Path, split: _Split, recipe: Recipe, folder: Path, told: Told | None, device: str
) -> float | None:
    """Return the best held-out accuracy of the recipe's epochs, None for a trial that lagged behind."""
    import optuna

    def judged(epoch: int, accuracy: float) -> None:
        trial.report(accuracy, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        tuned = tune(
            base, Examples(split.texts, split.labels), recipe, held_out=split.held_out, checkpoint=folder, told=told,
            judged=judged, device=device,
        )  # fmt: skip
    except optuna.TrialPruned:
        return None
    return max(tuned.accuracies)


def _study(folder: Path, work: str) -> optuna.Study:
    """The study of this very work, with the trials it has; another set of utterances or another start is another."""
    try:
        import optuna
    except ImportError as error:
        raise LibraryMissing("--search needs Optuna; `pip install 'nightdesk[search]'` adds it") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        storage=f"sqlite:///{folder / 'trials.db'}",
        study_name=work,
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=START_UP, n_warmup_steps=2),
        load_if_exists=True,
    )


def _sampler(seed: int) -> optuna.samplers.BaseSampler:
    import optuna

    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=START_UP, multivariate=True)


def _take_up(study: optuna.Study, start: Recipe) -> None:
    """Make the recipe to begin with the first trial; give up on what a killed search was at.

    With the same trials done and the same seed the same is proposed again, and its checkpoint is found by its recipe.
    """
    import optuna

    states = optuna.trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(states.RUNNING,)):
        study.tell(trial.number, state=states.FAIL)
    if not study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED, states.WAITING)):
        study.enqueue_trial({name: getattr(start, name) for name in RANGES})


def _done(study: optuna.Study) -> list[Any]:
    import optuna

    states = optuna.trial.TrialState
    return list(study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED)))


def _tell(study: optuna.Study, trial: optuna.Trial, accuracy: float | None) -> None:
    import optuna

    if accuracy is None:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(trial, accuracy)


def _changes(best: Any, start: Recipe) -> dict[str, Any]:
    """What the best trial changes in the recipe to begin with."""
    was = asdict(start)
    return {name: value for name, value in best.params.items() if value != was[name]}
