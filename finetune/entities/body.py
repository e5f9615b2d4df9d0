"""A transformer whose word states are tuned for tags."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from finetune.encoder.model import TrainableEncoder
from finetune.encoder.recipe import Recipe
from finetune.entities.recipe import TaggerRecipe

MOST_PIECES = 10
"""Pieces of one word that are read: an address on the web has fifty, and the first tell what it is."""
FREE = 2
"""Pieces of a sentence that are no word's: the first and the last."""
READ_TOGETHER = 32

Pieces = tuple[tuple[int, ...], ...]
Lower = NDArray[np.float16]
"""(P, D): a sentence's pieces, the first and last among them, as the layers that stay as they are leave them."""


class TaggerBody(nn.Module):
    """Word pieces to word states (B, W, D): the mean of each word's pieces in the last layer.

    The lower `frozen_layers` stay as they are and are run once a sentence (`lower`); the others learn.
    """

    def __init__(self, folder: Path, recipe: TaggerRecipe) -> None:
        super().__init__()
        shared = Recipe(dropout=recipe.dropout, max_tokens=recipe.max_tokens)
        encoder = TrainableEncoder(folder, shared)
        self._below: Any = [TrainableEncoder(folder, shared).body.requires_grad_(False).eval()]  # no part of the module
        self._below[0].encoder.layer = self._below[0].encoder.layer[: recipe.frozen_layers]
        self.upper = encoder.body
        self.upper.embeddings = _Through(recipe.dropout)
        self.upper.encoder.layer = self.upper.encoder.layer[recipe.frozen_layers :]
        self.tokenizer: Any = encoder.tokenizer
        self.width = int(self.upper.config.hidden_size)
        self.room = min(recipe.max_tokens, int(self.upper.config.max_position_embeddings)) - FREE
        self._word_dropout = recipe.word_dropout

    def pieces(self, words: Sequence[str]) -> Pieces:
        """Return the ids of each word's pieces, one at least."""
        ids: list[list[int]] = self.tokenizer(list(words), add_special_tokens=False)["input_ids"] if words else []
        return tuple(tuple(row[:MOST_PIECES]) or (int(self.tokenizer.unk_token_id),) for row in ids)

    def lower(self, sentences: Sequence[Pieces]) -> list[Lower]:
        """Return what the lower layers make of each sentence; a sentence has at most `room` pieces."""
        begin, end = int(self.tokenizer.cls_token_id), int(self.tokenizer.sep_token_id)
        flat = [[begin, *(piece for word in pieces for piece in word), end] for pieces in sentences]
        order = sorted(range(len(flat)), key=lambda number: len(flat[number]))
        found: dict[int, Lower] = {}
        with torch.inference_mode():
            for start in range(0, len(order), READ_TOGETHER):
                chosen = order[start : start + READ_TOGETHER]
                longest = len(flat[chosen[-1]])
                ids = torch.tensor([flat[number] + [0] * (longest - len(flat[number])) for number in chosen])
                mask = torch.arange(longest) < torch.tensor([len(flat[number]) for number in chosen])[:, None]
                states = self._below[0](input_ids=ids, attention_mask=mask.float()).last_hidden_state
                for number, rows in zip(chosen, states.half().numpy(), strict=True):
                    found[number] = rows[: len(flat[number])].copy()
        return [found[number] for number in range(len(flat))]

    def forward(self, sentences: Sequence[tuple[Pieces, Lower]]) -> Tensor:
        """Return (B, W, D), zeros after a shorter sentence."""
        words = max(len(pieces) for pieces, _ in sentences)
        longest = max(len(rows) for _, rows in sentences)
        inputs = torch.zeros(len(sentences), longest, self.width)
        owner = torch.full((len(sentences), longest), -1, dtype=torch.long)
        mask = torch.zeros(len(sentences), longest)
        for row, (pieces, rows) in enumerate(sentences):
            inputs[row, : len(rows)] = torch.from_numpy(rows).float()
            mask[row, : len(rows)] = 1
            counts = torch.tensor([len(word) for word in pieces])
            owner[row, 1 : len(rows) - 1] = torch.repeat_interleave(torch.arange(len(pieces)), counts)
        if self.training and self._word_dropout:
            hidden = torch.rand(len(sentences), words) < self._word_dropout
            inputs = inputs.masked_fill((hidden.gather(1, owner.clamp(min=0)) & (owner >= 0))[..., None], 0)
        states = self.upper(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
        share = torch.zeros(len(sentences), words + 1, longest)
        share.scatter_(1, torch.where(owner >= 0, owner, words)[:, None], 1.0)
        share = share[:, :-1]
        pooled: Tensor = share @ states / share.sum(2, keepdim=True).clamp(min=1)
        return pooled


class _Through(nn.Module):
    """Stands where the embeddings were: states of the lower layers come in, and go on."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self._dropout = nn.Dropout(dropout)

    def forward(self, inputs_embeds: Tensor, **_: object) -> Tensor:
        """Return the states."""
        states: Tensor = self._dropout(inputs_embeds)
        return states
