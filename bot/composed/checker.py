"""Whether passages support a sentence: small trees over how its words and vectors meet theirs.

The sentence's tokens look for the nearest tokens of each source sentence (late interaction, as in
`bot/answerability.py`); where the nearest sentence says something else, it mostly does so at a number, a name, a
negation or an opposite, which `agreement` counts. numpy only; `finetune/checker` fits it.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bot.answerability import TokenVectors
from bot.composed.agreement import (
    Words,
    clauses,
    disorder,
    goes_with,
    limits_added,
    limits_lost,
    longest_common,
    number_support,
    opposed,
    pairs,
    read_words,
    share,
)
from bot.errors import HeadError
from bot.head import Array
from bot.presentable import sentences

FILE = "support.json"
FORMAT = 1
DEPTH = 3
Place = tuple[int, int]
"""The number of a passage, and of a sentence in it."""

FEATURES = (
    "words",  # share of the sentence's meaning words that stand in the passages
    "words_best",  # the same, in the source sentence nearest to it
    "words_pair",  # the same, in that one and a neighbour
    "words_missing",  # how many stand nowhere
    "words_elsewhere",  # how many stand in the passages but not in the pair
    "pairs",  # share of its neighbouring words that are neighbours in the pair too
    "in_order",  # longest common subsequence of the words, as a share of the sentence's
    "tokens",  # mean over its tokens of the largest cosine to a token of the passages
    "tokens_least",
    "tokens_two_least",
    "tokens_best",  # the same three in the nearest source sentence
    "tokens_best_least",
    "tokens_best_two_least",
    "tokens_back",  # mean over that sentence's tokens of the largest cosine to a token of this one
    "cosine",  # of the two sentences' vectors
    "numbers",  # how much of its worst number's surroundings are those of the source
    "anchors_best",  # share of its numbers and names in the nearest source sentence
    "anchors_pair",
    "anchors_missing",  # how many numbers and names stand nowhere
    "denies_other_clause",  # it denies where the nearest clause does not, or the reverse
    "denies_other_sentence",
    "denies",
    "opposed_clause",
    "opposed_sentence",
    "limits_lost",
    "limits_added",
    "words_clause",
    "disorder",  # share of its meaning words that the nearest source sentence has in another order
    "numbers_pair",  # as numbers, in the pair alone
    "goes_with",  # share of its names that go with its numbers in the passages
    "subject_clause",  # share of its first two meaning words that the nearest clause has
    "subject_pair",
    "length",  # natural logarithm of the number of words
)


@dataclass(frozen=True)
class Checker:
    """probability = sigmoid(intercept + the leaves that the features lead to), fitted on labelled sentences.

    Trees of depth 3 (Friedman 2001, "Greedy function approximation"), laid out as heaps: splits int64 (N, 7) are places
    in FEATURES, cuts float64 (N, 7) what goes left if it is not above, leaves float64 (N, 8). A sentence holds from
    `threshold` on.
    """

    splits: NDArray[np.int64]
    cuts: NDArray[np.float64]
    leaves: NDArray[np.float64]
    intercept: float
    threshold: float

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit together."""
        trees = len(self.splits)
        inner, outer = 2**DEPTH - 1, 2**DEPTH
        shapes = (self.splits.shape, self.cuts.shape, self.leaves.shape)
        if shapes != ((trees, inner), (trees, inner), (trees, outer)):
            raise HeadError(f"{FILE}: the trees' shapes are {shapes}; run `nightdesk train` again")
        numbers = (self.cuts, self.leaves, np.asarray([self.intercept]))
        if not all(np.isfinite(part).all() for part in numbers) or not 0 < self.threshold <= 1:
            raise HeadError(f"{FILE}: a number is out of range; run `nightdesk train` again")
        if trees and not set(self.splits.flat) <= set(range(len(FEATURES))):
            raise HeadError(f"{FILE}: a tree looks at a feature that there is not; run `nightdesk train` again")

    def probabilities(self, features: Array) -> Array:
        """Return (N,) probabilities for (N, F) features; never 0 or 1, so that a threshold of 1 lets nothing pass."""
        trees = np.arange(len(self.splits))
        at = np.zeros((len(features), len(trees)), np.int64)
        for _ in range(DEPTH):
            chosen = np.take_along_axis(features, self.splits[trees, at], axis=1)
            at = 2 * at + 1 + (chosen > self.cuts[trees, at])
        logits = self.intercept + self.leaves[trees, at - (2**DEPTH - 1)].sum(axis=1)
        result: Array = (1.0 / (1.0 + np.exp(-np.clip(logits, -9, 9)))).astype(np.float32)
        return result

    def to_bytes(self) -> bytes:
        """Return the contents of support.json."""
        parts = {name: getattr(self, name).tolist() for name in ("splits", "cuts", "leaves")}
        numbers = {"intercept": self.intercept, "threshold": self.threshold}
        return json.dumps({"format": FORMAT, "features": list(FEATURES), **numbers, **parts}).encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Checker:
        """Read what `to_bytes` wrote. Raises HeadError if it is damaged or of another format."""
        try:
            made = json.loads(raw)
            if (made["format"], tuple(made["features"])) != (FORMAT, FEATURES):
                raise HeadError(f"{FILE} is of another version; run `nightdesk train` again")
            splits = np.asarray(made["splits"], np.int64)
            cuts, leaves = np.asarray(made["cuts"], np.float64), np.asarray(made["leaves"], np.float64)
            return cls(splits, cuts, leaves, float(made["intercept"]), float(made["threshold"]))
        except (KeyError, TypeError, ValueError) as error:
            raise HeadError(f"{FILE} is damaged ({type(error).__name__}); run `nightdesk train` again") from error


