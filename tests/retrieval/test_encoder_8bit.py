"""The encoder in LLM.int8, as a GPU serves it, on the CPU where bitsandbytes runs too."""

from pathlib import Path

import numpy as np
import pytest

from retrieval.encoder import SentenceEncoder

TEXTS = ["Where is my parcel?", "no", "the wheelbarrow I ordered on Monday squeaks", "Can I pay by card?"]


@pytest.mark.weights
def test_8_bits_hardly_turn_a_vector(weights: Path) -> None:
    exact = SentenceEncoder(weights / "minilm", device="cpu", threads=1)
    small = SentenceEncoder(weights / "minilm", device="cpu", threads=1, eight_bit=True)
    assert (small.eight_bit, exact.eight_bit) == (True, False)
    assert small.fingerprint == exact.fingerprint
    vectors = small.encode(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert (vectors * exact.encode(TEXTS)).sum(axis=1).min() > 0.99
