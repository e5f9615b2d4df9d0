"""From tagged sentences to a tagger, everything chosen on a dev file or on a split of the sentences."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from finetune.encoder.batches import batches
from finetune.encoder.checkpoint import (
    Checkpoint,
    optimizer_tensors,
    read_checkpoint,
    restore_optimizer,
    write_checkpoint,
)
from finetune.entities.conll import OUTSIDE, Sentence
from finetune.entities.head import TaggerHead
from finetune.entities.parts import Part, Reads, Tuned, padded
from finetune.entities.recipe import TaggerRecipe
from finetune.entities.scores import entity_figures
from finetune.errors import BadLabels
from finetune.progress import Told
from retrieval.tagger import Tagger
from retrieval.word_shapes import WORN

LEANINGS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, -0.5, -1.0)
"""What is tried to take off the score of O: small sets leave a tagger shyer than is best for F1."""
READ_TOGETHER = 32
CHECKPOINT_EVERY_S = 60.0


@dataclass(frozen=True)
class Learnt:
    """A sealed tagger and where its states come from; nothing is chosen after this."""

    reads: Reads
    tagger: Tagger
    epochs: int
    leaning: float
    dev_f1: float
    seconds: float

    def leaning_to(self, leaning: float) -> Tagger:
        """Return the tagger with this much taken off the score of O, whatever was chosen here."""
        return replace(self.tagger, out_bias=self.tagger.out_bias - self.tagger.away(leaning - self.leaning))

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return the tags of each sentence's words."""
        return tags_from(self.tagger, scores_of(self.reads, self.tagger, self.reads.prepare(sentences)), sentences)


def learn_tagger(
    reads: Reads,
    sentences: Sequence[Sentence],
    dev: Sequence[Sentence],
    recipe: TaggerRecipe,
    *,
    checkpoint: Path | None = None,
    told: Told | None = None,
) -> Learnt:
    """Learn a tagger. The epoch with the best entity F1 on `dev` is kept; without dev, every epoch is run.

    checkpoint: a folder for progress; a killed run goes on from there and ends with the same weights. Raises BadLabels
    if the sentences hold no entity.
    """
    started = time.perf_counter()
    if not any(tag != OUTSIDE for sentence in sentences for tag in sentence.tags):
        raise BadLabels("the sentences hold no entity; expected tags such as B-PERSON")
    run = _Run(reads, sentences, dev, recipe, checkpoint, told)
    run.resume()
    while run.epoch < run.epochs and not run.settled:
        run.one_epoch()
    return run.result(started)


