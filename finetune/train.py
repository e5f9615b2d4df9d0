"""`nightdesk train`: fit the intent head on the current bundle's encoder, pick thresholds, publish a new bundle."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np

from bot.answerability import FILE as ANSWERABILITY_FILE
from bot.catalogue import Handle
from bot.head import CATALOGUE_FILE, TENSORS_FILE
from finetune.answering import pick_answering, search_all
from finetune.errors import NothingToServe
from finetune.heads import OutOfFold, fit_head
from finetune.judge import Judge
from finetune.labelled import Question, read_catalogue, read_labelled, read_questions, read_texts
from finetune.related import learn_related
from finetune.settings import Settings
from finetune.thresholds import pick_action_probability, pick_intent_thresholds, pick_margin, pick_scope_to_ask
from retrieval.bundle import CurrentBundle, write_bundle
from retrieval.corpus import Corpus
from retrieval.errors import NoBundle
from retrieval.masking import Masker
from retrieval.passages import all_passages
from retrieval.related import FILE as RELATED_FILE
from retrieval.settings import Settings as RetrievalSettings


def train(
    settings: Settings, retrieval: RetrievalSettings, home: Path, *, current: CurrentBundle | None = None
) -> dict[str, Any]:
    """Publish a bundle with a new intent head and thresholds; return what was chosen and how it did out of fold.

    Raises NothingToServe without a bundle, BadLabels if a labelled file is no good. `current` is for tests.
    """
    started = time.perf_counter()
    current = current or CurrentBundle(home)
    try:
        bundle = current.get()
    except NoBundle as error:
        raise NothingToServe(f"{error}; `nightdesk train` adds its head to the bundle that `ingest` makes") from error
    encoder = current.encoder()
    utterances = read_labelled(settings.utterances)
    outside = read_texts(settings.out_of_scope) if settings.out_of_scope else []
    catalogue = read_catalogue(settings.intents)
    mask = Masker.from_settings(retrieval).mask_identifiers  # as the reader does before it encodes
    head, view, chosen = fit_head(
        encoder.encode([mask(utterance.text) for utterance in utterances]),
        [utterance.intent for utterance in utterances],
        encoder.encode([mask(text) for text in outside]) if outside else np.zeros((0, encoder.width), np.float32),
        catalogue,
        folds=settings.folds,
        seed=settings.seed,
    )
    intents = pick_intent_thresholds(view, settings.target_wrong)
    actions = [name for name, entry in catalogue.items() if entry.handle is Handle.ACTION and name in head.labels]
    scope = max(intents.thresholds["out_of_scope"], pick_scope_to_ask(view, settings.target_asked))
    action = pick_action_probability(view, actions, scope, settings.target_wrong_action)
    thresholds = intents.thresholds | {
        "out_of_scope_ask": scope,
        "action_probability": action,
        "intent_margin": round(pick_margin(view), 4),
    }
    metrics: dict[str, Any] = {"intents": chosen | intents.figures()}
    tensors, description = head.to_bytes()
    files = {TENSORS_FILE: tensors, CATALOGUE_FILE: description}
    files[RELATED_FILE] = learn_related(bundle, home, retrieval, encoder)
    if settings.questions:
        questions = [
            *read_questions(settings.questions),
            *(read_questions(settings.unanswerable) if settings.unanswerable else []),
            *(Question(text, None) for text in outside),
        ]
        with Corpus.read(home) as corpus:
            judge = Judge(all_passages(corpus), encoder)
        searched = search_all(questions, bundle, home, retrieval, encoder, judge)
        _, outside_scores = head.apply(searched.embeddings)
        answering = pick_answering(searched, outside_scores < intents.thresholds["out_of_scope"], settings)
        thresholds |= answering.thresholds
        metrics["passages"] = answering.metrics
        files |= answering.files
    bundle_id = write_bundle(
        home,
        extra_files=files,
        drop=(ANSWERABILITY_FILE,),  # an older one would judge by thresholds that are gone
        data={path.name: _sha256(path) for path in _files(settings)},
        metrics=metrics,
        thresholds=thresholds,
        thresholds_source=f"out-of-fold on {len(view.gold)} utterances, at most {settings.target_wrong:.1%} wrong",
        recipe={"head": {"kind": "logistic regression", "C": chosen["C"], "folds": settings.folds}},
    )
    return {
        "bundle": bundle_id,
        "intents": len(head.labels),
        "utterances": len(utterances),
        "out_of_scope": len(outside),
        "accuracy": round(chosen["cross_validated_accuracy"], 4),
        "auroc_out_of_scope": round(_auroc(view), 4) if outside else None,
        "coverage": round(intents.coverage, 4),
        "wrong_share": round(intents.wrong_share, 4),
        "seconds": round(time.perf_counter() - started, 2),
        "thresholds": thresholds,
        "metrics": metrics,
    }


def _auroc(view: OutOfFold) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(view.gold < 0, view.out_of_scope))


def _files(settings: Settings) -> list[Path]:
    learnt_from = (settings.utterances, settings.out_of_scope, settings.questions, settings.unanswerable)
    return [path for path in (*learnt_from, settings.intents) if path]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
