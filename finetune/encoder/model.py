"""A sentence encoder that can be trained: token ids in, unit vectors out, saved as the folder it came from."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from finetune.encoder.recipe import Recipe
from retrieval.encoder import Embeddings

READ_TOGETHER = 32


class TrainableEncoder(nn.Module):
    """Mean pooling over a transformer's last layer, rows of unit length: what retrieval's encoder does, with gradients.

    Word embeddings never learn: a small set moves the words it has away from their neighbours that it lacks, and the
    optimizer would spend a third of its time on them.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        super().__init__()
        from transformers import AutoConfig, AutoModel, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        transformers_logging.set_verbosity_error()
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        config.hidden_dropout_prob, config.attention_probs_dropout_prob = recipe.dropout, 0.0
        self.folder = folder
        self.max_tokens = recipe.max_tokens
        self.body = AutoModel.from_pretrained(
            folder, config=config, local_files_only=True, attn_implementation="sdpa", add_pooling_layer=False
        )
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        still = [self.body.embeddings, *self.body.encoder.layer[: recipe.frozen_layers]]
        for parameter in (parameter for part in still for parameter in part.parameters()):
            parameter.requires_grad = False

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's token ids, cut to the recipe's length."""
        ids: list[list[int]] = self.tokenizer(list(texts), truncation=True, max_length=self.max_tokens)["input_ids"]
        return ids

    def forward(self, token_ids: Sequence[Sequence[int]]) -> Tensor:
        """Return (B, D), rows of unit length."""
        device = next(self.body.parameters()).device
        longest = max(map(len, token_ids))
        ids = torch.zeros(len(token_ids), longest, dtype=torch.long)
        mask = torch.zeros(len(token_ids), longest)
        for row, tokens in enumerate(token_ids):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        ids, mask = ids.to(device), mask.to(device)
        states = self.body(input_ids=ids, attention_mask=mask).last_hidden_state
        pooled = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return functional.normalize(pooled, dim=1)

    def learning(self) -> list[nn.Parameter]:
        """The parameters that learn, in a fixed order."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def encode(self, texts: Sequence[str]) -> Embeddings:
        """Return float32 (N, D) without gradients or dropout; the mode is as it was afterwards."""
        was, ids = self.training, self.tokenize(texts) if texts else []
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        rows = np.zeros((len(ids), int(self.body.config.hidden_size)), np.float32)
        self.eval()
        with torch.inference_mode():
            for start in range(0, len(order), READ_TOGETHER):
                chosen = order[start : start + READ_TOGETHER]
                rows[chosen] = self([ids[i] for i in chosen]).float().cpu().numpy()
        self.train(was)
        return rows

    def save(self, folder: Path) -> None:
        """Write a model folder beside nothing: `folder` must not exist. Everything but the weights is copied."""
        from safetensors.torch import load_file, save_file

        shutil.copytree(self.folder, folder)
        weights = folder / "model.safetensors"
        before = load_file(weights)
        tuned = {name: value.detach().cpu().contiguous() for name, value in self.body.state_dict().items()}
        prefix = "bert." if any(name.startswith("bert.") for name in before) else ""
        kept = {name: tuned.get(name.removeprefix(prefix), value).to(value.dtype) for name, value in before.items()}
        save_file(kept, weights, metadata={"format": "pt"})
