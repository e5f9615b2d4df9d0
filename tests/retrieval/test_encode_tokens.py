from pathlib import Path

import numpy as np
import pytest

from retrieval.encoder import SentenceEncoder, TokenEncoder

TEXTS = ["Where is my parcel?", "no", "the wheelbarrow I ordered on Monday squeaks", ""]


@pytest.fixture(scope="module")
def encoder(weights: Path) -> SentenceEncoder:
    return SentenceEncoder(weights / "minilm", threads=1, batch_size=2)


@pytest.mark.weights
def test_the_vectors_are_those_of_encode_and_every_token_has_unit_length(encoder: SentenceEncoder) -> None:
    assert isinstance(encoder, TokenEncoder)
    vectors, tokens = encoder.encode_tokens(TEXTS)
    np.testing.assert_allclose(vectors, encoder.encode(TEXTS), atol=1e-6)
    assert [len(rows) for rows in tokens][1] == 1
    assert tokens[3].shape == (0, encoder.width)
    np.testing.assert_allclose(np.linalg.norm(tokens[2], axis=1), 1.0, atol=1e-5)


@pytest.mark.weights
def test_the_library_gives_the_same_tokens(encoder: SentenceEncoder, weights: Path) -> None:
    _, ours = encoder.encode_tokens(TEXTS[:3])
    _, theirs = SentenceEncoder(weights / "minilm", threads=1, packed=False).encode_tokens(TEXTS[:3])
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-4)


@pytest.mark.weights
def test_no_texts_give_nothing(encoder: SentenceEncoder) -> None:
    vectors, tokens = encoder.encode_tokens([])
    assert (vectors.shape, tokens) == ((0, encoder.width), [])
