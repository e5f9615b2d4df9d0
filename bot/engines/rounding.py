"""Round a CTranslate2 model of the Llama family to int8 so that it says what it said before.

Two known steps. Smoothing (SmoothQuant, Xiao et al. 2022): where a few inputs of a product are far larger than the
rest, a factor is moved from them into the weights, which changes nothing but the rounding. Compensated rounding (GPTQ,
Frantar et al. 2022): after each column of weights is rounded, those not rounded yet make up for the error on inputs
that were seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

SMOOTHING = 0.6
"""The share of a channel's spread that moves into the weights."""
DAMPING = 0.01
BLOCK = 128
TINY = 1e-5


@dataclass
class Inputs:
    """What went into one product: the largest magnitude of each channel (K,), and the sum of x·xᵀ (K, K)."""

    largest: Array
    gram: Array

    def divided(self, factors: Array) -> Inputs:
        """The same inputs, each channel divided by its factor."""
        return Inputs(self.largest / factors, self.gram / np.outer(factors, factors))


def watch(model: Any, texts: Sequence[Sequence[int]]) -> dict[str, Inputs]:
    """Read texts with a transformers Llama and return the inputs of its products, by "0.attention", …, "head"."""
    import torch

    seen: dict[str, Inputs] = {}

    def note(name: str) -> Any:
        def look(_: Any, arguments: Any) -> None:
            rows = arguments[0].reshape(-1, arguments[0].shape[-1]).float()
            largest, gram = rows.abs().amax(0).numpy(), (rows.T @ rows).numpy()
            old = seen.get(name)
            seen[name] = (
                Inputs(largest, gram) if old is None else Inputs(np.maximum(old.largest, largest), old.gram + gram)
            )

        return look

    hooks = [model.lm_head.register_forward_pre_hook(note("head"))]
    for number, layer in enumerate(model.model.layers):
        for name, module in (
            ("attention", layer.self_attn.q_proj),
            ("output", layer.self_attn.o_proj),
            ("ffn", layer.mlp.gate_proj),
            ("down", layer.mlp.down_proj),
        ):
            hooks.append(module.register_forward_pre_hook(note(f"{number}.{name}")))
    with torch.inference_mode():
        for ids in texts:
            model(input_ids=torch.tensor([list(ids)]))
    for hook in hooks:
        hook.remove()
    return seen


def round_spec(spec: Any, seen: dict[str, Inputs], limit: int, groups: int, width: int) -> None:
    """Smooth the float32 spec of a decoder and round its weights to whole numbers up to `limit`, in place.

    groups: query heads for each key-value head; width: of a head.
    """
    decoder = spec.decoder
    for number, layer in enumerate(decoder.layer):
        attention, ffn = layer.self_attention, layer.ffn
        inner, output = attention.linear
        _smooth_heads(inner, output, seen, f"{number}.output", groups, width)
        _smooth(attention.layer_norm, [inner], seen, f"{number}.attention")
        _smooth_product(ffn.linear_0_noact, ffn.linear_1, seen, f"{number}.down")
        _smooth(ffn.layer_norm, [ffn.linear_0, ffn.linear_0_noact], seen, f"{number}.ffn")
        for linear, name in (
            (inner, "attention"), (output, "output"), (ffn.linear_0, "ffn"), (ffn.linear_0_noact, "ffn"),
            (ffn.linear_1, "down"),
        ):  # fmt: skip
            _round(linear, seen[f"{number}.{name}"].gram, limit)
    _smooth(decoder.layer_norm, [decoder.projection], seen, "head")
    _round(decoder.projection, seen["head"].gram, limit)
    _round(decoder.embeddings[0] if isinstance(decoder.embeddings, list) else decoder.embeddings, None, 127)


