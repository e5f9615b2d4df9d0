"""Rank answers by what past exchanges say of them too: what was answered to questions like this one, and the reverse.

An encoder's cosine knows two texts; an export knows what thousands of customers asked and were told. Each candidate
gets the features in `FEATURES`, and their weights are learnt on exchanges that the encoder was not tuned on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.head import Array
from finetune.bench.ranking import Scores, Selection, word_scores
from retrieval.encoder import Encoder

FEATURES = ("cosine", "words", "asked", "answered", "hub")
"""cosine: of question and candidate. words: BM25, each question's best brought to at most 1. asked: how near the
candidate is to what was answered to the exchanges whose questions are nearest. answered: how near the question is to
those that answers like the candidate were given to. hub: how near the candidate is to the questions nearest to it; one
that is near to many is no sign of anything (Conneau et al. 2018, CSLS)."""

NEAREST = 100
"""Exchanges that `asked` and `answered` look at."""
HUB = 50
HUB_AMONG = 4000
SHARPNESS = 20.0
"""Cosines are multiplied by it before they become weights, as when pairs are tuned."""
RIDGE = 0.001
AT_ONCE = 256

Rows = list[Array]
"""For each choice float32 (candidates, features)."""


@dataclass(frozen=True)
class Memory:
    """N exchanges' questions and answers, float32 (N, D), by the encoder that ranks; N may be 0."""

    questions: Array
    answers: Array

    @classmethod
    def read(cls, encoder: Encoder, exchanges: Sequence[tuple[str, str]]) -> Memory:
        """Encode questions and answers; an answer that was given often is encoded once."""
        questions, answers = (list(side) for side in zip(*exchanges, strict=True)) if exchanges else ([], [])
        return cls(_encoded(encoder, questions), _encoded(encoder, answers))


def features_of(selection: Selection, encoder: Encoder, memory: Memory) -> Rows:
    """Return the features of every choice's candidates, in the order of FEATURES."""
    pool = encoder.encode(selection.pool)
    asked = encoder.encode([choice.query for choice in selection.choices])
    by_words, rows = word_scores(selection), []
    told = _answered(pool, memory)
    hubs = _hubs(pool, memory.questions)
    for start, near in _cosines(asked, memory.questions):
        for number, row in enumerate(near, start):
            candidates = list(selection.choices[number].candidates)
            words = by_words[number] / max(float(by_words[number].max()), 1.0)
            rows.append(
                np.column_stack(
                    [
                        pool[candidates] @ asked[number],
                        words,
                        _like_what_was_answered(pool[candidates], row, memory.answers),
                        told(candidates, row),
                        hubs[candidates],
                    ]
                ).astype(np.float32)
            )
    return rows


@dataclass(frozen=True)
class Ranker:
    """Weights of the features, (F,)."""

    weights: Array

    @classmethod
    def by_cosine(cls) -> Ranker:
        """The ranker that nothing was learnt for."""
        return cls(np.asarray([1.0, *(0.0 for _ in FEATURES[1:])], np.float32))

    @classmethod
    def fit(cls, rows: Rows, gold: Sequence[int]) -> Ranker:
        """Learn a conditional logit (McFadden 1974): of each choice's candidates the gold one is chosen."""
        from scipy.optimize import minimize  # type: ignore[import-untyped]

        spread = np.vstack(rows).std(axis=0)
        usable = spread > 1e-6
        scale = np.where(usable, np.maximum(spread, 1e-6), np.inf).astype(np.float64)
        scaled = [row / scale for row in rows]
        right = np.asarray([row[place] for row, place in zip(scaled, gold, strict=True)])

        def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            total, slope = 0.0, np.zeros_like(weights)
            for row, chosen in zip(scaled, right, strict=True):
                logits = row @ weights
                likely = np.exp(logits - logits.max())
                likely /= likely.sum()
                total += float(logits.max() + np.log(np.exp(logits - logits.max()).sum()) - chosen @ weights)
                slope += likely @ row - chosen
            return (
                total / len(rows) + RIDGE * float(weights @ weights),
                slope / len(rows) + 2 * RIDGE * weights,
            )

        found = minimize(loss, np.zeros(len(scale)), jac=True, method="L-BFGS-B").x
        return cls((found / scale).astype(np.float32))

    def scores(self, rows: Rows) -> Scores:
        """Return each choice's scores."""
        return [row @ self.weights for row in rows]

    def told(self) -> dict[str, float]:
        """Return the weights by name."""
        return {name: round(float(weight), 3) for name, weight in zip(FEATURES, self.weights, strict=True)}


def _encoded(encoder: Encoder, texts: Sequence[str]) -> Array:
    place = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    return encoder.encode(list(place))[[place[text] for text in texts]]


def _cosines(rows: Array, others: Array) -> Iterator[tuple[int, Array]]:
    """Yield the cosines of some rows at a time to all others, and the first one's number."""
    for start in range(0, len(rows), AT_ONCE):
        yield start, rows[start : start + AT_ONCE] @ others.T


def _nearest(cosines: Array) -> tuple[NDArray[np.int64], Array]:
    """Return columns (B, K) and weights (B, K), which add up to 1, of each row's nearest."""
    few = min(NEAREST, cosines.shape[1])
    columns = np.argpartition(-cosines, few - 1, axis=1)[:, :few]
    near = np.take_along_axis(cosines, columns, axis=1)
    weights = np.exp(SHARPNESS * (near - near.max(axis=1, keepdims=True)))
    return columns, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _soft(cosines: Array, weights: Array) -> Array:
    """Return the weighted soft maximum of the cosines' last axis."""
    total: Array = np.log((np.exp(SHARPNESS * cosines) * weights).sum(axis=-1)) / SHARPNESS
    return total


def _like_what_was_answered(candidates: Array, cosines: Array, answers: Array) -> Array:
    if not len(answers):
        return np.zeros(len(candidates), np.float32)
    columns, weights = _nearest(cosines[None])
    return _soft(candidates @ answers[columns[0]].T, weights)


def _answered(pool: Array, memory: Memory) -> Callable[[list[int], Array], Array]:
    """Return what tells, of candidates and a question's cosines (N,), how near their own questions are to it."""
    if not len(memory.answers):
        return lambda candidates, _: np.zeros(len(candidates), np.float32)
    found = [_nearest(cosines) for _, cosines in _cosines(pool, memory.answers)]
    columns, weights = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return lambda candidates, cosines: _soft(cosines[columns[candidates]], weights[candidates])


def _hubs(pool: Array, questions: Array) -> Array:
    if not len(questions):
        return np.zeros(len(pool), np.float32)
    some = questions[np.random.default_rng(0).permutation(len(questions))[:HUB_AMONG]]
    few = min(HUB, len(some))
    nearest = [np.partition(cosines, -few, axis=1)[:, -few:].mean(axis=1) for _, cosines in _cosines(pool, some)]
    result: Array = np.concatenate(nearest).astype(np.float32)
    return result
