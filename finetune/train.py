"""`nightdesk train`: tune the encoder, fit the heads, pick thresholds, publish all of it as one bundle."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finetune.answering import Answering, pick_answering, search_all
from finetune.curves import Curves
from finetune.encoder.recipe import Recipe
from finetune.errors import NothingToServe
from finetune.judge import Judge
from finetune.labelled import Labelled, Question, read_catalogue, read_labelled, read_questions, read_texts
from finetune.learning import How, Learnt, Lesson, frozen_accuracy, learn_encoder, learn_head, tunes
from finetune.pairs import corpus_pairs
from finetune.progress import Told
from finetune.publishing import Trained, publish, publish_other_heads
from finetune.search import recipe_of, search
from finetune.settings import Settings
from finetune.thresholds import pick_intent_thresholds
from retrieval.bundle import Bundle, CurrentBundle
from retrieval.corpus import Corpus
from retrieval.encoder import Encoder, SentenceEncoder, fingerprint_of
from retrieval.errors import NoBundle
from retrieval.ingest import only_one, reindex
from retrieval.masking import Masker
from retrieval.passages import all_passages
from retrieval.settings import Settings as RetrievalSettings
from retrieval.weights import WEIGHTS, resolve_encoder

TUNED = {"epochs": 3, "frozen_layers": 3, "learning_rate": 1e-4, "negatives": 0}
"""How `train` differs from the recipe: minutes on a laptop instead of an hour."""


def train(
    settings: Settings,
    retrieval: RetrievalSettings,
    home: Path,
    *,
    master_key: bytes | None = None,
    how: How = How.HEADS,
    trials: int = 0,
    curves: Curves | None = None,
    told: Told | None = None,
) -> dict[str, Any]:
    """Publish a bundle with newly trained parts; return what was chosen and how it did on utterances unseen.

    master_key: the corpus's, to keep the vectors of a newly tuned encoder; tuning asks for it. trials: how many
    recipes are tried before the encoder is tuned by the best; `recipe.json` of the home keeps it for later. A tuned
    encoder that reads or finds worse than the one before is not published: the heads are trained on the old one then.
    Raises NothingToServe without a bundle, BadLabels if a labelled file is no good, BadRecipe likewise, Busy if an
    ingest is at work.
    """
    started = time.perf_counter()
    current = CurrentBundle(home)
    try:
        bundle = current.get()
    except NoBundle as error:
        raise NothingToServe(f"{error}; `nightdesk train` adds to the bundle that `ingest` makes") from error
    encoder, tuned = current.encoder(), _is_tuned(bundle)
    if how is How.OTHER_HEADS:
        report = publish_other_heads(encoder, settings, retrieval, home)
        return report | {"seconds": round(time.perf_counter() - started, 2)}
    run = _Run(settings, retrieval, home, _lesson(settings, retrieval), _judge(home, retrieval, encoder))
    with only_one(home) if tunes(how, tuned) else nullcontext():
        trained, compared = None, None
        if tunes(how, tuned):
            key = _key(master_key)
            base = encoder if not tuned else SentenceEncoder(_base_folder(home, retrieval))
            trained, compared = run.tuned(bundle, encoder, base, run.recipe(base, trials, told), key, told, curves)
        if trained is None:
            learnt = learn_head(run.lesson, encoder, tuned, settings, home)
            trained = Trained(learnt, bundle, None, run.answering(learnt, bundle))
        report = publish(trained, run.lesson, settings, retrieval, home)
    return report | {"encoder": compared, "seconds": round(time.perf_counter() - started, 2)}


@dataclass(frozen=True)
class _Run:
    """The steps of one training."""

    settings: Settings
    retrieval: RetrievalSettings
    home: Path
    lesson: Lesson
    judge: Judge

    def recipe(self, base: Encoder, trials: int, told: Told | None) -> Recipe:
        """Return the recipe to tune by: the configuration's, or what a search, this one or an earlier, made of it."""
        start = Recipe().altered(TUNED | self.settings.recipe, "[finetune] recipe")
        if trials:
            return search(base.folder, self.lesson.utterances, trials, self.home, told, start=start)
        return recipe_of(self.home, start)

    def tuned(
        self,
        bundle: Bundle,
        encoder: Encoder,
        base: Encoder,
        recipe: Recipe,
        master_key: bytes,
        told: Told | None,
        curves: Curves | None,
    ) -> tuple[Trained | None, dict[str, Any]]:
        """Tune, index, and compare with what serves; None in place of what is worse."""
        pairs = corpus_pairs(self.home, self.retrieval, base, mined=recipe.negatives > 0)
        learnt = learn_encoder(self.lesson, base.folder, pairs, recipe, self.home, told, curves)
        index, made_from = reindex(learnt.encoder, self.retrieval, self.home, master_key)
        searched = replace(bundle, index=index)
        trained = Trained(learnt, searched, made_from, self.answering(learnt, searched))
        before = self.answering(learnt, bundle, encoder)
        compared = {
            "pairs": len(pairs.questions),
            "epochs": learnt.chosen["epochs"],
            "seconds": learnt.chosen["tuning_s"],
            "intents": round(learnt.chosen["cross_validated_accuracy"], 4),
            "intents_before": round(frozen_accuracy(self.lesson, encoder, self.home), 4),
            "right_first": trained.answering.right_first,
            "right_first_before": before.right_first,
        }
        gain = compared["intents"] - compared["intents_before"]
        gain += compared["right_first"] - compared["right_first_before"]
        compared["published"] = gain >= 0
        return (trained if gain >= 0 else None), compared

    def answering(self, learnt: Learnt, bundle: Bundle, encoder: Encoder | None = None) -> Answering:
        """Return when a passage answers, by the calibration questions; nothing without any."""
        settings = self.settings
        if not settings.questions:
            return Answering({}, {}, {})
        questions = [
            *read_questions(settings.questions),
            *(read_questions(settings.unanswerable) if settings.unanswerable else []),
            *(Question(text, None) for text in self.lesson.outside),
        ]
        searched = search_all(questions, bundle, self.home, self.retrieval, encoder or learnt.encoder, self.judge)
        scope = pick_intent_thresholds(learnt.view, settings.target_wrong).thresholds["out_of_scope"]
        _, scores = learnt.head.apply(*searched.utterances)
        return pick_answering(searched, scores < scope, settings)


