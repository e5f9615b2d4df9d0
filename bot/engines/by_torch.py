"""float32 and bfloat16 by PyTorch, and the loop that every engine on PyTorch decodes with."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Collection, Generator, Sequence
from typing import Any

import numpy as np

from bot.engines.engine import Logits
from bot.engines.weights import Weights

HEADS_KEPT = 4


def open_torch(weights: Weights, dtype: str) -> TorchEngine:
    """Load in "float32" or "bfloat16", on a GPU if there is one."""
    import torch

    return TorchEngine(weights.load(getattr(torch, dtype)).to(device()))


def device() -> str:
    """Where PyTorch's engines run."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


class TorchEngine:
    """A transformers model, decoded greedily with its key-value cache."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._heads: OrderedDict[tuple[int, ...], Any] = OrderedDict()

    @property
    def weight_bytes(self) -> int:
        """Bytes of all parameters and buffers, each once, quantized ones with their scales."""
        stored: dict[int, int] = {}
        for tensor in (*self._model.parameters(), *self._model.buffers()):
            for part in _parts(tensor):
                stored[part.data_ptr()] = part.numel() * part.element_size()
        return sum(stored.values())

    def decode(self, prompt: Sequence[int], *, head: int, max_tokens: int, stops: Collection[int]) -> Generator[int]:
        """Yield the tokens that greedily follow, as Engine says; a head is kept as its keys and values."""
        cache = self._after(tuple(prompt[:head])) if 0 < head < len(prompt) else None
        unread = list(prompt[head:] if cache is not None else prompt)
        for _ in range(max_tokens):
            made = self._forward(unread, cache, last_only=True)
            cache, token = made.past_key_values, int(made.logits[0, -1].argmax())
            yield token
            if token in stops:
                return
            unread = [token]

    def logits(self, ids: Sequence[int]) -> Logits:
        """Return float32 (T, V)."""
        made: Logits = self._forward(list(ids), None).logits[0].float().cpu().numpy()
        return made.astype(np.float32, copy=False)

    def _after(self, head: tuple[int, ...]) -> Any:
        """A cache that has read the head and may be written on."""
        if head not in self._heads:
            self._heads[head] = self._forward(list(head), None, last_only=True).past_key_values
            while len(self._heads) > HEADS_KEPT:
                self._heads.popitem(last=False)
        self._heads.move_to_end(head)
        return copy.deepcopy(self._heads[head])

    def _forward(self, ids: list[int], cache: Any, *, last_only: bool = False) -> Any:
        import torch

        with torch.inference_mode():
            return self._model(
                input_ids=torch.tensor([ids], device=self._model.device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1 if last_only else 0,
            )


def _parts(tensor: Any) -> list[Any]:
    """The plain tensors that a quantized one is made of; itself if it is plain."""
    if hasattr(tensor, "__tensor_flatten__"):
        return [part for name in tensor.__tensor_flatten__()[0] for part in _parts(getattr(tensor, name))]
    scales = getattr(tensor, "SCB", None)  # bitsandbytes keeps them beside its int8 numbers
    return [tensor.data] if scales is None else [tensor.data, scales]
