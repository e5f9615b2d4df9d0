"""The loop: steps over batches of like lengths on one processor or many, checkpoints, early stopping.

accelerate's parts are called from a loop of our own: each step seeds its own dropout and is divided by the tokens it
learns, so a killed run ends in the same bits, and a step of two batches is that of one twice as large.
`transformers.Trainer` keeps neither by itself. Several GPUs: `accelerate launch nightdesk.py train --response`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from finetune.curves import Curves, NoCurves
from finetune.encoder.batches import batches
from finetune.encoder.checkpoint import (
    Checkpoint,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizer,
    write_checkpoint,
)
from finetune.progress import Told
from finetune.response.adapters import ORTHOGONAL, orthogonality
from finetune.response.loss import Speaker
from finetune.response.ranks import rank_notes, rank_tensors, restore_ranks
from finetune.response.recipe import ResponseRecipe
from finetune.response.tokens import Batch, Row, batch_of

CHECKPOINT_EVERY_S = 60.0


@dataclass
class Learnt:
    """What a run came to: steps done, and the held-out loss a token (nats) before it and after each epoch."""

    steps: int
    losses: list[float] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were kept; 0 is the base itself."""
        return min(range(len(self.losses)), key=lambda epoch: self.losses[epoch]) if self.losses else 0


def steps_of(rows: Sequence[Row], recipe: ResponseRecipe) -> int:
    """How many steps the recipe makes of the rows on one processor."""
    return recipe.epochs * math.ceil(math.ceil(len(rows) / recipe.batch) / recipe.accumulation)


def learn(
    model: Any,
    rows: Sequence[Row],
    recipe: ResponseRecipe,
    *,
    pad: int,
    held_out: Sequence[Row] = (),
    checkpoint: Path | None = None,
    checkpoint_every_s: float = CHECKPOINT_EVERY_S,
    curves: Curves | None = None,
    told: Told | None = None,
    most_steps: int | None = None,
) -> Learnt:
    """Tune those parameters of `model` that learn. Equal arguments give equal weights, also across a kill.

    With `held_out`, the weights of the best epoch are put back at the end. `checkpoint`: a folder for progress, which
    may be deleted once this returns. `most_steps`: stop there, leaving the checkpoint, with the schedule as it was.
    """
    run = _Run(model, rows, recipe, pad, held_out, checkpoint, checkpoint_every_s, curves or NoCurves(), told)
    run.resume()
    return run.to_the_end(most_steps)


def loss_of(speaker: Speaker, rows: Sequence[Row], recipe: ResponseRecipe, pad: int) -> float:
    """Return the mean loss a learnt token, in nats, without dropout; its exponential is the perplexity."""
    was = speaker.training
    speaker.eval()
    total, counted = 0.0, 0
    order = sorted(range(len(rows)), key=lambda row: len(rows[row].ids))
    with torch.inference_mode():
        for start in range(0, len(order), recipe.batch):
            chosen = [rows[row] for row in order[start : start + recipe.batch]]
            batch = batch_of(chosen, pad, share_prefix=_shares(recipe))
            total, counted = total + float(speaker(batch)), counted + batch.counted
    speaker.train(was)
    return total / max(1, counted)


