"""LLM.int8 (Dettmers et al. 2022) by bitsandbytes: int8 matrices, outlying columns in 16 bits; made for GPUs."""

from __future__ import annotations

from bot.engines.by_torch import TorchEngine, device
from bot.engines.engine import quiet
from bot.engines.weights import Weights


def open_bitsandbytes(weights: Weights) -> TorchEngine:
    """Load every matrix but the embedding and the output's in 8 bits, the rest in what the machine is fast at."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    from transformers.utils import logging as transformers_logging

    from retrieval.encoder import best_dtype

    transformers_logging.disable_progress_bar()
    quiet("bitsandbytes")  # it warns of its cast to float16 at every one of 210 multiplications a token
    place = device()
    with weights.merged() as folder:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, best_dtype(place)),
            device_map={"": place},
            quantization_config=BitsAndBytesConfig(load_in_8bit=True),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
    return TorchEngine(model.eval())
