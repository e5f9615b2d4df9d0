"""Entities' marks inside Rasa's examples."""

from __future__ import annotations

import pytest

from finetune.rasa_import.annotations import BadAnnotation, read_annotations, tagged_tokens


@pytest.mark.parametrize(
    ("example", "text", "entities"),
    [
        ("no mark at all", "no mark at all", []),
        ("to [Bonn](city)", "to Bonn", [("Bonn", "city", "", "")]),
        ("to [Bonn](city:Bonn am Rhein)", "to Bonn", [("Bonn", "city", "", "Bonn am Rhein")]),
        ('to [Bonn]{"entity": "city", "role": "to"}', "to Bonn", [("Bonn", "city", "to", "")]),
        ('[NYC]{"entity": "city", "value": "New York"} please', "NYC please", [("NYC", "city", "", "New York")]),
        ('a [x]{"entity":"k","group":1}', "a x", [("x", "k", "", "")]),
        ('[two](n) [x][{"entity": "k"}, {"entity": "l"}]', "two x", [("two", "n", "", ""), ("x", "k", "", "")]),
        ("  [Bonn](city) ", "Bonn", [("Bonn", "city", "", "")]),
        ("see [1] and (2)", "see [1] and (2)", []),
    ],
)
def test_marks_are_taken_out_and_told(example: str, text: str, entities: list[tuple[str, str, str, str]]) -> None:
    words, spans = read_annotations(example)
    assert words == text
    assert [(words[s.start : s.end], s.entity, s.role, s.value) for s in spans] == entities


@pytest.mark.parametrize(
    "example", ["[a](b", '[a]{"entity": "b"', "[a]()", "[a]{entity: b}", '[a]{"role": "b"}', "[](b)"]
)
def test_a_mark_that_cannot_be_read_is_refused(example: str) -> None:
    with pytest.raises(BadAnnotation):
        read_annotations(example)


def test_tags_begin_and_go_on_and_meet_the_entitys_edges() -> None:
    text, spans = read_annotations("re-book [New York](city)-bound, 去[北京](city)")
    assert tagged_tokens(text, spans) == [
        ("re-book", "O"), ("New", "B-city"), ("York", "I-city"), ("-", "O"), ("bound", "O"), (",", "O"),
        ("去", "O"), ("北", "B-city"), ("京", "I-city"),
    ]  # fmt: skip