def tags_of(sentences: Sequence[Sentence]) -> tuple[str, ...]:
    """Return all IOB2 tags of the kinds there are, O first."""
    kinds = sorted({tag[2:] for sentence in sentences for tag in sentence.tags if tag != OUTSIDE})
    return (OUTSIDE, *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI"))


def scores_of(reads: Reads, tagger: Tagger, parts: Sequence[Part]) -> list[tuple[Part, NDArray[np.float32]]]:
    """Return what speaks for each tag, (W, K) a part, without dropout."""
    order = sorted(range(len(parts)), key=lambda number: parts[number].length)
    found: dict[int, NDArray[np.float32]] = {}
    was = reads.module.training if reads.module else False
    if reads.module:
        reads.module.eval()
    with torch.inference_mode():
        for start in range(0, len(order), READ_TOGETHER):
            chosen = order[start : start + READ_TOGETHER]
            rows = [parts[number] for number in chosen]
            states = reads.states(rows).float().cpu().numpy()
            for number, part, seen in zip(chosen, rows, states, strict=True):
                found[number] = tagger.scores(seen[: len(part.shapes)], part.shapes)
    if reads.module:
        reads.module.train(was)
    return [(part, found[number]) for number, part in enumerate(parts)]


def tags_from(
    tagger: Tagger, scores: Sequence[tuple[Part, NDArray[np.float32]]], sentences: Sequence[Sequence[str]]
) -> list[list[str]]:
    """Return each sentence's tags from its parts' scores; an entity does not reach over a cut."""
    tags: list[list[str]] = [[] for _ in sentences]
    for part, rows in scores:
        tags[part.sentence] += tagger.tag(rows)
    return tags


class _Run:
    def __init__(
        self,
        reads: Reads,
        sentences: Sequence[Sentence],
        dev: Sequence[Sentence],
        recipe: TaggerRecipe,
        checkpoint: Path | None,
        told: Told | None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self._reads, self._recipe, self._checkpoint, self._told = reads, recipe, checkpoint, told
        names = tags_of(sentences)
        self._head = TaggerHead(names, reads.width, recipe.hidden, recipe.head_dropout)
        self._parts = reads.prepare([sentence.words for sentence in sentences])
        self._dev = dev
        self._dev_parts = reads.prepare([sentence.words for sentence in dev])
        number = {name: place for place, name in enumerate(names)}
        self._tags = [
            np.asarray([number[tag] for tag in _within(sentences[part.sentence].tags, part)]) for part in self._parts
        ]
        self.epochs = recipe.epochs(len(sentences))
        self._optimizer = torch.optim.AdamW(_groups(reads, self._head, recipe), fused=True)
        self._peaks = [float(group["lr"]) for group in self._optimizer.param_groups]
        self._per_epoch = len(self._plan(0))
        self._work = recipe.fingerprint([(s.words, s.tags) for s in sentences], [(s.words, s.tags) for s in dev])
        self._step, self._f1s, self._best = 0, list[float](), dict[str, Tensor]()
        self._started, self._first_step, self._saved = time.monotonic(), 0, time.monotonic()

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self._step // self._per_epoch

    @property
    def settled(self) -> bool:
        """Whether dev F1 has stopped rising."""
        return bool(self._f1s) and len(self._f1s) - 1 - int(np.argmax(self._f1s)) >= self._recipe.patience

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
        self._step, self._f1s = int(found.notes["step"]), list(found.notes["f1s"])
        self._first_step = self._step

    def one_epoch(self) -> None:
        """Run what is left of the epoch, then measure."""
        self._train_mode()
        for rows in self._plan(self.epoch)[self._step % self._per_epoch :]:
            self._learn(rows)
            self._step += 1
            self._tell()
            if time.monotonic() - self._saved >= CHECKPOINT_EVERY_S and self._step % self._per_epoch:
                self._save()
        if self._dev:
            tagger = self._head.tagger()
            self._f1s.append(self._dev_f1(tagger, scores_of(self._reads, tagger, self._dev_parts)))
        if self._dev and self._f1s[-1] > max(self._f1s[:-1], default=-1.0):
            self._best = {name: value.detach().clone() for name, value in self._named().items()}
        self._save()

    def result(self, started: float) -> Learnt:
        """The best epoch's weights, and the leaning away from O that suits dev best."""
        with torch.no_grad():
            for name, parameter in self._named().items():
                if name in self._best:
                    parameter.copy_(self._best[name])
        if self._reads.module:
            self._reads.module.eval()
        plain = self._head.tagger()
        if not self._dev:
            return Learnt(self._reads, plain, self.epoch, 0.0, 0.0, time.perf_counter() - started)
        scores = scores_of(self._reads, plain, self._dev_parts)
        found = []
        for leaning in LEANINGS:
            away = plain.away(leaning)
            found.append((self._dev_f1(plain, [(part, rows - away) for part, rows in scores]), leaning))
        f1, leaning = max(found, key=lambda pair: pair[0])
        epochs = int(np.argmax(self._f1s)) + 1
        return Learnt(self._reads, self._head.tagger(leaning), epochs, leaning, f1, time.perf_counter() - started)

    def _dev_f1(self, tagger: Tagger, scores: Sequence[tuple[Part, NDArray[np.float32]]]) -> float:
        named = tags_from(tagger, scores, [sentence.words for sentence in self._dev])
        return float(entity_figures([sentence.tags for sentence in self._dev], named)["entity_f1"])

    def _plan(self, epoch: int) -> list[list[int]]:
        return batches([part.length for part in self._parts], self._recipe.batch, self._recipe.seed, epoch)

    def _learn(self, rows: Sequence[int]) -> None:
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * self._share_of_peak()
        self._optimizer.zero_grad(set_to_none=False)
        self._loss([self._parts[row] for row in rows], padded([self._tags[row] for row in rows])).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(list(self._named().values()), self._recipe.clip)
        self._optimizer.step()

    def _loss(self, parts: Sequence[Part], tags: Tensor) -> Tensor:
        recipe = self._recipe
        lowered = torch.rand(len(parts)) < recipe.lower_dropout
        shapes = padded([part.lower if low else part.shapes for part, low in zip(parts, lowered, strict=True)])
        there = torch.arange(shapes.shape[1]) < torch.tensor([len(part.shapes) for part in parts])[:, None]
        hidden = torch.rand(shapes.shape[0], shapes.shape[1], shapes.shape[2] - WORN) < recipe.affix_dropout
        shapes[..., WORN:] = shapes[..., WORN:].masked_fill(hidden, 0)
        scores = self._head(self._reads.states(parts), shapes, there)
        return self._head.crf.loss(scores, tags, there)

    def _share_of_peak(self) -> float:
        steps = self._per_epoch * self.epochs
        rise = self._recipe.warm_up * steps
        return min((self._step + 1) / (rise + 1), max(0.0, (steps - self._step) / (steps - rise)))

    def _train_mode(self) -> None:
        self._head.train()
        if self._reads.module:
            self._reads.module.train()

    def _named(self) -> dict[str, nn.Parameter]:
        learning = {f"head.{name}": part for name, part in self._head.named_parameters()}
        body = self._reads.module.named_parameters() if self._reads.module else ()
        return learning | {f"body.{name}": part for name, part in body if part.requires_grad}

    def _save(self) -> None:
        self._saved = time.monotonic()
        if self._checkpoint is None:
            return
        tensors: dict[str, Tensor] = {f"now.{name}": value for name, value in self._named().items()}
        tensors |= {f"best.{name}": value for name, value in self._best.items()}
        tensors |= optimizer_tensors(self._optimizer) | {"rng": torch.get_rng_state()}
        notes: dict[str, Any] = {"step": self._step, "f1s": self._f1s}
        write_checkpoint(self._checkpoint, Checkpoint(self._work, tensors, notes))

    def _tell(self) -> None:
        if self._told:
            steps = self._per_epoch * self.epochs
            pace = (time.monotonic() - self._started) / max(1, self._step - self._first_step)
            self._told(self._step, steps, pace * (steps - self._step))


def _groups(reads: Reads, head: TaggerHead, recipe: TaggerRecipe) -> list[dict[str, Any]]:
    """The optimizer's groups: the head, what the body is told of words, and each of its layers by its own rate."""
    groups: list[dict[str, Any]] = [
        {"params": list(head.parameters()), "lr": recipe.head_learning_rate, "weight_decay": recipe.weight_decay}
    ]
    if isinstance(reads, Tuned):
        layers = reads.body.upper.encoder.layer
        for depth, layer in enumerate(reversed(layers)):
            learning = [part for part in layer.parameters() if part.requires_grad]
            rate = recipe.learning_rate * recipe.layer_decay**depth
            if learning:
                groups.append({"params": learning, "lr": rate, "weight_decay": recipe.weight_decay})
    return groups


def _within(tags: Sequence[str], part: Part) -> list[str]:
    """The part's tags; an entity that a cut runs through begins anew."""
    mine = list(tags[part.start : part.start + len(part.shapes)])
    if mine[0].startswith("I-"):
        mine[0] = f"B-{mine[0][2:]}"
    return mine


def split(sentences: Sequence[Sentence], recipe: TaggerRecipe) -> tuple[list[Sentence], list[Sentence]]:
    """Return the sentences, and those held out to stand in for a dev file.

    Raises BadLabels if one side would be without an entity.
    """
    order = np.random.default_rng([recipe.seed, 7]).permutation(len(sentences))
    held = set(map(int, order[: max(1, round(recipe.held_out * len(sentences)))]))
    kept = [sentence for number, sentence in enumerate(sentences) if number not in held]
    out = [sentence for number, sentence in enumerate(sentences) if number in held]
    for side in (kept, out):
        if not any(tag != OUTSIDE for sentence in side for tag in sentence.tags):
            raise BadLabels(f"{len(sentences)} sentences are too few to hold {len(out)} out; give a dev file or more")
    return kept, out
