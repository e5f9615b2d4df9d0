"""Choose when a passage answers: how probable, or how near, it must be on labelled questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.answerability import FILE, TokenVectors
from finetune.answerability import Pairs, fit_answerability, pair_up
from finetune.judge import Judge, nearest
from finetune.labelled import Question
from finetune.settings import Settings
from finetune.thresholds import pick_cosine, pick_probability, wrong_at_most
from finetune.utterances import Utterances, read_utterances
from retrieval.bundle import Bundle
from retrieval.encoder import Encoder, TokenEncoder
from retrieval.masking import Masker
from retrieval.search import Searcher
from retrieval.settings import Settings as RetrievalSettings
from retrieval.types import Hit

LOOKED_AT = 8  # hits a question is judged by: what [bot] top_k fetches unless it is set otherwise
Scored = list[tuple[float, bool]]


@dataclass(frozen=True)
class Searched:
    """Labelled questions, as they read masked, and what search finds: the nearest hit's cosine, all pairs."""

    questions: tuple[Question, ...]
    utterances: Utterances
    by_cosine: Scored
    pairs: Pairs | None  # None if the encoder does not tell about tokens


@dataclass(frozen=True)
class Answering:
    """What goes into the bundle: thresholds, a report, and the fitted model if there was enough to fit one."""

    thresholds: dict[str, float]
    metrics: dict[str, Any]
    files: dict[str, bytes]

    @property
    def right_first(self) -> float:
        """The share of the answerable questions whose most probable passage is right (without any: the nearest)."""
        return float(self.metrics.get("right_most_probable", self.metrics.get("right_first", 0.0)))


def search_all(
    questions: Sequence[Question],
    bundle: Bundle,
    home: Path,
    retrieval: RetrievalSettings,
    encoder: Encoder,
    judge: Judge,
) -> Searched:
    """Search every question as a customer's would be searched, and judge what is found."""
    texts = [Masker.from_settings(retrieval).mask_identifiers(question.text) for question in questions]
    utterances = read_utterances(encoder, texts)
    searcher = Searcher(bundle, home, retrieval)
    found = searcher.search(texts, utterances.vectors, LOOKED_AT, "customers")
    searcher.close()
    by_cosine = [_nearest(question, hits, judge) for question, hits in zip(questions, found, strict=True)]
    pairs = None
    if isinstance(encoder, TokenEncoder):
        pairs = pair_up(questions, texts, found, judge, TokenVectors(encoder.encode_tokens))
    return Searched(tuple(questions), utterances, by_cosine, pairs)


def pick_answering(searched: Searched, in_scope: NDArray[np.bool_], settings: Settings) -> Answering:
    """Pick both kinds of thresholds: by the cosine, and by the fitted probability where one can be fitted.

    in_scope: which of the questions the intent head calls in scope.
    """
    answerable = max(1, sum(bool(question.sources) for question in searched.questions))
    by_cosine = _pick_cosines(searched.by_cosine, in_scope, settings)
    metrics: dict[str, Any] = {
        "questions": len(searched.questions),
        "right_first": round(sum(right for _, right in searched.by_cosine) / answerable, 4),
        "by_cosine": by_cosine.metrics,
    }
    fitted = fit_answerability(searched.pairs, settings.seed) if searched.pairs else None
    if fitted is None or searched.pairs is None:
        return Answering(by_cosine.thresholds, metrics, {})
    scored = fitted.best(searched.pairs, len(searched.questions))
    by_probability = _pick_probabilities(scored, in_scope, settings)
    metrics["right_most_probable"] = round(sum(right for _, right in scored) / answerable, 4)
    metrics["by_probability"] = by_probability.metrics | {"C": fitted.strength}
    files = {FILE: fitted.model.to_bytes()}
    return Answering(by_cosine.thresholds | by_probability.thresholds, metrics, files)


def _pick_cosines(scored: Scored, in_scope: NDArray[np.bool_], settings: Settings) -> Answering:
    answer = pick_cosine(scored, settings.target_wrong)
    inside = pick_cosine(_only(scored, in_scope), settings.target_wrong)
    suggest = pick_cosine(scored, settings.target_unsure)
    least = answer.thresholds["answer_cosine"]
    thresholds = {
        "answer_cosine": round(least, 4),
        "answer_cosine_in_scope": round(min(inside.thresholds["answer_cosine"], least), 4),
        "suggest_cosine": round(suggest.thresholds["answer_cosine"], 4),
    }
    return Answering(thresholds, {"answer": answer.figures(), "suggest": suggest.figures()}, {})


def _pick_probabilities(scored: Scored, in_scope: NDArray[np.bool_], settings: Settings) -> Answering:
    answer = pick_probability(scored, settings.target_wrong)
    inside = pick_probability(_only(scored, in_scope), settings.target_wrong)
    suggest = pick_probability(scored, settings.target_unsure)
    suggest_inside = pick_probability(_only(scored, in_scope), settings.target_unsure)
    least = answer.thresholds["probability"]
    thresholds = {
        "answer_probability": round(least, 4),
        "answer_probability_in_scope": round(min(inside.thresholds["probability"], least), 4),
        "suggest_probability": round(min(suggest.thresholds["probability"], least), 4),
        "suggest_probability_in_scope": round(
            min(suggest_inside.thresholds["probability"], suggest.thresholds["probability"], least), 4
        ),
    }
    answers = round(answer.coverage * len(scored))
    at_most = wrong_at_most(round(answer.wrong_share * answers), answers, 0.95)
    figures = answer.figures() | {"wrong_share_at_most": round(at_most, 4)}  # with 95% confidence
    return Answering(thresholds, {"answer": figures, "suggest": suggest.figures()}, {})


def _only(scored: Scored, rows: NDArray[np.bool_]) -> Scored:
    return [row for row, kept in zip(scored, rows, strict=True) if kept]


def _nearest(question: Question, hits: Sequence[Hit], judge: Judge) -> tuple[float, bool]:
    best = nearest(hits)
    if best is None or best.cosine is None:
        return -1.0, False
    return best.cosine, judge.right(best.passage, question.sources)
