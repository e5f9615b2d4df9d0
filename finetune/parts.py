"""The heads of a bundle besides intents: each learns over the serving encoder, and brings files and figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.composed.checker import FILE as SUPPORT_FILE
from bot.sentiment import FILES as SENTIMENT_FILES
from bot.sentiment import TENSORS_FILE
from finetune.settings import Settings
from retrieval.encoder import Encoder, TokenEncoder
from retrieval.manifest import current_id, read_manifest
from retrieval.tagger import FILE as ENTITIES_FILE

HEAD_FILES = (ENTITIES_FILE, SUPPORT_FILE, *SENTIMENT_FILES)
"""What `learn_parts` may bring to a bundle."""


@dataclass(frozen=True)
class Parts:
    """What goes into the bundle: files by name, figures by head, thresholds by name."""

    files: dict[str, bytes] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    thresholds: dict[str, float] = field(default_factory=dict)


def are_there(settings: Settings, home: Path) -> bool:
    """Whether the bundle that serves has every head besides intents that a labelled file is named for.

    Raises NoBundle without a bundle, BundleDamaged if its manifest cannot be read.
    """
    files = read_manifest(home / "models" / current_id(home)).files
    wanted = {ENTITIES_FILE: settings.entities, TENSORS_FILE: settings.sentiment, SUPPORT_FILE: settings.support}
    return all(name in files for name, labelled in wanted.items() if labelled)


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
