"""What a sentiment head reads of an encoder: the middle layers where it tells them, else its vectors."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from finetune.encoder.loop import Told
from finetune.utterances import AT_ONCE
from retrieval.encoder import Encoder, LayerEncoder


def states_of(encoder: Encoder, texts: Sequence[str], told: Told | None = None) -> NDArray[np.float32]:
    """Return float32 (N, W), as the reader will have them when it serves."""
    if not isinstance(encoder, LayerEncoder):
        return encoder.encode(texts)
    started, parts = time.perf_counter(), []
    for start in range(0, max(len(texts), 1), AT_ONCE):
        parts.append(encoder.encode_layers(texts[start : start + AT_ONCE])[2])
        if told is not None and texts:
            done = min(start + AT_ONCE, len(texts))
            told(done, len(texts), (time.perf_counter() - started) / done * (len(texts) - done))
    return np.concatenate(parts)
