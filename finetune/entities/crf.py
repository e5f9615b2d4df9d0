"""A linear-chain CRF over IOB2 tags: Lafferty, McCallum and Pereira 2001."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from retrieval.tagger import NEVER


class Crf(nn.Module):
    """Scores of first tags, of moves between tags, and of last tags; what IOB2 does not allow can never happen."""

    def __init__(self, tags: Sequence[str]) -> None:
        super().__init__()
        count = len(tags)
        self._first = nn.Parameter(torch.zeros(count))
        self._moves = nn.Parameter(torch.zeros(count, count))
        self._last = nn.Parameter(torch.zeros(count))
        self.register_buffer("never_first", torch.tensor([tag.startswith("I-") for tag in tags]), persistent=False)
        broken = [[inside_of(after) not in (None, before[2:]) for after in tags] for before in tags]
        self.register_buffer("never_after", torch.tensor(broken), persistent=False)

    @property
    def first(self) -> Tensor:
        """(K,)."""
        return self._first.masked_fill(self.get_buffer("never_first"), NEVER)

    @property
    def moves(self) -> Tensor:
        """(K, K): from tag to tag."""
        return self._moves.masked_fill(self.get_buffer("never_after"), NEVER)

    @property
    def last(self) -> Tensor:
        """(K,)."""
        return self._last

    def loss(self, scores: Tensor, tags: Tensor, there: Tensor) -> Tensor:
        """Return the mean negative log-likelihood of a sentence.

        scores (B, W, K); tags int (B, W); there bool (B, W), True at words: they stand at the beginning of each row.
        """
        return (self._log_sum(scores, there) - self._score(scores, tags, there)).mean()

    def _score(self, scores: Tensor, tags: Tensor, there: Tensor) -> Tensor:
        said = scores.gather(2, tags[..., None])[..., 0].masked_fill(~there, 0).sum(1)
        moved = self.moves[tags[:, :-1], tags[:, 1:]].masked_fill(~there[:, 1:], 0).sum(1)
        ends = tags.gather(1, there.sum(1, keepdim=True) - 1)[:, 0]
        total: Tensor = said + moved + self.first[tags[:, 0]] + self.last[ends]
        return total

    def _log_sum(self, scores: Tensor, there: Tensor) -> Tensor:
        total, moves = scores[:, 0] + self.first, self.moves
        for place in range(1, scores.shape[1]):
            moved = torch.logsumexp(total[:, :, None] + moves, 1) + scores[:, place]
            total = torch.where(there[:, place, None], moved, total)
        return torch.logsumexp(total + self.last, 1)


def inside_of(tag: str) -> str | None:
    """Return the kind that an I- tag goes on with, or None for a tag that may follow anything."""
    return tag[2:] if tag.startswith("I-") else None
