"""The loop: batches of utterances and of pairs in turn, one optimizer, checkpoints, early stopping."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from finetune.encoder.batches import batches
from finetune.encoder.checkpoint import (
    Checkpoint,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizer,
    write_checkpoint,
)
from finetune.encoder.losses import answer_ranking, disagreement, proxy_logits, supervised_contrast
from finetune.encoder.model import TrainableEncoder
from finetune.encoder.recipe import Recipe

CHECKPOINT_EVERY_S = 60.0
Told = Callable[[int, int, float], None]
"""Told now and then: steps done, steps in all, seconds left by the pace so far."""


@dataclass(frozen=True)
class Examples:
    """What is learnt from: utterances with the number of their intent; questions beside their answers and sources."""

    texts: Sequence[str]
    labels: Sequence[int]
    questions: Sequence[str] = ()
    answers: Sequence[str] = ()
    sources: Sequence[int] = ()

    @property
    def classes(self) -> int:
        """C, the number of intents; 0 where there are only pairs."""
        return max(self.labels, default=-1) + 1


@dataclass
class Tuned:
    """The encoder and its proxies float32 (C, D) after `epochs`; `accuracies` on held-out utterances, by epoch."""

    encoder: TrainableEncoder
    proxies: Tensor
    epochs: int
    accuracies: list[float] = field(default_factory=list)


def tune(
    folder: Path,
    examples: Examples,
    recipe: Recipe,
    *,
    held_out: tuple[Sequence[str], Sequence[int]] | None = None,
    stop_after: int | None = None,
    checkpoint: Path | None = None,
    told: Told | None = None,
) -> Tuned:
    """Tune the encoder in `folder`. Equal arguments give equal weights, also across a kill and a second call.

    With `held_out`, the weights of the epoch with the best held-out accuracy are kept and tuning stops after
    `recipe.patience` epochs without a better one. `stop_after`: epochs to run of the recipe's schedule, as found on a
    split. `checkpoint`: a folder for progress; it may be deleted once this returns.
    """
    run = _Run(folder, examples, recipe, held_out, checkpoint, told)
    run.resume()
    while run.epoch < min(recipe.epochs, stop_after or recipe.epochs) and not run.settled:
        run.one_epoch()
    return run.result()


class _Run:
    def __init__(
        self,
        folder: Path,
        examples: Examples,
        recipe: Recipe,
        held_out: tuple[Sequence[str], Sequence[int]] | None,
        checkpoint: Path | None,
        told: Told | None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self._recipe, self._examples, self._held_out = recipe, examples, held_out
        self._checkpoint, self._told = checkpoint, told
        self._encoder = TrainableEncoder(folder, recipe)
        self._proxies = nn.Parameter(_first_proxies(self._encoder, examples))
        self._ids = self._encoder.tokenize(examples.texts) if examples.texts else []
        self._questions = self._encoder.tokenize(examples.questions) if examples.questions else []
        self._answers = self._encoder.tokenize(examples.answers) if examples.answers else []
        self._labels = torch.tensor(list(examples.labels))
        self._sources = torch.tensor(list(examples.sources))
        self._optimizer = torch.optim.AdamW(
            [
                {"params": self._encoder.learning(), "lr": recipe.learning_rate, "weight_decay": recipe.weight_decay},
                {"params": [self._proxies], "lr": recipe.proxy_learning_rate, "weight_decay": 0.0},
            ],
            fused=True,
        )
        self._peaks = [float(group["lr"]) for group in self._optimizer.param_groups]
        self._per_epoch = len(self._plan(0))
        self._work = recipe.fingerprint(list(examples.texts), list(examples.labels), list(examples.questions),
                                        list(examples.answers), held_out)  # fmt: skip
        self._step = 0
        self._accuracies: list[float] = []
        self._best: dict[str, Tensor] = {}
        self._started, self._first_step, self._saved = time.monotonic(), 0, time.monotonic()

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self._step // self._per_epoch

    @property
    def settled(self) -> bool:
        """Whether held-out accuracy has stopped rising."""
        return bool(self._accuracies) and len(self._accuracies) - _best_epoch(self._accuracies) >= self._recipe.patience

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one of this very work."""
        found = read_checkpoint(self._checkpoint, self._work) if self._checkpoint else None
        if found is None:
            return
        with torch.no_grad():
            for name, parameter in self._named().items():
                parameter.copy_(found.tensors[f"now.{name}"])
        self._best = {
            name.removeprefix("best."): value for name, value in found.tensors.items() if name.startswith("best.")
        }
        restore_optimizer(self._optimizer, found.tensors)
        torch.set_rng_state(found.tensors["rng"])
        self._step, self._accuracies = int(found.notes["step"]), list(found.notes["accuracies"])
        self._first_step = self._step

    def one_epoch(self) -> None:
        """Run what is left of the epoch, then measure."""
        self._encoder.train()
        for kind, rows in self._plan(self.epoch)[self._step % self._per_epoch :]:
            self._learn(self._utterance_loss(rows) if kind == "utterances" else self._pair_loss(rows))
            self._step += 1
            self._tell()
            if time.monotonic() - self._saved >= CHECKPOINT_EVERY_S and self._step % self._per_epoch:
                self._save()
        if self._held_out:
            self._accuracies.append(self._accuracy(*self._held_out))
            if self._accuracies[-1] >= max(self._accuracies):
                self._best = {name: value.detach().clone() for name, value in self._named().items()}
        self._save()

    def result(self) -> Tuned:
        """The encoder as the best epoch left it."""
        with torch.no_grad():
            for name, parameter in self._named().items():
                if name in self._best:
                    parameter.copy_(self._best[name])
        epochs = _best_epoch(self._accuracies) if self._accuracies else self.epoch
        self._encoder.eval()
        return Tuned(self._encoder, self._proxies.detach(), epochs, self._accuracies)

    def _plan(self, epoch: int) -> list[tuple[str, list[int]]]:
        recipe = self._recipe
        plan = [("utterances", rows) for rows in batches([*map(len, self._ids)], recipe.batch, recipe.seed, epoch)]
        lengths = [len(q) + len(a) for q, a in zip(self._questions, self._answers, strict=True)]
        plan += [("pairs", rows) for rows in batches(lengths, recipe.batch, recipe.seed + 1, epoch)]
        order = np.random.default_rng([recipe.seed, epoch, 2]).permutation(len(plan))
        return [plan[place] for place in order]

    def _utterance_loss(self, rows: Sequence[int]) -> Tensor:
        recipe = self._recipe
        times = 2 if recipe.twice else 1
        labels = self._labels[list(rows)].repeat(times)
        vectors = self._encoder([self._ids[row] for row in rows] * times)
        logits = proxy_logits(vectors, self._proxies, recipe.scale)
        loss = functional.cross_entropy(logits, labels, label_smoothing=recipe.smoothing)
        if recipe.contrast:
            loss = loss + recipe.contrast * supervised_contrast(vectors, labels, recipe.contrast_temperature)
        if recipe.consistency:
            loss = loss + recipe.consistency * disagreement(logits[: len(rows)], logits[len(rows) :])
        return loss

    def _pair_loss(self, rows: Sequence[int]) -> Tensor:
        questions = self._encoder([self._questions[row] for row in rows])
        answers = self._encoder([self._answers[row] for row in rows])
        return answer_ranking(questions, answers, self._sources[list(rows)], self._recipe.pair_scale)

    def _learn(self, loss: Tensor) -> None:
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * self._share_of_peak()
        self._optimizer.zero_grad(set_to_none=False)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._encoder.learning(), self._recipe.clip)
        self._optimizer.step()

    def _share_of_peak(self) -> float:
        steps = self._per_epoch * self._recipe.epochs
        rise = self._recipe.warm_up * steps
        return min((self._step + 1) / (rise + 1), max(0.0, (steps - self._step) / (steps - rise)))

    def _accuracy(self, texts: Sequence[str], labels: Sequence[int]) -> float:
        vectors = torch.from_numpy(self._encoder.encode(texts))
        named = proxy_logits(vectors, self._proxies.detach(), 1.0).argmax(1).numpy()
        return float((named == np.asarray(labels)).mean())

    def _named(self) -> dict[str, nn.Parameter]:
        learning = {name: part for name, part in self._encoder.named_parameters() if part.requires_grad}
        return {**learning, "proxies": self._proxies}

    def _save(self) -> None:
        self._saved = time.monotonic()
        if self._checkpoint is None:
            return
        tensors: dict[str, Tensor] = {f"now.{name}": value for name, value in self._named().items()}
        tensors |= {f"best.{name}": value for name, value in self._best.items()}
        tensors |= optimizer_tensors(self._optimizer) | {"rng": torch.get_rng_state()}
        notes: dict[str, Any] = {"step": self._step, "accuracies": self._accuracies}
        write_checkpoint(self._checkpoint, Checkpoint(self._work, tensors, notes))

    def _tell(self) -> None:
        if self._told:
            steps = self._per_epoch * self._recipe.epochs
            pace = (time.monotonic() - self._started) / max(1, self._step - self._first_step)
            self._told(self._step, steps, pace * (steps - self._step))


def _best_epoch(accuracies: Sequence[float]) -> int:
    """The last of the epochs with the best accuracy, counted from 1."""
    return len(accuracies) - int(np.argmax(accuracies[::-1]))


def _first_proxies(encoder: TrainableEncoder, examples: Examples) -> Tensor:
    """Each intent's mean vector before tuning, (C, D): the softmax starts from nearest centroids, not from noise."""
    vectors, labels = encoder.encode(examples.texts), np.asarray(examples.labels, dtype=np.int64)
    proxies = np.zeros((examples.classes, vectors.shape[1]), np.float32)
    for label in range(examples.classes):
        proxies[label] = vectors[labels == label].mean(axis=0)
    return torch.from_numpy(proxies)
