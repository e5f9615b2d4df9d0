"""What every engine can do, which there are, and how one is opened."""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from bot.errors import ModelError

if TYPE_CHECKING:
    from bot.engines.weights import Weights

Logits = NDArray[np.float32]

REFERENCE = "float32"
LIBRARY = {
    REFERENCE: "torch",
    "bfloat16": "torch",
    "bitsandbytes": "bitsandbytes",
    "torchao": "torchao",
    "torchao-dynamic": "torchao",
    "ctranslate2": "ctranslate2",
    "ctranslate2-float32": "ctranslate2",
}
NAMES = tuple(LIBRARY)
EIGHT_BIT = ("bitsandbytes", "torchao", "torchao-dynamic", "ctranslate2")
CPU_DEFAULT = "ctranslate2"
"""Serves a machine without a GPU until it is measured, once it has been converted."""


class Engine(Protocol):
    """A causal language model, ready. One call at a time."""

    @property
    def weight_bytes(self) -> int:
        """What its weights take in memory; what decoding one token has to read."""

    def decode(self, prompt: Sequence[int], *, head: int, max_tokens: int, stops: Collection[int]) -> Generator[int]:
        """Yield up to max_tokens tokens that greedily follow the prompt, the one in `stops` that ends them included.

        head: how many tokens at the start of the prompt are worth keeping, as other prompts will begin with them; 0
        for none. Closing the iterator ends the decoding with its next token.
        """

    def logits(self, ids: Sequence[int]) -> Logits:
        """Return float32 (T, V): after each of T tokens, what comes next."""


def are_here() -> list[str]:
    """The names of the engines whose libraries are installed, float32 first."""
    return [name for name, library in LIBRARY.items() if find_spec(library) is not None]


def open_engine(name: str, weights: Weights, threads: int = 1) -> Engine:
    """Load the weights, an adapter merged into them, as the named engine. Raises ModelError, whatever the library says.

    No code of the model's own runs.
    """
    if name not in LIBRARY:
        raise ModelError(f"there is no engine {name!r}; there are {', '.join(NAMES)}")
    if find_spec(LIBRARY[name]) is None:
        raise ModelError(f"the engine {name!r} needs the library {LIBRARY[name]}, which is not installed")
    try:
        return _open(name, weights, threads)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, NotImplementedError, AttributeError) as error:
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        raise ModelError(
            f"the response model in {weights.folder} cannot be loaded by {name} ({type(error).__name__}: {reason})"
        ) from error


def _open(name: str, weights: Weights, threads: int) -> Engine:
    if name.startswith("ctranslate2"):
        from bot.engines.by_ctranslate2 import open_ctranslate2

        return open_ctranslate2(weights, threads, eight_bit=name == CPU_DEFAULT)
    import torch

    torch.set_num_threads(threads)
    if name == "bitsandbytes":
        from bot.engines.by_bitsandbytes import open_bitsandbytes

        return open_bitsandbytes(weights)
    if name.startswith("torchao"):
        from bot.engines.by_torchao import open_torchao

        return open_torchao(weights, dynamic=name.endswith("dynamic"))
    from bot.engines.by_torch import open_torch

    return open_torch(weights, name)


def quiet(*libraries: str) -> None:
    """Let a library warn of nothing that an operator could mend."""
    for library in libraries:
        logging.getLogger(library).setLevel(logging.ERROR)
