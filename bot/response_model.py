"""The response model: SmolLM2 in 8-bit, writing for agents in a thread of its own.

One decoding at a time, at a lower priority than the rest, so that reading customers' messages never waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.errors import ModelError

log = logging.getLogger(__name__)
NICENESS = 10
MAX_PROMPT_TOKENS = 900


@dataclass
class _Job:
    """One text to write; `stop` ends it, and `ended` tells that the model itself came to an end."""

    messages: list[dict[str, str]]
    max_tokens: int
    deadline: float
    stop: threading.Event = field(default_factory=threading.Event)
    ended: bool = False


@dataclass
class ResponseModel:
    """A causal language model loaded at its first use from a folder of safetensors.

    `engine` int8 is bitsandbytes' LLM.int8 (on a CPU too), bfloat16 is plain. Writing is greedy: the same prompt
    gives the same text.
    """

    folder: Path
    engine: str = "int8"
    threads: int = 1
    _model: Any = None
    _tokenizer: Any = None
    _closing: threading.Event = field(default_factory=threading.Event)
    _slot: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="decoding"))

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
                for piece in self._pieces(job):
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

    def close(self) -> None:
        """Start nothing more; what is being written ends with its next token."""
        self._closing.set()
        self._slot.shutdown(wait=False, cancel_futures=True)

    def _write(self, job: _Job) -> str:
        text = "".join(self._pieces(job))
        return whole_sentences(text.strip(), ended=job.ended)

    def _pieces(self, job: _Job) -> Iterator[str]:
        """Yield the text of a job token by token where it can be read already: a letter may take several tokens."""
        self._refuse_late(job, "its turn came too late")
        model, tokenizer = self._loaded()
        prompt = tokenizer.apply_chat_template(job.messages, add_generation_prompt=True, tokenize=False)
        ids: list[int] = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        if len(ids) > MAX_PROMPT_TOKENS:
            raise ModelError(f"the prompt has {len(ids)} tokens; at most {MAX_PROMPT_TOKENS} are read")
        written: list[int] = []
        said = ""
        for token in _decode(model, ids):
            if token in _stops(model, tokenizer):
                job.ended = True
                break
            written.append(token)
            self._refuse_late(job, "it ran out of time")
            text = tokenizer.decode(written, skip_special_tokens=True)
            if not text.endswith("\N{REPLACEMENT CHARACTER}"):
                yield text[len(said) :]
                said = text
            if len(written) == job.max_tokens:
                break

    def _refuse_late(self, job: _Job, reason: str) -> None:
        if self._closing.is_set() or job.stop.is_set() or time.monotonic() >= job.deadline:
            raise ModelError(reason)

    def _loaded(self) -> tuple[Any, Any]:
        if self._model is None:
            import torch

            _be_nice()
            torch.set_num_threads(self.threads)
            started = time.monotonic()
            self._model, self._tokenizer = load(self.folder, self.engine)
            log.info("response model loaded as %s in %.1f s", self.engine, time.monotonic() - started)
        return self._model, self._tokenizer


def load(folder: Path, engine: str) -> tuple[Any, Any]:
    """Return model and tokenizer; no code of the model's own runs. Raises ModelError."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    more: dict[str, Any] = {}
    if engine == "int8":
        # It warns of its cast to float16 at every one of 210 multiplications a token.
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
        more["quantization_config"] = BitsAndBytesConfig(load_in_8bit=True)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.bfloat16,
            device_map=device,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            **more,
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(f"the response model in {folder} cannot be loaded ({type(error).__name__})") from error
    return model.eval(), tokenizer


def _decode(model: Any, ids: list[int]) -> Iterator[int]:
    """Yield the tokens that greedily follow `ids`, without end."""
    import torch

    cache = None
    while True:
        with torch.inference_mode():
            made = model(input_ids=torch.tensor([ids], device=model.device), past_key_values=cache, use_cache=True)
        cache = made.past_key_values
        ids = [int(made.logits[0, -1].argmax())]
        yield ids[0]


def _stops(model: Any, tokenizer: Any) -> set[int]:
    """The tokens that end a reply."""
    named = model.generation_config.eos_token_id
    return {tokenizer.eos_token_id, *(named if isinstance(named, list) else [named])}


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
