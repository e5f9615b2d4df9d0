"""A Llama of two layers with random weights and a tokenizer of whole words, in the folder layout of transformers."""

from __future__ import annotations

from pathlib import Path

import torch

KNOWN = (
    "system user assistant you are a customer service agent answer the s question using text only . : , ' ? - our "
    "shop is open from 9 to 17 on weekdays saturdays it closes at 13 saturday afternoon so not in gift wrapping "
    "costs 3 euro for "
    "each item choose basket i want this wrapped as present can delivery days takes two what does cost how long parcel "
    "find that information ll ask colleague t returns free within 30 pots seeds when"
)
TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|start|>' + message['role'] + ' ' + message['content'] + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start|>assistant ' }}{% endif %}"
)


def make_tiny_speaker(folder: Path, *, layers: int = 2) -> Path:
    """Write the model into `folder`, which is made, and return it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = ["<|unk|>", "<|start|>", "<|end|>", *dict.fromkeys(KNOWN.split())]
    vocab = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<|unk|>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    folder.mkdir(parents=True)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<|unk|>", eos_token="<|end|>", pad_token="<|end|>",
        additional_special_tokens=["<|start|>"],
    )  # fmt: skip
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=len(vocab), hidden_size=32, intermediate_size=64, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True, eos_token_id=2, pad_token_id=2,
        bos_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).eval().save_pretrained(folder)
    return folder
