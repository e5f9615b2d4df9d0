"""One trunk: the language model reads the customer's words for the intent, and its reply goes on from where it read.

The prompt begins with what never changes, then come the customer's words, then the passages, which are found only once
the words have been read. What was computed for the words (the keys and values of every layer) is handed on, so that a
reply computes nothing twice. Evaluation decides whether this reader or the sentence encoder serves.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bot.errors import HeadError
from bot.head import Array
from bot.prompts import MAX_QUESTION_CHARS, trunk_prompt, words_only

TENSORS_FILE = "trunk.safetensors"
ABOUT_FILE = "trunk.json"
MARK = "\x00"
"""Stands where the customer's words go; no text from outside holds it, for JSON from the web is freed of it."""


@dataclass(frozen=True)
class Read:
    """An utterance as the trunk read it: a unit vector float32 (D,), and the cache and ids to go on from."""

    vector: Array
    ids: tuple[int, ...]
    cache: Any


@dataclass(frozen=True)
class TrunkHead:
    """The intent head over hidden states: logits = vector · weight.T + bias, weight float32 (C, D), bias (C,).

    `layer` is the hidden state that is pooled (0 the embeddings, the number of layers the last), `pooling` "mean" over
    the customer's words, or their "last".
    """

    labels: tuple[str, ...]
    weight: Array
    bias: Array
    layer: int
    pooling: str

    def apply(self, vectors: Array) -> Array:
        """Return probabilities (B, C) of vectors (B, D)."""
        logits = vectors @ self.weight.T + self.bias
        powers = np.exp(logits - logits.max(1, keepdims=True))
        found: Array = powers / powers.sum(1, keepdims=True)
        return found

    def to_bytes(self) -> dict[str, bytes]:
        """The two files of a bundle."""
        from safetensors.numpy import save

        about = {"labels": self.labels, "layer": self.layer, "pooling": self.pooling}
        return {
            TENSORS_FILE: save({"weight": self.weight, "bias": self.bias}),
            ABOUT_FILE: json.dumps(about, ensure_ascii=False).encode(),
        }

    @classmethod
    def read(cls, folder: Path) -> TrunkHead:
        """Open the two files; raise HeadError if they do not fit together."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            tensors = load_file(folder / TENSORS_FILE)
            about = json.loads((folder / ABOUT_FILE).read_text("utf-8"))
            labels = tuple(map(str, about["labels"]))
            head = cls(labels, tensors["weight"], tensors["bias"], int(about["layer"]), str(about["pooling"]))
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise HeadError(f"the trunk's head in {folder} cannot be read ({type(error).__name__}: {error})") from error
        if len(head.weight) != len(labels) or head.pooling not in ("mean", "last"):
            raise HeadError(
                f"{folder / ABOUT_FILE} names {len(labels)} intents and pooling {head.pooling!r}; "
                f"{TENSORS_FILE} has {len(head.weight)} rows, and pooling is mean or last"
            )
        return head


class Trunk:
    """A causal language model that reads first and replies later; calls take turns."""

    def __init__(self, model: Any, tokenizer: Any, *, layer: int, pooling: str) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._layer, self._pooling = layer, pooling
        self._lock = threading.Lock()
        self._beginning_ids = self._ids(around_words(tokenizer, [])[0])
        self._read_once: Any = None

    def read(self, utterance: str) -> Read:
        """Return what the model makes of an utterance; its beginning costs nothing, having been read once for all."""
        import torch

        words = self._ids(words_only(utterance[:MAX_QUESTION_CHARS])) or self._ids("?")
        with self._lock, torch.inference_mode():
            cache = copy.deepcopy(self._beginning())
            out = self._pass(words, cache, output_hidden_states=True, logits_to_keep=1)
            states = out.hidden_states[self._layer][0].float()
        pooled = states.mean(0) if self._pooling == "mean" else states[-1]
        vector = (pooled / pooled.norm()).cpu().numpy()
        return Read(vector, (*self._beginning_ids, *words), cache)

    def reply(self, read: Read, passages: Sequence[str], *, max_tokens: int) -> str:
        """Write a reply from the passages, greedily, going on from what was read; `read` can be used again."""
        import torch

        rest = self._ids(around_words(self._tokenizer, passages)[1])
        with self._lock, torch.inference_mode():
            cache = copy.deepcopy(read.cache)
            ids = torch.tensor([[*read.ids, *rest]], device=next(self._model.parameters()).device)
            out = self._model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), past_key_values=cache, max_new_tokens=max_tokens,
                do_sample=False, pad_token_id=self._tokenizer.eos_token_id,
            )  # fmt: skip
        return str(self._tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)).strip()

    def next_logits(self, read: Read, passages: Sequence[str], *, from_cache: bool) -> Array:
        """Return the logits (V,) of a reply's first token: going on from what was read, or from the beginning."""
        import torch

        rest = self._ids(around_words(self._tokenizer, passages)[1])
        with self._lock, torch.inference_mode():
            if from_cache:
                out = self._pass(rest, copy.deepcopy(read.cache), logits_to_keep=1)
            else:
                out = self._pass([*read.ids, *rest], None, logits_to_keep=1)
        found: Array = out.logits[0, -1].float().cpu().numpy()
        return found

    def _beginning(self) -> Any:
        if self._read_once is None:
            self._read_once = self._pass(self._beginning_ids, None, logits_to_keep=1).past_key_values
        return self._read_once

    def _pass(self, ids: Sequence[int], cache: Any, **more: Any) -> Any:
        import torch

        tokens = torch.tensor([list(ids)], device=next(self._model.parameters()).device)
        return self._model(input_ids=tokens, past_key_values=cache, use_cache=True, **more)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def around_words(tokenizer: Any, passages: Sequence[str]) -> tuple[str, str]:
    """The prompt before the customer's words and after them, cut so that words are the same tokens in any company."""
    text = str(tokenizer.apply_chat_template(trunk_prompt(MARK, passages), add_generation_prompt=True, tokenize=False))
    before, _, after = text.partition(MARK)
    return before, after
