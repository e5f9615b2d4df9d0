"""How good a response model is: perplexity on agents' words, what of its replies the passages support, and its pace."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bot.presentable import sentences
from bot.prompts import DONT_KNOW, draft_prompt
from bot.support import supported
from finetune.response.examples import Example
from finetune.response.loop import loss_of
from finetune.response.loss import Speaker
from finetune.response.recipe import ResponseRecipe
from finetune.response.tokens import Row, prompt_ids

OPENING = DONT_KNOW[: len("I can't find")]
"""However a reply that gives up goes on."""


@dataclass(frozen=True, slots=True)
class Written:
    """One reply: its example, its words, and those of them the passages support."""

    example: Example
    text: str
    kept: str


@dataclass(frozen=True, slots=True)
class Replies:
    """Shares of replies. `supported`: of those that try an answer, how many lose no sentence to the support check;
    `sentences_kept`: of all their sentences; `answered`: of the answerable questions, how many get words that stay;
    `knew_not`: of the unanswerable ones, how many are told so; `gave_up`: the same of the answerable ones."""

    questions: int
    supported: float
    sentences_kept: float
    answered: float
    knew_not: float
    gave_up: float
    tokens_per_s: float


def perplexity(model: Any, rows: Sequence[Row], recipe: ResponseRecipe, pad: int) -> float:
    """Return e to the mean loss of a learnt token of `rows`."""
    return math.exp(loss_of(Speaker(model, positions=recipe.method != "prefix"), rows, recipe, pad))


def write_replies(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    *,
    max_tokens: int = 48,
    told: Callable[[int, int], None] | None = None,
) -> tuple[list[Written], Replies]:
    """Write a greedy reply to each example and check it as serving does."""
    import torch

    written: list[Written] = []
    tokens, seconds = 0, 0.0
    model.eval()
    for example in examples:
        ids = torch.tensor([prompt_ids(tokenizer, draft_prompt(example.question, example.passages))])
        ids = ids.to(next(model.parameters()).device)
        started = time.perf_counter()
        with torch.inference_mode():
            out = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=max_tokens, do_sample=False,
                pad_token_id=tokenizer.eos_token_id,
            )  # fmt: skip
        seconds += time.perf_counter() - started
        tokens += out.shape[1] - ids.shape[1]
        text = str(tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)).strip()
        written.append(Written(example, text, supported(text, example.passages)))
        if told:
            told(len(written), len(examples))
    return written, shares_of(written, tokens / seconds if seconds else 0.0)


def as_rows(written: Sequence[Written]) -> list[dict[str, Any]]:
    """Return replies as JSON, for a person to read."""
    return [asdict(reply) for reply in written]


def shares_of(written: Sequence[Written], tokens_per_s: float) -> Replies:
    """Return the shares of replies, however they were written."""
    tried = [reply for reply in written if not _gives_up(reply.text)]
    answerable = [reply for reply in written if reply.example.answered]
    unanswerable = [reply for reply in written if not reply.example.answered]
    said = sum(len(sentences(reply.text)) for reply in tried)
    kept = sum(len(sentences(reply.kept)) for reply in tried)
    return Replies(
        questions=len(written),
        supported=_share(len(sentences(reply.kept)) >= len(set(sentences(reply.text))) > 0 for reply in tried),
        sentences_kept=kept / max(1, said),
        answered=_share(bool(reply.kept) for reply in answerable),
        knew_not=_share(_gives_up(reply.text) for reply in unanswerable),
        gave_up=_share(_gives_up(reply.text) for reply in answerable),
        tokens_per_s=tokens_per_s,
    )


def _gives_up(text: str) -> bool:
    return text.startswith(OPENING)


def _share(found: Any) -> float:
    values = list(found)
    return sum(values) / len(values) if values else 0.0
