"""What was learnt becomes a bundle: the other heads, thresholds, figures, and one atomic write."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.answerability import FILE as ANSWERABILITY_FILE
from bot.catalogue import Handle
from bot.head import CATALOGUE_FILE, TENSORS_FILE
from finetune.answering import Answering
from finetune.heads import OutOfFold
from finetune.learning import Learnt, Lesson, keep_pilot
from finetune.parts import HEAD_FILES, learn_parts
from finetune.related import learn_related
from finetune.settings import Settings
from finetune.thresholds import pick_action_probability, pick_intent_thresholds, pick_margin, pick_scope_to_ask
from retrieval.bundle import Bundle, write_bundle
from retrieval.encoder import Encoder
from retrieval.manifest import current_id, read_manifest
from retrieval.masking import Masker
from retrieval.related import FILE as RELATED_FILE
from retrieval.settings import Settings as RetrievalSettings


@dataclass(frozen=True)
class Trained:
    """What is to be published: what was learnt, the index it is searched by, and when a passage answers."""

    learnt: Learnt
    bundle: Bundle
    made_from: str | None
    answering: Answering


def publish(
    trained: Trained, lesson: Lesson, settings: Settings, retrieval: RetrievalSettings, home: Path
) -> dict[str, Any]:
    """Learn what reads the encoder, write the bundle, return the report."""
    learnt, view = trained.learnt, trained.learnt.view
    intents = pick_intent_thresholds(view, settings.target_wrong)
    thresholds = intents.thresholds | _acting(learnt, lesson, settings, intents.thresholds["out_of_scope"])
    tensors, description = learnt.head.to_bytes()
    files = {TENSORS_FILE: tensors, CATALOGUE_FILE: description} | trained.answering.files
    files[RELATED_FILE] = learn_related(trained.bundle, home, retrieval, learnt.encoder)
    parts = learn_parts(settings, learnt.encoder, Masker.from_settings(retrieval).mask_identifiers)
    files |= parts.files
    metrics: dict[str, Any] = {"intents": learnt.chosen | intents.figures()} | parts.metrics
    thresholds |= parts.thresholds
    if trained.answering.metrics:
        metrics["passages"] = trained.answering.metrics
        thresholds |= trained.answering.thresholds
    learnt_from = (settings.utterances, settings.intents, settings.out_of_scope, settings.questions)
    data = _sums(*learnt_from, settings.unanswerable, *_of_other_heads(settings))
    bundle_id = write_bundle(
        home,
        index=trained.bundle.index if learnt.folder else None,
        encoder_dir=learnt.folder,
        extra_files=files,
        # older ones would judge by thresholds, labels or layers that are gone
        drop=(ANSWERABILITY_FILE, *HEAD_FILES),
        data=data | ({"index": trained.made_from} if trained.made_from else {}),
        metrics=metrics,
        thresholds=thresholds,
        thresholds_source=f"out-of-fold on {len(view.gold)} utterances, at most {settings.target_wrong:.1%} wrong",
        recipe=learnt.recipe,
    )
    if learnt.folder:
        keep_pilot(learnt, home)
    outside = len(lesson.outside)
    return {
        "bundle": bundle_id,
        "intents": len(learnt.head.labels),
        "utterances": len(lesson.utterances),
        "out_of_scope": outside,
        "accuracy": round(learnt.chosen["cross_validated_accuracy"], 4),
        "auroc_out_of_scope": round(_auroc(view), 4) if outside else None,
        "coverage": round(intents.coverage, 4),
        "wrong_share": round(intents.wrong_share, 4),
        "thresholds": thresholds,
        "metrics": metrics,
    }


def publish_other_heads(
    encoder: Encoder, settings: Settings, retrieval: RetrievalSettings, home: Path
) -> dict[str, Any]:
    """Learn the heads besides intents and write the bundle again with them; all else stays as it is by then."""
    parts = learn_parts(settings, encoder, Masker.from_settings(retrieval).mask_identifiers)
    serves = read_manifest(home / "models" / current_id(home))  # learning takes minutes; another may have published
    thresholds = {**serves.thresholds, **parts.thresholds}
    bundle_id = write_bundle(
        home,
        extra_files=parts.files,
        drop=HEAD_FILES,
        data=_sums(*_of_other_heads(settings)),
        metrics=parts.metrics,
        thresholds=thresholds,
    )
    return {"bundle": bundle_id, "thresholds": thresholds, "metrics": parts.metrics}


def _acting(learnt: Learnt, lesson: Lesson, settings: Settings, strict: float) -> dict[str, float]:
    """Return the thresholds of what asks back or asks before it acts."""
    view, catalogue = learnt.view, lesson.catalogue
    actions = [name for name in learnt.head.labels if catalogue[name].handle is Handle.ACTION]
    scope = max(strict, pick_scope_to_ask(view, settings.target_asked))
    return {
        "out_of_scope_ask": scope,
        "action_probability": pick_action_probability(view, actions, scope, settings.target_wrong_action),
        "intent_margin": round(pick_margin(view), 4),
    }


def _auroc(view: OutOfFold) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(view.gold < 0, view.out_of_scope))


def _of_other_heads(settings: Settings) -> tuple[Path | None, ...]:
    return settings.entities, settings.sentiment, settings.support, settings.composed


def _sums(*files: Path | None) -> dict[str, str]:
    """Return the SHA-256 of what was learnt from, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path}
