"""How an encoder is tuned: every number in one place."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from finetune.errors import BadRecipe

PRECISIONS = ("auto", "float32", "bfloat16")
ABOVE_ZERO = ("epochs", "batch", "accumulate", "learning_rate", "proxy_learning_rate", "layer_decay", "clip", "scale",
              "pair_scale", "contrast_temperature", "soft_temperature", "members", "max_tokens",
              "patience")  # fmt: skip
SHARES = ("warm_up", "dropout", "smoothing", "layer_decay", "average", "augment", "word_dropout", "soft")

READINGS = 80_000
"""Utterances read in all, up to which a small set is read again and again."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The loss is cross-entropy over cosines to one proxy an intent, plus in-batch ranking of answers, plus options.

    epochs: an epoch sees every utterance and every pair once, in batches of like lengths.
    accumulate: batches whose gradients are added up before a step; what fits in memory is `batch`.
    layer_decay: each layer's learning rate is that share of the layer's above it (Howard and Ruder 2018); 1 is off.
    warm_up: share of the steps in which the learning rate rises to its peak; it falls to zero afterwards.
    scale: cosines are multiplied by it before the softmax; pair_scale likewise for pairs.
    dropout: of hidden states only. Attention dropout costs a fifth of the step on a CPU (16.3 against 9.1 ms of
    forward pass a text, EPYC with AVX2, November 2026) since it rules the fused kernel out.
    contrast: weight of supervised contrast (Khosla et al. 2020); consistency: weight of R-Drop (Liang et al. 2021).
    Either reads each utterance twice, with other dropout. smoothing: of the labels.
    mixup: α of Beta(α, α), in which shares two utterances' vectors and labels are mixed (Guo et al. 2019); 0 is off.
    adversarial: length of the step by which word embeddings are moved up their gradient for a second reading, as a
    share of their own length (Miyato et al. 2017); 0 is off.
    augment: share of the utterances that are read with a slip or two of spelling; word_dropout: share of the words left
    out; other ones in each epoch.
    average: decay of a moving average of the weights, which is kept in their stead; 0 is off.
    soft: weight of `Examples.soft` against the labels. soft_temperature: by which logits are divided to make them.
    members: how many are learnt with seeds of their own, and folded into one (finetune/ensemble.py); 1 is off.
    negatives: of each question's own wrong answers, how many are laid beside its batch's; others in each epoch.
    frozen_layers: the lowest layers that stay as they are; word embeddings always do.
    precision: of the matrix products; "auto" is bfloat16 where the machine is made for it.
    patience: epochs without a better held-out accuracy after which tuning stops.
    """

    epochs: int = 12
    batch: int = 32
    accumulate: int = 1
    learning_rate: float = 5e-5
    proxy_learning_rate: float = 1e-2
    layer_decay: float = 1.0
    weight_decay: float = 0.01
    warm_up: float = 0.1
    clip: float = 1.0
    scale: float = 20.0
    pair_scale: float = 20.0
    dropout: float = 0.1
    smoothing: float = 0.0
    contrast: float = 0.0
    contrast_temperature: float = 0.1
    consistency: float = 0.0
    mixup: float = 0.0
    adversarial: float = 0.0
    augment: float = 0.0
    word_dropout: float = 0.0
    average: float = 0.0
    soft: float = 0.5
    soft_temperature: float = 2.0
    members: int = 1
    negatives: int = 1
    frozen_layers: int = 0
    max_tokens: int = 64
    precision: str = "auto"
    patience: int = 3
    seed: int = 13

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise BadRecipe(f"precision is {self.precision!r}; it can be one of {', '.join(PRECISIONS)}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "precision":
                continue
            if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
                raise BadRecipe(f"{field.name} is {value!r}; it should be a number")
            if value < 0 or (value == 0 and field.name in ABOVE_ZERO):
                raise BadRecipe(f"{field.name} is {value}; it should be {'above 0' if value == 0 else 'at least 0'}")
            if value > 1 and field.name in SHARES:
                raise BadRecipe(f"{field.name} is {value}; it is a share, at most 1")
            if field.type == "int" and not isinstance(value, int):
                raise BadRecipe(f"{field.name} is {value}; it should be a whole number")

    @property
    def twice(self) -> bool:
        """Whether each utterance is read twice."""
        return self.contrast > 0 or self.consistency > 0

    def altered(self, changes: Mapping[str, Any], where: str) -> Recipe:
        """Return the recipe with these fields changed; BadRecipe names what is none, and `where` it stands."""
        known = [field.name for field in fields(self)]
        for name in changes:
            if name not in known:
                raise BadRecipe(f"{where}: {name!r} is no field of a recipe; there are {', '.join(known)}")
        try:
            return replace(self, **changes)
        except BadRecipe as error:
            raise BadRecipe(f"{where}: {error}") from error

    @classmethod
    def for_rows(cls, rows: int) -> Recipe:
        """Return the recipe for that many utterances: the more there are, the fewer times each is read (12 to 5)."""
        return cls(epochs=min(12, max(5, round(READINGS / max(1, rows)))))

    def fingerprint(self, *data: object) -> str:
        """Return 12 hex digits of the recipe and of what it is used on: a checkpoint of other work is no checkpoint."""
        made = json.dumps([asdict(self), *data], sort_keys=True, default=str)
        return hashlib.sha256(made.encode()).hexdigest()[:12]


def read_recipe(path: Path, base: Recipe) -> Recipe:
    """Return `base` with what the JSON file's "recipe" says; `base` itself if there is no file. Raises BadRecipe."""
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        changes = written["recipe"]
    except FileNotFoundError:
        return base
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRecipe(f'{path} is no recipe ({error}); it should be JSON, {{"recipe": {{…}}}}') from error
    if not isinstance(changes, dict):
        raise BadRecipe(f'{path}: "recipe" is {changes!r}; it should be an object of fields and numbers')
    return base.altered(changes, str(path))


def write_recipe(path: Path, changes: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Write what `read_recipe` reads, whole or not at all; `about` says where it comes from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.half")
    half.write_text(json.dumps({"recipe": dict(changes), **about}, indent=2) + "\n", encoding="utf-8")
    half.replace(path)
