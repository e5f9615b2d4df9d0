"""CoNLL files in every scheme, and the scores by hand-worked examples."""

import gzip
from pathlib import Path

import pytest

from finetune.entities.conll import Chunk, as_iob2, chunks_of, read_conll
from finetune.entities.scores import entity_figures, token_figures
from finetune.errors import BadLabels


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_four_schemes_come_out_as_the_same_iob2(tmp_path: Path) -> None:
    words = ["Ada", "Lindqvist", "Bruno", "wrote", "from", "Cork"]
    schemes = {
        "iob1": ["I-PER", "I-PER", "B-PER", "O", "O", "I-LOC"],
        "iob2": ["B-PER", "I-PER", "B-PER", "O", "O", "B-LOC"],
        "bioes": ["B-PER", "E-PER", "S-PER", "O", "O", "S-LOC"],
        "bilou": ["B-PER", "L-PER", "U-PER", "O", "O", "U-LOC"],
    }
    for name, tags in schemes.items():
        lines = [f"{word} NNP {tag}" for word, tag in zip(words, tags, strict=True)]
        sentence = read_conll(written(tmp_path / name, *lines))[0]
        assert sentence.tags == ("B-PER", "I-PER", "B-PER", "O", "O", "B-LOC"), name


def test_documents_blank_lines_tabs_and_gzip_are_read(tmp_path: Path) -> None:
    plain = "-DOCSTART- -X- O O\n\n\nCork\tB-LOC\n\u00a0\tO\n\n  \nhi O\n-DOCSTART- O\n\n"
    path = tmp_path / "train.conll.gz"
    path.write_bytes(gzip.compress(plain.encode()))
    assert [sentence.words for sentence in read_conll(path)] == [("Cork", "\u00a0"), ("hi",)]


@pytest.mark.parametrize("line", ["Cork", "Cork LOC", "Cork B-", "Cork X-LOC"])
def test_a_line_without_a_tag_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadLabels, match=r"bad\.conll:2 reads Cork.*B-PERSON"):
        read_conll(written(tmp_path / "bad.conll", "hi O", line))


def test_files_that_hold_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadLabels, match="holds no sentence"):
        read_conll(written(tmp_path / "empty.conll", "", "-DOCSTART- O"))
    with pytest.raises(BadLabels, match="does not exist"):
        read_conll(tmp_path / "none.conll")
    (tmp_path / "torn.gz").write_bytes(gzip.compress(b"hi O\n" * 99)[:-9])
    with pytest.raises(BadLabels, match="cannot be read"):
        read_conll(tmp_path / "torn.gz")


def test_an_inside_tag_of_another_kind_begins_an_entity() -> None:
    assert chunks_of(["I-A", "I-B", "O", "I-B", "B-B"]) == [
        Chunk(0, 1, "A"),
        Chunk(1, 2, "B"),
        Chunk(3, 4, "B"),
        Chunk(4, 5, "B"),
    ]


def test_chunks_and_tags_say_the_same() -> None:
    tags = ("O", "B-A", "I-A", "B-A", "O", "B-B")
    assert as_iob2(chunks_of(tags), len(tags)) == tags


def test_an_entity_is_right_only_whole_and_of_its_kind() -> None:
    gold = [["B-A", "I-A", "O", "B-B"], ["B-A", "O", "B-B", "O"]]
    named = [["B-A", "O", "O", "B-B"], ["B-A", "O", "B-A", "B-B"]]  # right: one B, one A; said 5, meant 4
    figures = entity_figures(gold, named)
    assert figures["entity_precision"] == 2 / 5
    assert figures["entity_recall"] == 2 / 4
    assert figures["entity_f1"] == pytest.approx(2 * 2 / 9)
    assert figures["by_kind"] == {"A": pytest.approx(2 / 5), "B": pytest.approx(2 / 4)}


def test_outside_counts_as_a_class_of_tokens() -> None:
    figures = token_figures([["B-A", "I-A", "O", "O"]], [["B-A", "O", "O", "O"]])
    assert figures["token_micro_f1"] == 0.75
    assert figures["token_macro_f1"] == pytest.approx((1 + 0 + 4 / 5) / 3)
    assert figures["token_macro_f1_kinds"] == pytest.approx((2 / 3 + 4 / 5) / 2)
