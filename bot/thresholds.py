"""The numbers the policy answers by; evaluation picks them and the bundle's manifest carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

from retrieval.types import Hit


class Bar(NamedTuple):
    """How good a passage must be: how probably it answers, or how near it is where nobody has judged that."""

    cosine: float
    probability: float

    def reached_by(self, hit: Hit) -> bool:
        """True for a hit that is good enough; never for one that only the words matched."""
        if hit.cosine is None:
            return False
        if hit.answer_probability is None:
            return hit.cosine >= self.cosine
        return hit.answer_probability >= self.probability


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What is good enough. The defaults are strict: an unevaluated bundle asks and hands off more than it answers."""

    intent_probability: float = 0.7  # least probability of an intent that is acted on
    action_probability: float = 0.7  # the same for an action, which asks before it changes anything
    intent_margin: float = 0.1  # least gap to the second intent; below it we ask
    out_of_scope: float = 0.5  # an utterance at or above this is outside all intents
    out_of_scope_ask: float = 0.5  # the same for what only asks back: an action begun, intents offered
    answer_cosine: float = 0.62  # least cosine of a passage that answers whatever the head says
    answer_cosine_in_scope: float = 0.45  # the same where the intent is certain and served by search
    suggest_cosine: float = 0.55  # least cosine of a passage that is shown as perhaps the answer
    answer_probability: float = 0.98  # the same three by the probability that the passage answers, which a bundle
    answer_probability_in_scope: float = 0.9  # has once it was trained on questions
    suggest_probability: float = 0.65
    suggest_probability_in_scope: float = 0.65
    composed: float = 0.0  # 1 where evaluation showed that customers may read what the model composes
    answer_overlap_zh: float = 0.5  # least share of a Chinese question's character pairs found in a card

    @classmethod
    def from_manifest(cls, values: Mapping[str, Any]) -> Thresholds:
        """Take the known numbers of a manifest; what it lacks keeps the strict default."""
        known = {field.name for field in fields(cls)}
        numbers = {name: float(value) for name, value in values.items() if name in known and _is_number(value)}
        return cls(**numbers)

    @property
    def answer(self) -> Bar:
        """What a passage needs to be the answer."""
        return Bar(self.answer_cosine, self.answer_probability)

    @property
    def answer_in_scope(self) -> Bar:
        """The same where the intent is certain and served by search."""
        return Bar(self.answer_cosine_in_scope, self.answer_probability_in_scope)

    @property
    def suggest(self) -> Bar:
        """What a passage needs to be shown as perhaps the answer."""
        return Bar(self.suggest_cosine, self.suggest_probability)

    @property
    def suggest_in_scope(self) -> Bar:
        """The same where the intent is certain and served by search."""
        return Bar(self.suggest_cosine, self.suggest_probability_in_scope)

    def by_name(self) -> dict[str, float]:
        """The numbers as they go over the wire."""
        return asdict(self)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
