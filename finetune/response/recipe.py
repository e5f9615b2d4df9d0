"""How the response model is tuned: every number in one place."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from finetune.errors import BadRecipe

METHODS = ("lora", "adalora", "prefix", "ia3", "adapter")
SCHEDULES = ("cosine", "linear")
SHARES = ("dropout", "warm_up", "held_out", "unknown_share")
MAY_BE_ZERO = (*SHARES, "weight_decay", "frozen_layers", "continued_pretraining", "prune_layers", "patience", "seed")
MERGEABLE = ("lora", "adalora", "ia3")
"""Methods whose result is a change of weights: it can be merged into the base, as the fast engines need."""


@dataclass(frozen=True, slots=True)
class ResponseRecipe:
    """The loss is cross-entropy over the agent's words; what stands before them is read, not learnt.

    method: LoRA (Hu et al. 2021), AdaLoRA (Zhang et al. 2023), prefix tuning (Li and Liang 2021), IA3 (Liu et al. 2022)
    or an adapter of learnt prompts in the upper layers (LLaMA-Adapter, Zhang et al. 2023).
    rank, alpha, dropout, targets: of LoRA and AdaLoRA; no targets means every linear layer but the output's.
    frozen_layers: how many of the lowest layers stay as they are; nothing is computed backwards through them.
    virtual_tokens: of prefix and adapter. batch × accumulation rows make a step. warm_up: share of the steps in which
    the learning rate rises; it falls as `schedule` says ("cosine" or "linear"). patience: measurements without a
    lower held-out loss after which tuning stops. max_tokens: longer rows are left out, not cut. share_prefix: what all
    prompts of a batch begin with is read once, which changes nothing but the time. checkpointing: forget activations
    and compute them again, for a GPU that is too small.
    held_out: the share of conversations that stopping early is judged by. unknown_share: of the examples, how many have
    their passage taken away, so that nothing answers. continued_pretraining: epochs over the company's articles and
    agents' turns before the examples. prune_layers: layers dropped from the middle first, and what is left taught to
    say what the whole said (`distil_epochs` over the same text).
    """

    method: str = "lora"
    rank: int = 8
    alpha: int = 16
    dropout: float = 0.05
    frozen_layers: int = 0
    targets: tuple[str, ...] = ()
    virtual_tokens: int = 16
    epochs: int = 3
    batch: int = 8
    accumulation: int = 1
    learning_rate: float = 3e-4
    schedule: str = "cosine"
    warm_up: float = 0.1
    weight_decay: float = 0.0
    clip: float = 1.0
    patience: int = 2
    max_tokens: int = 640
    share_prefix: bool = True
    checkpointing: bool = False
    held_out: float = 0.1
    unknown_share: float = 0.25
    continued_pretraining: int = 0
    prune_layers: int = 0
    distil_epochs: int = 2
    seed: int = 13

    def __post_init__(self) -> None:
        for name, known in (("method", METHODS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in known:
                raise BadRecipe(f"{name} is {getattr(self, name)!r}; it can be one of {', '.join(known)}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "bool" and not isinstance(value, bool):
                raise BadRecipe(f"{field.name} is {value!r}; it should be true or false")
            if field.type in ("int", "float"):
                _check_number(field.name, value, whole=field.type == "int")
        if not all(isinstance(name, str) for name in self.targets):
            raise BadRecipe(f"targets is {self.targets!r}; it should be names of layers, such as q_proj")

    def altered(self, changes: Mapping[str, Any], where: str) -> ResponseRecipe:
        """Return the recipe with these fields changed; BadRecipe names what is none, and `where` it stands."""
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                raise BadRecipe(f"{where}: {name!r} is no field of a recipe; there are {', '.join(known)}")
        lists = {name: tuple(value) for name, value in changes.items() if isinstance(value, list)}
        try:
            return replace(self, **{**changes, **lists})
        except BadRecipe as error:
            raise BadRecipe(f"{where}: {error}") from error

    @property
    def learning_rate_of_method(self) -> float:
        """The peak: IA3 and the learnt prompts start at nothing and need a tenfold step."""
        return self.learning_rate * (1.0 if self.method in ("lora", "adalora") else 10.0)

    def fingerprint(self, *data: object) -> str:
        """Return 12 hex digits of the recipe and of what it is used on: a checkpoint of other work is no checkpoint."""
        made = json.dumps([asdict(self), *data], sort_keys=True, default=str)
        return hashlib.sha256(made.encode()).hexdigest()[:12]


def _check_number(name: str, value: Any, *, whole: bool) -> None:
    kinds = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, kinds) or not math.isfinite(value):
        raise BadRecipe(f"{name} is {value!r}; it should be a {'whole ' if whole else ''}number")
    if value < 0 or (value == 0 and name not in MAY_BE_ZERO):
        raise BadRecipe(f"{name} is {value}; it should be {'at least 0' if name in MAY_BE_ZERO else 'above 0'}")
    if name in SHARES and value >= 1:
        raise BadRecipe(f"{name} is {value}; it is a share, below 1")
