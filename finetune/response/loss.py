"""The loss of a batch: cross-entropy over the agent's words, what all rows begin with read once."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from finetune.response.tokens import IGNORED, Batch


class Speaker(nn.Module):
    """A causal language model whose forward pass is the summed loss, so that one call is one pass on every GPU."""

    def __init__(self, model: Any, *, positions: bool = True) -> None:
        """`positions`: give each token its place, which peft's prefix tuning does by itself."""
        super().__init__()
        self.model = model
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._cuts = "logits_to_keep" in inspect.signature(base.forward).parameters
        self._positions = positions

    def forward(self, batch: Batch) -> Tensor:
        """Return the sum over all learnt tokens of the negative log-likelihood, a scalar."""
        logits, labels = self.logits(batch)
        return functional.cross_entropy(
            logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum"
        )

    def logits(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return logits (B, K, V) and the labels (B, K) they are for: the last K places, the others teach nothing.

        Only those are multiplied by the output matrix, a fifth of all work in a model of 135M parameters.
        """
        device = next(self.model.parameters()).device
        prefix, ids, mask, labels = (part.to(device) for part in (batch.prefix, batch.ids, batch.mask, batch.labels))
        width = ids.shape[1]
        first = int((labels != IGNORED).any(0).nonzero()[0])
        before = len(prefix)
        more: dict[str, Any] = {"use_cache": False}
        if before:
            cache = self.model(input_ids=prefix[None], use_cache=True).past_key_values
            cache.batch_repeat_interleave(len(ids))
            more = {"use_cache": True, "past_key_values": cache}
            mask = torch.cat([mask.new_ones(len(ids), before), mask], 1)
        if self._positions:
            more["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)[:, before:]
        if self._cuts:
            more["logits_to_keep"] = width - first + 1
        logits = self.model(input_ids=ids, attention_mask=mask, **more).logits
        return logits[:, -(width - first + 1) : -1], labels[:, first:]
