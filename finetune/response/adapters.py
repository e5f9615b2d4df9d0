"""The base model, in 8-bit or in what the processor is fast at, and what is learnt beside it: peft's methods."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from finetune.errors import BadRecipe
from finetune.response.recipe import METHODS, ResponseRecipe
from retrieval.encoder import best_dtype

ORTHOGONAL = 0.5
"""AdaLoRA's weight of keeping its singular vectors at right angles (gamma in its paper)."""


def load_base(folder: Path, *, device: str = "auto", eight_bit: bool | None = None, dtype: str | None = None) -> Any:
    """Return the causal language model in `folder`, frozen; no code of the model's own runs.

    eight_bit: bitsandbytes' LLM.int8; by default on a GPU only, where it halves the memory (on a CPU it costs time).
    dtype: by default bfloat16 where it is fast, float32 elsewhere.
    """
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    place = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    more: dict[str, Any] = {}
    if place.startswith("cuda") if eight_bit is None else eight_bit:
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it tells of every cast, at every multiplication
        more["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, dtype or best_dtype(place)), device_map={"": place}, local_files_only=True,
            use_safetensors=True, trust_remote_code=False, **more,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise BadRecipe(f"the language model in {folder} cannot be loaded ({type(error).__name__}: {error})") from error
    for parameter in model.parameters():
        parameter.requires_grad = False
    return model.eval()


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer beside the model; BadRecipe if it has no chat template to put turns into."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if not tokenizer.chat_template:
        raise BadRecipe(f"the language model in {folder} has no chat template; take one tuned for conversations")
    return tokenizer


def with_adapter(model: Any, recipe: ResponseRecipe, steps: int) -> Any:
    """Return the model as peft's, with parameters to learn; `steps` of training in all, by which AdaLoRA prunes.

    On an 8-bit base the norms are kept in full precision. Raises BadRecipe for what cannot be.
    """
    import torch
    from peft import get_peft_model, prepare_model_for_kbit_training

    torch.manual_seed(recipe.seed)
    if getattr(model, "is_loaded_in_8bit", False):
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=recipe.checkpointing)
    elif recipe.checkpointing:
        model.gradient_checkpointing_enable()
        model.enable_input_require_grads()
    try:
        return get_peft_model(model, _config(recipe, model, steps))
    except ValueError as error:
        raise BadRecipe(f"{recipe.method} does not fit this model: {error}") from error


def linear_layers(model: Any) -> list[str]:
    """Return the names of the linear layers inside the model's blocks ("q_proj", …), each once."""
    from torch import nn

    output = model.get_output_embeddings()
    found = {
        name.rsplit(".", 1)[-1]
        for name, part in model.named_modules()
        if isinstance(part, nn.Linear) and part is not output
    }
    return sorted(found)


def orthogonality(model: Any) -> Any:
    """AdaLoRA's penalty: how far its singular vectors are from right angles, the mean over all matrices."""
    import torch

    terms = []
    for name, parameter in model.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            across = parameter @ parameter.T if "lora_A" in name else parameter.T @ parameter
            terms.append(torch.linalg.norm(across - torch.eye(len(across), device=across.device)))
    return torch.stack(terms).mean()


def _config(recipe: ResponseRecipe, model: Any, steps: int) -> Any:
    from peft import AdaLoraConfig, AdaptionPromptConfig, IA3Config, LoraConfig, PrefixTuningConfig

    common: dict[str, Any] = {"task_type": "CAUSAL_LM"}
    layers = int(model.config.num_hidden_layers)
    low_rank = {
        "lora_alpha": recipe.alpha,
        "lora_dropout": recipe.dropout,
        "target_modules": list(recipe.targets) or linear_layers(model),
        "layers_to_transform": list(range(recipe.frozen_layers, layers)) if recipe.frozen_layers else None,
    }
    if recipe.method == "lora":
        return LoraConfig(r=recipe.rank, **low_rank, **common)
    if recipe.method == "adalora":
        start, end = max(1, steps // 10), max(1, steps // 4)
        return AdaLoraConfig(
            init_r=round(1.5 * recipe.rank), target_r=recipe.rank, tinit=start, tfinal=end, total_step=max(steps, 3),
            deltaT=max(1, steps // 50), orth_reg_weight=ORTHOGONAL, **low_rank, **common,
        )  # fmt: skip
    if recipe.method == "prefix":
        return PrefixTuningConfig(num_virtual_tokens=recipe.virtual_tokens, **common)
    if recipe.method == "ia3":
        return IA3Config(**_ia3_targets(recipe), **common)
    if recipe.method == "adapter":
        upper = max(1, layers * 9 // 10)
        return AdaptionPromptConfig(adapter_len=recipe.virtual_tokens, adapter_layers=upper, **common)
    raise BadRecipe(f"the method is {recipe.method!r}; it can be one of {', '.join(METHODS)}")


def _ia3_targets(recipe: ResponseRecipe) -> dict[str, Any]:
    """The targets named, those that project down taken as feed-forward; none named: what peft knows of the model."""
    if not recipe.targets:
        return {}
    return {
        "target_modules": list(recipe.targets),
        "feedforward_modules": [name for name in recipe.targets if "down" in name or name.endswith("fc2")],
    }
