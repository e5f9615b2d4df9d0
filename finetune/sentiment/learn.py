"""The sentiment head of a bundle, learnt from the company's own labelled messages over the encoder that serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.sentiment import DESCRIPTION_FILE, TENSORS_FILE
from finetune.errors import BadLabels
from finetune.sentiment.fit import HeldOut, fit_sentiment
from finetune.sentiment.labelled import read_moods
from finetune.sentiment.states import states_of
from retrieval.encoder import Encoder

NEVER = 2.0
"""A threshold that no probability reaches."""
LEAST = 0.5
"""An utterance is not called upset where it is likelier not to be, whatever the target."""


@dataclass(frozen=True)
class LearntSentiment:
    """What `train` adds to a bundle: files by name, and figures out of fold."""

    files: dict[str, bytes]
    metrics: dict[str, Any]


def learn_sentiment(
    path: Path,
    encoder: Encoder,
    mask: Callable[[str], str],
    *,
    upset: Sequence[str],
    target_false_alarms: float,
    folds: int,
    seed: int,
) -> LearntSentiment:
    """Learn a sentiment head from a CSV `text,label`.

    upset: the labels that say that a customer is angry with us; the threshold for it is the lowest at which at most
    `target_false_alarms` of the others' messages, out of fold, would be called upset. Raises BadLabels if the file is
    no good or has none of those labels.
    """
    rows = read_moods(path)
    missing = [label for label in upset if label not in rows.labels]
    if missing:
        raise BadLabels(
            f"no text in {path} has the label {missing[0]!r} that [finetune] sentiment_upset names; "
            f"its labels are {', '.join(sorted(set(rows.labels)))}"
        )
    texts = [mask(text) for text in rows.texts]
    head, held_out, chosen = fit_sentiment(texts, rows.labels, states_of(encoder, texts), folds=folds, seed=seed)
    head = replace(head, upset_labels=tuple(upset))
    probability = head.upset(held_out.probabilities)
    angry = np.isin(np.asarray(held_out.labels)[held_out.gold], list(upset))
    head = replace(head, upset_threshold=pick_upset(probability, angry, target_false_alarms))
    tensors, description = head.to_bytes()
    called = probability >= head.upset_threshold
    metrics = chosen | {
        "texts": len(texts),
        "upset_threshold": head.upset_threshold,
        "upset_recall": round(float(called[angry].mean()), 4) if angry.any() else None,
        "upset_false_alarms": round(float(called[~angry].mean()), 4) if (~angry).any() else None,
        "accuracy": round(_accuracy(held_out), 4),
    }
    return LearntSentiment({TENSORS_FILE: tensors, DESCRIPTION_FILE: description}, metrics)


def pick_upset(probability: NDArray[np.float32], angry: NDArray[np.bool_], target: float) -> float:
    """Return the lowest threshold, never below a half, that at most `target` of the calm (N,) reach.

    A share of the calm, not of those called upset: labelled files hold more anger than a shop's days do, and a
    precision measured on them would not be kept.
    """
    if not angry.any():
        return NEVER
    calm = np.sort(probability[~angry])[::-1]
    allowed = int(target * len(calm))
    if len(calm) <= allowed:
        return LEAST
    return round(max(LEAST, float(calm[allowed]) + 1e-4), 4)


def _accuracy(view: HeldOut) -> float:
    return float((view.probabilities.argmax(axis=1) == view.gold).mean())
