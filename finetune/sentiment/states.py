"""What a sentiment head reads of an encoder: the middle layers where it tells them, else its vectors."""

from __future__ import annotations

from collections.abc import Sequence

from bot.head import Array
from finetune.progress import Told
from finetune.utterances import read_utterances
from retrieval.encoder import Encoder


def states_of(encoder: Encoder, texts: Sequence[str], told: Told | None = None) -> Array:
    """Return float32 (N, W), as the reader will have them when it serves."""
    read = read_utterances(encoder, texts, told)
    return read.vectors if read.layers is None else read.layers
