"""The intent head."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bot.catalogue import Handle, IntentEntry
from bot.errors import HeadError
from bot.head import CATALOGUE_FILE, TENSORS_FILE, IntentHead, ScopeWeights


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def head() -> IntentHead:
    rng = np.random.default_rng(7)
    return IntentHead(
        labels=("track_order", "greet", "voucher"),
        weight=rng.normal(size=(3, 8)).astype(np.float32),
        bias=rng.normal(size=3).astype(np.float32),
        exemplars=unit(rng.normal(size=(5, 8))),
        temperature=0.7,
        scope=ScopeWeights(1.0, -2.0, -3.0, -0.5, 1.5),
        outside=unit(rng.normal(size=(4, 8))),
        catalogue={
            "track_order": IntentEntry("Track an order", Handle.ACTION, "action_track_order"),
            "greet": IntentEntry("Say hello", Handle.RESPOND, responses=("Hello!",)),
            "voucher": IntentEntry("Use a voucher", Handle.SEARCH),
        },
    )


@pytest.fixture
def embeddings() -> np.ndarray:
    return unit(np.random.default_rng(8).normal(size=(4, 8)))


def test_probabilities_equal_the_formula_row_by_row(head: IntentHead, embeddings: np.ndarray) -> None:
    probabilities, _ = head.apply(embeddings)
    for row, x in zip(probabilities, embeddings, strict=True):
        logits = [(float(x @ w) + float(b)) / 0.7 for w, b in zip(head.weight, head.bias, strict=True)]
        powers = np.exp(logits)
        np.testing.assert_allclose(row, powers / powers.sum(), rtol=1e-4)


def test_out_of_scope_is_the_logistic_of_its_four_features(head: IntentHead, embeddings: np.ndarray) -> None:
    probabilities, out_of_scope = head.apply(embeddings)
    for score, row, x in zip(out_of_scope, probabilities, embeddings, strict=True):
        nearest = max(float(x @ exemplar) for exemplar in head.exemplars)
        energy = np.log(
            sum(np.exp((float(x @ w) + float(b)) / 0.7) for w, b in zip(head.weight, head.bias, strict=True))
        )
        outside = np.mean(sorted(float(x @ exemplar) for exemplar in head.outside)[-3:])
        raw = 1 - 2 * row.max() - 3 * nearest - 0.5 * energy + 1.5 * outside
        assert score == pytest.approx(1 / (1 + np.exp(-raw)), rel=1e-4)


def test_a_batch_of_four_equals_four_batches_of_one(head: IntentHead, embeddings: np.ndarray) -> None:
    together, scores = head.apply(embeddings)
    for i in range(4):
        alone, score = head.apply(embeddings[i : i + 1])
        np.testing.assert_allclose(alone[0], together[i], rtol=1e-5)
        assert score[0] == pytest.approx(scores[i], rel=1e-5)


def test_a_saved_head_answers_as_the_one_in_memory(head: IntentHead, embeddings: np.ndarray, tmp_path: Path) -> None:
    head.save(tmp_path)
    again = IntentHead.load(tmp_path)
    assert again.catalogue == head.catalogue
    assert again.labels == head.labels
    for ours, theirs in zip(head.apply(embeddings), again.apply(embeddings), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_damaged_files_are_refused_with_a_sentence(head: IntentHead) -> None:
    tensors, description = head.to_bytes()
    for damaged in [(tensors[:40], description), (tensors, description[:-9]), (tensors, b"{}"), (b"", description)]:
        with pytest.raises(HeadError, match="damaged"):
            IntentHead.from_bytes(*damaged)


def test_a_newer_format_and_a_missing_file_are_named(head: IntentHead, tmp_path: Path) -> None:
    head.save(tmp_path)
    raw = json.loads((tmp_path / CATALOGUE_FILE).read_text())
    (tmp_path / CATALOGUE_FILE).write_text(json.dumps(raw | {"format": 99}))
    with pytest.raises(HeadError, match="format 99"):
        IntentHead.load(tmp_path)
    (tmp_path / TENSORS_FILE).unlink()
    with pytest.raises(HeadError, match="cannot be read"):
        IntentHead.load(tmp_path)


def test_embeddings_of_another_width_are_refused(head: IntentHead) -> None:
    with pytest.raises(HeadError, match=r"\(2, 5\)"):
        head.apply(np.zeros((2, 5), np.float32))


def test_a_trained_intent_without_a_description_is_refused(head: IntentHead) -> None:
    tensors, description = head.to_bytes()
    raw = json.loads(description)
    del raw["intents"]["greet"]
    with pytest.raises(HeadError, match="'greet'"):
        IntentHead.from_bytes(tensors, json.dumps(raw).encode())


def test_an_action_intent_without_an_action_is_refused(head: IntentHead) -> None:
    tensors, description = head.to_bytes()
    raw = json.loads(description)
    raw["intents"]["track_order"]["action"] = None
    with pytest.raises(HeadError, match="'track_order'"):
        IntentHead.from_bytes(tensors, json.dumps(raw).encode())
