"""What an existing Rasa assistant becomes, shown on three written for this: a minimal one, a big one, a broken one."""

from __future__ import annotations

import json
import tomllib
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bot.catalogue import Handle, IntentEntry
from finetune.heads import fit_head
from finetune.labelled import Labelled, read_catalogue, read_labelled, read_questions, read_texts
from finetune.rasa_import import Finding, ImportFailed, ImportReport, Level, import_rasa, table
from finetune.settings import Settings
from finetune.utterances import Utterances
from retrieval.settings import Settings as RetrievalSettings

ASSISTANTS = Path(__file__).parent / "rasa_assistants"

Take = Callable[..., ImportReport]


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "imported"


@pytest.fixture
def take(to: Path) -> Take:
    """Import one of the assistants beside this file."""

    def run(name: str, **options: object) -> ImportReport:
        return import_rasa(ASSISTANTS / name, to, **options)  # type: ignore[arg-type]

    return run


def written(folder: Path, files: dict[str, str]) -> Path:
    """An assistant of a test's own."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def found(report: ImportReport, place: str) -> list[Finding]:
    return [finding for finding in report.findings if str(finding.place) == place]


# What each part becomes


def test_an_intent_that_a_rule_leads_to_one_response_says_its_variations(take: Take, to: Path) -> None:
    take("harbour")
    assert read_catalogue(to / "intents.toml")["greet"] == IntentEntry(
        "Greet",
        Handle.RESPOND,
        responses=("Ahoy. Where are we sailing?", "Welcome aboard! What can I look up for you?"),
    )


def test_an_intent_that_only_stories_serve_says_what_all_of_them_say(take: Take, to: Path) -> None:
    take("minimal")
    assert read_catalogue(to / "intents.toml")["greet"].responses == (
        "Good day. Which lamp has gone dark?",
        "Hello! Bring us your lamps.",
    )


def test_an_intent_that_leads_to_an_action_or_a_form_names_it(take: Take, to: Path) -> None:
    report = take("harbour", known_actions=("action_sailing_status",))
    catalogue = read_catalogue(to / "intents.toml")
    assert catalogue["sailing_status"] == IntentEntry("Sailing status", Handle.ACTION, "action_sailing_status")
    assert catalogue["book_crossing"].action == "action_crossing_form"
    (unknown,) = found(report, "data/rules/crossing.yml:6")
    assert "'action_crossing_form', which Nightdesk does not have" in unknown.why
    assert not any("action_sailing_status" in finding.why for finding in report.findings)


def test_an_action_that_fetches_a_person_becomes_a_handoff(take: Take, to: Path) -> None:
    take("harbour")
    assert read_catalogue(to / "intents.toml")["talk_to_human"].handle is Handle.HANDOFF


def test_retrieval_intents_each_say_their_own_answer(take: Take, to: Path) -> None:
    report = take("harbour")
    catalogue = read_catalogue(to / "intents.toml")
    assert catalogue["faq_ask_dogs"].handle is Handle.RESPOND
    assert len(catalogue["faq_ask_dogs"].responses) == 2
    assert "faq" not in catalogue
    assert any("'faq_ask_dogs'" in finding.why for finding in report.findings), "the new name is told"


def test_what_is_out_of_scope_becomes_examples_of_no_intent(take: Take, to: Path) -> None:
    take("harbour")
    assert read_texts(to / "out_of_scope.csv")[0] == "what is the capital of Peru"
    assert len(read_texts(to / "out_of_scope.csv")) == 5
    assert {"out_of_scope", "nlu_fallback"}.isdisjoint(read_catalogue(to / "intents.toml"))


def test_every_other_example_is_labelled_and_free_of_marks(take: Take, to: Path) -> None:
    report = take("harbour")
    rows = read_labelled(to / "utterances.csv")
    assert len(rows) == report.counts["utterances"] == 100
    assert Labelled("I'd like to cross from Anholt to Læsø", "book_crossing") in rows
    assert Labelled("cancel my booking HF-2231", "cancel_booking") in rows, "examples as a list of texts"
    assert Labelled("please cancel the crossing", "cancel_booking") in rows
    assert not any("[" in row.text or "](" in row.text for row in rows)
    assert {row.intent for row in rows} <= set(read_catalogue(to / "intents.toml"))


def test_entities_are_columns_of_tokens_and_tags(take: Take, to: Path) -> None:
    take("harbour")
    blocks = (to / "entities.conll").read_text(encoding="utf-8").rstrip("\n").split("\n\n")
    assert len(blocks) == len(read_labelled(to / "utterances.csv")), "utterances without entities count too"
    by_words = {" ".join(line.split("\t")[0] for line in block.split("\n")): block for block in blocks}
    crossing = by_words["book a ferry to Sæby in the morning"].split("\n")
    assert crossing[4:] == ["Sæby\tB-port.arrival", "in\tO", "the\tO", "morning\tB-time_of_day"]
    booking = by_words["drop booking HF-9083 please"].split("\n")
    assert booking[2] == "HF-9083\tB-booking_number"


def test_synonyms_lists_and_patterns_are_kept(take: Take, to: Path) -> None:
    take("harbour")
    kinds = json.loads((to / "entities.json").read_text(encoding="utf-8"))
    assert kinds["synonyms"]["motorhome"] == ["camper", "camper van", "RV"]
    assert kinds["synonyms"]["bicycle"] == ["bike"], "from an example's own mark"
    assert kinds["lookups"]["port"] == ["Anholt", "Læsø", "Sæby"]
    assert kinds["regexes"] == {"booking_number": [r"HF-\d{4}"]}
    assert kinds["entities"] == ["booking_number", "port", "time_of_day", "vehicle"]


# What cannot be taken


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("domain/responses.yml:12", "only under a condition on loyalty"),
        ("domain/responses.yml:24", "for the channel 'sms' alone"),
        ("domain/responses.yml:31", "filled from next_sailing"),
        ("domain/responses.yml:47", "no text, only a custom payload"),
        ("domain/forms_and_actions.yml:4", "not in a form"),
        ("domain/responses.yml:6", "the buttons were not"),
        ("domain/responses.yml:20", "the text was taken"),
        ("data/stories/complaints.yml:26", "depends on a form or a slot"),
        ("data/stories/complaints.yml:9", "answers what was asked just before"),
        ("data/stories/complaints.yml:6", "said together"),
    ],
)
def test_what_could_not_be_taken_is_named_with_its_line_and_reason(take: Take, place: str, why: str) -> None:
    assert any(why in finding.why for finding in found(take("harbour"), place))


def test_a_response_that_is_filled_from_slots_is_kept_in_the_report_and_its_intent_searches(
    take: Take, to: Path
) -> None:
    report = take("minimal")
    assert read_catalogue(to / "intents.toml")["ask_price"] == IntentEntry("Ask price", Handle.SEARCH)
    (response,) = found(report, "domain.yml:19")
    assert (response.level, response.kept) == (Level.LEFT_OUT, "A new cable costs {cable_price} and takes a day.")
    assert "A new cable costs {cable_price}" in (to / "import-report.md").read_text(encoding="utf-8")


def test_no_words_of_a_response_are_lost(take: Take) -> None:
    """Every text stands in the catalogue or in a finding."""
    report = take("harbour")
    kept = "\n".join(finding.kept for finding in report.findings)
    catalogue = read_catalogue(report.to / "intents.toml")
    said = "\n".join(text for entry in catalogue.values() for text in entry.responses)
    for file in sorted((ASSISTANTS / "harbour").rglob("*.yml")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if "text: " in line and "nlu/sailing" not in file.as_posix():
                text = line.split("text: ")[1].strip('"')
                assert text in said or text in kept, text


@pytest.mark.parametrize(
    ("place", "what", "why"),
    [
        ("data/latin1.yml:4", "the whole file", "not UTF-8"),
        ("data/list.yml:1", "a document", "not a mapping"),
        ("data/old.md:1", "the whole file", "before Rasa 2"),
        ("data/nlu.yml:11", "a line of intent 'greet'", "does not begin with a dash"),
        ("data/nlu.yml:15", "an example of 'ask_hours'", "not closed"),
        ("data/nlu.yml:18", "an example of 'ask_hours'", "is not JSON"),
        ("data/nlu.yml:22", "a part of the file", "not valid YAML"),
        ("data/nlu.yml:28", "an example of 'order_cake'", "an example of 'greet' at data/nlu.yml:6"),
        ("data/nlu.yml:29", "an item of nlu", "names no intent"),
        ("data/nlu.yml:34", "intent 'lonely': its examples", "needs at least 2"),
        ("data/nlu.yml:35", "intent 'silent'", "no examples"),
        ("data/rules.yml:10", "intent 'ask_hours': utter_nowhere", "no response of this name"),
        ("data/rules.yml:12", "rule 'No steps'", "no steps"),
        ("data/rules.yml:13", "an item of rules", "its name"),
        ("data/rules.yml:18", "a step of rule 'Odd steps'", "no step of Rasa's"),
        ("domain.yml:15", "the second 'utter_greet'", "at domain.yml:9 already"),
        ("domain.yml:18", "actions", "a list of names"),
    ],
)
def test_a_broken_part_is_one_sentence_with_file_and_line(take: Take, place: str, what: str, why: str) -> None:
    assert any(finding.what == what and why in finding.why for finding in found(take("broken"), place))


def test_around_a_broken_part_everything_is_taken(take: Take, to: Path) -> None:
    take("broken")
    assert read_catalogue(to / "intents.toml")["greet"].responses == ("Hello from the bakery.",)
    rows = read_labelled(to / "utterances.csv")
    assert Labelled("open at six?", "ask_hours") in rows, "below the part that is not YAML"
    assert Labelled("morning!", "greet") in rows
    assert [row.intent for row in read_labelled(to / "too_few.csv")] == ["order_cake", "lonely"]


def test_rules_count_before_stories_and_a_contradiction_is_searched(tmp_path: Path, to: Path) -> None:
    source = written(
        tmp_path / "bot",
        {
            "domain.yml": "intents: [a, b]\nresponses:\n"
            "  utter_x: [{text: X}]\n  utter_y: [{text: Y}]\n  utter_z: [{text: Z}]\n",
            "data/nlu.yml": "nlu:\n"
            + "".join(f"- intent: {i}\n  examples: |\n" + f"    - {i} one\n    - {i} two\n" for i in "ab"),
            "data/stories.yml": "stories:\n"
            "- story: s\n  steps: [{intent: a}, {action: utter_y}, {intent: b}, {action: utter_x}]\n"
            "- story: t\n  steps: [{intent: a}, {action: utter_z}, {intent: b}, {action: utter_y}]\n"
            "rules:\n- rule: r\n  steps: [{intent: a}, {action: utter_x}]\n",
        },
    )
    report = import_rasa(source, to)
    catalogue = read_catalogue(to / "intents.toml")
    assert catalogue["a"].responses == ("X",)
    assert catalogue["b"].handle is Handle.SEARCH
    assert any("different things follow it" in finding.why for finding in report.findings)


def test_the_shapes_of_rasa_2_are_read(tmp_path: Path, to: Path) -> None:
    """Form slots as a mapping, an intent that triggers an action, `[words](entity:value)`."""
    source = written(
        tmp_path / "bot",
        {
            "domain.yml": 'version: "2.0"\nintents:\n- start:\n    triggers: utter_hi\nforms:\n  f:\n    city:\n'
            "    - type: from_entity\n      entity: city\nresponses:\n  utter_hi:\n  - text: Hi\n",
            "data/nlu.yml": 'version: "2.0"\nnlu:\n- intent: start\n'
            "  examples: |\n    - start in [cologne](city:Köln)\n    - go\n",
        },
    )
    report = import_rasa(source, to)
    assert read_catalogue(to / "intents.toml")["start"].responses == ("Hi",)
    assert json.loads((to / "entities.json").read_text(encoding="utf-8"))["synonyms"] == {"Köln": ["cologne"]}
    assert any(finding.what == "form 'f'" and finding.kept == "city" for finding in report.findings)


def test_an_intents_name_becomes_one_that_a_button_can_carry(tmp_path: Path, to: Path) -> None:
    names = ["Ask Hours", "ask-hours", "订单查询", "a+b"]
    nlu = "nlu:\n" + "".join(f'- intent: "{name}"\n  examples: |\n    - {name} 1\n    - {name} 2\n' for name in names)
    import_rasa(written(tmp_path / "bot", {"nlu.yml": nlu}), to)
    catalogue = read_catalogue(to / "intents.toml")
    assert list(catalogue) == ["ask_hours", "ask_hours_2", "intent_3", "a_b"]
    assert catalogue["intent_3"].description == "订单查询"


def test_words_that_toml_csv_and_markdown_would_misread_come_through(tmp_path: Path, to: Path) -> None:
    text = 'He said "no", \\ and\ttabbed | #1 *star* 😀'
    domain = "intents: [q]\nresponses:\n  utter_q:\n  - text: " + json.dumps(text, ensure_ascii=False)
    rules = "\nrules:\n- rule: r\n  steps:\n  - intent: q\n  - action: utter_q\n"
    nlu = 'nlu:\n- intent: q\n  examples: |\n    - one, "two"\n    - [brackets] alone\n'
    import_rasa(written(tmp_path / "bot", {"domain.yml": domain + rules, "nlu.yml": nlu}), to)
    assert read_catalogue(to / "intents.toml")["q"].responses == (text,)
    assert [row.text for row in read_labelled(to / "utterances.csv")] == ['one, "two"', "[brackets] alone"]


# The whole


def test_nothing_is_overwritten_unless_asked_for(take: Take, to: Path) -> None:
    take("minimal")
    mine = to / "intents.toml"
    mine.write_text("# mine\n", encoding="utf-8")
    with pytest.raises(ImportFailed, match=r"holds import-report\.md, intents\.toml.*--force"):
        take("harbour")
    assert mine.read_text(encoding="utf-8") == "# mine\n"
    assert "harbour" not in (to / "import-report.md").read_text(encoding="utf-8"), "nothing at all was written"
    take("harbour", force=True)
    assert "book_crossing" in mine.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"readme.txt": "hello"}, "holds nothing of a Rasa 2 or 3 assistant"),
        ({"compose.yml": "services:\n  intents: 3\n"}, "holds nothing of a Rasa 2 or 3 assistant"),
        ({"config.yml": "language: en\n"}, "no intent that could be taken"),
        ({"nlu.yml": "nlu:\n- intent: [\n"}, "holds nothing|no intent"),
    ],
)
def test_a_folder_without_an_assistant_is_one_sentence(
    tmp_path: Path, to: Path, files: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ImportFailed, match=sentence):
        import_rasa(written(tmp_path / "bot", files), to)
    assert not to.exists()


def test_a_path_that_is_not_there_is_one_sentence(tmp_path: Path, to: Path) -> None:
    with pytest.raises(ImportFailed, match="does not exist"):
        import_rasa(tmp_path / "nowhere", to)


def test_one_file_alone_can_be_imported(to: Path) -> None:
    report = import_rasa(ASSISTANTS / "minimal" / "data" / "nlu.yml", to)
    assert report.files == ("nlu.yml",)
    assert report.counts["utterances"] == 26


def test_copies_results_and_hidden_folders_are_not_read(tmp_path: Path, to: Path) -> None:
    nlu = "nlu:\n- intent: q\n  examples: |\n    - {0} one\n    - {0} two\n"
    names = ["data/nlu.yml", "tests/test_stories.yml", ".rasa/nlu.yml", "models/nlu.yml", "train_test_split/nlu.yml"]
    report = import_rasa(written(tmp_path / "bot", {name: nlu.format(n) for n, name in enumerate(names)}), to)
    assert report.files == ("data/nlu.yml",)


def test_an_anchor_inside_itself_and_a_thousand_brackets_end_nothing(tmp_path: Path, to: Path) -> None:
    nlu = "nlu:\n- intent: q\n  examples: |\n    - one\n    - two\n"
    files = {"a.yml": nlu, "b.yml": "nlu: &a [*a, *a]\n", "c.yml": "nlu: " + "[" * 1000}
    report = import_rasa(written(tmp_path / "bot", files), to)
    assert report.counts["utterances"] == 2
    assert {finding.place.file for finding in report.findings if finding.level is Level.LEFT_OUT} >= {"b.yml", "c.yml"}


def test_the_report_is_the_same_for_people_for_machines_and_on_disk(take: Take, to: Path) -> None:
    report = take("broken")
    machine = json.loads(json.dumps(report.as_dict()))
    assert len(machine["findings"]) == table(report).row_count == len(report.findings)
    assert machine["left_out"] == sum(row["level"] == "left out" for row in machine["findings"])
    text = (to / "import-report.md").read_text(encoding="utf-8")
    for row in machine["findings"]:
        assert f"`{row['file']}:{row['line']}`" in text
    assert [row["level"] for row in machine["findings"]] == sorted(
        (row["level"] for row in machine["findings"]), key=["left out", "changed", "note"].index
    )


@pytest.mark.parametrize("name", ["minimal", "harbour"])
def test_the_configuration_that_comes_along_trains_on_the_result(take: Take, to: Path, name: str) -> None:
    """The labels fit the catalogue and are enough for the folds; words hashed to vectors stand in for the encoder."""
    take(name)
    sections = tomllib.loads((to / "nightdesk.toml").read_text(encoding="utf-8"))
    RetrievalSettings(**sections["retrieval"])
    settings = Settings(
        **{
            key: to / value if value and isinstance(value, str) else value
            for key, value in sections["finetune"].items()
        }
    )
    files = [value for value in dict(settings).values() if isinstance(value, Path)]
    assert all(file.parent == to for file in files), "nothing is learnt from the demo's files"
    rows = read_labelled(settings.utterances)
    assert settings.questions is not None
    assert read_questions(settings.questions) == []
    assert settings.out_of_scope is not None
    outside = read_texts(settings.out_of_scope)
    head, view, _ = fit_head(
        Utterances(hashed([row.text for row in rows])),
        [row.intent for row in rows],
        Utterances(hashed(outside) if outside else np.zeros((0, 256), np.float32)),
        read_catalogue(settings.intents),
        folds=settings.folds,
        seed=settings.seed,
    )
    assert set(head.labels) == {row.intent for row in rows}
    top = head.probabilities(hashed([row.text for row in rows])).argmax(axis=1)
    assert np.mean([head.labels[i] == row.intent for i, row in zip(top, rows, strict=True)]) > 0.9
    assert len(view.gold) == len(rows) + len(outside)


def hashed(texts: list[str]) -> np.ndarray:
    vectors = np.zeros((len(texts), 256), np.float32)
    for row, text in zip(vectors, texts, strict=True):
        for word in text.lower().split():
            row[zlib.crc32(word.strip(".,?!'").encode()) % 256] += 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
