"""Draft an answer to every held-out question, for a person to label and to see what composing makes of them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.bundle_knowledge import BundleKnowledge, load
from bot.compose import excerpt
from bot.composed.checker import Judge
from bot.composed.compose import Sentence
from bot.errors import ModelError
from bot.knowledge import Audience
from bot.presentable import may_see, shown_text
from bot.prompts import draft_prompt
from bot.settings import Settings as BotSettings
from bot.writer import Writer
from finetune.checker.labels import Answer, composed, read_answers, stand
from finetune.errors import BadLabels, NothingToServe
from finetune.labelled import read_questions
from finetune.settings import Settings
from retrieval.bundle import CurrentBundle
from retrieval.errors import NoBundle
from retrieval.masking import Masker
from retrieval.settings import Settings as RetrievalSettings

PASSAGES = 2


def serving_writer(bot: BotSettings, home: Path) -> Writer:
    """Return the model that serves, with the bundle's adapter. Raises NothingToServe where there is none."""
    from bot.engines.weights import adapter_in
    from bot.response_model import ResponseModel
    from bot.response_weights import folder_of, is_there
    from retrieval.bundle import current_id

    if bot.model == "off" or not is_there(home):
        raise NothingToServe("there is no response model to draft with; run `make setup`, and leave [bot] model on")
    adapter = adapter_in(home / "models" / current_id(home))
    return ResponseModel(
        folder_of(home), bot.model_engine, bot.model_threads,
        adapter=lambda: adapter, least_agreement=bot.model_agreement,
    )  # fmt: skip


def draft_answers(
    settings: Settings, retrieval: RetrievalSettings, bot: BotSettings, home: Path, writer: Writer, out: Path
) -> dict[str, Any]:
    """Write one line a held-out question to `out`, ready to be labelled; return what composing makes of the drafts.

    What the configured labels know already is filled in. Raises NothingToServe without a bundle that has a checker,
    BadLabels without test questions.
    """
    started = time.perf_counter()
    current = CurrentBundle(home)
    try:
        knowledge = load(current.get(), current.encoder(), home, retrieval)
    except NoBundle as error:
        raise NothingToServe(f"{error}; evaluate needs a bundle") from error
    if knowledge.judge is None:
        raise NothingToServe(
            f"bundle {knowledge.bundle} has no checker; set [finetune] support and run `nightdesk train`"
        )
    if not settings.test_questions:
        raise BadLabels("[finetune] names no test_questions; composed answers are drafted for those")
    texts = [question.text for question in read_questions(settings.test_questions)]
    beside = _passages(knowledge, texts, retrieval)
    drafts = asyncio.run(_drafts(writer, texts, beside, bot))
    known = {(row.question, row.draft): row for row in _labelled(settings.composed)}
    rows = [
        known.get((text, draft), Answer(text, tuple(passages), draft, {}, None, None))
        for text, passages, draft in zip(texts, beside, drafts, strict=True)
    ]
    out.write_text("".join(json.dumps(_row(row), ensure_ascii=False) + "\n" for row in rows), "utf-8")
    said = [composed(row.draft, knowledge.judge, row.question, row.passages) for row in rows]
    return {
        "bundle": knowledge.bundle,
        **_figures(rows, said),
        "labelled": _standing([row for row in rows if row.supported], knowledge.judge),
        "seconds": round(time.perf_counter() - started, 2),
    }


def _passages(knowledge: BundleKnowledge, texts: Sequence[str], retrieval: RetrievalSettings) -> list[list[str]]:
    """Return for each question the passages that most probably answer, as customers may read them."""
    masked = [Masker.from_settings(retrieval).mask_identifiers(text) for text in texts]
    found = knowledge.search(masked, knowledge.encode(masked), Audience.CUSTOMER, 8)
    rows = []
    for hits in found:
        seen = [hit for hit in hits if hit.cosine is not None and may_see(hit.passage, retrieval.min_customers)]
        seen.sort(key=lambda hit: (-(hit.answer_probability or 0.0), hit.rank))
        rows.append([text for hit in seen if (text := shown_text(hit.passage))][:PASSAGES])
    return rows


async def _drafts(writer: Writer, texts: Sequence[str], beside: Sequence[Sequence[str]], bot: BotSettings) -> list[str]:
    drafts = []
    for text, passages in zip(texts, beside, strict=True):
        try:
            prompt = draft_prompt(text, passages)
            drafts.append(
                await writer.write(prompt, max_tokens=bot.model_max_tokens, timeout_s=bot.model_timeout_s * 10)
            )
        except ModelError:
            drafts.append("")
    return drafts


def _labelled(path: Path | None) -> list[Answer]:
    return read_answers(path) if path is not None and path.exists() else []


def _row(row: Answer) -> dict[str, Any]:
    return vars(row) | {"passages": list(row.passages)}


def _figures(rows: Sequence[Answer], said: Sequence[Sequence[Sentence]]) -> dict[str, Any]:
    shown = [list(sentences) for sentences in said if sentences]
    extractive = [excerpt(row.question, row.passages[0]) for row in rows if row.passages]
    return {
        "answers": len(rows),
        "coverage": round(len(shown) / max(len(rows), 1), 4),
        "written": sum(sentence.written for sentences in shown for sentence in sentences),
        "quoted": sum(not sentence.written for sentences in shown for sentence in sentences),
        "words": _mean([len(" ".join(s.text for s in sentences).split()) for sentences in shown]),
        "words_extractive": _mean([len(text.split()) for text in extractive]),
    }


def _standing(rows: Sequence[Answer], judge: Judge) -> dict[str, float]:
    return stand(rows, judge).figures() if rows else {}


def _mean(numbers: Sequence[int]) -> float:
    return round(sum(numbers) / len(numbers), 1) if numbers else 0.0
