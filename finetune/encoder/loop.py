"""The loop: batches of utterances and of pairs in turn, one optimizer, checkpoints, early stopping."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from finetune.curves import Curves, NoCurves
from finetune.encoder.checkpoint import (
    Checkpoint,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizer,
    write_checkpoint,
)
from finetune.encoder.lessons import Batch, Examples, Lessons
from finetune.encoder.losses import proxy_logits
from finetune.encoder.model import TrainableEncoder
from finetune.encoder.optimizing import Adversary, MovingAverage, parameter_groups, put
from finetune.encoder.recipe import Recipe
from finetune.progress import Told
from retrieval.encoder import best_dtype

__all__ = ["Examples", "Judged", "Tuned", "tune"]

CHECKPOINT_EVERY_S = 60.0
POINT_EVERY = 10
"""Steps of which a curve shows the mean: each point waits for the device."""
Judged = Callable[[int, float], None]
"""Told after each epoch, and again when a run goes on: which, counted from 1, and its held-out accuracy. What it raises
ends the run."""
HeldOut = tuple[Sequence[str], Sequence[int]]


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
    held_out: HeldOut | None = None,
    stop_after: int | None = None,
    checkpoint: Path | None = None,
    told: Told | None = None,
    judged: Judged | None = None,
    curves: Curves | None = None,
    device: str = "auto",
    save_every_s: float = CHECKPOINT_EVERY_S,
) -> Tuned:
    """Tune the encoder in `folder`. Equal arguments give equal weights, also across a kill and a second call.

    With `held_out`, the weights of the epoch with the best held-out accuracy are kept and tuning stops after
    `recipe.patience` epochs without a better one. `stop_after`: epochs to run of the recipe's schedule, as found on a
    split. `checkpoint`: a folder for progress; it may be deleted once this returns. `device`: "auto" is a GPU where
    there is one; its weights may differ in the last bits, by the order in which it adds. `curves` get the losses, the
    learning rate and the held-out accuracy; the caller closes them.
    """
    run = _Run(folder, examples, recipe, held_out, _Watchers(told, judged, curves or NoCurves()), device)
    run.keep_in(checkpoint, save_every_s)
    while run.epoch < min(recipe.epochs, stop_after or recipe.epochs) and not run.settled:
        run.one_epoch()
    return run.result()


@dataclass(frozen=True)
class _Watchers:
    told: Told | None
    judged: Judged | None
    curves: Curves


class _Run:
    def __init__(
        self,
        folder: Path,
        examples: Examples,
        recipe: Recipe,
        held_out: HeldOut | None,
        watchers: _Watchers,
        device: str,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self._recipe, self._held_out, self._watchers = recipe, held_out, watchers
        self._device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        self._dtype = best_dtype(self._device.type) if recipe.precision == "auto" else recipe.precision
        self._encoder = TrainableEncoder(folder, recipe).to(self._device)
        self._lessons = Lessons(self._encoder, examples, recipe, self._device)
        self._proxies = nn.Parameter(_first_proxies(self._encoder, examples).to(self._device))
        groups = parameter_groups(self._encoder, self._proxies, recipe)
        self._peaks = [float(group["lr"]) for group in groups]
        self._optimizer = torch.optim.AdamW(groups, fused=True)
        for parameter in self._named().values():  # none is skipped, also in the first step after a kill
            parameter.grad = torch.zeros_like(parameter)
        self._average = MovingAverage(self._named(), recipe.average) if recipe.average else None
        self._adversary = Adversary(self._encoder, recipe.adversarial) if recipe.adversarial else None
        self._per_epoch = len(self._lessons.plan(0))
        self._work = recipe.fingerprint(*_named_work(examples), held_out)
        self._checkpoint: Path | None = None
        self._step = 0
        self._accuracies: list[float] = []
        self._best: dict[str, Tensor] = {}
        self._losses: defaultdict[str, list[Tensor]] = defaultdict(list)
        self._started, self._first_step, self._saved = time.monotonic(), 0, time.monotonic()

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self._step // self._per_epoch

    @property
    def settled(self) -> bool:
        """Whether held-out accuracy has stopped rising."""
        return bool(self._accuracies) and len(self._accuracies) - _best_epoch(self._accuracies) >= self._recipe.patience

    def keep_in(self, checkpoint: Path | None, every_s: float) -> None:
        """Save there from now on, and go on from what it holds, if that is of this very work."""
        self._checkpoint, self._every_s = checkpoint, every_s
        found = read_checkpoint(checkpoint, self._work) if checkpoint else None
        if found is None:
            return

        def under(name: str) -> dict[str, Tensor]:
            start = f"{name}."
            tensors = {key: value for key, value in found.tensors.items() if key.startswith(start)}
            return {key.removeprefix(start): value.to(self._device) for key, value in tensors.items()}

        put(self._named(), under("now"))
        self._best = under("best")
        if self._average:
            self._average.tensors = under("average")
        restore_optimizer(self._optimizer, found.tensors)
        self._step, self._accuracies = int(found.notes["step"]), list(found.notes["accuracies"])
        self._first_step = self._step
        if self._watchers.judged:
            for epoch, accuracy in enumerate(self._accuracies, start=1):
                self._watchers.judged(epoch, accuracy)

    def one_epoch(self) -> None:
        """Run what is left of the epoch, then measure."""
        self._encoder.train()
        epoch, plan, together = self.epoch, self._lessons.plan(self.epoch), self._recipe.accumulate
        for start in range(self._step % self._per_epoch, self._per_epoch, together):
            self._learn(plan[start : start + together], epoch)
            self._tell()
            if time.monotonic() - self._saved >= self._every_s and self._step % self._per_epoch:
                self._save()
        if self._held_out:
            self._judge(*self._held_out)
        self._save()
        if self._watchers.judged and self._accuracies:
            self._watchers.judged(self.epoch, self._accuracies[-1])

    def result(self) -> Tuned:
        """The encoder as the best epoch left it, or the last, or the average."""
        put(self._named(), self._best or (self._average.tensors if self._average else {}))
        epochs = _best_epoch(self._accuracies) if self._accuracies else self.epoch
        self._encoder.eval()
        return Tuned(self._encoder, self._proxies.detach().cpu(), epochs, self._accuracies)

    def _learn(self, plan: Sequence[Batch], epoch: int) -> None:
        """One step on the mean of these batches' losses."""
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * self._share_of_peak()
        self._optimizer.zero_grad(set_to_none=False)
        for batch in plan:
            # Each batch has a seed of its own, so that what is drawn after a kill is what would have been drawn.
            torch.manual_seed(_seed_of(self._recipe.seed, self._step))
            self._losses[batch[0]].append(self._push_back(batch, epoch, 1 / len(plan)))
            self._step += 1
        nn.utils.clip_grad_norm_(self._encoder.learning(), self._recipe.clip)
        self._optimizer.step()
        if self._average:
            self._average.take(self._named(), self._step)

    def _push_back(self, batch: Batch, epoch: int, share: float) -> Tensor:
        """Add the batch's gradients; return its loss without them."""
        if self._adversary is None:
            return self._backward(batch, epoch, share)
        with self._adversary.watching():
            loss = self._backward(batch, epoch, share)
        with self._adversary.pushing():
            self._backward(batch, epoch, share)
        return loss

    def _backward(self, batch: Batch, epoch: int, share: float) -> Tensor:
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._dtype == "bfloat16"):
            loss = self._lessons.loss(batch, epoch, self._proxies)
        (loss * share).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _share_of_peak(self) -> float:
        steps = self._per_epoch * self._recipe.epochs
        rise = self._recipe.warm_up * steps
        return min((self._step + 1) / (rise + 1), max(0.0, (steps - self._step) / (steps - rise)))

    def _judge(self, texts: Sequence[str], labels: Sequence[int]) -> None:
        named = self._named()
        if self._average:
            with self._average.standing_in(named):
                self._accuracies.append(self._accuracy(texts, labels))
        else:
            self._accuracies.append(self._accuracy(texts, labels))
        if self._accuracies[-1] >= max(self._accuracies):
            kept = self._average.tensors if self._average else named
            self._best = {name: value.detach().clone() for name, value in kept.items()}
        self._watchers.curves.number("held_out_accuracy", self._accuracies[-1], self._step)

    def _accuracy(self, texts: Sequence[str], labels: Sequence[int]) -> float:
        vectors = torch.from_numpy(self._encoder.encode(texts))
        named = proxy_logits(vectors, self._proxies.detach().cpu(), 1.0).argmax(1).numpy()
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
        if self._average:
            tensors |= {f"average.{name}": value for name, value in self._average.tensors.items()}
        tensors |= optimizer_tensors(self._optimizer)
        notes: dict[str, Any] = {"step": self._step, "accuracies": self._accuracies}
        write_checkpoint(self._checkpoint, Checkpoint(self._work, tensors, notes))

    def _tell(self) -> None:
        if self._watchers.told:
            steps = self._per_epoch * self._recipe.epochs
            pace = (time.monotonic() - self._started) / max(1, self._step - self._first_step)
            self._watchers.told(self._step, steps, pace * (steps - self._step))
        curves = self._watchers.curves
        if isinstance(curves, NoCurves):
            self._losses.clear()
        elif sum(map(len, self._losses.values())) >= POINT_EVERY or self._step % self._per_epoch == 0:
            for kind, losses in self._losses.items():
                curves.number(f"loss/{kind}", float(torch.stack(losses).mean()), self._step)
            curves.number("learning_rate", float(self._optimizer.param_groups[0]["lr"]), self._step)
            self._losses.clear()


def _best_epoch(accuracies: Sequence[float]) -> int:
    """The last of the epochs with the best accuracy, counted from 1."""
    return len(accuracies) - int(np.argmax(accuracies[::-1]))


def _seed_of(seed: int, step: int) -> int:
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _named_work(examples: Examples) -> list[object]:
    """What the examples say, as JSON can hold it."""
    soft = "" if examples.soft is None else hashlib.sha256(np.ascontiguousarray(examples.soft).tobytes()).hexdigest()
    told = (examples.texts, examples.labels, examples.questions, examples.answers, examples.sources)
    return [*map(list, told), [list(row) for row in examples.negatives], soft]


def _first_proxies(encoder: TrainableEncoder, examples: Examples) -> Tensor:
    """Each intent's mean vector before tuning, (C, D): the softmax starts from nearest centroids, not from noise."""
    vectors, labels = encoder.encode(examples.texts), np.asarray(examples.labels, dtype=np.int64)
    proxies = np.zeros((examples.classes, vectors.shape[1]), np.float32)
    for label in range(examples.classes):
        proxies[label] = vectors[labels == label].mean(axis=0)
    return torch.from_numpy(proxies)
