"""`nightdesk bench sentiment`: learn how texts sound from one file, and measure on another or on folds of the first."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.sentiment import SentimentHead
from finetune.bench.scores import calibration_error
from finetune.errors import BadLabels
from finetune.progress import Told
from finetune.sentiment.fit import deal, fit_sentiment
from finetune.sentiment.labelled import Moods, read_moods
from finetune.sentiment.states import states_of
from retrieval.encoder import SentenceEncoder
from retrieval.words import words

TIMED = 200
FOLDS, SEED = 3, 13
BASELINE_C = (1.0, 5.0, 25.0)


def bench_sentiment(
    base: Path, train: Path, test: Path | None = None, *, folds: int | None = None, told: Told | None = None
) -> dict[str, Any]:
    """Return the figures of `nightdesk bench sentiment --json`: of `test`, or the means over `folds` of `train`.

    The test file is opened after the head is sealed. macro_f1 and by_label are over the labels of what is tested; one
    that training lacks counts with F1 0. baseline: TF-IDF of words and pairs with a balanced logistic regression, its C
    chosen on three folds of the training texts.
    """
    if (test is None) == (folds is None):
        raise BadLabels("give either a test file or a number of folds")
    if folds is not None and folds < 2:
        raise BadLabels(f"folds is {folds}; it should be at least 2")
    rows = read_moods(train)
    encoder = SentenceEncoder(base, threads=1)
    states = states_of(encoder, rows.texts, told)
    if folds is None:
        assert test is not None
        runs = [_run(encoder, rows, states, None, partial(read_moods, test))]
    else:
        _, gold = np.unique(rows.labels, return_inverse=True)
        fold_of = deal(gold, folds, SEED)
        runs = []
        for fold in range(folds):
            seen, held = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
            if not len(held):
                raise BadLabels(f"{train} has {len(rows.texts)} texts, too few for {folds} folds")
            runs.append(_run(encoder, rows.at(seen), states[seen], states[held], partial(rows.at, held)))
    return _summary(runs, states_s=encoder.seconds, texts=len(rows.texts), folds=folds)


def _run(
    encoder: SentenceEncoder,
    train: Moods,
    states: NDArray[np.float32],
    asked_states: NDArray[np.float32] | None,
    opened: Callable[[], Moods],
) -> dict[str, Any]:
    """Learn, then look: the figures of one test set, ours and the baseline's."""
    started = time.perf_counter()
    head, _, chosen = fit_sentiment(train.texts, train.labels, states, folds=FOLDS, seed=SEED)
    train_s = time.perf_counter() - started
    baseline = _fit_baseline(train)
    asked = opened()  # here, and nowhere before
    found = asked_states if asked_states is not None else states_of(encoder, asked.texts)
    probabilities = head.probabilities(asked.texts, found)
    named = [head.labels[i] for i in head.named(probabilities)]
    likeliest = np.asarray([head.labels[i] for i in probabilities.argmax(axis=1)])
    return {
        **_figures(named, asked.labels),
        "ece": calibration_error(probabilities.max(axis=1), likeliest == np.asarray(asked.labels)),
        "baseline": _figures(baseline.predict(asked.texts), asked.labels),
        "train_s": train_s,
        "ms_per_utterance": _ms(encoder, head, asked.texts[:TIMED]),
        "chosen": chosen,
    }


def _figures(named: Sequence[str], gold: Sequence[str]) -> dict[str, Any]:
    from sklearn.metrics import f1_score

    labels = sorted(set(gold))
    each = f1_score(gold, named, labels=labels, average=None, zero_division=0)
    right = np.asarray(named) == np.asarray(gold)
    return {
        "accuracy": float(right.mean()),
        "macro_f1": float(each.mean()),
        "by_label": dict(zip(labels, map(float, each), strict=True)),
    }


def _fit_baseline(train: Moods) -> Any:
    """TF-IDF of words and pairs of words, Chinese cut by jieba, and a logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, preprocessor=_spaced)
    model = make_pipeline(vectorizer, LogisticRegression(max_iter=1000, class_weight="balanced"))
    rarest = min(train.labels.count(label) for label in set(train.labels))
    if rarest < FOLDS:
        return model.fit(train.texts, train.labels)
    grid = {"logisticregression__C": BASELINE_C}
    return GridSearchCV(model, grid, scoring="f1_macro", cv=FOLDS).fit(train.texts, train.labels)


def _spaced(text: str) -> str:
    """Chinese and Japanese cut into words with spaces, so that the baseline reads them too; the rest in lower case."""
    cut = any("\u3040" <= c <= "\u9fff" for c in text)
    return " ".join(words(text)) if cut else text.lower()


def _ms(encoder: SentenceEncoder, head: SentimentHead, texts: Sequence[str]) -> float:
    """Milliseconds an utterance alone takes, the encoder's forward pass included."""
    started = time.perf_counter()
    for text in texts:
        head.read([text], states_of(encoder, [text]))
    return (time.perf_counter() - started) / len(texts) * 1000


def _summary(runs: Sequence[dict[str, Any]], *, states_s: float, texts: int, folds: int | None) -> dict[str, Any]:
    def mean(*names: str) -> float:
        values = []
        for run in runs:
            value: Any = run
            for name in names:
                value = value[name]
            values.append(float(value))
        return round(float(np.mean(values)), 4)

    labels = sorted({label for run in runs for label in run["by_label"]})
    return {
        "accuracy": mean("accuracy"),
        "macro_f1": mean("macro_f1"),
        "by_label": {
            label: round(float(np.mean([run["by_label"][label] for run in runs if label in run["by_label"]])), 4)
            for label in labels
        },
        "baseline": {
            "tfidf_logistic": {"accuracy": mean("baseline", "accuracy"), "macro_f1": mean("baseline", "macro_f1")}
        },
        "ece": mean("ece"),
        "train_s": round(mean("train_s") + states_s, 2),
        "ms_per_utterance": mean("ms_per_utterance"),
        "texts": texts,
        "folds": folds,
        "macro_f1_std": round(float(np.std([run["macro_f1"] for run in runs])), 4),
        "chosen": [run["chosen"] for run in runs],
    }
