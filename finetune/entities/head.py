"""The head that learns: the same arithmetic as `retrieval.tagger.Tagger`, with gradients and dropout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from finetune.entities.crf import Crf
from retrieval.tagger import Tagger
from retrieval.word_shapes import TABLES

LOOKS = {"letters": 16, "place": 8, "listed": 4, "pattern": 16, "start": 24, "end": 24}
"""How wide each table of shapes is."""


class TaggerHead(nn.Module):
    """States (B, W, D) and shapes (B, W, F) to scores (B, W, K)."""

    def __init__(self, tags: Sequence[str], width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.tags = tuple(tags)
        self.tables = nn.ModuleList(nn.Embedding(rows, LOOKS[name]) for name, rows in TABLES.items())
        self.window = nn.Linear(3 * (width + sum(LOOKS.values())), hidden)
        self.out = nn.Linear(hidden, len(tags))
        self.crf = Crf(tags)
        self.dropout = nn.Dropout(dropout)
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.3)  # type: ignore[arg-type]

    def forward(self, states: Tensor, shapes: Tensor, there: Tensor) -> Tensor:
        """Return (B, W, K); what is not `there` (B, W) counts as nothing beside a word."""
        looks = [table(shapes[..., place]) for place, table in enumerate(self.tables)]
        seen = self.dropout(torch.cat([states, *looks], -1)) * there[..., None]
        padded = nn.functional.pad(seen, (0, 0, 1, 1))
        around = torch.cat([padded[:, :-2], padded[:, 1:-1], padded[:, 2:]], -1)
        scores: Tensor = self.out(self.dropout(torch.relu(self.window(around))))
        return scores

    def tagger(self, outside: float = 0.0) -> Tagger:
        """Return the head as it is applied; `outside` is taken off what speaks for O."""
        bias = _array(self.out.bias)
        bias[self.tags.index("O")] -= outside
        return Tagger(
            self.tags,
            tuple(_array(table.weight) for table in self.tables),
            _array(self.window.weight.T),
            _array(self.window.bias),
            _array(self.out.weight.T),
            bias,
            _array(self.crf.moves),
            _array(self.crf.first),
            _array(self.crf.last),
        )


def _array(tensor: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    assert isinstance(tensor, Tensor)
    made: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = tensor.detach().float().cpu().numpy().copy()
    return made
