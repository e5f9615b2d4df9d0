"""The response model: SmolLM2 in 8-bit, writing for agents in a thread of its own.

One decoding at a time, at a lower priority than the rest, so that reading customers' messages never waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.errors import ModelError

log = logging.getLogger(__name__)
NICENESS = 10
MAX_PROMPT_TOKENS = 900


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
        deadline = time.monotonic() + timeout_s
        loop = asyncio.get_running_loop()
        job = loop.run_in_executor(self._slot, self._write, list(messages), max_tokens, deadline)
        try:
            return await asyncio.wait_for(job, timeout_s)
        except TimeoutError:
            raise ModelError(f"nothing was written within {timeout_s:g} s") from None

    def close(self) -> None:
        """Start nothing more; what is being written ends with its next token."""
        self._closing.set()
        self._slot.shutdown(wait=False, cancel_futures=True)

    def _write(self, messages: list[dict[str, str]], max_tokens: int, deadline: float) -> str:
        if time.monotonic() >= deadline:
            raise ModelError("its turn came too late")
        import torch
        from transformers import StoppingCriteriaList

        model, tokenizer = self._loaded()
        prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        tokens = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
        length = tokens["input_ids"].shape[1]
        if length > MAX_PROMPT_TOKENS:
            raise ModelError(f"the prompt has {length} tokens; at most {MAX_PROMPT_TOKENS} are read")
        with torch.inference_mode():
            written = model.generate(
                **tokens.to(model.device),
                max_new_tokens=max_tokens,
                do_sample=False,
                pad_token_id=tokenizer.eos_token_id,
                stopping_criteria=StoppingCriteriaList([_Until(deadline, self._closing)]),
            )
        if self._closing.is_set() or time.monotonic() >= deadline:
            raise ModelError("it ran out of time")
        text: str = tokenizer.decode(written[0, length:], skip_special_tokens=True)
        return whole_sentences(text.strip(), ended=written.shape[1] - length < max_tokens)

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


class _Until:
    """Ends decoding when its time is up or the process is going."""

    def __init__(self, deadline: float, closing: threading.Event) -> None:
        self._deadline = deadline
        self._closing = closing

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        del scores
        over = self._closing.is_set() or time.monotonic() >= self._deadline
        return torch.full((input_ids.shape[0],), over, dtype=torch.bool, device=input_ids.device)


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
