from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from dialogue_desk import done, found, looked_up, said, talk, typed, write_dialogues

from finetune.dialogue.reader import FREE, Kind, read_dialogues, split
from finetune.errors import BadLabels


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_what_is_said_done_and_found_is_read_in_order(tmp_path: Path) -> None:
    events = [said("hi"), looked_up("bank", "Account"), found(Balance="12"), done("tell", "12 euros"), done(None, "ok")]
    (dialogue,) = read_dialogues(write(tmp_path / "d.jsonl", {"DialogueID": 7, "Events": events}))
    assert dialogue.id == "7"
    assert [event.kind for event in dialogue.events] == [
        Kind.USER, Kind.LOOKUP, Kind.RESULT, Kind.REPLY, Kind.REPLY,
    ]  # fmt: skip
    assert dialogue.actions == ["query bank", "tell", FREE]
    assert dialogue.events[2].text == "Balance 12"


def test_what_leads_to_the_action_itself_is_left_out(tmp_path: Path) -> None:
    events = [
        {"Agent": "UserGuide", "Action": "instruct", "Text": "act confused"},
        said("hi"),
        typed("greet them"),
        {"Agent": "Wizard", "Action": "select_task", "Task": "bank"},
        done("hello", "Hello!") | {"ActionLabelOptions": ["hello"], "PrimaryItem": {"Name": "told"}},
    ]
    (dialogue,) = read_dialogues(write(tmp_path / "d.jsonl", {"Events": events}))
    assert [event.text for event in dialogue.events] == ["hi", "Hello!"]


def test_the_values_of_a_lookup_are_not_kept(tmp_path: Path) -> None:
    (dialogue,) = read_dialogues(write(tmp_path / "d.jsonl", {"Events": [looked_up("bank", "Pin", "Name")]}))
    assert dialogue.events[0].text == "Pin Name"


def test_a_lookup_that_finds_nothing_says_so(tmp_path: Path) -> None:
    (dialogue,) = read_dialogues(write(tmp_path / "d.jsonl", {"Events": [looked_up("bank"), found()]}))
    assert dialogue.events[1].text == "nothing found"


def test_transcripts_whose_agent_turns_name_an_action_are_read_too(tmp_path: Path) -> None:
    turns = [
        {"role": "customer", "text": "hi"},
        {"role": "agent", "text": "Hello!", "action": "greet"},
        {"role": "agent", "text": "A moment."},
    ]
    (dialogue,) = read_dialogues(write(tmp_path / "d.jsonl", {"id": "t1", "turns": turns}))
    assert (dialogue.id, dialogue.actions) == ("t1", ["greet", FREE])


def test_gzip_reads_like_plain(tmp_path: Path) -> None:
    plain = write_dialogues(tmp_path / "d.jsonl", range(4))
    packed = tmp_path / "d.jsonl.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_dialogues(packed) == read_dialogues(plain)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("not json", "d.jsonl:2 is not JSON"),
        ("[1]", "d.jsonl:2 is a list"),
        ('{"id": 1}', "d.jsonl:2 has no list named Events"),
        ('{"Events": ["x"]}', r"d.jsonl:2, Events\[0\] is 'x'"),
        ('{"Events": [{"Agent": "User"}]}', r"d.jsonl:2, Events\[0\] has Action = None"),
        ('{"Events": [{"Agent": "User", "Action": "utter"}]}', r"d.jsonl:2, Events\[0\] has Text = None"),
        ('{"turns": [{"role": "bot", "text": "hi"}]}', r"d.jsonl:2, turns\[0\] is .*role customer or agent"),
        ('{"turns": [{"role": "agent", "text": "hi", "action": 3}]}', r"d.jsonl:2, turns\[0\] has the action 3"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, row: str, sentence: str) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(json.dumps(talk(1)) + "\n" + row + "\n")
    with pytest.raises(BadLabels, match=sentence):
        read_dialogues(path)


def test_bad_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadLabels, match=r"nowhere.jsonl does not exist"):
        read_dialogues(tmp_path / "nowhere.jsonl")
    (tmp_path / "half.gz").write_bytes(gzip.compress(b"{}" * 100)[:20])
    with pytest.raises(BadLabels, match=r"half.gz cannot be read"):
        read_dialogues(tmp_path / "half.gz")
    with pytest.raises(BadLabels, match="in none does an agent take an action"):
        read_dialogues(write(tmp_path / "mute.jsonl", {"Events": [said("hello?")]}))


def test_a_split_parts_whole_dialogues_and_keeps_them_all(tmp_path: Path) -> None:
    dialogues = read_dialogues(write_dialogues(tmp_path / "d.jsonl", range(20)))
    kept, held = split(dialogues, 0.2, seed=1)
    assert (len(kept), len(held)) == (16, 4)
    assert {dialogue.id for dialogue in kept} | {dialogue.id for dialogue in held} == {d.id for d in dialogues}
    assert split(dialogues, 0.2, seed=1) == (kept, held)
    assert split(dialogues, 0.2, seed=2)[1] != held
    assert len(split(dialogues[:2], 0.01, seed=1)[1]) == 1
    with pytest.raises(BadLabels, match="there is 1 dialogue"):
        split(dialogues[:1], 0.2, seed=1)
