"""A plain BERT sentence encoder without padding: the same numbers as sentence-transformers, at half the cost on a CPU.

Serving encodes a handful of short texts at a time. There the library's time goes into padding, into wrappers around
each layer, and, once a process, into importing itself. Here the texts of a batch lie end to end through every matrix
product and are parted only for attention; torch, tokenizers and safetensors are all it imports.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"
_LAYER = "encoder.layer"


@dataclass(frozen=True, slots=True)
class BertShape:
    """What config.json and sentence_bert_config.json say of the model."""

    heads: int
    layers: int
    epsilon: float
    max_tokens: int


def plain_bert(folder: Path) -> BertShape | None:
    """Return the shape if the folder holds a BERT with absolute positions, exact GELU and mean pooling, else None."""
    config, modules = _json(folder / "config.json"), _json(folder / "modules.json")
    kinds = [str(module.get("type", "")).rsplit(".", 1)[-1] for module in modules or []]
    if not config or kinds not in (["Transformer", "Pooling", "Normalize"], ["Transformer", "Pooling"]):
        return None
    pooling = _json(folder / str(modules[1].get("path", "")) / "config.json") or {}
    modes = {name for name, on in pooling.items() if name.startswith("pooling_mode_") and on is True}
    plain = (
        config.get("model_type") == "bert"
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and (modes == {"pooling_mode_mean_tokens"} or pooling.get("pooling_mode") == "mean")
        and (folder / WEIGHTS).is_file()
        and (folder / TOKENIZER).is_file()
    )
    if not plain:
        return None
    most = int((_json(folder / "sentence_bert_config.json") or {}).get("max_seq_length") or 512)
    return BertShape(
        heads=int(config["num_attention_heads"]),
        layers=int(config["num_hidden_layers"]),
        epsilon=float(config["layer_norm_eps"]),
        max_tokens=min(most, int(config["max_position_embeddings"])),
    )


def middle_layers(layers: int) -> range:
    """Return which outputs are the middle ones, counted from the embeddings (0): the half way one to the last but one.

    How a thing is said is best read there: on airline tweets the third to fifth of MiniLM's six layers gave a macro F1
    of .766, the sixth, which is trained to hold what is talked about, .718 (4,800 to learn from, November 2026).
    """
    return range(layers // 2, layers)


class PackedBert:
    """The forward pass of Devlin et al. 2018, "BERT", with mean pooling; inference only, on a CPU."""

    def __init__(self, folder: Path, shape: BertShape, dtype: torch.dtype) -> None:
        """Read safetensors and tokenizer.json. Raises KeyError, ValueError or OSError if they are not BERT's."""
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        self._shape = shape
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(shape.max_tokens)
        raw = {name.removeprefix("bert."): value.to(dtype) for name, value in load_file(folder / WEIGHTS).items()}
        self._words = raw["embeddings.word_embeddings.weight"]
        self._places = raw["embeddings.position_embeddings.weight"] + raw["embeddings.token_type_embeddings.weight"][0]
        self._norm = _pair(raw, "embeddings.LayerNorm")
        self._layers = [_Layer.read(raw, f"{_LAYER}.{number}") for number in range(shape.layers)]

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, special tokens included, cut to the model's length."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]

    def forward(self, token_ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return the mean of the last layer over each text's tokens, float32 (B, D), not normalised."""
        return self.forward_tokens(token_ids)[0]

    def forward_tokens(
        self, token_ids: Sequence[Sequence[int]]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
        """Return what `forward` does, and the last layer itself: float32 (T, D) for each text."""
        return self.forward_layers(token_ids)[:2]

    def forward_layers(
        self, token_ids: Sequence[Sequence[int]]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.float32]], NDArray[np.float32]]:
        """Return what `forward_tokens` does, and float32 (B, W): each middle layer's mean, side by side."""
        import torch
        from torch.nn import functional

        with torch.inference_mode():
            pack = _Pack.of(token_ids)
            x = self._words[pack.ids] + self._places[pack.places]
            x = self._normalised(x, self._norm)
            means = []
            for number, layer in enumerate(self._layers):
                if number in middle_layers(len(self._layers)):
                    means.append(pack.mean(x))
                mixed = functional.linear(self._attend(functional.linear(x, *layer.qkv), pack), *layer.out)
                x = self._normalised(x + mixed, layer.out_norm)
                inner = functional.gelu(functional.linear(x, *layer.up))
                x = self._normalised(x + functional.linear(inner, *layer.down), layer.down_norm)
            parts = torch.split(x.float(), pack.lengths.tolist())
            return pack.mean(x).numpy(), [part.numpy() for part in parts], torch.cat(means, dim=1).numpy()

    def _normalised(self, x: torch.Tensor, norm: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        from torch.nn import functional

        return functional.layer_norm(x, x.shape[-1:], *norm, self._shape.epsilon)

    def _attend(self, qkv: torch.Tensor, pack: _Pack) -> torch.Tensor:
        """Let each token look at the tokens of its own text: (T, 3D) → (T, D)."""
        import torch

        batch, longest = len(pack.lengths), pack.longest
        padded = qkv.new_zeros(batch * longest, qkv.shape[1]) if pack.padded else qkv
        if pack.padded:
            padded[pack.slots] = qkv
        heads = self._shape.heads
        q, k, v = padded.view(batch, longest, 3, heads, -1).permute(2, 0, 3, 1, 4)
        scale = 1 / math.sqrt(q.shape[-1])
        seen = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=pack.mask(qkv.dtype), scale=scale)
        flat = seen.transpose(1, 2).reshape(batch * longest, -1)
        return flat[pack.slots] if pack.padded else flat


