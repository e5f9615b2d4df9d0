"""One step of learning: which parameter moves how fast, the average of where they were, and who pushes back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from finetune.encoder.model import TrainableEncoder
from finetune.encoder.recipe import Recipe

LAYER = re.compile(r"\.layers?\.(\d+)\.")


def parameter_groups(encoder: TrainableEncoder, proxies: nn.Parameter, recipe: Recipe) -> list[dict[str, Any]]:
    """Return AdamW's groups in a fixed order: the encoder's layers, top first where they differ, then the proxies."""
    named = [(name, part) for name, part in encoder.named_parameters() if part.requires_grad]
    depths = {name: int(found[1]) for name, _ in named if (found := LAYER.search(name))}
    top = max(depths.values(), default=0)
    below: dict[int, list[nn.Parameter]] = {}
    for name, part in named:
        below.setdefault(top - depths.get(name, top) if recipe.layer_decay != 1 else 0, []).append(part)
    groups: list[dict[str, Any]] = [
        {"params": parts, "lr": recipe.learning_rate * recipe.layer_decay**steps, "weight_decay": recipe.weight_decay}
        for steps, parts in sorted(below.items())
    ]
    return [*groups, {"params": [proxies], "lr": recipe.proxy_learning_rate, "weight_decay": 0.0}]


class MovingAverage:
    """An exponential moving average of named parameters, of shorter memory in the first steps."""

    def __init__(self, named: Mapping[str, nn.Parameter], decay: float) -> None:
        self._decay = decay
        self.tensors = {name: part.detach().clone() for name, part in named.items()}

    def take(self, named: Mapping[str, nn.Parameter], step: int) -> None:
        """Move towards what the parameters are after `step` steps, counted from 1."""
        keep = min(self._decay, step / (10 + step))
        for name, part in named.items():
            self.tensors[name].lerp_(part.detach(), 1 - keep)

    @contextmanager
    def standing_in(self, named: Mapping[str, nn.Parameter]) -> Iterator[None]:
        """Let the parameters be their average for a while."""
        was = {name: part.detach().clone() for name, part in named.items()}
        put(named, self.tensors)
        yield
        put(named, was)


class Adversary:
    """Moves word embeddings up the loss's gradient (Miyato et al. 2017, "Adversarial Training Methods for … Text").

    A batch is read twice: `watching` sees the embeddings' gradient of the first reading, `pushing` moves each text's
    embeddings along it by `share` of their own length.
    """

    def __init__(self, encoder: TrainableEncoder, share: float) -> None:
        self._share, self._mode = share, ""
        self._seen: list[Tensor] = []
        encoder.body.get_input_embeddings().register_forward_hook(self._hook)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While this holds, the embeddings of each forward pass are kept with their gradients."""
        self._seen, self._mode = [], "watch"
        yield
        self._mode = ""

    @contextmanager
    def pushing(self) -> Iterator[None]:
        """While this holds, the same forward passes in the same order read moved embeddings."""
        self._mode = "push"
        yield
        self._mode = ""

    def _hook(self, module: nn.Module, inputs: object, output: Tensor) -> Tensor:  # noqa: ARG002 - torch's signature
        if self._mode == "watch":
            self._seen.append(output.detach().requires_grad_())
            return self._seen[-1]
        return output + self._step(self._seen.pop(0)) if self._mode == "push" else output

    def _step(self, seen: Tensor) -> Tensor:
        assert seen.grad is not None
        lengths = [part.flatten(1).norm(dim=1)[:, None, None] for part in (seen.detach(), seen.grad)]
        step: Tensor = self._share * lengths[0] * seen.grad / lengths[1].clamp_min(1e-12)
        return step


def put(named: Mapping[str, nn.Parameter], values: Mapping[str, Tensor]) -> None:
    """Copy values into the parameters of these names."""
    with torch.no_grad():
        for name, value in values.items():
            named[name].copy_(value)
