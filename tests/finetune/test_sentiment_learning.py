"""Learning how texts sound: the files, the fit, the threshold for anger, the bench."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tiny_bert import make_tiny_bert

from bot.sentiment import DESCRIPTION_FILE, TENSORS_FILE, SentimentHead
from bot.surface import read_surface
from finetune.bench.sentiment import bench_sentiment
from finetune.errors import BadLabels
from finetune.sentiment.fit import deal, fit_sentiment, matrix
from finetune.sentiment.labelled import read_moods
from finetune.sentiment.learn import NEVER, learn_sentiment, pick_upset
from finetune.sentiment.states import states_of
from retrieval.encoder import BatchDone, Embeddings, SentenceEncoder

ROOT = Path(__file__).resolve().parents[2]
GOOD = ["lovely", "great", "thank you", "perfect", "super", "好极了"]
BAD = ["awful", "shame on you", "you liars", "never again", "cheats", "太差了"]
THINGS = ["parcel", "fern", "pot", "olive tree", "answer"]
TEXTS = [f"{word}, the {thing}" for word in (*GOOD, *BAD) for thing in THINGS]
LABELS = [label for label, words in (("glad", GOOD), ("cross", BAD)) for _ in words for _ in THINGS]


class WordEncoder:
    """Each word adds its own direction; rows of unit length. It has vectors only, no layers."""

    width, fingerprint, folder = 64, "words", Path()

    def encode(self, texts: Sequence[str], *, on_batch: BatchDone | None = None) -> Embeddings:
        rows = np.full((len(texts), self.width), 1e-3, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.replace(",", "").split():
                row += np.random.default_rng(zlib.crc32(word.encode())).normal(size=self.width).astype(np.float32)
        result: Embeddings = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return result


def write(path: Path, texts: Sequence[str], labels: Sequence[str], header: tuple[str, str] = ("text", "label")) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *zip(texts, labels, strict=True)])
    return path


def test_a_file_may_be_gzipped_have_other_names_and_lines_within_a_text(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.csv", ["one\ntwo", ""], ["x", "y"], ("review", "airline_sentiment"))
    packed = tmp_path / "a.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        rows = read_moods(path)
        assert (rows.texts, rows.labels) == (("one\ntwo", ""), ("x", "y"))


def test_a_bad_file_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(BadLabels, match="does not exist"):
        read_moods(tmp_path / "none.csv")
    with pytest.raises(BadLabels, match=r"a\.csv:1 has the header 'words,label'; expected text,label"):
        read_moods(write(tmp_path / "a.csv", ["x"], ["y"], ("words", "label")))
    with pytest.raises(BadLabels, match=r"b\.csv:3 needs both"):
        read_moods(write(tmp_path / "b.csv", ["x", "z"], ["y", ""]))
    with pytest.raises(BadLabels, match="no labelled text"):
        read_moods(write(tmp_path / "c.csv", [], []))
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress(b"text,label\na,b\n")[:-9])
    with pytest.raises(BadLabels, match="cannot be read"):
        read_moods(tmp_path / "d.csv.gz")


@pytest.mark.parametrize("width", [64, 0])
def test_what_was_learnt_is_right_about_new_texts_with_states_or_without(width: int) -> None:
    encoder = WordEncoder()
    head, held_out, _ = fit_sentiment(TEXTS, LABELS, encoder.encode(TEXTS)[:, :width], folds=3, seed=1)
    asked = ["lovely, the trowel", "you liars, the trowel", "太差了", "好极了"]
    named = [head.labels[i] for i in head.named(head.probabilities(asked, encoder.encode(asked)[:, :width]))]
    assert named == ["glad", "cross", "cross", "glad"]
    assert (held_out.probabilities.argmax(axis=1) == held_out.gold).mean() > 0.9
    np.testing.assert_allclose(held_out.probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_head_reads_a_text_as_the_fit_did() -> None:
    head, _, _ = fit_sentiment(TEXTS, LABELS, WordEncoder().encode(TEXTS), folds=3, seed=1)
    read = [read_surface(text) for text in [*TEXTS[::7], "nothing known", ""]]
    twin = matrix(read, head.words, head.characters) @ head.surface_weight + head.surface_bias
    np.testing.assert_allclose(head.surface_logits(read), twin, atol=1e-5)


def test_a_label_of_one_text_and_many_labels_are_learnt() -> None:
    texts = [*TEXTS, "hm"]
    labels = [f"{label} {i % 3}" for i, label in enumerate(LABELS)] + ["odd"]
    head, held_out, _ = fit_sentiment(texts, labels, np.zeros((len(texts), 0), np.float32), folds=3, seed=1)
    assert len(head.labels) == 7
    assert np.isfinite(held_out.probabilities).all()


def test_too_little_is_refused() -> None:
    with pytest.raises(BadLabels, match="every text has the label 'a'"):
        fit_sentiment(["x", "y"], ["a", "a"], np.zeros((2, 0), np.float32), folds=2, seed=1)
    with pytest.raises(BadLabels, match="no label has more than 1"):
        fit_sentiment(["x", "y"], ["a", "b"], np.zeros((2, 0), np.float32), folds=2, seed=1)


def test_every_label_is_dealt_evenly_over_the_folds() -> None:
    gold = np.asarray([0] * 10 + [1] * 7 + [2])
    fold_of = deal(gold, 3, seed=5)
    for label in range(3):
        counts = np.bincount(fold_of[gold == label], minlength=3)
        assert counts.max() - counts.min() <= 1
    assert np.ptp(np.bincount(fold_of)) <= 1


@pytest.mark.parametrize(
    ("calm", "target", "threshold"),
    [
        ([0.1, 0.2, 0.3, 0.9], 0.3, 0.5),  # one of four may be wrong: below a half it stops
        ([0.1, 0.2, 0.6, 0.9], 0.3, 0.6001),
        ([0.1, 0.2, 0.6, 0.9], 0.01, 0.9001),
        ([], 0.01, 0.5),
    ],
)
def test_the_threshold_for_anger_is_the_lowest_that_few_of_the_calm_reach(
    calm: list[float], target: float, threshold: float
) -> None:
    probability = np.asarray([*calm, 0.95], np.float32)
    angry = np.asarray([False] * len(calm) + [True])
    assert pick_upset(probability, angry, target) == pytest.approx(threshold, abs=1e-6)
    assert (probability[~angry] >= pick_upset(probability, angry, target)).sum() <= target * len(calm)


def test_without_an_angry_text_nobody_is_called_upset() -> None:
    assert pick_upset(np.ones(3, np.float32), np.zeros(3, bool), 0.01) == NEVER


def test_what_train_puts_into_a_bundle_hears_anger(tmp_path: Path) -> None:
    path = write(tmp_path / "moods.csv", TEXTS, LABELS)
    encoder = WordEncoder()

    def learnt(*upset: str) -> SentimentHead:
        files = learn_sentiment(
            path, encoder, str.lower, upset=upset, target_false_alarms=0.01, folds=3, seed=1
        ).files  # fmt: skip
        return SentimentHead.from_bytes(files[TENSORS_FILE], files[DESCRIPTION_FILE])

    asked = ["you liars, the fern", "lovely, the fern"]
    moods = learnt("cross").read(asked, states_of(encoder, asked))
    assert [(mood.label, mood.upset) for mood in moods] == [("cross", True), ("glad", False)]
    assert not any(mood.upset for mood in learnt().read(asked, states_of(encoder, asked)))
    with pytest.raises(BadLabels, match=r"no text in .*moods\.csv has the label 'angry'.*its labels are cross, glad"):
        learnt("angry")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("weights") / "tiny")


def test_states_are_the_middle_layers_in_the_order_of_the_texts(tiny: Path) -> None:
    encoder = SentenceEncoder(tiny, threads=1)
    texts = ["where is my order", "money back", "late", "cancel it now please"]
    told: list[tuple[int, int]] = []
    states = states_of(encoder, texts, lambda done, steps, left: told.append((done, steps)))
    assert states.shape == (4, encoder.width)  # of two layers one is in the middle
    assert told[-1] == (4, 4)
    np.testing.assert_allclose(states[2:3], states_of(encoder, ["late"]), atol=1e-5)


def test_the_bench_reports_a_test_file_that_it_opens_only_after_training(tiny: Path, tmp_path: Path) -> None:
    train, test = write(tmp_path / "train.csv", TEXTS, LABELS), tmp_path / "test.csv"

    def write_it_late(done: int, steps: int, left_s: float) -> None:
        write(test, ["lovely, the bulb", "shame on you", "what"], ["glad", "cross", "new"])

    report = bench_sentiment(tiny, train, test, told=write_it_late)
    assert {"accuracy", "macro_f1", "by_label", "baseline", "train_s", "ms_per_utterance"} <= set(report)
    assert report["by_label"].pop("new") == 0.0, "training lacks it"
    assert sorted(report["by_label"].values()) == pytest.approx([2 / 3, 1.0], abs=1e-3)
    assert report["accuracy"] == pytest.approx(2 / 3, abs=1e-3)
    assert set(report["baseline"]["tfidf_logistic"]) == {"accuracy", "macro_f1"}


def test_the_bench_can_cross_validate(tiny: Path, tmp_path: Path) -> None:
    train = write(tmp_path / "train.csv", TEXTS, LABELS)
    report = bench_sentiment(tiny, train, folds=3)
    assert (report["folds"], len(report["chosen"])) == (3, 3)
    assert report["macro_f1"] > 0.9
    assert report["macro_f1"] == pytest.approx(np.mean(list(report["by_label"].values())), abs=1e-3)


def test_the_bench_wants_a_test_file_or_folds(tiny: Path, tmp_path: Path) -> None:
    train = write(tmp_path / "train.csv", TEXTS, LABELS)
    for test, folds in ((None, None), (train, 3)):
        with pytest.raises(BadLabels, match="either"):
            bench_sentiment(tiny, train, test, folds=folds)
    with pytest.raises(BadLabels, match="folds is 1"):
        bench_sentiment(tiny, train, folds=1)


def test_the_demos_moods_are_labelled_and_the_held_out_ones_are_others() -> None:
    learnt, held_out = (read_moods(ROOT / "data" / "demo" / name) for name in ("sentiment.csv", "sentiment_test.csv"))
    assert set(learnt.labels) == set(held_out.labels) == {"angry", "happy", "neutral", "unhappy"}
    assert len({text.lower() for text in learnt.texts}) == len(learnt.texts) >= 600
    assert not {text.lower() for text in learnt.texts} & {text.lower() for text in held_out.texts}
    for rows in (learnt, held_out):
        assert sum(any("\u4e00" <= c <= "\u9fff" for c in text) for text in rows.texts) >= 20