def _lesson(settings: Settings, retrieval: RetrievalSettings) -> Lesson:
    """The labelled files, masked as the reader masks before it encodes."""
    mask = Masker.from_settings(retrieval).mask_identifiers
    outside = read_texts(settings.out_of_scope) if settings.out_of_scope else []
    return Lesson(
        [Labelled(mask(utterance.text), utterance.intent) for utterance in read_labelled(settings.utterances)],
        [mask(text) for text in outside],
        read_catalogue(settings.intents),
    )


def _judge(home: Path, retrieval: RetrievalSettings, encoder: Encoder) -> Judge:
    """Judges by the base weights always: what counts as the same answer must not move with the encoder judged."""
    folder = _base_folder(home, retrieval)
    with Corpus.read(home) as corpus:
        passages = all_passages(corpus)
    same = fingerprint_of(folder) == encoder.fingerprint
    return Judge(passages, encoder if same else SentenceEncoder(folder))


def _base_folder(home: Path, retrieval: RetrievalSettings) -> Path:
    return resolve_encoder(retrieval.encoder, home / WEIGHTS)


def _is_tuned(bundle: Bundle) -> bool:
    about = bundle.manifest.encoder
    return bool(about["fingerprint"] != about.get("base_fingerprint", about["fingerprint"]))


def _key(master_key: bytes | None) -> bytes:
    if master_key is None:
        raise NothingToServe("an encoder is tuned with the corpus's key at hand; its vectors are kept in the corpus")
    return master_key
