"""The sentiment head: how an utterance sounds, from its surface and from the middle layers that the reader has anyway.

Two linear models, one over words and characters (`bot/surface.py`), one over the encoder's middle layers, added up
(stacking: Wolpert 1992). numpy only. `finetune` fits one and saves it into a bundle; the action server loads it.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.errors import HeadError
from bot.head import Array, softmax
from bot.surface import Surface, SurfaceModel, Vocabulary, read_surface
from bot.types import Sentiment

TENSORS_FILE = "sentiment.safetensors"
DESCRIPTION_FILE = "sentiment.json"
FILES = (TENSORS_FILE, DESCRIPTION_FILE)
FORMAT = 1
KEPT = 1000
"""Texts whose middle layers are kept: 3 of MiniLM's 384 numbers each, 5 MB."""

EncodeLayers = Callable[[Sequence[str]], tuple[Array, list[Array], Array]]


@dataclass
class MiddleLayers:
    """The middle layers of texts, kept while they are asked for. Not for several threads at once."""

    encode: EncodeLayers
    _kept: OrderedDict[str, Array] = field(default_factory=OrderedDict)

    def encode_tokens(self, texts: Sequence[str]) -> tuple[Array, list[Array]]:
        """Return the texts' vectors and their tokens'; the middle layers are at hand for `of`."""
        vectors, tokens, layers = self.encode(texts)
        self._kept.update(zip(texts, layers, strict=True))
        return vectors, tokens

    def of(self, texts: Sequence[str]) -> Array:
        """Return float32 (B, W), rows of any length; what is not known is encoded together."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._kept]
        if fresh:
            self.encode_tokens(fresh)
        for text in texts:
            self._kept.move_to_end(text)
        rows = np.stack([self._kept[text] for text in texts])
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return rows


@dataclass(frozen=True)
class SentimentHead:
    """Calibrated probabilities of C labels; `prefer` is added to their logarithms before one is named.

    words and characters: vocabularies of V and U; surface_weight float32 (V + U, C), surface_bias (C,).
    states_weight float32 (C, W), states_bias (C,): over the means of the middle layers, W = 0 for a head without.
    mix: what the two models' logits count; bias and prefer (C,). An utterance is `upset` where the labels in
    `upset_labels` together reach `upset_threshold`; above 1 the head never says so.
    """

    labels: tuple[str, ...]
    words: Vocabulary
    characters: Vocabulary
    surface_weight: Array
    surface_bias: Array
    states_weight: Array
    states_bias: Array
    mix: tuple[float, float]
    bias: Array
    prefer: Array
    upset_labels: tuple[str, ...] = ()
    upset_threshold: float = 2.0

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        classes, rows = len(self.labels), len(self.words.keys) + len(self.characters.keys)
        wanted = {
            "surface_weight": (rows, classes),
            "surface_bias": (classes,),
            "states_bias": (classes,),
            "bias": (classes,),
            "prefer": (classes,),
            "states_weight": (classes, self.width),
        }
        for name, shape in wanted.items():
            if getattr(self, name).shape != shape:
                raise HeadError(
                    f"the sentiment head's {name} is {getattr(self, name).shape} and should be {shape}; "
                    "run `nightdesk train` again"
                )
        numbers = [getattr(self, name) for name in wanted] + [self.words.idf, self.characters.idf]
        if not all(np.isfinite(part).all() for part in (*numbers, np.asarray([*self.mix, self.upset_threshold]))):
            raise HeadError("the sentiment head holds a number that is not finite; run `nightdesk train` again")
        if classes < 2 or not set(self.upset_labels) <= set(self.labels):
            raise HeadError(f"the sentiment head knows {self.labels} and cannot tell {self.upset_labels} among them")

    @property
    def width(self) -> int:
        """W, the width of the states it reads; 0 if it reads the surface alone."""
        return int(self.states_weight.shape[-1])

    def probabilities(self, texts: Sequence[str], states: Array) -> Array:
        """Return calibrated probabilities float32 (B, C); states float32 (B, W). Raises HeadError for another W."""
        if states.shape != (len(texts), self.width):
            raise HeadError(
                f"states are {states.shape}, but the sentiment head wants {(len(texts), self.width)}; "
                "run `nightdesk train` again"
            )
        logits = self.mix[0] * self.surface_logits([read_surface(text) for text in texts]) + self.bias
        if self.width:
            logits = logits + self.mix[1] * self.states_logits(states)
        return softmax(logits)

    def surface_logits(self, read: Sequence[Surface]) -> Array:
        """Return float32 (B, C) of words and characters alone."""
        return SurfaceModel(self.words, self.characters, self.surface_weight, self.surface_bias).logits(read)

    def states_logits(self, states: Array) -> Array:
        """Return float32 (B, C) of the encoder's middle layers alone."""
        result: Array = states @ self.states_weight.T + self.states_bias
        return result

    def named(self, probabilities: Array) -> NDArray[np.int64]:
        """Return the number of the label that each row (B, C) is called by."""
        result: NDArray[np.int64] = (np.log(np.maximum(probabilities, 1e-12)) + self.prefer).argmax(axis=1)
        return result

    def upset(self, probabilities: Array) -> Array:
        """Return the probability (B,) that the words are angry with us; 0 if no label says so."""
        chosen = [self.labels.index(label) for label in self.upset_labels]
        result: Array = probabilities[:, chosen].sum(axis=1)
        return result

    def read(self, texts: Sequence[str], states: Array) -> list[Sentiment]:
        """Return how each text sounds."""
        probabilities = self.probabilities(texts, states)
        upset = self.upset(probabilities) >= self.upset_threshold
        return [
            Sentiment(self.labels[label], float(row[label]), bool(angry))
            for row, label, angry in zip(probabilities, self.named(probabilities), upset, strict=True)
        ]

    def to_bytes(self) -> tuple[bytes, bytes]:
        """Return the contents of sentiment.safetensors and of sentiment.json."""
        from safetensors.numpy import save

        arrays: dict[str, NDArray[Any]] = {name: getattr(self, name).astype(np.float32) for name in _ARRAYS}
        arrays |= self.words.to_arrays("words") | self.characters.to_arrays("characters")
        description = {
            "format": FORMAT,
            "labels": list(self.labels),
            "mix": list(self.mix),
            "upset": {"labels": list(self.upset_labels), "threshold": self.upset_threshold},
        }
        tensors = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
        return tensors, json.dumps(description, ensure_ascii=False, indent=1).encode()

    @classmethod
    def from_bytes(cls, tensors: bytes, description: bytes) -> SentimentHead:
        """Read what `to_bytes` wrote. Raises HeadError if it is damaged or of another format."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            arrays, told = load(tensors), json.loads(description)
            if told["format"] != FORMAT:
                raise HeadError(f"{DESCRIPTION_FILE} is of another version; run `nightdesk train` again")
            words, characters = (Vocabulary.from_arrays(arrays, name) for name in ("words", "characters"))
            numbers = {name: arrays[name].astype(np.float32) for name in _ARRAYS}
            surface, states = map(float, told["mix"])
            return cls(
                labels=tuple(map(str, told["labels"])),
                words=words,
                characters=characters,
                surface_weight=numbers["surface_weight"],
                surface_bias=numbers["surface_bias"],
                states_weight=numbers["states_weight"],
                states_bias=numbers["states_bias"],
                bias=numbers["bias"],
                prefer=numbers["prefer"],
                mix=(surface, states),
                upset_labels=tuple(map(str, told["upset"]["labels"])),
                upset_threshold=float(told["upset"]["threshold"]),
            )
        except (SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise HeadError(
                f"the sentiment head is damaged ({type(error).__name__}); run `nightdesk train` again"
            ) from error


_ARRAYS = ("surface_weight", "surface_bias", "states_weight", "states_bias", "bias", "prefer")
