"""Examples as token ids: where the agent's words begin, and the rows of a batch behind their common beginning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from bot.prompts import Messages, draft_prompt
from finetune.response.examples import Example

IGNORED = -100
"""Cross-entropy's own mark for a place that does not count."""


@dataclass(frozen=True, slots=True)
class Row:
    """Token ids of a prompt and its reply; from `start` on they are the agent's words, the end mark included."""

    ids: tuple[int, ...]
    start: int


@dataclass(frozen=True, slots=True)
class Batch:
    """`prefix` (P,) stands before every row; the rest: ids and labels (B, T), mask (B, T), padded on the right.

    A label is the token at its own place, IGNORED where nothing is learnt; `counted` is how many are not.
    """

    prefix: Tensor
    ids: Tensor
    mask: Tensor
    labels: Tensor

    @property
    def counted(self) -> int:
        """How many tokens are learnt."""
        return int((self.labels != IGNORED).sum())


def prompt_ids(tokenizer: Any, messages: Messages) -> list[int]:
    """Return the ids of a prompt up to where the assistant begins to speak, as `bot.response_model` makes them."""
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def row_of(tokenizer: Any, example: Example) -> Row:
    """Return the example's row: prompt as served, then the reply and the mark that ends a message."""
    before = prompt_ids(tokenizer, draft_prompt(example.question, example.passages))
    said: list[int] = tokenizer(example.reply, add_special_tokens=False)["input_ids"]
    return Row((*before, *said, int(tokenizer.eos_token_id)), len(before))


def plain_rows(tokenizer: Any, texts: Sequence[str], length: int) -> list[Row]:
    """Return texts end to end in rows of at most `length` tokens, every token but the first learnt."""
    ids: list[int] = []
    for text in texts:
        ids += [*tokenizer(text, add_special_tokens=False)["input_ids"], int(tokenizer.eos_token_id)]
    rows = [tuple(ids[at : at + length]) for at in range(0, len(ids), length)]
    return [Row(row, 1) for row in rows if len(row) > 1]


def batch_of(rows: Sequence[Row], pad: int, *, share_prefix: bool) -> Batch:
    """Return rows as tensors; their longest common beginning, never the agent's words, apart if it is to be shared."""
    shared = 0
    if share_prefix:
        # The token before a reply predicts its first word, so it is not among the shared ones.
        shared = common_beginning([row.ids[: row.start - 1] for row in rows])
    longest = max(len(row.ids) for row in rows) - shared
    ids = torch.full((len(rows), longest), pad, dtype=torch.long)
    labels = torch.full((len(rows), longest), IGNORED, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for number, row in enumerate(rows):
        rest, start = torch.tensor(row.ids[shared:]), row.start - shared
        ids[number, : len(rest)] = rest
        mask[number, : len(rest)] = 1
        labels[number, start : len(rest)] = rest[start:]
    return Batch(torch.tensor(rows[0].ids[:shared], dtype=torch.long), ids, mask, labels)


def common_beginning(rows: Sequence[tuple[int, ...]]) -> int:
    """Return how many first ids all rows share."""
    least, most = min(rows), max(rows)  # what these two share lies in all rows between them
    same = (number for number, (one, other) in enumerate(zip(least, most, strict=False)) if one != other)
    return next(same, min(len(least), len(most)))
