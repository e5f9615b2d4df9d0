"""The intent head: from an utterance's embedding to intents and to how far outside all of them it lies.

numpy only. `finetune` fits one and saves it into a bundle; the action server loads it from there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.catalogue import IntentEntry, dump_catalogue, parse_catalogue
from bot.errors import HeadError

Array = NDArray[np.float32]

TENSORS_FILE = "intents.safetensors"
CATALOGUE_FILE = "intents.json"
MAX_EXEMPLARS = 2000
FORMAT = 1


@dataclass(frozen=True, slots=True)
class ScopeWeights:
    """The logistic that turns `IntentHead.scope_features` into an out-of-scope probability.

    out_of_scope = sigmoid(intercept + probability * max probability + cosine * max cosine); a useful fit has
    negative `probability` and `cosine`. The defaults say .5 where both are about a half.
    """

    intercept: float = 6.0
    probability: float = -4.0
    cosine: float = -8.0

    def by_name(self) -> dict[str, float]:
        """The three numbers as intents.json keeps them."""
        return {"intercept": self.intercept, "probability": self.probability, "cosine": self.cosine}


@dataclass(frozen=True)
class IntentHead:
    """A calibrated linear classifier over unit-length embeddings, with exemplars to measure distance from.

    weight float32 (C, D), bias float32 (C,), exemplars float32 (E, D) with rows of unit length: training
    utterances or centroids, any E from 1 to 2000. `catalogue` describes at least every label.
    """

    labels: tuple[str, ...]
    weight: Array
    bias: Array
    exemplars: Array
    temperature: float = 1.0
    scope: ScopeWeights = field(default_factory=ScopeWeights)
    catalogue: Mapping[str, IntentEntry] = field(default_factory=dict)

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
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise HeadError(f"temperature is {self.temperature}; it should be above 0")
        for part in (self.weight, self.bias, self.exemplars, np.asarray(list(self.scope.by_name().values()))):
            if not np.isfinite(part).all():
                raise HeadError("the intent head holds a number that is not finite")
        if len(set(self.labels)) != classes:
            raise HeadError("two labels of the intent head have the same name")
        missing = [label for label in self.labels if label not in self.catalogue]
        if missing:
            raise HeadError(f"the intent {missing[0]!r} was trained but the catalogue does not describe it")

    @property
    def width(self) -> int:
        """D, the encoder's width."""
        return int(self.weight.shape[1])

    def apply(self, embeddings: Array) -> tuple[Array, Array]:
        """Return calibrated probabilities (B, C), rows summing to 1, and out-of-scope scores (B,) in [0, 1].

        embeddings: float32 (B, D), rows of unit length. Raises HeadError if D differs from the head's.
        """
        probabilities = self.probabilities(embeddings)
        features = self.scope_features(embeddings, probabilities)
        weights = np.asarray([self.scope.probability, self.scope.cosine], dtype=np.float32)
        return probabilities, _sigmoid(features @ weights + np.float32(self.scope.intercept))

    def probabilities(self, embeddings: Array) -> Array:
        """Return softmax((x·Wᵀ + b) / temperature), float32 (B, C)."""
        if embeddings.ndim != 2 or embeddings.shape[1] != self.width:
            raise HeadError(f"embeddings are {embeddings.shape}, but the intent head wants (B, {self.width})")
        logits = (embeddings @ self.weight.T + self.bias) / np.float32(self.temperature)
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        result: Array = powers / powers.sum(axis=1, keepdims=True)
        return result

    def scope_features(self, embeddings: Array, probabilities: Array | None = None) -> Array:
        """Return (B, 2): the largest calibrated probability and the largest cosine to any exemplar.

        Fit ScopeWeights on these (1 = out of scope): sklearn's `intercept_[0]`, `coef_[0, 0]`, `coef_[0, 1]`.
        Leave an utterance's own exemplar out when fitting on training rows, or its cosine is always 1.
        """
        known = self.probabilities(embeddings) if probabilities is None else probabilities
        nearest = (embeddings @ self.exemplars.T).max(axis=1)
        return np.stack([known.max(axis=1), nearest], axis=1).astype(np.float32)

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
        }
        arrays = {"weight": self.weight, "bias": self.bias, "exemplars": self.exemplars}
        tensors = save({name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()})
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
            if raw["format"] != FORMAT:
                raise HeadError(f"{CATALOGUE_FILE} has format {raw['format']!r}; this version reads {FORMAT}")
            return cls(
                labels=tuple(raw["labels"]),
                weight=arrays["weight"],
                bias=arrays["bias"],
                exemplars=arrays["exemplars"],
                temperature=float(raw["temperature"]),
                scope=ScopeWeights(**{name: float(value) for name, value in raw["out_of_scope"].items()}),
                catalogue=parse_catalogue(raw["intents"], CATALOGUE_FILE),
            )
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise HeadError(
                f"{TENSORS_FILE} or {CATALOGUE_FILE} is damaged ({type(error).__name__}); run `nightdesk train` again"
            ) from error


def _sigmoid(values: Array) -> Array:
    result: Array = (1.0 / (1.0 + np.exp(-np.clip(values, -40, 40)))).astype(np.float32)
    return result
