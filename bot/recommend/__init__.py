"""Recommend: what a customer may want next, from what customers took one after the other.

In: interactions (who, what, when), or a CSV of them; optionally how alike the items are. Out: a model that ranks items
for a history and names the item of the history that speaks most for each. It knows numbers and names alone; products,
prices, consent and moods are the caller's.
"""

from __future__ import annotations

from bot.recommend.content import prior_from_features
from bot.recommend.errors import BadRatings
from bot.recommend.model import Prior, Recommender, fit
from bot.recommend.types import Interaction, Suggestion, Tuning

__all__ = ["BadRatings", "Interaction", "Prior", "Recommender", "Suggestion", "Tuning", "fit", "prior_from_features"]
