"""Which encoder reads, and what its head was chosen on: the encoder as it is, or one tuned on the company's own words.

A head must never be judged on utterances that its encoder was tuned on. So a tuned encoder keeps its pilot under
`training/`: a model of the same recipe that has not seen a part of them, and judges every later head.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from bot.catalogue import IntentEntry
from bot.head import IntentHead
from finetune.curves import Curves
from finetune.encoder.recipe import Recipe
from finetune.errors import NothingToServe
from finetune.heads import OutOfFold, fit_head
from finetune.labelled import Labelled
from finetune.pairs import Pairs
from finetune.pilot import SEEN, Rows, judge_pilot, made_head
from finetune.progress import Told
from finetune.settings import Settings
from finetune.utterances import read_utterances
from retrieval.encoder import Encoder, SentenceEncoder

FOLDER = "training"
NOTE = "tuned.json"
PILOT = "pilot-model"


class How(StrEnum):
    """What a training learns: heads alone, those besides intents, the encoder and its heads, or that the first time."""

    AUTO = "auto"
    HEADS = "heads"
    OTHER_HEADS = "other-heads"
    ENCODER = "encoder"


@dataclass(frozen=True)
class Lesson:
    """What intents are learnt from: utterances and texts out of scope, both masked, and what each intent is for."""

    utterances: Sequence[Labelled]
    outside: Sequence[str]
    catalogue: Mapping[str, IntentEntry]


@dataclass(frozen=True)
class Learnt:
    """A head, what was said of utterances unseen, figures; `folder`: a newly tuned encoder, which wants an index."""

    encoder: Encoder
    head: IntentHead
    view: OutOfFold
    chosen: dict[str, Any]
    recipe: dict[str, Any]
    folder: Path | None = None


def tunes(how: How, tuned: bool) -> bool:
    """Whether the encoder is to be tuned."""
    return how is How.ENCODER or (how is How.AUTO and not tuned)


def learn_head(lesson: Lesson, encoder: Encoder, tuned: bool, settings: Settings, home: Path) -> Learnt:
    """Fit the head on the encoder as it is: by folds, or by its pilot if it was `tuned`.

    Raises NothingToServe if the pilot of a tuned encoder is not there.
    """
    pilot = _pilot_of(encoder, home, tuned)
    if pilot is not None:
        return _by_pilot(lesson, encoder, pilot, settings, home)
    head, view, chosen = fit_head(
        read_utterances(encoder, [utterance.text for utterance in lesson.utterances]),
        [utterance.intent for utterance in lesson.utterances],
        read_utterances(encoder, lesson.outside),
        lesson.catalogue,
        folds=settings.folds,
        seed=settings.seed,
    )
    recipe = {
        "head": {"kind": "logistic regression", "C": chosen["C"], "words": chosen["words"], "folds": settings.folds}
    }
    return Learnt(encoder, head, view, {**chosen}, recipe)


def learn_encoder(
    lesson: Lesson,
    base: Path,
    pairs: Pairs,
    recipe: Recipe,
    home: Path,
    told: Told | None = None,
    curves: Curves | None = None,
) -> Learnt:
    """Tune the encoder in `base` with its head. A killed run goes on where it was; call `keep_pilot` once it serves."""
    from finetune.encoder.intents import learn_intents

    work = home / FOLDER
    sealed = learn_intents(
        base, lesson.utterances, recipe, work, told, outside=lesson.outside, pairs=pairs, curves=curves
    )
    chosen = {"cross_validated_accuracy": sealed.held_out_accuracy, "epochs": sealed.epochs, "C": sealed.strength,
              "words": sealed.head.words_share, "temperature": sealed.head.temperature,
              "tuning_s": round(sealed.seconds, 1)}  # fmt: skip
    about = {
        "encoder": {"epochs": sealed.epochs, "learning_rate": recipe.learning_rate, "pairs": len(pairs.questions),
                    "frozen_layers": recipe.frozen_layers, "seed": recipe.seed},
        "head": {"kind": "logistic regression" if sealed.strength else "proxies", "C": sealed.strength,
                 "words": sealed.head.words_share},
    }  # fmt: skip
    head = replace(sealed.head, catalogue=lesson.catalogue)
    return Learnt(SentenceEncoder(sealed.folder), head, sealed.view, chosen, about, sealed.folder)


def frozen_accuracy(lesson: Lesson, encoder: Encoder, home: Path) -> float:
    """Return how right the encoder as it was would be on the very utterances that the pilot has not seen."""
    labels, seen, unseen = _split(lesson, encoder, home)
    return judge_pilot(labels, seen, unseen, read_utterances(encoder, []), proxies=None, seed=0).accuracy


def keep_pilot(learnt: Learnt, home: Path) -> None:
    """Remember which encoder the pilot belongs to, and drop the checkpoints; a bundle holds the encoder itself."""
    work = home / FOLDER
    (work / NOTE).write_text(json.dumps({"fingerprint": learnt.encoder.fingerprint}), "utf-8")
    for name in ("pilot", "final", "model"):
        shutil.rmtree(work / name, ignore_errors=True)


def _by_pilot(lesson: Lesson, encoder: Encoder, pilot: Encoder, settings: Settings, home: Path) -> Learnt:
    """Choose the head on what the pilot has not seen, then fit it on everything with the encoder that serves."""
    labels, seen, unseen = _split(lesson, pilot, home)
    if not (len(unseen.gold) and len(np.unique(seen.gold)) == len(labels)):
        raise NothingToServe(
            "the labelled utterances are not those that the encoder was tuned on; run `nightdesk train --encoder`"
        )
    verdict = judge_pilot(
        labels, seen, unseen, read_utterances(pilot, lesson.outside), proxies=None, seed=settings.seed
    )
    texts, gold = [u.text for u in lesson.utterances], np.asarray([labels.index(u.intent) for u in lesson.utterances])
    outside = read_utterances(encoder, lesson.outside).vectors
    head = made_head(labels, Rows(read_utterances(encoder, texts), gold), outside, verdict, None)
    chosen = {"cross_validated_accuracy": verdict.accuracy, "C": verdict.strength, "temperature": verdict.temperature,
              "words": verdict.words_share}  # fmt: skip
    recipe = {"head": {"kind": "logistic regression", "C": verdict.strength, "words": verdict.words_share,
                       "judged_on": len(unseen.gold)}}  # fmt: skip
    return Learnt(encoder, replace(head, catalogue=lesson.catalogue), verdict.view, chosen, recipe)


def _split(lesson: Lesson, encoder: Encoder, home: Path) -> tuple[tuple[str, ...], Rows, Rows]:
    """Return the intents, and the rows that the pilot has and has not seen, by this encoder's vectors."""
    labels = tuple(sorted({utterance.intent for utterance in lesson.utterances}))
    texts = [utterance.text for utterance in lesson.utterances]
    gold = np.asarray([labels.index(utterance.intent) for utterance in lesson.utterances], dtype=np.int64)
    known = frozenset(json.loads((home / FOLDER / f"{PILOT}-{SEEN}").read_text("utf-8")))
    seen = np.asarray([text in known for text in texts])
    utterances = read_utterances(encoder, texts)
    return labels, Rows(utterances.only(seen), gold[seen]), Rows(utterances.only(~seen), gold[~seen])


def _pilot_of(encoder: Encoder, home: Path, tuned: bool) -> Encoder | None:
    if not tuned:
        return None
    work = home / FOLDER
    try:
        note = json.loads((work / NOTE).read_text("utf-8"))
    except (OSError, ValueError):
        note = {}
    if note.get("fingerprint") != encoder.fingerprint or not (work / PILOT).is_dir():
        raise NothingToServe(
            f"the pilot of the tuned encoder {encoder.fingerprint} is not in {work}, and without it a head would be "
            "judged on utterances that its encoder has seen; run `nightdesk train --encoder`"
        )
    return SentenceEncoder(work / PILOT)
