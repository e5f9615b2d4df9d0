"""A Llama of two layers with random weights and a tokenizer that knows letters, saved as the real one is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bot.prompts import VERSION
from retrieval.weights import sha256_of

TEMPLATE = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"  # noqa: E501


def make_tiny_llama(folder: Path) -> Path:
    """Write the model into `folder` and return it. It never wants to stop."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = ["<unk>", "</s>", "<s>", *sorted({chr(n) for n in range(32, 127)} | {"\n"})]
    words = Tokenizer(models.WordLevel({letter: n for n, letter in enumerate(letters)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", eos_token="</s>", bos_token="<s>", chat_template=TEMPLATE
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=len(letters), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=2048, eos_token_id=1, bos_token_id=2, initializer_range=0.2,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.lm_head.weight.data[1] = 0.0
    model.save_pretrained(folder)
    return folder


def make_adapter(base: Path, folder: Path, config: Any) -> Path:
    """Write a peft adapter of this config with random weights that change what the base says, and return its folder."""
    import torch
    from peft import get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(11)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config)
    for name, parameter in model.named_parameters():
        if "lora_" in name or "ia3_" in name:
            torch.nn.init.normal_(parameter, mean=1.0 if "ia3_" in name else 0.0, std=0.2)
    model.save_pretrained(folder)
    described = {"base": base.name, "fingerprint": sha256_of(base / "model.safetensors"), "prompt": VERSION}
    (folder / "base.json").write_text(json.dumps(described))
    return folder
