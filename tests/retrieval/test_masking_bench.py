"""The masking bench by a hand-worked example."""

import gzip
import json
from pathlib import Path

import pytest

from retrieval.errors import BadInput
from retrieval.masking import Masker
from retrieval.masking_bench import bench_masking, read_marked, replaced_in
from retrieval.settings import Settings

MASKER = Masker.from_settings(Settings())


def written(path: Path, *rows: tuple[str, dict[str, str]]) -> Path:
    """Rows of a text and its marked words by kind."""
    made = [
        {
            "full_text": text,
            "spans": [
                {"entity_type": kind, "start_position": text.index(said), "end_position": text.index(said) + len(said)}
                for said, kind in spans.items()
            ],
        }
        for text, spans in rows
    ]
    path.write_bytes(gzip.compress(json.dumps(made).encode()))
    return path


def test_recall_and_precision_are_counted_by_span(tmp_path: Path) -> None:
    path = written(
        tmp_path / "marked.json.gz",
        ("hello Anna Keller, mail to x@y.example", {"Anna Keller": "PERSON", "x@y.example": "EMAIL"}),
        ("from wilhelmina about Anna", {"wilhelmina": "PERSON"}),  # Anna is masked, but nobody marked her
    )
    report = bench_masking(path, MASKER, None)
    assert report["texts"] == 2
    assert report["rules"] == {
        "recall": {"EMAIL": 1.0, "PERSON": 0.5}, "recall_of_all": 0.6667, "precision": 0.6667,
    }  # fmt: skip
    assert "rules_and_tagger" not in report


def test_a_half_masked_span_is_not_found() -> None:
    assert replaced_in("call Anna Keller now", "call [NAME] Keller now") == [(5, 9)]
    assert replaced_in("no data", "no data") == []


@pytest.mark.parametrize("content", [b"{}x", b'[{"full_text": "a"}]', b'[{"full_text": "a", "spans": [{}]}]', b"[1]"])
def test_a_file_of_another_shape_is_refused_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"bad\.json is no list of"):
        read_marked(path)
    with pytest.raises(BadInput, match="does not exist"):
        read_marked(tmp_path / "none.json")
