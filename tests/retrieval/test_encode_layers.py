from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrieval.encoder import LayerEncoder, SentenceEncoder
from retrieval.packed_bert import middle_layers

TEXTS = ["Where is my parcel?", "no", "the wheelbarrow I ordered on Monday squeaks", ""]


@pytest.fixture(scope="module")
def encoder(weights: Path) -> SentenceEncoder:
    return SentenceEncoder(weights / "minilm", threads=1, batch_size=2)


@pytest.mark.weights
def test_the_vectors_are_those_of_encode_and_the_layers_stand_side_by_side(encoder: SentenceEncoder) -> None:
    assert isinstance(encoder, LayerEncoder)
    vectors, tokens, layers = encoder.encode_layers(TEXTS)
    np.testing.assert_allclose(vectors, encoder.encode(TEXTS), atol=1e-6)
    assert len(tokens) == len(TEXTS)
    assert layers.shape == (len(TEXTS), 3 * encoder.width)


@pytest.mark.weights
def test_the_library_gives_the_same_layers(encoder: SentenceEncoder, weights: Path) -> None:
    *_, ours = encoder.encode_layers(TEXTS)
    *_, theirs = SentenceEncoder(weights / "minilm", threads=1, packed=False).encode_layers(TEXTS)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.weights
def test_no_texts_give_no_rows_of_the_right_width(encoder: SentenceEncoder) -> None:
    assert encoder.encode_layers([])[2].shape == (0, 3 * encoder.width)


def test_the_middle_begins_half_way_and_leaves_the_last_layer_out() -> None:
    assert list(middle_layers(6)) == [3, 4, 5]
    assert list(middle_layers(2)) == [1]
    assert list(middle_layers(1)) == [0]