@dataclass(frozen=True)
class _Layer:
    """One layer's weights, query, key and value in one matrix."""

    qkv: tuple[torch.Tensor, torch.Tensor]
    out: tuple[torch.Tensor, torch.Tensor]
    out_norm: tuple[torch.Tensor, torch.Tensor]
    up: tuple[torch.Tensor, torch.Tensor]
    down: tuple[torch.Tensor, torch.Tensor]
    down_norm: tuple[torch.Tensor, torch.Tensor]

    @classmethod
    def read(cls, raw: Mapping[str, torch.Tensor], prefix: str) -> _Layer:
        import torch

        parts = [_pair(raw, f"{prefix}.attention.self.{name}") for name in ("query", "key", "value")]
        weights, biases = zip(*parts, strict=True)
        return cls(
            qkv=(torch.cat(weights), torch.cat(biases)),
            out=_pair(raw, f"{prefix}.attention.output.dense"),
            out_norm=_pair(raw, f"{prefix}.attention.output.LayerNorm"),
            up=_pair(raw, f"{prefix}.intermediate.dense"),
            down=_pair(raw, f"{prefix}.output.dense"),
            down_norm=_pair(raw, f"{prefix}.output.LayerNorm"),
        )


@dataclass(frozen=True)
class _Pack:
    """Where each token of a batch lies end to end, and where it lies when the texts stand side by side."""

    ids: torch.Tensor  # (T,) token ids
    places: torch.Tensor  # (T,) position in its text
    texts: torch.Tensor  # (T,) number of its text
    lengths: torch.Tensor  # (B,) tokens of each text
    longest: int

    @classmethod
    def of(cls, token_ids: Sequence[Sequence[int]]) -> _Pack:
        import torch

        lengths = torch.tensor([len(ids) for ids in token_ids])
        texts = torch.repeat_interleave(torch.arange(len(token_ids)), lengths)
        starts = torch.cumsum(lengths, 0) - lengths
        places = torch.arange(int(lengths.sum())) - starts[texts]
        return cls(torch.tensor([i for ids in token_ids for i in ids]), places, texts, lengths, int(lengths.max()))

    def mean(self, x: torch.Tensor) -> torch.Tensor:
        """(B, D): the mean over each text's tokens of (T, D)."""
        import torch

        sums = torch.zeros(len(self.lengths), x.shape[1]).index_add_(0, self.texts, x.float())
        return sums / self.lengths[:, None]

    @property
    def padded(self) -> bool:
        return bool((self.lengths != self.longest).any())

    @property
    def slots(self) -> torch.Tensor:
        """(T,) rows of the padded layout (B * longest) that hold a token."""
        return self.texts * self.longest + self.places

    def mask(self, dtype: torch.dtype) -> torch.Tensor | None:
        """(B, 1, 1, longest): 0 at a token, minus infinity where there is none."""
        import torch

        if not self.padded:
            return None
        there = torch.arange(self.longest)[None, :] < self.lengths[:, None]
        return torch.zeros(there.shape, dtype=dtype).masked_fill_(~there, -math.inf)[:, None, None, :]


def _pair(raw: Mapping[str, torch.Tensor], name: str) -> tuple[torch.Tensor, torch.Tensor]:
    return raw[f"{name}.weight"], raw[f"{name}.bias"]


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
