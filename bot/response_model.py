"""The response model: a small language model in 8 bits, decoding in a thread of its own.

One decoding at a time, at a lower priority than the rest, so that reading customers' messages never waits for it. What
decodes is an engine (`bot/engines`): the one that is named, or the one that the router picks for this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import ModelError

if TYPE_CHECKING:
    from bot.engines import Engine
    from bot.engines.weights import Weights

log = logging.getLogger(__name__)
NICENESS = 10
MAX_PROMPT_TOKENS = 900
HEADS_REMEMBERED = 8
AUTO = "auto"


@dataclass
class _Job:
    """One text to write; `stop` ends it, and `ended` tells that the model itself came to an end."""

    messages: list[dict[str, str]]
    max_tokens: int
    deadline: float
    stop: threading.Event = field(default_factory=threading.Event)
    ended: bool = False


@dataclass(frozen=True)
class _Loaded:
    """An engine with the weights it was opened for."""

    weights: Weights
    name: str
    engine: Engine
    tokenizer: Any
    stops: frozenset[int]


class ResponseModel:
    """A causal language model loaded at its first use from a folder of safetensors.

    Writing is greedy: the same prompt gives the same text. `adapter` is asked before every text for the folder of the
    adapter that serves; a new one, or a new choice of the router, is loaded then.
    """

    def __init__(
        self,
        folder: Path,
        engine: str = AUTO,
        threads: int = 1,
        *,
        adapter: Callable[[], Path | None] = lambda: None,
        least_agreement: float = 0.95,
    ) -> None:
        self.folder = folder
        self.engine = engine
        self.threads = threads
        self._adapter = adapter
        self._least_agreement = least_agreement
        self._loaded: _Loaded | None = None
        self._weights: Weights | None = None
        self._broken: set[tuple[str, str]] = set()
        self._heads: dict[tuple[int, ...], int] = {}
        self._closing = threading.Event()
        self._slot = ThreadPoolExecutor(1, thread_name_prefix="decoding", initializer=_be_nice)

    async def write(self, messages: Sequence[dict[str, str]], *, max_tokens: int, timeout_s: float) -> str:
        """Return the model's reply to chat messages; raise ModelError if it has not ended by then.

        The time counts from the call, waiting for the slot and loading included.
        """
        job = _Job(list(messages), max_tokens, time.monotonic() + timeout_s)
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.wait_for(loop.run_in_executor(self._slot, self._write, job), timeout_s)
        except TimeoutError:
            raise ModelError(f"nothing was written within {timeout_s:g} s") from None
        finally:
            job.stop.set()

    async def stream(
        self, messages: Sequence[dict[str, str]], *, max_tokens: int, timeout_s: float
    ) -> AsyncGenerator[str]:
        """Yield the reply in pieces as they are decoded, the sentence that the token limit cut off included.

        Closing the iterator, or cancelling who waits for it, ends the decoding with its next token. Raises ModelError
        once the time is up; pieces may have come before.
        """
        job = _Job(list(messages), max_tokens, time.monotonic() + timeout_s)
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[str | None] = asyncio.Queue()

        def decode() -> None:
            try:
                with contextlib.closing(self._pieces(job)) as decoded:
                    for piece in decoded:
                        loop.call_soon_threadsafe(pieces.put_nowait, piece)
            finally:
                with contextlib.suppress(RuntimeError):  # the loop has gone, and with it who waited
                    loop.call_soon_threadsafe(pieces.put_nowait, None)

        try:
            decoding = loop.run_in_executor(self._slot, decode)
            while (piece := await asyncio.wait_for(pieces.get(), job.deadline - time.monotonic())) is not None:
                yield piece
            await decoding
        except TimeoutError:
            raise ModelError(f"the text was not whole within {timeout_s:g} s") from None
        finally:
            job.stop.set()

    def weights(self) -> Weights:
        """The weights that serve now: the base with the adapter of the moment."""
        from bot.engines.weights import Weights

        adapter = self._adapter()
        if self._weights is None or self._weights.adapter != adapter:
            self._weights = Weights(self.folder, adapter)
        return self._weights

    def close(self) -> None:
        """Start nothing more; what is being written ends with its next token."""
        self._closing.set()
        self._slot.shutdown(wait=False, cancel_futures=True)

    def _write(self, job: _Job) -> str:
        with contextlib.closing(self._pieces(job)) as pieces:
            text = "".join(pieces)
        return whole_sentences(text.strip(), ended=job.ended)

    def _pieces(self, job: _Job) -> Generator[str]:
        """Yield the text of a job token by token where it can be read already: a letter may take several tokens."""
        self._refuse_late(job, "its turn came too late")
        model = self._load()
        ids, head = self._prompt(model.tokenizer, job.messages)
        written: list[int] = []
        said = ""
        tokens = model.engine.decode(ids, head=head, max_tokens=job.max_tokens, stops=model.stops)
        with contextlib.closing(tokens):
            for token in tokens:
                if token in model.stops:
                    job.ended = True
                    return
                self._refuse_late(job, "it ran out of time")
                written.append(token)
                text = model.tokenizer.decode(written, skip_special_tokens=True)
                if not text.endswith("\N{REPLACEMENT CHARACTER}"):
                    yield text[len(said) :]
                    said = text

    def _prompt(self, tokenizer: Any, messages: list[dict[str, str]]) -> tuple[list[int], int]:
        """Return the prompt's token ids, and how many of them, up to the last message, have been seen before."""
        ids = _ids(tokenizer, messages, reply=True)
        if len(ids) > MAX_PROMPT_TOKENS:
            raise ModelError(f"the prompt has {len(ids)} tokens; at most {MAX_PROMPT_TOKENS} are read")
        head = tuple(_ids(tokenizer, messages[:-1], reply=False)) if len(messages) > 1 else ()
        if not head or tuple(ids[: len(head)]) != head:
            return ids, 0
        if head not in self._heads and len(self._heads) >= HEADS_REMEMBERED:
            # The ones seen once belong to a conversation; those of the prompts themselves come again and again.
            self._heads = {known: times for known, times in self._heads.items() if times > 1}
            if len(self._heads) >= HEADS_REMEMBERED:
                return ids, 0
        self._heads[head] = self._heads.get(head, 0) + 1
        return ids, len(head) if self._heads[head] > 1 else 0

    def _refuse_late(self, job: _Job, reason: str) -> None:
        if self._closing.is_set() or job.stop.is_set() or time.monotonic() >= job.deadline:
            raise ModelError(reason)

    def _load(self) -> _Loaded:
        """Return the engine that should serve now, loaded if it is not."""
        from bot.engines.router import pick

        weights, loaded = self.weights(), self._loaded
        name = pick(weights, self.threads, self._least_agreement).engine if self.engine == AUTO else self.engine
        if (name, weights.fingerprint) in self._broken:
            name = "float32"
        if loaded and (loaded.name, loaded.weights.fingerprint) == (name, weights.fingerprint):
            return loaded
        self._loaded = None  # before the next one takes its memory
        self._heads.clear()
        started = time.monotonic()
        try:
            self._loaded = _opened(weights, name, self.threads)
        except ModelError as error:
            if self.engine != AUTO or name == "float32":
                raise
            log.warning("%s; float32 writes instead", error)
            self._broken.add((name, weights.fingerprint))
            self._loaded = _opened(weights, "float32", self.threads)
        log.info("response model loaded as %s in %.1f s", self._loaded.name, time.monotonic() - started)
        return self._loaded


