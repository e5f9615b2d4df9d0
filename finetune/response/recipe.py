"""How the response model is tuned: every number in one place."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

METHODS = ("lora", "adalora", "prefix", "ia3", "adapter")
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
    seed: int = 13

    @property
    def learning_rate_of_method(self) -> float:
        """The peak: IA3 and the learnt prompts start at nothing and need a tenfold step."""
        return self.learning_rate * (1.0 if self.method in ("lora", "adalora") else 10.0)

    def fingerprint(self, *data: object) -> str:
        """Return 12 hex digits of the recipe and of what it is used on: a checkpoint of other work is no checkpoint."""
        made = json.dumps([asdict(self), *data], sort_keys=True, default=str)
        return hashlib.sha256(made.encode()).hexdigest()[:12]