def compensated(weight: Array, gram: Array, limit: int) -> tuple[NDArray[np.int8], Array]:
    """Return whole numbers (N, K) and what one is worth in each row (N,), by GPTQ on the inputs' gram (K, K)."""
    import torch

    width = weight.shape[1]
    worth = torch.from_numpy(np.maximum(np.abs(weight).max(axis=1), TINY) / limit)
    left = torch.from_numpy(weight.copy())
    hessian = torch.from_numpy(gram.copy())
    hessian += torch.eye(width) * (DAMPING * hessian.diagonal().mean() + 1e-8)
    upper = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(hessian)), upper=True)
    numbers = torch.empty(weight.shape, dtype=torch.int8)
    for start in range(0, width, BLOCK):
        end = min(start + BLOCK, width)
        here, errors = left[:, start:end].T.contiguous(), torch.empty((end - start, len(weight)))
        for place in range(end - start):
            whole = (here[place] / worth).round_().clamp_(-limit, limit)
            numbers[:, start + place] = whole.to(torch.int8)
            errors[place] = (here[place] - whole * worth) / upper[start + place, start + place]
            here[place + 1 :].addr_(upper[start + place, start + place + 1 : end], errors[place], alpha=-1)
        left[:, end:] -= errors.T @ upper[start:end, end:]
    return numbers.numpy(), worth.numpy()


def _round(linear: Any, gram: Array | None, limit: int) -> None:
    from ctranslate2.specs.model_spec import NumpyVariable

    weight = _floats(linear.weight)
    if gram is None:
        worth = np.maximum(np.abs(weight).max(axis=1), TINY) / limit
        numbers = np.rint(weight / worth[:, None]).astype(np.int8)
    else:
        numbers, worth = compensated(weight, gram, limit)
    linear.weight = NumpyVariable(numbers)
    linear.weight_scale = NumpyVariable((1 / worth).astype(np.float32))


def _factors(largest: Array, weights: Sequence[Array]) -> Array:
    """By what each channel's inputs are divided and its weights multiplied."""
    spread = np.max([np.abs(weight).max(axis=0) for weight in weights], axis=0)
    return np.asarray(
        np.maximum(largest, TINY) ** SMOOTHING / np.maximum(spread, TINY) ** (1 - SMOOTHING), dtype=np.float32
    ).clip(1e-4)


def _smooth(norm: Any, linears: Sequence[Any], seen: dict[str, Inputs], name: str) -> None:
    factors = _factors(seen[name].largest, [_floats(linear.weight) for linear in linears])
    _set(norm, "gamma", _floats(norm.gamma) / factors)
    for linear in linears:
        _set(linear, "weight", _floats(linear.weight) * factors)
    seen[name] = seen[name].divided(factors)


def _smooth_product(up: Any, down: Any, seen: dict[str, Inputs], name: str) -> None:
    """The inputs of `down` are act(gate)·up: what divides a row of up divides them."""
    factors = _factors(seen[name].largest, [_floats(down.weight)])
    _set(up, "weight", _floats(up.weight) / factors[:, None])
    _set(down, "weight", _floats(down.weight) * factors)
    seen[name] = seen[name].divided(factors)


def _smooth_heads(inner: Any, output: Any, seen: dict[str, Inputs], name: str, groups: int, width: int) -> None:
    """The inputs of `output` are averages of values: what divides a value divides it in each head of its group."""
    weight = _floats(output.weight)
    largest = seen[name].largest.reshape(-1, groups, width).max(axis=1).reshape(-1)
    spread = np.abs(weight).max(axis=0).reshape(-1, groups, width).max(axis=1).reshape(1, -1)
    factors = _factors(largest, [spread])
    each = np.repeat(factors.reshape(-1, 1, width), groups, axis=1).reshape(-1)
    fused = _floats(inner.weight)
    fused[-len(factors) :] /= factors[:, None]
    _set(inner, "weight", fused)
    _set(output, "weight", weight * each)
    seen[name] = seen[name].divided(each)


def _floats(variable: Any) -> Array:
    return np.array(variable.to("float32").numpy(), dtype=np.float32)


def _set(spec: Any, name: str, value: Array) -> None:
    from ctranslate2.specs.model_spec import NumpyVariable

    setattr(spec, name, NumpyVariable(np.ascontiguousarray(value, dtype=np.float32)))
