"""The intent head: from an utterance to intents and to how far outside all of them it lies.

It reads the utterance's embedding and, if it was fitted so, its words and the encoder's middle layers. numpy only.
`finetune` fits one and saves it into a bundle; the action server loads it from there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.catalogue import IntentEntry, dump_catalogue, parse_catalogue
from bot.errors import HeadError
from bot.surface import SurfaceModel, read_surface

Array = NDArray[np.float32]

TENSORS_FILE = "intents.safetensors"
CATALOGUE_FILE = "intents.json"
MAX_EXEMPLARS = 5000
NEAREST_OUTSIDE = 3
FORMAT = 3
READS = (1, 2, 3)
"""Format 1 had neither words nor layers, format 2 no exemplars out of scope."""


def softmax(logits: Array) -> Array:
    """Return float32 (B, C), rows of sum 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    result: Array = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return result


def unit_layers(layers: Array, width: int) -> Array:
    """Return float32 (B, W), each run of `width` numbers brought to unit length."""
    each = layers.reshape(len(layers), layers.shape[1] // width, width)
    lengths = np.maximum(np.linalg.norm(each, axis=2, keepdims=True), 1e-9)
    result: Array = (each / lengths).reshape(layers.shape).astype(np.float32)
    return result


@dataclass(frozen=True, slots=True)
class ScopeWeights:
    """The logistic that turns `IntentHead.scope_features` into an out-of-scope probability.

    out_of_scope = sigmoid(intercept + probability * max probability + cosine * max cosine + energy * energy + outside *
    cosine to what is known to be out of scope); a useful fit has no positive weight but the intercept and `outside`.
    The defaults say .5 where probability and cosine are about a half.
    """

    intercept: float = 6.0
    probability: float = -4.0
    cosine: float = -8.0
    energy: float = 0.0
    outside: float = 0.0

    def by_name(self) -> dict[str, float]:
        """The numbers as intents.json keeps them."""
        return {"intercept": self.intercept, "probability": self.probability, "cosine": self.cosine,
                "energy": self.energy, "outside": self.outside}  # fmt: skip


@dataclass(frozen=True)
class IntentHead:
    """A calibrated linear classifier over unit-length embeddings, with exemplars to measure distance from.

    weight float32 (C, D), bias float32 (C,), exemplars float32 (E, D) with rows of unit length: training
    utterances or centroids, any E from 1 to 5000. outside: float32 (M, D), the same of utterances out of scope.
    `catalogue` describes at least every label. words: what the surface of an utterance says of its intent, where that
    helps; `words_share` of its logits is added to the others. layers float32 (C, W): weighs the encoder's middle
    layers, each brought to unit length, W a multiple of D.
    """

    labels: tuple[str, ...]
    weight: Array
    bias: Array
    exemplars: Array
    temperature: float = 1.0
    scope: ScopeWeights = field(default_factory=ScopeWeights)
    catalogue: Mapping[str, IntentEntry] = field(default_factory=dict)
    words: SurfaceModel | None = None
    words_share: float = 0.0
    layers: Array | None = None
    outside: Array | None = None

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        classes, width = self.weight.shape if self.weight.ndim == 2 else (-1, -1)
        if classes != len(self.labels) or self.bias.shape != (classes,) or classes < 1:
            raise HeadError(
                f"{len(self.labels)} labels need a weight of ({len(self.labels)}, D) and as many biases, "
                f"not {self.weight.shape} and {self.bias.shape}"
            )
        if self.exemplars.ndim != 2 or self.exemplars.shape[1] != width:
            raise HeadError(f"exemplars are {self.exemplars.shape}, but the weight is {self.weight.shape}")
        if not 1 <= len(self.exemplars) <= MAX_EXEMPLARS:
            raise HeadError(f"{len(self.exemplars)} exemplars; keep between 1 and {MAX_EXEMPLARS}")
        if self.outside is not None and (
            self.outside.ndim != 2 or self.outside.shape[1] != width or not 1 <= len(self.outside) <= MAX_EXEMPLARS
        ):
            raise HeadError(f"exemplars out of scope are {self.outside.shape}; keep (1 to {MAX_EXEMPLARS}, {width})")
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise HeadError(f"temperature is {self.temperature}; it should be above 0")
        parts = [self.weight, self.bias, self.exemplars, np.asarray(list(self.scope.by_name().values()))]
        for part in parts if self.outside is None else [*parts, self.outside]:
            if not np.isfinite(part).all():
                raise HeadError("the intent head holds a number that is not finite")
        if self.layers is not None and (
            self.layers.shape[:1] != (classes,) or self.layers.shape[-1] % width or not np.isfinite(self.layers).all()
        ):
            raise HeadError(f"the layers' weight is {self.layers.shape}, but the weight is {self.weight.shape}")
        if self.words is not None:
            _refuse_words(self.words, self.words_share, classes)
        if len(set(self.labels)) != classes:
            raise HeadError("two labels of the intent head have the same name")
        missing = [label for label in self.labels if label not in self.catalogue]
        if missing:
            raise HeadError(f"the intent {missing[0]!r} was trained but the catalogue does not describe it")

    @property
    def width(self) -> int:
        """D, the encoder's width."""
        return int(self.weight.shape[1])

    def apply(self, embeddings: Array, texts: Sequence[str] = (), layers: Array | None = None) -> tuple[Array, Array]:
        """Return calibrated probabilities (B, C), rows summing to 1, and out-of-scope scores (B,) in [0, 1].

        embeddings: float32 (B, D), rows of unit length; texts: what they are of, masked as it was encoded; layers:
        float32 (B, W), the encoder's middle layers side by side. Raises HeadError if D differs from the head's, or a
        head that reads words or layers is given none.
        """
        logits = self.logits(embeddings, texts, layers)
        features = self.scope_features(embeddings, logits)
        scope = self.scope
        weights = np.asarray([scope.probability, scope.cosine, scope.energy, scope.outside], dtype=np.float32)
        return softmax(logits), _sigmoid(features @ weights + np.float32(scope.intercept))

    def logits(self, embeddings: Array, texts: Sequence[str] = (), layers: Array | None = None) -> Array:
        """Return float32 (B, C): what embedding, layers and words say, divided by the temperature.

        Raises HeadError as `apply` does.
        """
        if embeddings.ndim != 2 or embeddings.shape[1] != self.width:
            raise HeadError(f"embeddings are {embeddings.shape}, but the intent head wants (B, {self.width})")
        logits = embeddings @ self.weight.T + self.bias
        if self.layers is not None:
            if layers is None or layers.shape != (len(embeddings), self.layers.shape[1]):
                raise HeadError(
                    f"layers are {None if layers is None else layers.shape}, but the intent head wants "
                    f"{(len(embeddings), self.layers.shape[1])}; run `nightdesk train` again"
                )
            logits += unit_layers(layers, self.width) @ self.layers.T
        if self.words is not None:
            if len(texts) != len(embeddings):
                raise HeadError(f"{len(embeddings)} embeddings and {len(texts)} texts; this intent head reads both")
            logits += np.float32(self.words_share) * self.words.logits([read_surface(text) for text in texts])
        result: Array = (logits / np.float32(self.temperature)).astype(np.float32)
        return result

    def probabilities(self, embeddings: Array, texts: Sequence[str] = (), layers: Array | None = None) -> Array:
        """Return the softmax of `logits`, float32 (B, C)."""
        return softmax(self.logits(embeddings, texts, layers))

    def scope_features(self, embeddings: Array, logits: Array) -> Array:
        """Return (B, 4): the largest probability by these `logits`, the largest cosine to any exemplar, the energy, and
        the mean cosine to the three nearest exemplars out of scope (0 without any).

        The energy is log Σ exp of an utterance's logits, high where some intent fits (Liu et al. 2020, there with its
        sign turned). Fit ScopeWeights on these (1 = out of scope) as sklearn's `intercept_[0]` and `coef_[0]`.
        Leave an utterance's own exemplar out when fitting on training rows, or its cosine is always 1.
        """
        outside = np.zeros(len(embeddings), np.float32)
        if self.outside is not None:
            few = min(NEAREST_OUTSIDE, len(self.outside))
            outside = np.partition(embeddings @ self.outside.T, -few, axis=1)[:, -few:].mean(axis=1)
        nearest = (embeddings @ self.exemplars.T).max(axis=1)
        highest = logits.max(axis=1)
        energy = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
        return np.stack([np.exp(highest - energy), nearest, energy, outside], axis=1).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write intents.safetensors and intents.json into `folder`, which must exist."""
        tensors, description = self.to_bytes()
        (folder / TENSORS_FILE).write_bytes(tensors)
        (folder / CATALOGUE_FILE).write_bytes(description)

    def to_bytes(self) -> tuple[bytes, bytes]:
        """Return the contents of intents.safetensors and of intents.json."""
        from safetensors.numpy import save

        description = {
            "format": FORMAT,
            "labels": list(self.labels),
            "temperature": self.temperature,
            "out_of_scope": self.scope.by_name(),
            "intents": dump_catalogue(self.catalogue),
            "words_share": self.words_share,
        }
        arrays = {"weight": self.weight, "bias": self.bias, "exemplars": self.exemplars}
        arrays |= {} if self.layers is None else {"layers": self.layers}
        arrays |= {} if self.outside is None else {"outside": self.outside}
        packed = {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}
        tensors = save(packed | (self.words.to_arrays() if self.words else {}))
        return tensors, json.dumps(description, ensure_ascii=False, indent=1).encode()

    @classmethod
    def load(cls, folder: Path) -> IntentHead:
        """Read what `save` wrote. Raises HeadError if a file is missing, damaged or of another format."""
        try:
            tensors = (folder / TENSORS_FILE).read_bytes()
            description = (folder / CATALOGUE_FILE).read_bytes()
        except OSError as error:
            raise HeadError(f"the intent head in {folder} cannot be read: {error.strerror}") from error
        return cls.from_bytes(tensors, description)

    @classmethod
    def from_bytes(cls, tensors: bytes, description: bytes) -> IntentHead:
        """Build a head from the contents of the two files. Raises HeadError as `load` does."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            arrays = load(tensors)
            raw: dict[str, Any] = json.loads(description)
            if raw["format"] not in READS:
                raise HeadError(
                    f"{CATALOGUE_FILE} has format {raw['format']!r}; this version reads {' and '.join(map(str, READS))}"
                )
            return cls(
                labels=tuple(raw["labels"]),
                weight=arrays["weight"],
                bias=arrays["bias"],
                exemplars=arrays["exemplars"],
                temperature=float(raw["temperature"]),
                scope=ScopeWeights(**{name: float(value) for name, value in raw["out_of_scope"].items()}),
                catalogue=parse_catalogue(raw["intents"], CATALOGUE_FILE),
                words=SurfaceModel.from_arrays(arrays),
                words_share=float(raw.get("words_share", 0.0)),
                layers=arrays.get("layers"),
                outside=arrays.get("outside"),
            )
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise HeadError(
                f"{TENSORS_FILE} or {CATALOGUE_FILE} is damaged ({type(error).__name__}); run `nightdesk train` again"
            ) from error


def _refuse_words(words: SurfaceModel, share: float, classes: int) -> None:
    if words.weight.shape != (words.rows, classes) or words.bias.shape != (classes,):
        raise HeadError(
            f"the words' weight is {words.weight.shape} with {words.bias.shape} biases; {classes} labels and "
            f"{words.rows} words and runs of characters were counted"
        )
    finite = all(np.isfinite(part).all() for part in (words.weight, words.bias, words.words.idf, words.characters.idf))
    if not (finite and np.isfinite(share)):
        raise HeadError("the intent head's words hold a number that is not finite")


def _sigmoid(values: Array) -> Array:
    result: Array = (1.0 / (1.0 + np.exp(-np.clip(values, -40, 40)))).astype(np.float32)
    return result
