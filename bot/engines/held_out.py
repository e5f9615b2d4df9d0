"""The sample as token ids: what engines are compared on, timed on, and rounded by."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.engines.sample import EXCHANGES, PASSAGES
from bot.prompts import draft_prompt


def open_tokenizer(folder: Path) -> Any:
    """The tokenizer that lies beside the weights."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def held_out(tokenizer: Any) -> list[tuple[list[int], int]]:
    """Return the sample's exchanges as token ids, each with the place where its reply begins.

    The replies are what is compared: nobody lets the model go on with a passage or a customer's question.
    """
    return [_exchange(tokenizer, text, asked, said) for text, asked, said in EXCHANGES]


def calibration(tokenizer: Any) -> list[list[int]]:
    """Return token ids that are like an engine's work and are not compared on."""
    asked = "What should I know about this?"
    return [_exchange(tokenizer, text, asked, text.split(". ")[0] + ".")[0] for text in PASSAGES]


def speed_prompt(tokenizer: Any) -> tuple[list[int], int]:
    """A draft's prompt, and how many of its tokens every draft begins with."""
    first, second = (
        chat(tokenizer, draft_prompt(asked, [text]), reply=True) for text, asked, _ in (EXCHANGES[0], EXCHANGES[3])
    )
    return first, shared_head([first, second])


def chat(tokenizer: Any, messages: Sequence[dict[str, str]], *, reply: bool) -> list[int]:
    """Token ids of chat messages; with `reply` the opening of the assistant's answer follows."""
    text = tokenizer.apply_chat_template(list(messages), add_generation_prompt=reply, tokenize=False)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def shared_head(texts: Sequence[Sequence[int]]) -> int:
    """How many tokens all texts begin with."""
    same = (len(set(column)) == 1 for column in zip(*texts, strict=False))
    return next((place for place, alike in enumerate(same) if not alike), min(map(len, texts)))


def _exchange(tokenizer: Any, text: str, asked: str, said: str) -> tuple[list[int], int]:
    question = [{"role": "user", "content": f"Text: {text}\nQuestion: {asked}"}]
    whole = chat(tokenizer, [*question, {"role": "assistant", "content": said}], reply=False)
    return whole, len(chat(tokenizer, question, reply=True))