@dataclass(frozen=True)
class Judged:
    """What was made of a sentence: how probably the passages support it, and which of them it rests on."""

    probability: float
    passage: int


@dataclass
class Judge:
    """A checker with the encoder's token vectors at hand. May be asked from several threads; they take turns."""

    checker: Checker
    tokens: TokenVectors
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def judge(self, sentence: str, passages: Sequence[str]) -> Judged:
        """Return what the checker makes of one sentence. A sentence without a word, or no passages, is unsupported."""
        with self._lock:
            row, place = features(sentence, passages, self.tokens)
        if place is None:
            return Judged(0.0, 0)
        return Judged(float(self.checker.probabilities(row[None])[0]), place)

    def nearness(self, texts: Sequence[str], passages: Sequence[str]) -> list[tuple[Place, list[float]]]:
        """Return for each sentence of the passages how near it comes to each text.

        Mean over the text's tokens of the largest cosine to a token of the sentence.
        """
        places = [
            (number, place) for number, passage in enumerate(passages) for place in range(len(sentences(passage)))
        ]
        with self._lock:
            rows = self.tokens.of([*texts, *(part for passage in passages for part in sentences(passage))])
        return [
            (place, [_mean_nearest(text, rows[len(texts) + number]) for text in rows[: len(texts)]])
            for number, place in enumerate(places)
        ]

    def holds(self, judged: Judged) -> bool:
        """True for a sentence that may be shown."""
        return judged.probability >= self.checker.threshold


