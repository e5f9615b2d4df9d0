"""How well anger at us is heard in a labelled file: by the rules, by the head, by both as the assistant hears it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.bundle_knowledge import BundleKnowledge
from bot.mood import is_upset, sounds_angry
from finetune.sentiment.labelled import read_moods


def sentiment_report(
    knowledge: BundleKnowledge, path: Path, upset: Sequence[str], mask: Callable[[str], str]
) -> dict[str, Any]:
    """Return the head's accuracy and macro F1, and of upset the precision, recall and false alarms of each ear.

    upset: the labels that mean it. A precision of nothing heard is None; false_alarms is a share of the calm.
    """
    from sklearn.metrics import f1_score

    rows = read_moods(path)
    masked = [mask(text) for text in rows.texts]
    moods = [mood for mood in knowledge.sentiments(masked, knowledge.encode(masked)) if mood]
    named = [mood.label for mood in moods]
    angry = np.isin(rows.labels, list(upset))
    heard = {
        "rules": [sounds_angry(text) for text in rows.texts],
        "head": [mood.upset for mood in moods],
        "both": [is_upset(text, mood) for text, mood in zip(rows.texts, moods, strict=True)],
    }
    return {
        "texts": len(rows.texts),
        "accuracy": round(float(np.mean(np.asarray(named) == np.asarray(rows.labels))), 4),
        "macro_f1": round(float(f1_score(rows.labels, named, average="macro", zero_division=0)), 4),
        "upset": {name: _ear(np.asarray(called, bool), angry) for name, called in heard.items()},
    }


def _ear(called: NDArray[np.bool_], angry: NDArray[np.bool_]) -> dict[str, float | None]:
    def share(of: NDArray[np.bool_], among: NDArray[np.bool_]) -> float | None:
        return round(float(of[among].mean()), 4) if among.any() else None

    return {
        "precision": share(angry, called),
        "recall": share(called, angry),
        "false_alarms": share(called, ~angry),
    }
