"""A response-selection file, and how well three rankers choose among its candidates."""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from finetune.errors import BadLabels
from retrieval.encoder import Encoder
from retrieval.words import words

K1, B = 1.5, 0.75  # the usual values


@dataclass(frozen=True, slots=True)
class Choice:
    """A query, its candidates as rows of the pool, and which of the candidates is right."""

    query: str
    candidates: tuple[int, ...]
    gold: int


@dataclass(frozen=True, slots=True)
class Selection:
    """A response-selection file, cleaned as an export would be."""

    pool: tuple[str, ...]
    choices: tuple[Choice, ...]


def read_selection(path: Path, clean: Callable[[str], str]) -> Selection:
    """Read `{"pool": [text], "queries": [{"query", "cand": [pool row], "gold": place in cand}]}`, gzipped or not."""
    try:
        raw = path.read_bytes()
        made = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
        pool = tuple(clean(str(text)) for text in made["pool"])
        choices = tuple(_choice(row, number, len(pool), clean) for number, row in enumerate(made["queries"]))
    except FileNotFoundError:
        raise BadLabels(f"{path} does not exist; give a response-selection file") from None
    except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
        raise BadLabels(f'{path} is not {{"pool": […], "queries": [{{"query", "cand", "gold"}}]}}: {error}') from error
    if not choices:
        raise BadLabels(f"{path} holds no query")
    return Selection(pool, choices)


def _choice(row: dict[str, Any], number: int, pool: int, clean: Callable[[str], str]) -> Choice:
    candidates, gold = tuple(map(int, row["cand"])), int(row["gold"])
    if not (candidates and 0 <= gold < len(candidates) and min(candidates) >= 0 and max(candidates) < pool):
        raise ValueError(f"query {number} has a gold or a candidate outside of what there is")
    return Choice(clean(str(row["query"])), candidates, gold)


Scores = list[NDArray[np.floating]]
"""For each choice a score a candidate, in the candidates' order."""


def encoder_scores(encoder: Encoder, selection: Selection) -> Scores:
    """Return each query's cosines to its candidates."""
    pool = encoder.encode(selection.pool)
    queries = encoder.encode([choice.query for choice in selection.choices])
    return [pool[list(choice.candidates)] @ query for choice, query in zip(selection.choices, queries, strict=True)]


def word_scores(selection: Selection) -> Scores:
    """Return each query's BM25 over the pool (Robertson and Zaragoza 2009), by the product's own words."""
    texts = [Counter(words(text)) for text in selection.pool]
    lengths = np.asarray([sum(text.values()) for text in texts], dtype=float)
    mean = max(float(lengths.mean()), 1.0)
    seen = Counter(word for text in texts for word in text)

    def weight(word: str) -> float:
        return math.log(1 + (len(texts) - seen[word] + 0.5) / (seen[word] + 0.5))

    def score(asked: set[str], row: int) -> float:
        slack = K1 * (1 - B + B * lengths[row] / mean)
        counts = texts[row]
        return math.fsum(weight(w) * counts[w] * (K1 + 1) / (counts[w] + slack) for w in asked if w in counts)

    found = []
    for choice in selection.choices:
        asked = set(words(choice.query))
        found.append(np.asarray([score(asked, row) for row in choice.candidates]))
    return found


def figures(selection: Selection, scores: Scores) -> dict[str, float]:
    """Return recall at 1 and 10 and the mean reciprocal rank of the right candidates."""
    return summary([_rank(row, choice.gold) for row, choice in zip(scores, selection.choices, strict=True)])


def made_selection(pairs: Sequence[tuple[str, str]], candidates: int, seed: int) -> Selection:
    """Make a selection out of questions and answers: each one's own answer among others of these, chosen at random."""
    rng = np.random.default_rng(seed)
    pool = tuple(dict.fromkeys(answer for _, answer in pairs))
    place = {answer: row for row, answer in enumerate(pool)}
    choices = []
    for question, answer in pairs:
        others = rng.permutation(len(pool))[:candidates]
        rest = [int(row) for row in others if row != place[answer]][: candidates - 1]
        choices.append(Choice(question, (place[answer], *rest), 0))
    return Selection(pool, tuple(choices))


def summary(ranks: Sequence[int]) -> dict[str, float]:
    """Return recall at 1 and 10 and the mean reciprocal rank."""
    placed = np.asarray(ranks)
    return {
        "r1": round(float((placed <= 1).mean()), 4),
        "r10": round(float((placed <= 10).mean()), 4),
        "mrr": round(float((1 / placed).mean()), 4),
    }


def _rank(scores: NDArray[np.floating], gold: int) -> int:
    """The right one's place, from 1; among equals it comes last, so that a ranker of zeros earns nothing."""
    return int((scores > scores[gold]).sum() + (scores == scores[gold]).sum())