def features(sentence: str, passages: Sequence[str], tokens: TokenVectors) -> tuple[Array, int | None]:
    """Return FEATURES of the sentence as float32 (F,), and the number of the passage it rests on; None without one."""
    said = [(number, part) for number, passage in enumerate(passages) for part in sentences(passage)]
    mine = read_words(sentence)
    if not said or not mine.words:
        return np.zeros(len(FEATURES), np.float32), None
    texts = [text for _, text in said]
    near = _Near.of(sentence, texts, tokens)
    source = [read_words(text) for text in texts]
    every = frozenset().union(*(words.content for words in source))
    overlap = [share(mine.content, words.content) for words in source]
    best = max(range(len(texts)), key=lambda j: overlap[j] + near.means[j] + 0.3 * (mine.anchors <= source[j].anchors))
    beside = [j for j in (best - 1, best + 1) if 0 <= j < len(texts) and said[j][0] == said[best][0]]
    other = max(beside, key=lambda j: len((mine.content - source[best].content) & source[j].content), default=best)
    both = source[best].content | source[other].content
    clause = max((read_words(part) for part in clauses(texts[best])), key=lambda part: _meets(mine, part))
    subject = [stem for stem in mine.stems if stem][:2]
    anchors = frozenset().union(*(words.numbers | words.names | words.content | set(words.words) for words in source))
    row = [
        share(mine.content, every),
        overlap[best],
        share(mine.content, both),
        len(mine.content - every),
        len((mine.content & every) - both),
        share(pairs(mine), pairs(source[best]) | pairs(source[other])),
        longest_common(mine.words, source[best].words) / len(mine.words),
        *_summary(near.all),
        *_summary(near.each[best]),
        near.back(best),
        near.cosines[best],
        number_support(mine, source),
        share(mine.anchors, _known(source[best])),
        share(mine.anchors, _known(source[best]) | _known(source[other])),
        len(mine.anchors - anchors),
        (mine.negations % 2) != (clause.negations % 2),
        (mine.negations % 2) != (source[best].negations % 2),
        mine.negations % 2,
        opposed(mine, clause),
        opposed(mine, source[best]),
        limits_lost(mine, clause),
        limits_added(mine, source[best]),
        share(mine.content, clause.content),
        disorder([stem for stem in mine.stems if stem], [stem for stem in source[best].stems if stem]),
        number_support(mine, [source[best], source[other]]),
        goes_with(mine, source),
        share(subject, clause.content),
        share(subject, both),
        math.log(len(mine.words)),
    ]
    return np.asarray(row, dtype=np.float32), said[best][0]


@dataclass(frozen=True)
class _Near:
    """The sentence's tokens beside those of each source sentence."""

    each: list[Array]  # (T,) largest cosines, a source sentence
    backs: list[float]
    cosines: list[float]

    @classmethod
    def of(cls, sentence: str, texts: Sequence[str], tokens: TokenVectors) -> _Near:
        mine, *theirs = tokens.of([sentence, *texts])
        each, backs, cosines = [], [], []
        for rows in theirs:
            met = mine @ rows.T if len(mine) and len(rows) else np.zeros((1, 1), np.float32)
            each.append(met.max(axis=1))
            backs.append(float(met.max(axis=0).mean()))
            cosines.append(_cosine(mine, rows))
        return cls(each, backs, cosines)

    @property
    def all(self) -> Array:
        """(T,): the largest cosine to a token of any source sentence."""
        result: Array = np.max(np.stack(self.each), axis=0)
        return result

    @property
    def means(self) -> list[float]:
        return [float(cosines.mean()) for cosines in self.each]

    def back(self, number: int) -> float:
        return self.backs[number]


def _mean_nearest(text: Array, sentence: Array) -> float:
    return float((text @ sentence.T).max(axis=1).mean()) if len(text) and len(sentence) else 0.0


def _cosine(one: Array, other: Array) -> float:
    if not len(one) or not len(other):
        return 0.0
    a, b = one.mean(axis=0), other.mean(axis=0)
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-9))


def _summary(cosines: Array) -> tuple[float, float, float]:
    low = np.sort(cosines)
    return float(cosines.mean()), float(low[0]), float(low[:2].mean())


def _meets(mine: Words, part: Words) -> float:
    return share(mine.content, part.content) + 0.1 * share(mine.anchors, part.anchors)


def _known(words: Words) -> frozenset[str]:
    return words.numbers | words.names | words.content | frozenset(words.words)
