"""Utterances as an intent head reads them: their vectors, their words and the encoder's middle layers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bot.head import Array
from finetune.progress import Told
from retrieval.encoder import Encoder, LayerEncoder

AT_ONCE = 512
"""Texts encoded together; the tokens' own vectors, which come along, are then 20 MB and not 600."""


class Utterances(NamedTuple):
    """N utterances, in the order in which `IntentHead.apply` takes its arguments.

    vectors: float32 (N, D) of unit length. texts: masked as they were encoded; none, and no words are read. layers:
    float32 (N, W), the encoder's middle layers side by side, any length; None, and none are read.
    """

    vectors: Array
    texts: Sequence[str] = ()
    layers: Array | None = None

    def only(self, rows: NDArray[np.bool_]) -> Utterances:
        """Return those of these rows (N,)."""
        texts = [text for text, kept in zip(self.texts, rows, strict=True) if kept] if self.texts else ()
        return Utterances(self.vectors[rows], texts, None if self.layers is None else self.layers[rows])

    def and_those(self, others: Utterances) -> Utterances:
        """Return these and then the others, which the same encoder read."""
        layers = None
        if self.layers is not None and others.layers is not None:
            layers = np.vstack([self.layers, others.layers])
        return Utterances(np.vstack([self.vectors, others.vectors]), [*self.texts, *others.texts], layers)


def read_utterances(encoder: Encoder, texts: Sequence[str], told: Told | None = None) -> Utterances:
    """Encode the texts, with their middle layers where the encoder tells them; `told` hears how many are read."""
    if not isinstance(encoder, LayerEncoder):
        return Utterances(encoder.encode(texts), texts)
    started, vectors, layers = time.perf_counter(), [], []
    for start in range(0, max(len(texts), 1), AT_ONCE):
        read = encoder.encode_layers(texts[start : start + AT_ONCE])
        vectors.append(read[0])
        layers.append(read[2])
        if told is not None and texts:
            done = min(start + AT_ONCE, len(texts))
            told(done, len(texts), (time.perf_counter() - started) / done * (len(texts) - done))
    return Utterances(np.concatenate(vectors), texts, np.concatenate(layers))
