"""`nightdesk train`: tune the encoder, fit the heads, pick thresholds, publish all of it as one bundle."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.answerability import FILE as ANSWERABILITY_FILE
from bot.catalogue import Handle
from bot.head import CATALOGUE_FILE, TENSORS_FILE
from finetune.answering import Answering, pick_answering, search_all
from finetune.encoder.recipe import Recipe, read_recipe
from finetune.errors import NothingToServe
from finetune.heads import OutOfFold
from finetune.judge import Judge
from finetune.labelled import Labelled, Question, read_catalogue, read_labelled, read_questions, read_texts
from finetune.learning import How, Learnt, Lesson, Told, frozen_accuracy, keep_pilot, learn_encoder, learn_head, tunes
from finetune.pairs import corpus_pairs
from finetune.related import learn_related
from finetune.settings import Settings
from finetune.thresholds import pick_action_probability, pick_intent_thresholds, pick_margin, pick_scope_to_ask
from retrieval.bundle import Bundle, CurrentBundle, write_bundle
from retrieval.corpus import Corpus
from retrieval.encoder import Encoder, SentenceEncoder
from retrieval.errors import NoBundle
from retrieval.index import VectorIndex
from retrieval.ingest import only_one, reindex
from retrieval.masking import Masker
from retrieval.passages import all_passages
from retrieval.related import FILE as RELATED_FILE
from retrieval.settings import Settings as RetrievalSettings
from retrieval.weights import WEIGHTS, resolve_encoder

RECIPE = "recipe.json"
"""In the home, where a search has left the best recipe it found."""


def train(
    settings: Settings,
    retrieval: RetrievalSettings,
    home: Path,
    *,
    master_key: bytes | None = None,
    how: How = How.AUTO,
    current: CurrentBundle | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Publish a bundle with newly trained parts; return what was chosen and how it did on utterances unseen.

    master_key: the corpus's, to store vectors of a newly tuned encoder; without it heads alone are trained.
    A tuned encoder that reads or finds worse than the one before is not published: its heads are trained anew without.
    Raises NothingToServe without a bundle, BadLabels if a labelled file is no good. `current` is for tests.
    """
    started = time.perf_counter()
    current = current or CurrentBundle(home)
    try:
        bundle = current.get()
    except NoBundle as error:
        raise NothingToServe(f"{error}; `nightdesk train` adds to the bundle that `ingest` makes") from error
    encoder = current.encoder()
    about = bundle.manifest.encoder
    tuned = about["fingerprint"] != about.get("base_fingerprint", about["fingerprint"])
    lesson = _lesson(settings, retrieval)
    compared: dict[str, Any] = {}
    made = None
    if master_key is not None and tunes(how, tuned):
        made, compared = _try_tuning(lesson, settings, retrieval, home, master_key, bundle, encoder, told)
    if made is None:
        learnt = learn_head(lesson, encoder, tuned, settings, home)
        made = _Made(learnt, bundle, _answering(learnt, bundle, settings, retrieval, home, lesson))
    report = _publish(made, lesson, settings, retrieval, home)
    return report | {"encoder": compared, "seconds": round(time.perf_counter() - started, 2)}
