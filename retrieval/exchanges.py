"""Transcripts to exchanges: a customer's question with what was said before it, and the agent's answer. All masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from retrieval.cleaning import CJK, join_turns, language_of, plain_turn
from retrieval.masking import Masker
from retrieval.readers import Turn

CONTEXT_RUNS = 4
SHORT_QUESTION_WORDS = 6
"""Words, or Chinese characters, of the shortest question that is understood by itself."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One exchange as it is cut from a transcript; `whole` is false if a part of a split message never came."""

    position: int
    context: str
    question: str
    answer: str
    language: str
    whole: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange of the corpus, with whose it is (a number, not a name) and whether its source was vouched for."""

    id: int
    customer_id: int
    source: str
    trusted: bool
    context: str
    question: str
    answer: str
    language: str
    whole: bool
    at: str | None = None
    """When the conversation was, ISO 8601 in UTC; None where the export does not say."""

    @property
    def leading_text(self) -> str:
        """The text that leads to this answer: the question, and the customer's words before it if it is very short."""
        if max(len(self.question.split()), len(CJK.findall(self.question))) >= SHORT_QUESTION_WORDS:
            return self.question
        return f"{self.before} {self.question}".strip()

    @property
    def before(self) -> str:
        """The customer's words before the question; "" if there are none."""
        said = [line.removeprefix("customer: ") for line in self.context.split("\n") if line.startswith("customer: ")]
        return said[-1] if said else ""


def cut_exchanges(turns: Sequence[Turn], masker: Masker, default_language: str) -> Iterator[Cut]:
    """Yield an exchange for each run of agent turns that follows a run of customer turns.

    Turns of one person in a row are one message. A question that is nothing but a handle or spaces is none.
    """
    before: list[str] = []
    question = ""
    position = 0
    for role, run in groupby(turns, key=lambda turn: turn.role):
        joined, whole = join_turns([plain_turn(turn.text) for turn in run])
        text = masker.mask(joined)
        if not text:
            continue
        if role == "agent" and question:
            yield Cut(
                position=position,
                context="\n".join(before[-CONTEXT_RUNS - 1 : -1]),
                question=question,
                answer=text,
                language=language_of(f"{question} {text}", default_language),
                whole=whole,
            )
            position += 1
        question = text if role == "customer" else ""
        before.append(f"{role}: {' '.join(text.split())}")
