"""What AdaLoRA remembers of how much each rank matters; a run that goes on needs it, other methods have nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

KEPT = ("ipt", "exp_avg_ipt", "exp_avg_unc")


def rank_tensors(model: Any) -> dict[str, Tensor]:
    """The allocator's tensors by name."""
    allocator = getattr(model.base_model, "rankallocator", None)
    if allocator is None:
        return {}
    return {f"ranks.{kind}.{name}": value for kind in KEPT for name, value in getattr(allocator, kind).items()}


def rank_notes(model: Any) -> dict[str, Any]:
    """Which ranks are kept, as JSON."""
    allocator = getattr(model.base_model, "rankallocator", None)
    return {} if allocator is None else {"rank_pattern": allocator.peft_config.rank_pattern}


def restore_ranks(model: Any, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> None:
    """Put back what `rank_tensors` and `rank_notes` gave."""
    allocator = getattr(model.base_model, "rankallocator", None)
    if allocator is None:
        return
    device = next(model.parameters()).device
    for kind in KEPT:
        start = f"ranks.{kind}."
        kept = {name.removeprefix(start): value.to(device) for name, value in tensors.items() if name.startswith(start)}
        setattr(allocator, kind, kept)
    allocator.peft_config.rank_pattern = notes["rank_pattern"]