def _opened(weights: Weights, name: str, threads: int) -> _Loaded:
    from transformers import AutoTokenizer, GenerationConfig

    from bot.engines import open_engine

    engine = open_engine(name, weights, threads)
    try:
        tokenizer = AutoTokenizer.from_pretrained(weights.folder, local_files_only=True, trust_remote_code=False)
        named = GenerationConfig.from_pretrained(weights.folder, local_files_only=True).eos_token_id
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(f"the tokenizer in {weights.folder} cannot be loaded ({type(error).__name__})") from error
    ends = {tokenizer.eos_token_id, *(named if isinstance(named, list) else [named])} - {None}
    return _Loaded(weights, name, engine, tokenizer, frozenset(ends))


def _ids(tokenizer: Any, messages: Sequence[dict[str, str]], *, reply: bool) -> list[int]:
    prompt = tokenizer.apply_chat_template(list(messages), add_generation_prompt=reply, tokenize=False)
    ids: list[int] = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    return ids


def whole_sentences(text: str, *, ended: bool) -> str:
    """Cut off the sentence that the token limit left unfinished."""
    if ended or text.endswith((".", "!", "?")):
        return text
    cut = max(text.rfind(mark) for mark in ".!?")
    return text[: cut + 1]


def _be_nice() -> None:
    """Lower this thread's priority, where the system knows threads' priorities (Linux)."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
    except (OSError, AttributeError):
        log.info("the decoding thread keeps its priority: this system does not lower it")
