"""Pick the thresholds the policy answers by, from out-of-fold scores and the operator's target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finetune.heads import OutOfFold

CONFIDENCE = 0.5
"""How sure the data must be that no more than the target is wrong. At 0.5 a target of 2% needs 35 answers without a
wrong one, or 84 with one; at 0.95 it would need 149, which few operators have labelled."""

GRID = tuple(round(float(value), 3) for value in np.linspace(0.05, 0.99, 48))


UNPROVEN = 0.5
"""By the energy alone, 2 of 100 utterances in scope score more (finetune.heads.fit_scope)."""


@dataclass(frozen=True, slots=True)
class Operating:
    """A choice of thresholds and what it does on the data it was chosen on."""

    thresholds: dict[str, float]
    coverage: float
    wrong_share: float

    def figures(self) -> dict[str, float]:
        """Coverage and share of wrong ones, for a report."""
        return {"coverage": round(self.coverage, 4), "wrong_share": round(self.wrong_share, 4)}


def pick_intent_thresholds(view: OutOfFold, target_wrong: float) -> Operating:
    """Answer as much as possible with at most `target_wrong` of the answers wrong.

    An utterance is answered where max probability >= intent_probability and out_of_scope < the threshold
    `out_of_scope`; an answer is wrong if the intent is another, or the utterance is out of scope.
    Ties go to the stricter pair. Coverage is the share of in-scope utterances answered. Where no utterance is known to
    be out of scope, the scope threshold is UNPROVEN at most: nothing here would count what it lets through.
    """
    top = view.probabilities.max(axis=1)
    right = view.probabilities.argmax(axis=1) == view.gold
    inside = view.gold >= 0
    best = Operating({"intent_probability": GRID[-1], "out_of_scope": GRID[0]}, 0.0, 0.0)
    scopes = GRID if (~inside).any() else [scope for scope in GRID if scope <= UNPROVEN]
    for probability in GRID:
        for scope in scopes:
            answered = (top >= probability) & (view.out_of_scope < scope)
            if not answered.any():
                continue
            wrong = float((answered & ~right).sum() / answered.sum())
            coverage = float((answered & inside).sum() / max(int(inside.sum()), 1))
            if wrong <= target_wrong and (coverage, probability) > (
                best.coverage,
                best.thresholds["intent_probability"],
            ):
                best = Operating({"intent_probability": probability, "out_of_scope": scope}, coverage, wrong)
    return best


def pick_margin(view: OutOfFold, share_asked: float = 0.05) -> float:
    """Return the gap between the two best probabilities below which asking back costs `share_asked` of the turns."""
    inside = view.probabilities[view.gold >= 0]
    ranked = np.sort(inside, axis=1)
    return float(np.quantile(ranked[:, -1] - ranked[:, -2], share_asked))


def pick_scope_to_ask(view: OutOfFold, share_asked: float) -> float:
    """Return the `out_of_scope_ask` below which `share_asked` of the utterances that are out of scope lie.

    Asking back what is meant is no answer, so a share of them may be asked; 0.5 if none is labelled.
    """
    outside = view.out_of_scope[view.gold < 0]
    return round(float(np.quantile(outside, share_asked)), 4) if len(outside) else 0.5


def pick_cosine(scored: Sequence[tuple[float, bool]], target_wrong: float) -> Operating:
    """Return the lowest `answer_cosine` at which at most `target_wrong` of the answered questions are answered wrongly.

    scored: (cosine of the best hit, whether that hit is a right answer) for each question, those that nothing
    answers included as wrong. Coverage is the share of all questions answered rightly or wrongly. If no threshold
    reaches the target, nothing is answered: 1.0.
    """
    ranked = sorted(scored, reverse=True)
    best = Operating({"answer_cosine": 1.0}, 0.0, 0.0)
    wrong = 0
    for count, (cosine, right) in enumerate(ranked, start=1):
        wrong += not right
        ties = count < len(ranked) and ranked[count][0] == cosine
        if not ties and wrong / count <= target_wrong:
            best = Operating({"answer_cosine": float(cosine)}, count / len(ranked), wrong / count)
    return best


def pick_probability(scored: Sequence[tuple[float, bool]], target_wrong: float) -> Operating:
    """Return the lowest probability at which, more likely than not, at most `target_wrong` of the answers are wrong.

    scored: (probability of the passage, whether it answers) for each question, those that nothing answers included.
    Few answers are no proof: the bound is Clopper and Pearson's (Biometrika 1934), one-sided, at CONFIDENCE.
    If no threshold reaches the target nothing is answered: 1.0.
    """
    ranked = sorted(scored, reverse=True)
    best = Operating({"probability": 1.0}, 0.0, 0.0)
    wrong = 0
    for count, (probability, right) in enumerate(ranked, start=1):
        wrong += not right
        ties = count < len(ranked) and ranked[count][0] == probability
        if not ties and probability > 0 and wrong_at_most(wrong, count, CONFIDENCE) <= target_wrong:
            best = Operating({"probability": float(probability)}, count / len(ranked), wrong / count)
    return best


def wrong_at_most(wrong: int, answers: int, confidence: float) -> float:
    """Return the share of wrong answers that the true share exceeds with a chance of at most 1 - confidence."""
    from scipy.stats import beta  # type: ignore[import-untyped]

    return 1.0 if wrong >= answers else float(beta.ppf(confidence, wrong + 1, answers - wrong))


def pick_action_probability(view: OutOfFold, actions: Sequence[str], scope: float, target_wrong: float) -> float:
    """Return the least probability at which at most `target_wrong` of the actions begun are not the one wanted.

    actions: the intents that run one; scope: the threshold of out_of_scope that holds already. 1.0 if none will do.
    """
    top = view.probabilities.max(axis=1)
    named = view.probabilities.argmax(axis=1)
    begun = (view.out_of_scope < scope) & np.isin(named, [view.labels.index(name) for name in actions])
    for probability in GRID:
        rows = begun & (top >= probability)
        if rows.any() and float((named != view.gold)[rows].mean()) <= target_wrong:
            return probability
    return 1.0
