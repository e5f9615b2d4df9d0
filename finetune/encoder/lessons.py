"""What is learnt from, and what a batch of it costs: utterances by their intents, questions by their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from finetune.augment import augmented
from finetune.encoder.batches import batches
from finetune.encoder.losses import answer_ranking, disagreement, mixed, proxy_logits, supervised_contrast
from finetune.encoder.model import TrainableEncoder
from finetune.encoder.recipe import Recipe
from finetune.errors import BadLabels

Batch = tuple[str, list[int]]
"""The kind, "utterances" or "pairs", and the rows of it that are read together."""


@dataclass(frozen=True)
class Examples:
    """What is learnt from: utterances with the number of their intent; questions beside their answers and sources.

    negatives: for each question the wrong answers that are nearest to right, any number of them; or none at all.
    soft: float32 (N, C), for each utterance what other models gave each intent, rows of sum 1. An utterance that has
    such a row may have the label -1: nobody labelled it.
    """

    texts: Sequence[str]
    labels: Sequence[int]
    questions: Sequence[str] = ()
    answers: Sequence[str] = ()
    sources: Sequence[int] = ()
    negatives: Sequence[Sequence[str]] = ()
    soft: NDArray[np.float32] | None = None

    @property
    def classes(self) -> int:
        """C, the number of intents; 0 where there are only pairs."""
        return max(self.labels, default=-1) + 1

    def __post_init__(self) -> None:
        if self.negatives and len(self.negatives) != len(self.questions):
            raise BadLabels(f"there are {len(self.questions)} questions but negatives for {len(self.negatives)}")
        if self.soft is not None and self.soft.shape != (len(self.texts), self.classes):
            expected = (len(self.texts), self.classes)
            raise BadLabels(f"soft labels are of shape {self.soft.shape}; these utterances need {expected}")
        if self.soft is None and min(self.labels, default=0) < 0:
            where = next(row for row, label in enumerate(self.labels) if label < 0)
            raise BadLabels(f"utterance {where} has neither a label nor soft ones")


class Lessons:
    """The examples as token ids, in batches, with their losses. Randomness is torch's, but for augmentation."""

    def __init__(self, encoder: TrainableEncoder, examples: Examples, recipe: Recipe, device: torch.device) -> None:
        self._encoder, self._examples, self._recipe, self._device = encoder, examples, recipe, device
        self._ids = _tokens(encoder, examples.texts)
        self._questions = _tokens(encoder, examples.questions)
        self._answers = _tokens(encoder, examples.answers)
        self._negatives = [_tokens(encoder, row) for row in examples.negatives]
        self._labels = torch.tensor(list(examples.labels), device=device)
        self._targets = _targets(examples, recipe.soft).to(device)
        self._sources = torch.tensor(list(examples.sources), device=device)
        self._said: tuple[int, list[list[int]]] = (-1, self._ids)

    def plan(self, epoch: int) -> list[Batch]:
        """Return the epoch's batches: every utterance and every pair once, the kinds in turn by chance."""
        recipe = self._recipe
        plan = [("utterances", rows) for rows in batches([*map(len, self._ids)], recipe.batch, recipe.seed, epoch)]
        lengths = [len(q) + len(a) for q, a in zip(self._questions, self._answers, strict=True)]
        plan += [("pairs", rows) for rows in batches(lengths, recipe.batch, recipe.seed + 1, epoch)]
        order = np.random.default_rng([recipe.seed, epoch, 2]).permutation(len(plan))
        return [plan[place] for place in order]

    def loss(self, batch: Batch, epoch: int, proxies: Tensor) -> Tensor:
        """Return the batch's loss as a scalar with gradients."""
        kind, rows = batch
        return self._of_utterances(rows, epoch, proxies) if kind == "utterances" else self._of_pairs(rows, epoch)

    def _of_utterances(self, rows: Sequence[int], epoch: int, proxies: Tensor) -> Tensor:
        recipe, ids = self._recipe, self._read_in(epoch)
        times = 2 if recipe.twice else 1
        vectors = self._encoder([ids[row] for row in rows] * times).float()
        targets = self._targets[list(rows)].repeat(times, 1)
        seen, named = mixed(vectors, targets, recipe.mixup) if recipe.mixup else (vectors, targets)
        loss = functional.cross_entropy(
            proxy_logits(seen, proxies, recipe.scale), named, label_smoothing=recipe.smoothing
        )
        if recipe.contrast:
            labels = self._labels[list(rows)].repeat(times)
            known = labels >= 0
            loss = loss + recipe.contrast * supervised_contrast(
                vectors[known], labels[known], recipe.contrast_temperature
            )
        if recipe.consistency:
            logits = proxy_logits(vectors, proxies, recipe.scale)
            loss = loss + recipe.consistency * disagreement(logits[: len(rows)], logits[len(rows) :])
        return loss

    def _of_pairs(self, rows: Sequence[int], epoch: int) -> Tensor:
        questions = self._encoder([self._questions[row] for row in rows]).float()
        answers = self._encoder([self._answers[row] for row in rows]).float()
        sources, scale = self._sources[list(rows)], self._recipe.pair_scale
        chosen = self._wrong(rows, epoch)
        if not chosen:
            return answer_ranking(questions, answers, sources, scale)
        negatives = self._encoder(chosen).float()
        not_for = torch.tensor([[self._answers[row] == wrong for wrong in chosen] for row in rows], device=self._device)
        return answer_ranking(questions, answers, sources, scale, negatives, not_for)

    def _wrong(self, rows: Sequence[int], epoch: int) -> list[list[int]]:
        """The negatives of these rows that this epoch reads, each text once."""
        found: list[list[int]] = []
        for row in rows:
            own = self._negatives[row] if self._negatives else []
            count = min(self._recipe.negatives, len(own))
            found += [own[(epoch * count + place) % len(own)] for place in range(count)]
        return [list(ids) for ids in dict.fromkeys(map(tuple, found))]

    def _read_in(self, epoch: int) -> list[list[int]]:
        recipe = self._recipe
        if not (recipe.augment or recipe.word_dropout):
            return self._ids
        if self._said[0] != epoch:
            said = augmented(self._examples.texts, recipe.augment, recipe.word_dropout, recipe.seed, epoch)
            self._said = epoch, _tokens(self._encoder, said)
        return self._said[1]


def _tokens(encoder: TrainableEncoder, texts: Sequence[str]) -> list[list[int]]:
    return encoder.tokenize(texts) if texts else []


def _targets(examples: Examples, soft_weight: float) -> Tensor:
    """Return float32 (N, C): what cross-entropy compares with."""
    labels = torch.tensor(list(examples.labels), dtype=torch.long)
    targets = torch.zeros(len(labels), examples.classes)
    known = labels >= 0
    targets[known] = functional.one_hot(labels[known], examples.classes).float() if len(labels) else targets[known]
    if examples.soft is None:
        return targets
    weight = torch.where(known, soft_weight, 1.0)[:, None]
    return (1 - weight) * targets + weight * torch.from_numpy(examples.soft)
