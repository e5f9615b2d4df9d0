"""The doctor's rows for this room."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.health import _faiss, check
from retrieval.ingest import IngestReport
from retrieval.settings import Settings

TakeIn = Callable[..., IngestReport]


def bad(home: Path, settings: Settings) -> dict[str, str]:
    return {row.what.split(" ")[0].rstrip(":"): row.mend for row in check(home, settings) if not row.ok}


@pytest.mark.parametrize(
    ("installed", "ok"),
    [({"faiss-cpu"}, True), ({"faiss-gpu"}, True), (set(), False), ({"faiss-cpu", "faiss-gpu"}, False)],
)
def test_exactly_one_faiss_is_well(installed: set[str], ok: bool) -> None:
    row = _faiss(frozenset(installed))
    assert row.ok is ok
    assert bool(row.mend) is not ok


def test_an_empty_home_says_what_to_run(home: Path) -> None:
    found = bad(home, Settings())
    assert set(found) == {"encoder", "corpus", "bundle"}
    assert "doctor --mend" in found["encoder"]
    assert "nightdesk ingest" in found["bundle"]


def test_a_home_that_was_ingested_is_well(
    take_in: TakeIn, company: tuple[Path, Path], home: Path, tmp_path: Path
) -> None:
    take_in(*company)
    assert bad(home, Settings(encoder=str(tmp_path / "encoder"))) == {}


def test_damage_is_found_and_named(take_in: TakeIn, company: tuple[Path, Path], home: Path, tmp_path: Path) -> None:
    report = take_in(*company)
    (home / "models" / report.bundle / "index.safetensors").write_bytes(b"x")
    (home / "corpus.db").write_bytes(b"x" * 10_000)
    assert set(bad(home, Settings(encoder=str(tmp_path / "encoder")))) == {"corpus", "bundle"}


def test_weights_that_are_not_the_pinned_ones_are_found(home: Path) -> None:
    (home / "weights" / "minilm").mkdir(parents=True)
    (home / "weights" / "minilm" / "model.safetensors").write_bytes(b"x")
    assert "delete" in bad(home, Settings())["encoder"]
