"""The words retrieval speaks to the other rooms: passages in, hits out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PassageKind(StrEnum):
    """Where a passage comes from, which decides who may see it."""

    ARTICLE = "article"  # a piece of a help-centre page; customers see it
    CARD = "card"  # an answer the company has given, clustered; customers see it once it qualifies
    EXCHANGE = "exchange"  # one masked question and its agent's answer; agents only


@dataclass(frozen=True, slots=True)
class Passage:
    """One masked piece of text that a reply may rest on.

    `question` is what leads to it (for a card, the question asked most; for an article, title and heading)
    and `text` is what is said. `customers` counts the distinct customers a card served; `trusted` is true for
    a source the operator vouched for, `approved` for a card an agent approved, `superseded` for a card that a later
    one or an article contradicts; customers never find those.
    """

    id: int
    kind: PassageKind
    question: str
    text: str
    title: str
    source: str
    language: str
    customers: int = 0
    trusted: bool = False
    approved: bool = False
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a query.

    `cosine` is in [-1, 1], or None when only the words matched; `bm25` is FTS5's rank turned positive (higher is
    better), or None when only the vectors matched; `fused` is the reciprocal-rank sum that ordered the hits;
    `rank` counts from 1. `answer_probability` is None until somebody has judged whether the passage answers.
    """

    passage: Passage
    cosine: float | None
    bm25: float | None
    fused: float
    rank: int
    answer_probability: float | None = None
