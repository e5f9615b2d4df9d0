"""A recurrent net over a dialogue's events: after each, what the agent does next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from finetune.dialogue.features import Encoded
from finetune.dialogue.reader import Kind
from finetune.dialogue.recipe import Recipe


class NextAction(nn.Module):
    """Reads events from the first on and says, before each one, which action it would be: C logits.

    An event is its sentence vector and a sum of word vectors, each made narrower, beside the vectors of its action
    and its kind. What came before is the state of a gated recurrent unit (Cho et al. 2014); before the first event
    it is zero.
    """

    def __init__(self, width: int, words: int, classes: int, recipe: Recipe) -> None:
        super().__init__()
        part = recipe.part
        self.sentence = nn.Linear(width, part, bias=False)
        self.words = nn.EmbeddingBag(max(1, words), part, mode="sum")
        self.actions = nn.Embedding(classes + 1, part)
        self.kinds = nn.Embedding(len(Kind), part)
        self.norm = nn.LayerNorm(4 * part)
        self.state = nn.GRU(4 * part, recipe.state, batch_first=True)
        self.named = nn.Linear(recipe.state, classes)
        self.dropout = nn.Dropout(recipe.dropout)
        self.word_dropout = recipe.word_dropout
        nn.init.normal_(self.words.weight, std=0.1)
        nn.init.normal_(self.actions.weight, std=0.5)
        nn.init.normal_(self.kinds.weight, std=0.5)

    def forward(self, dialogues: Sequence[Encoded], table: Tensor) -> Tensor:
        """Return (B, T, C), T the longest dialogue's events; what stands behind a dialogue's end means nothing.

        Logits at t rest on the events before t alone.
        """
        longest = max(len(dialogue.kinds) for dialogue in dialogues)
        rows = padded([dialogue.rows for dialogue in dialogues], longest)
        sentences = self.sentence(table[rows] * table.shape[1] ** 0.5)
        words = self._words(dialogues, longest)
        actions = self.actions(padded([dialogue.actions for dialogue in dialogues], longest))
        kinds = self.kinds(padded([dialogue.kinds for dialogue in dialogues], longest))
        events = self.dropout(self.norm(torch.cat([sentences, words, actions, kinds], dim=-1)))
        states, _ = self.state(events[:, :-1])
        before = torch.cat([states.new_zeros(len(dialogues), 1, states.shape[2]), states], dim=1)
        logits: Tensor = self.named(self.dropout(before))
        return logits

    def _words(self, dialogues: Sequence[Encoded], longest: int) -> Tensor:
        """(B, T, part): the sum of each event's word vectors over the root of their number."""
        none = np.zeros(0, np.int64)
        bags = [
            words for dialogue in dialogues for words in (*dialogue.words, *[none] * (longest - len(dialogue.words)))
        ]
        sizes = np.asarray([len(bag) for bag in bags])
        flat, starts = torch.from_numpy(np.concatenate(bags)), torch.from_numpy(np.cumsum(sizes) - sizes)
        kept = torch.rand(len(flat)) >= (self.word_dropout if self.training else 0.0)
        sums: Tensor = self.words(flat, starts, per_sample_weights=kept.float())
        return (sums / torch.from_numpy(np.sqrt(np.maximum(sizes, 1))).float()[:, None]).view(
            len(dialogues), longest, -1
        )


def padded(rows: Sequence[np.ndarray], longest: int, filling: int = 0) -> Tensor:
    """Return int64 (B, longest)."""
    out = np.full((len(rows), longest), filling, np.int64)
    for number, row in enumerate(rows):
        out[number, : len(row)] = row
    return torch.from_numpy(out)
