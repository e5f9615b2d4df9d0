"""Questions and what answers them, as the corpus has them: what an encoder learns matching from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pairs:
    """Row i: a question, the text that answers it, and the number of its source; wrong answers near it, if mined."""

    questions: Sequence[str] = ()
    answers: Sequence[str] = ()
    sources: Sequence[int] = ()
    negatives: Sequence[Sequence[str]] = ()


NO_PAIRS = Pairs()