class _Run:
    def __init__(
        self,
        model: Any,
        rows: Sequence[Row],
        recipe: ResponseRecipe,
        pad: int,
        held_out: Sequence[Row],
        checkpoint: Path | None,
        every_s: float,
        curves: Curves,
        told: Told | None,
    ) -> None:
        from accelerate import Accelerator  # type: ignore[import-untyped]

        self._recipe, self._rows, self._held_out, self._pad = recipe, list(rows), list(held_out), pad
        self._checkpoint, self._every_s, self._curves, self._told = checkpoint, every_s, curves, told
        self._peft = model
        self._speaker = Speaker(model, positions=recipe.method != "prefix")
        device = next(model.parameters()).device
        bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
        self._accelerator = Accelerator(mixed_precision="bf16" if bf16 else "no", cpu=device.type == "cpu")
        self._learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._peak = recipe.learning_rate_of_method
        optimizer = torch.optim.AdamW(
            self._learning, lr=self._peak, weight_decay=recipe.weight_decay,
            fused=device.type in ("cpu", "cuda"),
        )  # fmt: skip
        self._wrapped, self._optimizer = self._accelerator.prepare(self._speaker, optimizer)
        world = int(self._accelerator.num_processes)
        self._per_epoch = math.ceil(math.ceil(len(self._rows) / recipe.batch) / (recipe.accumulation * world))
        self._steps = self._per_epoch * recipe.epochs
        self._work = recipe.fingerprint([row.ids for row in rows], [row.start for row in rows],
                                        [row.ids for row in held_out], world)  # fmt: skip
        self._step = 0
        self._losses: list[float] = []
        self._best: dict[str, Tensor] = {}
        self._started, self._first_step, self._saved = time.monotonic(), 0, time.monotonic()

    def resume(self) -> None:
        found = read_checkpoint(self._checkpoint, self._work) if self._checkpoint else None
        if found is None:
            return
        with torch.no_grad():
            for name, parameter in self._named().items():
                parameter.copy_(found.tensors[f"now.{name}"])
        self._best = {
            name.removeprefix("best."): value for name, value in found.tensors.items() if name.startswith("best.")
        }
        restore_optimizer(self._plain_optimizer(), found.tensors)
        restore_ranks(self._peft, found.tensors, found.notes)
        self._step, self._losses = int(found.notes["step"]), list(found.notes["losses"])
        self._first_step = self._step

    def to_the_end(self, most_steps: int | None) -> Learnt:
        if self._held_out and not self._losses:
            self._measure()
        while self._step < self._steps and not self._settled():
            if most_steps is not None and self._step >= most_steps:
                self._save()
                return Learnt(self._step, self._losses)
            self._one_step()
            if self._step % self._per_epoch == 0:
                if self._held_out:
                    self._measure()
                self._save()
            elif time.monotonic() - self._saved >= self._every_s:
                self._save()
        with torch.no_grad():
            for name, parameter in self._named().items():
                if name in self._best:
                    parameter.copy_(self._best[name])
        self._peft.eval()
        return Learnt(self._step, self._losses)

    def _one_step(self) -> None:
        recipe, accelerator = self._recipe, self._accelerator
        mine, counted = self._batches()
        for group in self._plain_optimizer().param_groups:
            group["lr"] = self._peak * self._share_of_peak()
        self._wrapped.train()
        total = torch.zeros((), device=accelerator.device)
        for number, (batch, weight) in enumerate(mine):
            # Each pass has dropout of its own, the same on every way to it: nothing of it needs to be kept.
            torch.manual_seed(hash((recipe.seed, self._step, number, accelerator.process_index)) % 2**63)
            last = number == len(mine) - 1
            with _together(accelerator, self._wrapped, last):
                # The processes' gradients are averaged; ours are to be summed.
                loss = self._wrapped(batch) * (weight * accelerator.num_processes / counted)
                total += loss.detach()
                if last and recipe.method == "adalora":
                    loss = loss + ORTHOGONAL * orthogonality(self._peft)
                accelerator.backward(loss)
        accelerator.clip_grad_norm_(self._learning, recipe.clip)
        self._optimizer.step()
        if recipe.method == "adalora":
            self._peft.base_model.update_and_allocate(self._step)
        self._optimizer.zero_grad()
        self._step += 1
        self._tell(float(accelerator.reduce(total, "mean")))

    def _batches(self) -> tuple[list[tuple[Batch, float]], int]:
        """This process's batches of the step, each with what it weighs, and how many tokens all of them learn."""
        recipe, accelerator = self._recipe, self._accelerator
        epoch, place = divmod(self._step, self._per_epoch)
        plan = batches([len(row.ids) for row in self._rows], recipe.batch, recipe.seed, epoch)
        world = accelerator.num_processes
        size = recipe.accumulation * world
        chosen = plan[place * size : (place + 1) * size]
        counted = sum(len(self._rows[row].ids) - self._rows[row].start for rows in chosen for row in rows)
        mine = [(rows, 1.0) for rows in chosen[accelerator.process_index :: world]]
        if len(mine) * world < len(chosen):
            mine.append((chosen[0], 0.0))  # every process makes as many passes as the others, or they would wait
        made = [
            (batch_of([self._rows[row] for row in rows], self._pad, share_prefix=_shares(recipe)), weight)
            for rows, weight in mine
        ]
        return made, counted

    def _share_of_peak(self) -> float:
        rise = self._recipe.warm_up * self._steps
        if self._step < rise:
            return (self._step + 1) / (rise + 1)
        done = (self._step - rise) / max(1.0, self._steps - rise)
        return 0.5 * (1 + math.cos(math.pi * done)) if self._recipe.schedule == "cosine" else 1 - done

    def _measure(self) -> None:
        self._losses.append(loss_of(self._speaker, self._held_out, self._recipe, self._pad))
        if self._losses[-1] <= min(self._losses):
            self._best = {name: value.detach().clone() for name, value in self._named().items()}
        if self._accelerator.is_main_process:
            self._curves.number("response/held_out_loss", self._losses[-1], self._step)

    def _settled(self) -> bool:
        best = min(range(len(self._losses)), key=lambda epoch: self._losses[epoch]) if self._losses else 0
        return len(self._losses) - 1 - best >= self._recipe.patience

    def _named(self) -> dict[str, Any]:
        return {name: part for name, part in self._peft.named_parameters() if part.requires_grad}

    def _plain_optimizer(self) -> torch.optim.Optimizer:
        return getattr(self._optimizer, "optimizer", self._optimizer)  # type: ignore[no-any-return]

    def _save(self) -> None:
        self._saved = time.monotonic()
        if self._checkpoint is None or not self._accelerator.is_main_process:
            return
        tensors: dict[str, Tensor] = {f"now.{name}": value for name, value in self._named().items()}
        tensors |= {f"best.{name}": value for name, value in self._best.items()}
        tensors |= optimizer_tensors(self._plain_optimizer()) | rank_tensors(self._peft)
        notes: dict[str, Any] = {"step": self._step, "losses": self._losses, **rank_notes(self._peft)}
        write_checkpoint(self._checkpoint, Checkpoint(self._work, tensors, notes))

    def _tell(self, loss: float) -> None:
        if not self._accelerator.is_main_process:
            return
        self._curves.number("response/loss", loss, self._step)
        if self._told:
            pace = (time.monotonic() - self._started) / max(1, self._step - self._first_step)
            self._told(self._step, self._steps, pace * (self._steps - self._step))


def _shares(recipe: ResponseRecipe) -> bool:
    """Learnt prompts change what a shared beginning is read as, and checkpointing keeps no cache."""
    return recipe.share_prefix and not recipe.checkpointing and recipe.method not in ("prefix", "adapter")


def _together(accelerator: Any, model: Any, last: bool) -> Any:
    """Let the processes exchange gradients with the last batch of a step only."""
    import contextlib

    return contextlib.nullcontext() if last else accelerator.no_sync(model)
