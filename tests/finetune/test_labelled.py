from pathlib import Path

import pytest

from finetune.errors import BadLabels
from finetune.labelled import Labelled, Question, read_catalogue, read_labelled, read_questions, read_texts


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("header", ["text,intent", "text,category", "text,label"])
def test_labelled_utterances_are_read_under_each_accepted_header(tmp_path: Path, header: str) -> None:
    path = write(tmp_path / "u.csv", f'{header}\n"Where, oh where, is it?",track_order\n')
    assert read_labelled(path) == [Labelled("Where, oh where, is it?", "track_order")]


def test_another_header_is_named_with_what_would_be_accepted(tmp_path: Path) -> None:
    with pytest.raises(BadLabels, match=r"u\.csv:1 has the header 'words,tag'; expected text,intent"):
        read_labelled(write(tmp_path / "u.csv", "words,tag\nhi,greet\n"))


def test_a_row_without_a_label_is_named_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(BadLabels, match=r"u\.csv:3 needs both a text and a intent"):
        read_labelled(write(tmp_path / "u.csv", "text,intent\nhi,greet\nhello,\n"))


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadLabels, match="does not exist"):
        read_texts(tmp_path / "none.csv")


def test_a_question_without_a_source_is_one_that_nothing_answers(tmp_path: Path) -> None:
    path = write(tmp_path / "q.jsonl", '{"question": "a?", "source": "a.md"}\n\n{"question": "b?", "source": null}\n')
    assert read_questions(path) == [Question("a?", "a.md"), Question("b?", None)]


def test_a_question_may_name_other_sources_that_answer_it_as_well(tmp_path: Path) -> None:
    path = write(tmp_path / "q.jsonl", '{"question": "a?", "source": "a.md", "also": ["b.md"]}\n')
    (question,) = read_questions(path)
    assert question == Question("a?", "a.md", ("b.md",))
    assert question.sources == {"a.md", "b.md"}
    assert Question("b?", None).sources == frozenset()


@pytest.mark.parametrize(
    "row",
    [
        '{"question": "", "source": "a.md"}',
        '{"question": "a?", "source": ["a.md"]}',
        '{"question": "a?", "source": "a.md", "also": "b.md"}',
        '{"question": "a?", "also": ["b.md"]}',
    ],
)
def test_a_question_with_a_wrong_field_is_named_by_its_line(tmp_path: Path, row: str) -> None:
    with pytest.raises(BadLabels, match=r"q\.jsonl:1"):
        read_questions(write(tmp_path / "q.jsonl", row + "\n"))


def test_a_broken_question_is_named_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(BadLabels, match=r"q\.jsonl:2"):
        read_questions(write(tmp_path / "q.jsonl", '{"question": "a?"}\n{"query": "b?"}\n'))


def test_the_catalogue_names_the_intent_at_fault(tmp_path: Path) -> None:
    with pytest.raises(BadLabels, match="greet"):
        read_catalogue(write(tmp_path / "i.toml", '[greet]\nhandle = "dance"\n'))
