"""The real encoder, loaded from var/weights: what it says and how it batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from retrieval.bundle import open_bundle, width_of
from retrieval.encoder import Encoder, SentenceEncoder
from retrieval.ingest import IngestReport
from retrieval.search import Searcher

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def real(weights: Path) -> SentenceEncoder:
    return SentenceEncoder(weights / "minilm")


def test_it_is_an_encoder_as_wide_as_its_folder_says(real: SentenceEncoder) -> None:
    assert isinstance(real, Encoder)
    assert real.width == width_of(real.folder) == 384
    assert len(real.fingerprint) == 12


def test_rows_are_unit_float32_in_the_order_of_the_texts(real: SentenceEncoder) -> None:
    texts = ["short", "a rather longer text about pots and plants " * 8, "", "middling text here", "short"]
    rows = real.encode(texts)
    assert (rows.shape, rows.dtype) == ((5, 384), np.float32)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-3)
    assert float(rows[0] @ rows[4]) == pytest.approx(1.0, abs=1e-3)


def test_a_batch_of_many_is_many_batches_of_one(real: SentenceEncoder) -> None:
    texts = [f"question {n} about {'pots ' * (n % 9)}" for n in range(70)]
    together, alone = real.encode(texts), np.vstack([real.encode([text]) for text in texts])
    assert float(np.einsum("nd,nd->n", together, alone).min()) > 0.999


def test_nothing_gives_nothing(real: SentenceEncoder) -> None:
    assert real.encode([]).shape == (0, 384)


def test_progress_reaches_the_end(real: SentenceEncoder) -> None:
    seen: list[tuple[int, int]] = []
    real.encode(["a text"] * 130, on_batch=lambda done, total: seen.append((done, total)))
    assert seen == [(64, 130), (128, 130), (130, 130)]


def test_meaning_is_near_and_another_matter_is_far(real: SentenceEncoder) -> None:
    asked, same, other = real.encode(["Where is my parcel?", "Has my package been delivered yet?", "I like tulips."])
    assert asked @ same > asked @ other + 0.2


def test_a_question_in_unseen_words_finds_the_article(
    real: SentenceEncoder, take_in: Callable[..., IngestReport], company: tuple[Path, Path], home: Path
) -> None:
    take_in(*company, encoder=real)
    query = "How do I send a planter back to you?"
    hit = Searcher(open_bundle(home), home).search([query], real.encode([query]), 3)[0][0]
    assert hit.passage.source == "returns.md"
    assert hit.cosine is not None
    assert hit.cosine > 0.3
