"""The index against plain matrix arithmetic, and against what can happen to its bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from retrieval.encoder import Embeddings
from retrieval.errors import BundleDamaged, BundleMismatch
from retrieval.index import RowFilter, VectorIndex


def unit(count: int, width: int = 16, seed: int = 0) -> Embeddings:
    rows = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def saved(index: VectorIndex, tmp_path: Path) -> VectorIndex:
    path = tmp_path / "index.safetensors"
    path.write_bytes(index.to_bytes())
    return VectorIndex.from_file(str(path))


def test_neighbours_and_cosines_are_those_of_the_matrix() -> None:
    rows, queries = unit(300), unit(7, seed=1)
    cosines, found = VectorIndex.build(rows, range(300), "f").search(queries, 10)
    likeness = queries @ rows.T
    assert (found == np.argsort(-likeness, axis=1)[:, :10]).all()
    assert np.allclose(cosines, np.take_along_axis(likeness, found, axis=1), atol=1e-6)


def test_a_filter_leaves_only_its_rows_and_pads_with_minus_one() -> None:
    rows, queries = unit(300), unit(3, seed=1)
    allowed = np.zeros(300, dtype=np.bool_)
    allowed[[5, 17, 250]] = True
    _, found = VectorIndex.build(rows, range(300), "f").search(queries, 5, RowFilter(allowed))
    assert all(set(line) == {5, 17, 250, -1} for line in found.tolist())


def test_inverted_lists_find_nearly_what_the_matrix_finds() -> None:
    rows, queries = unit(4000), unit(50, seed=1)
    index = VectorIndex.build(rows, range(4000), "f", ivf_rows=1000)
    assert index.describe()["kind"] == "ivf"
    _, found = index.search(queries, 10)
    exact = np.argsort(-(queries @ rows.T), axis=1)[:, :10]
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), exact.tolist(), strict=True)]) > 0.5


@pytest.mark.parametrize("ivf_rows", [1000, 100_000])
def test_equal_input_gives_equal_bytes_and_reading_gives_them_back(tmp_path: Path, ivf_rows: int) -> None:
    build = lambda: VectorIndex.build(unit(3000), [n // 3 for n in range(3000)], "f", ivf_rows=ivf_rows)  # noqa: E731
    first, second = build(), build()
    assert first.to_bytes() == second.to_bytes()
    read = saved(first, tmp_path)
    assert read.to_bytes() == first.to_bytes()
    queries = unit(5, seed=2)
    assert (read.search(queries, 4)[1] == first.search(queries, 4)[1]).all()


def test_a_passages_cosine_is_that_of_its_best_row() -> None:
    rows = unit(6)
    index = VectorIndex.build(rows, [7, 7, 9, 9, 9, 12], "f", without_vector=[30])
    query = unit(1, seed=5)[0]
    assert index.cosine(query, 9) == pytest.approx(float((rows[2:5] @ query).max()), abs=1e-6)
    assert index.cosine(query, 8) is None
    assert [index.knows(p) for p in (7, 8, 12, 13, 30)] == [True, False, True, False, True]


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    index = saved(VectorIndex.build(np.zeros((0, 16), np.float32), [], "f", without_vector=[1]), tmp_path)
    assert index.search(unit(2), 5)[1].shape == (2, 0)
    assert index.knows(1)


def test_a_query_of_another_width_is_refused_with_both_numbers() -> None:
    with pytest.raises(BundleMismatch, match=r"\(2, 8\).*16"):
        VectorIndex.build(unit(10), range(10), "f").search(unit(2, width=8), 3)


def test_rows_and_passages_must_be_as_many() -> None:
    with pytest.raises(BundleMismatch, match="9 passages"):
        VectorIndex.build(unit(10), range(9), "f")


def test_a_cut_off_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "index.safetensors"
    blob = VectorIndex.build(unit(50), range(50), "f").to_bytes()
    for length in (0, 7, 100, len(blob) // 2, len(blob) - 1):
        path.write_bytes(blob[:length])
        with pytest.raises(BundleDamaged, match=r"index\.safetensors"):
            VectorIndex.from_file(str(path))
