"""Merge a trained adapter into the weights it was trained beside, so that serving needs no library for adapters."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from bot.errors import ModelError

PREFIX = "base_model.model."
MERGEABLE = ("LORA", "ADALORA", "IA3")


def merge_adapter(model: Any, folder: Path) -> None:
    """Change the model's matrices in place, in their own precision, by what peft saved in `folder`.

    LoRA (Hu et al. 2021): W + s·B·A, with s = alpha/r, or alpha/√r for rank-stabilised LoRA. AdaLoRA (Zhang et al.
    2023): W + alpha/r·B·(E·A). IA3 (Liu et al. 2022): W scaled by row or column. Raises ModelError for other kinds.
    """
    import torch
    from safetensors.torch import load_file

    config = _config(folder)
    kind = config["peft_type"]
    parts: dict[str, dict[str, Any]] = defaultdict(dict)
    for key, tensor in load_file(folder / "adapter_model.safetensors").items():
        module, _, part = key.removeprefix(PREFIX).removesuffix(".weight").rpartition(".")
        parts[module][part] = tensor
    with torch.no_grad():
        for name, tensors in parts.items():
            try:
                weight = model.get_submodule(name).weight
                _change(kind, name, weight, {part: tensor.to(weight.dtype) for part, tensor in tensors.items()}, config)
            except (AttributeError, KeyError, RuntimeError) as error:
                raise ModelError(f"the adapter in {folder} does not fit the model at {name!r} ({error})") from error


def _change(kind: str, name: str, weight: Any, parts: dict[str, Any], config: dict[str, Any]) -> None:
    if kind == "IA3":
        weight.mul_(parts["ia3_l"])
        return
    down, up = parts.pop("lora_A"), parts.pop("lora_B")
    rank = len(down)
    if rank == 0:
        return
    if kind == "ADALORA":
        down = down * parts.pop("lora_E")
        scale = config["lora_alpha"] / (rank + 1e-5)  # peft's own guard, kept for equal numbers
    else:
        alpha = _of_module(config.get("alpha_pattern"), name, config["lora_alpha"])
        scale = alpha / (rank**0.5 if config.get("use_rslora") else rank)
    if parts:
        raise KeyError(f"{', '.join(sorted(parts))} cannot be merged")
    weight.add_(up @ down, alpha=scale)


def _of_module(pattern: dict[str, Any] | None, name: str, default: Any) -> Any:
    """The value for a module out of peft's {end of its name: value}."""
    found = (value for end, value in (pattern or {}).items() if name == end or name.endswith(f".{end}"))
    return next(found, default)


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "adapter_config.json").read_text("utf-8"))
        kind = config["peft_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder / 'adapter_config.json'} is no description of an adapter") from error
    strange = [key for key in ("use_dora", "fan_in_fan_out", "modules_to_save") if config.get(key)]
    if kind not in MERGEABLE or strange or config.get("bias", "none") != "none":
        what = f"{kind} with {strange[0]}" if strange else kind
        raise ModelError(
            f"the adapter in {folder} is {what}; serving merges {', '.join(MERGEABLE)} without biases, "
            "so train with method lora, adalora or ia3"
        )
    return dict(config)
