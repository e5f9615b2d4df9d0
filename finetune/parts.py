"""The heads of a bundle besides intents: each learns over the serving encoder, and brings files and figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from finetune.settings import Settings
from retrieval.encoder import Encoder, TokenEncoder


@dataclass(frozen=True)
class Parts:
    """What goes into the bundle: files by name, figures by head, thresholds by name."""

    files: dict[str, bytes] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)


def learn_parts(settings: Settings, encoder: Encoder, mask: Callable[[str], str]) -> Parts:
    """Learn every head whose labelled file is named; `mask` puts placeholders as the reader does before it encodes."""
    parts = Parts()
    if settings.entities and isinstance(encoder, TokenEncoder):
        from finetune.entities.company import learn_entities

        entities = learn_entities(settings.entities, encoder, mask, seed=settings.seed)
        parts.files.update(entities.files)
        parts.metrics["entities"] = entities.metrics
    if settings.sentiment:
        from finetune.sentiment.learn import learn_sentiment

        sentiment = learn_sentiment(
            settings.sentiment,
            encoder,
            mask,
            upset=settings.sentiment_upset,
            target_false_alarms=settings.target_false_alarms,
            folds=settings.folds,
            seed=settings.seed,
        )
        parts.files.update(sentiment.files)
        parts.metrics["sentiment"] = sentiment.metrics
    if settings.support and isinstance(encoder, TokenEncoder):
        from finetune.checker.learn import learn_support

        support = learn_support(settings.support, settings.composed, encoder, folds=settings.folds, seed=settings.seed)
        parts.files.update(support.files)
        parts.metrics["support"] = support.metrics
        parts.thresholds.update(support.thresholds)
    return parts
