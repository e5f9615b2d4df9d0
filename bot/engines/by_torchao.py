"""int8 by torchao: the matrices alone, or each product's activations as well."""

from __future__ import annotations

from bot.engines.by_torch import TorchEngine, device
from bot.engines.weights import Weights


def open_torchao(weights: Weights, *, dynamic: bool) -> TorchEngine:
    """Quantize every linear layer but the output's, row by row; `dynamic` quantizes what goes into them too."""
    import torch
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig, quantize_

    from retrieval.encoder import best_dtype

    place = device()
    model = weights.load(getattr(torch, best_dtype(place))).to(place)
    recipe = Int8DynamicActivationInt8WeightConfig() if dynamic else Int8WeightOnlyConfig()
    quantize_(model.model, recipe)  # not the output's layer: it shares its weights with the embedding
    return TorchEngine(model)
