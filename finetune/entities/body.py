"""A transformer whose word states are tuned for tags; it may be told of capitals before it reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from finetune.encoder.model import TrainableEncoder
from finetune.encoder.recipe import Recipe
from finetune.entities.recipe import TaggerRecipe
from retrieval.word_shapes import TABLES, WORN

MOST_PIECES = 10
"""Pieces of one word that are read: an address on the web has fifty, and the first tell what it is."""
FREE = 2
"""Pieces of a sentence that are no word's: the first and the last."""

Pieces = tuple[tuple[int, ...], ...]


class TaggerBody(nn.Module):
    """Word pieces to word states (B, W, D): the mean of each word's pieces in the last layer.

    With `cased_body`, what a word looks like is added to the embeddings of its pieces; those tables begin as zeros.
    """

    def __init__(self, folder: Path, recipe: TaggerRecipe) -> None:
        super().__init__()
        shared = Recipe(dropout=recipe.dropout, frozen_layers=recipe.frozen_layers, max_tokens=recipe.max_tokens)
        self.encoder = TrainableEncoder(folder, shared)
        self.width = int(self.encoder.body.config.hidden_size)
        self.room = min(recipe.max_tokens, int(self.encoder.body.config.max_position_embeddings)) - FREE
        self._word_dropout = recipe.word_dropout
        plain = list(TABLES.values())[:WORN]
        self.looks = nn.ModuleList(nn.Embedding(rows, self.width) for rows in plain) if recipe.cased_body else None
        for table in self.looks or ():
            nn.init.zeros_(table.weight)  # type: ignore[arg-type]

    def pieces(self, words: Sequence[str]) -> Pieces:
        """Return the ids of each word's pieces, one at least."""
        tokenizer = self.encoder.tokenizer
        ids: list[list[int]] = tokenizer(list(words), add_special_tokens=False)["input_ids"] if words else []
        return tuple(tuple(row[:MOST_PIECES]) or (int(tokenizer.unk_token_id),) for row in ids)

    def forward(self, sentences: Sequence[Pieces], shapes: Tensor) -> Tensor:
        """Return (B, W, D). shapes (B, W, F); a sentence has at most `room` pieces."""
        device, unknown = shapes.device, int(self.encoder.tokenizer.unk_token_id)
        begin, end = int(self.encoder.tokenizer.cls_token_id), int(self.encoder.tokenizer.sep_token_id)
        longest = max(sum(map(len, pieces)) for pieces in sentences) + FREE
        ids = torch.zeros(len(sentences), longest, dtype=torch.long)
        owner = torch.full((len(sentences), longest), -1, dtype=torch.long)
        mask = torch.zeros(len(sentences), longest)
        for row, pieces in enumerate(sentences):
            flat = [piece for word in pieces for piece in word]
            ids[row, : len(flat) + FREE] = torch.tensor([begin, *flat, end])
            owner[row, 1 : len(flat) + 1] = torch.repeat_interleave(
                torch.arange(len(pieces)), torch.tensor([len(word) for word in pieces])
            )
            mask[row, : len(flat) + FREE] = 1
        ids, owner, mask = ids.to(device), owner.to(device), mask.to(device)
        if self.training and self._word_dropout:
            hidden = torch.rand(shapes.shape[:2], device=device) < self._word_dropout
            ids = ids.masked_fill(hidden.gather(1, owner.clamp(min=0)) & (owner >= 0), unknown)
        inputs = self.encoder.body.embeddings.word_embeddings(ids)
        if self.looks is not None:
            at = owner.clamp(min=0)
            shown = sum(table(shapes[..., place].gather(1, at)) for place, table in enumerate(self.looks))
            inputs = inputs + shown * (owner >= 0)[..., None]
        states = self.encoder.body(inputs_embeds=inputs, attention_mask=mask).last_hidden_state
        share = torch.zeros(len(sentences), shapes.shape[1] + 1, longest, device=device)
        share.scatter_(1, torch.where(owner >= 0, owner, shapes.shape[1])[:, None], 1.0)
        share = share[:, :-1]
        pooled: Tensor = share @ states / share.sum(2, keepdim=True).clamp(min=1)
        return pooled
