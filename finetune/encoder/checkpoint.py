"""Where tuning stood: written whole or not at all, so that a killed run goes on where it was."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

FILE = "tuning.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Tensors by name, and the rest as JSON; `work` says of which recipe and data."""

    work: str
    tensors: Mapping[str, Tensor]
    notes: Mapping[str, Any]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint. A process killed in here leaves the one before."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f"{FILE}.half"
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in checkpoint.tensors.items()}
    save_file(tensors, half, metadata={"work": checkpoint.work, "notes": json.dumps(checkpoint.notes)})
    with half.open("rb+") as file:
        os.fsync(file.fileno())
    half.replace(folder / FILE)


def read_checkpoint(folder: Path, work: str) -> Checkpoint | None:
    """Return the folder's checkpoint, or None if there is none, or one of other work, or a damaged one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / FILE, "pt") as file:
            about = file.metadata() or {}
            if about.get("work") != work:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            return Checkpoint(work, tensors, json.loads(about["notes"]))
    except (OSError, SafetensorError, KeyError, ValueError):
        return None


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as named tensors."""
    state = optimizer.state_dict()["state"]
    return {f"optimizer.{place}.{name}": value for place, row in state.items() for name, value in row.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            place, _, key = rest.partition(".")
            state.setdefault(int(place), {})[key] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
