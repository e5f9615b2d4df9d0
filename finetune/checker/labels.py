"""Composed answers that a person labelled, and how the composing of today stands by those labels."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.composed.checker import Judge
from bot.composed.compose import Sentence, compose, without_yes_or_no
from bot.presentable import sentences
from finetune.errors import BadLabels

SHAPE = (
    '{"question", "passages": [text], "draft": text, "supported": {sentence: true or false}, '
    '"answers": true, false or null, "extractive_answers": true, false or null}'
)


@dataclass(frozen=True)
class Answer:
    """What a writer drafted for a question beside its passages, and what a person says of it.

    supported: by sentence, as drafted or as said. answers: whether what was said of it answers the question;
    extractive_answers: whether the passages themselves do. None where nobody has looked.
    """

    question: str
    passages: tuple[str, ...]
    draft: str
    supported: dict[str, bool]
    answers: bool | None
    extractive_answers: bool | None


@dataclass(frozen=True)
class Standing:
    """How composing does on labelled answers.

    coverage: share of the answers of which something is said. supported: share, of those, in which every sentence is.
    answering: share of the questions looked at that what is said answers; extractive_answering: that the nearest
    passage in its own words does.
    """

    answers: int
    shown: int
    coverage: float
    supported: float
    answering: float
    extractive_answering: float
    written: int  # sentences said in the writer's words
    quoted: int  # and in the passages'
    drafted: int  # labelled sentences as the writer drafted them
    drafted_supported: float
    passed: int  # of those, what the checker lets through
    passed_supported: float
    unlabelled: int

    def figures(self) -> dict[str, float]:
        """Return them by name."""
        return {name: round(value, 4) for name, value in vars(self).items()}


def read_answers(path: Path) -> list[Answer]:
    """Read JSONL of labelled answers. Raises BadLabels naming the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadLabels(f"{path} cannot be read as UTF-8 ({type(error).__name__}); expected lines of {SHAPE}") from None
    return [_answer(raw, f"{path}:{line}") for line, raw in enumerate(text.splitlines(), start=1) if raw.strip()]


def _answer(raw: str, where: str) -> Answer:
    try:
        row = json.loads(raw)
        made = Answer(
            row["question"], tuple(row["passages"]), row["draft"], row["supported"],
            row.get("answers"), row.get("extractive_answers"),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise BadLabels(f"{where} is not {SHAPE}: {type(error).__name__}") from error
    texts = [made.question, *made.passages, made.draft]
    labels = [*made.supported.values()] if isinstance(made.supported, dict) else [None]
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(label, bool) for label in labels):
        raise BadLabels(f"{where} is not {SHAPE}; got {raw.strip():.120}")
    return made


def stand(answers: Sequence[Answer], judge: Judge) -> Standing:
    """Compose every answer again from its draft, and count by the labels what is said now."""
    said = [composed(answer.draft, judge, answer.question, answer.passages) for answer in answers]
    shown = [(answer, row) for answer, row in zip(answers, said, strict=True) if row]
    verdicts = [[_label(answer, sentence) for sentence in row] for answer, row in shown]
    known = [row for row in verdicts if None not in row]
    drafted = [
        (text, label, answer) for answer in answers for text, label in answer.supported.items() if text in answer.draft
    ]
    passed = [label for text, label, answer in drafted if _passes(judge, text, answer.passages)]
    asked = max(len(answers), 1)
    return Standing(
        answers=len(answers),
        shown=len(shown),
        coverage=len(shown) / asked,
        supported=_share([all(row) for row in known]),
        answering=_share([answer.answers for answer in answers if answer.answers is not None]),
        extractive_answering=_share([a.extractive_answers for a in answers if a.extractive_answers is not None]),
        written=sum(sentence.written for row in said for sentence in row),
        quoted=sum(not sentence.written for row in said for sentence in row),
        drafted=len(drafted),
        drafted_supported=_share([label for _, label, _ in drafted]),
        passed=len(passed),
        passed_supported=_share(passed),
        unlabelled=len(verdicts) - len(known),
    )


def composed(draft: str, judge: Judge, question: str, passages: Sequence[str]) -> list[Sentence]:
    """Return what composing makes of a draft that is there already."""

    async def run() -> list[Sentence]:
        found = compose(_Replay(draft), judge, question, passages, max_tokens=1, timeout_s=600.0)
        return [sentence async for sentence in found]

    return asyncio.run(run())


class _Replay:
    """A writer that writes what it wrote before."""

    def __init__(self, text: str) -> None:
        self._text = text

    async def write(self, messages: Sequence[dict[str, str]], *, max_tokens: int, timeout_s: float) -> str:
        del messages, max_tokens, timeout_s
        return self._text

    async def stream(
        self, messages: Sequence[dict[str, str]], *, max_tokens: int, timeout_s: float
    ) -> AsyncIterator[str]:
        yield await self.write(messages, max_tokens=max_tokens, timeout_s=timeout_s)

    def close(self) -> None:
        """Nothing to let go of."""


def _label(answer: Answer, sentence: Sentence) -> bool | None:
    """A passage's own words are supported by it; of others, what the person said, or None."""
    if not sentence.written:
        return True
    spoken = {without_yes_or_no(text): label for text, label in answer.supported.items()}
    return spoken.get(sentence.text)


def _passes(judge: Judge, text: str, passages: Sequence[str]) -> bool:
    return bool(sentences(text)) and judge.holds(judge.judge(without_yes_or_no(text), passages))


def _share(labels: Sequence[Any]) -> float:
    return sum(bool(label) for label in labels) / len(labels) if labels else 1.0
