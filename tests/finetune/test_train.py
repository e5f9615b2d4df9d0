"""Training a small company from end to end, with a tiny random encoder: what is published, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from pathlib import Path

import pytest
from tiny_bert import make_tiny_bert

from finetune.encoder.recipe import Recipe
from finetune.errors import BadRecipe, NothingToServe
from finetune.learning import FOLDER, How
from finetune.pairs import corpus_pairs
from finetune.settings import Settings
from finetune.train import train
from retrieval.bundle import open_bundle
from retrieval.corpus import Corpus
from retrieval.encoder import SentenceEncoder
from retrieval.errors import Busy
from retrieval.ingest import ingest, only_one
from retrieval.passages import all_passages
from retrieval.search import Searcher
from retrieval.settings import Settings as RetrievalSettings

KEY = bytes(32)
UTTERANCES = {
    "track": (
        "where is my order",
        "track my parcel",
        "is it late",
        "where is it now",
        "the parcel is late",
        "track it",
    ),
    "cancel": (
        "stop my order",
        "cancel it please",
        "undo the order",
        "cancel now",
        "stop it",
        "please cancel the order",
    ),
    "refund": (
        "money back",
        "refund my money",
        "is it refund",
        "i paid refund it",
        "the money please",
        "paid back now",
    ),
}
CATALOGUE = "".join(f'[{name}]\ndescription = "{name}"\nhandle = "search"\n' for name in UTTERANCES)
ARTICLES = {
    "late.md": "# Late\n\nA parcel is late when it is not there. Track the parcel now, please.\n",
    "refund.md": "# Refund\n\nThe money you paid is paid back when the order is undo. It is your money.\n",
}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an ingested company; tests work on copies."""
    root = tmp_path_factory.mktemp("company")
    make_tiny_bert(root / "tiny")
    (root / "articles").mkdir()
    for name, text in ARTICLES.items():
        (root / "articles" / name).write_text(text)
    rows = [
        {"id": f"T-{n}", "customer": f"C-{n}", "turns": [
            {"role": "customer", "text": f"where is my parcel {word}"},
            {"role": "agent", "text": "A parcel is late when it is not there. Track the parcel now, please."}]}
        for n, word in enumerate(("now", "please", "paid", "the order"))
    ]  # fmt: skip
    (root / "threads.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (root / "utterances.csv").write_text(
        "text,intent\n" + "".join(f"{text},{name}\n" for name, texts in UTTERANCES.items() for text in texts)
    )
    (root / "outside.csv").write_text("text\nsnow\nred shoe\nrain\nblue\ngreen hat\nold car\n")
    (root / "intents.toml").write_text(CATALOGUE)
    questions = [("is my parcel late", "late.md"), ("track the parcel", "late.md"), ("money paid back", "refund.md")]
    (root / "questions.jsonl").write_text(
        "".join(json.dumps({"question": question, "source": source}) + "\n" for question, source in questions)
    )
    ingest([root / "articles", root / "threads.jsonl"], reading(root), root / "home", KEY)
    return root


def reading(root: Path) -> RetrievalSettings:
    return RetrievalSettings(encoder=str(root / "tiny"))


def settings(root: Path, **changes: object) -> Settings:
    made: dict[str, object] = {
        "utterances": root / "utterances.csv", "out_of_scope": root / "outside.csv", "intents": root / "intents.toml",
        "questions": root / "questions.jsonl", "unanswerable": None, "folds": 3,
        "recipe": {"epochs": 4, "frozen_layers": 0, "learning_rate": 3e-3, "batch": 4},
    }  # fmt: skip
    unset = {name: None for name in LABELLED if name in Settings.model_fields}
    return Settings.model_validate(made | unset | changes)


LABELLED = ("entities", "sentiment", "support")


@pytest.fixture
def root(company: Path, tmp_path: Path) -> Path:
    shutil.copytree(company / "home", tmp_path / "home")
    for path in company.iterdir():
        if path.name != "home":
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


def test_heads_alone_leave_encoder_and_index_as_they_are(root: Path) -> None:
    before = open_bundle(root / "home")
    report = train(settings(root), reading(root), root / "home", how=How.HEADS)
    after = open_bundle(root / "home")
    assert after.id == report["bundle"] != before.id
    assert (after.fingerprint, report["encoder"]) == (before.fingerprint, None)
    assert (report["intents"], report["utterances"], report["out_of_scope"]) == (3, 18, 6)
    assert after.thresholds == report["thresholds"]


def test_a_tuned_encoder_comes_with_an_index_and_heads_of_its_own(root: Path) -> None:
    home = root / "home"
    before = open_bundle(home)
    with Corpus.read(home) as corpus:
        passages = [passage.text for passage in all_passages(corpus)]
    report = train(settings(root), reading(root), home, master_key=KEY, how=How.ENCODER)
    assert report["encoder"]["published"], "the recipe learns this company by heart, its like cannot be found worse"
    after = open_bundle(home)
    assert after.fingerprint != before.fingerprint
    assert after.manifest.encoder["base_fingerprint"] == before.fingerprint
    assert after.index is not None
    assert after.index.fingerprint == after.fingerprint
    encoder = SentenceEncoder(after.encoder_dir, threads=1)
    asked = ["track the parcel"]
    hits = Searcher(after, home).search(asked, encoder.encode(asked), 3)[0]
    assert {hit.passage.text for hit in hits} <= set(passages)
    left = {path.name for path in (home / FOLDER).iterdir()}
    assert left == {"pilot-model", "pilot-model-seen.json", "model-seen.json", "tuned.json"}

    again = train(settings(root), reading(root), home, how=How.AUTO)
    assert again["encoder"] is None
    assert open_bundle(home).fingerprint == after.fingerprint
    seen = set(json.loads((home / FOLDER / "pilot-model-seen.json").read_text()))
    unseen = [text for texts in UTTERANCES.values() for text in texts if text not in seen]
    assert f"on {len(unseen) + 6} utterances" in open_bundle(home).manifest.thresholds_source


def test_a_search_leaves_its_recipe_and_curves_are_drawn(root: Path) -> None:
    drawn: list[str] = []

    class Kept:
        def number(self, name: str, value: float, step: int) -> None:
            drawn.append(name)

        def close(self) -> None: ...

    home = root / "home"
    report = train(settings(root), reading(root), home, master_key=KEY, how=How.ENCODER, trials=2, curves=Kept())
    found = json.loads((home / "recipe.json").read_text())
    assert found["trials"] == 2
    assert set(found["recipe"]) <= {field.name for field in fields(Recipe)}
    assert report["encoder"]["epochs"] <= found["recipe"].get("epochs", 4)
    assert drawn


def test_without_its_pilot_a_tuned_encoder_gets_no_new_head(root: Path) -> None:
    home = root / "home"
    train(settings(root), reading(root), home, master_key=KEY, how=How.ENCODER)
    serves = open_bundle(home).id
    shutil.rmtree(home / FOLDER)
    with pytest.raises(NothingToServe, match="train --encoder"):
        train(settings(root), reading(root), home, how=How.HEADS)
    assert open_bundle(home).id == serves


def test_an_encoder_that_is_right_less_often_is_not_published(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = open_bundle(root / "home")
    monkeypatch.setattr("finetune.train.frozen_accuracy", lambda *_: 1.5)  # so little is learnt here that none is worse
    report = train(settings(root), reading(root), root / "home", master_key=KEY, how=How.ENCODER)
    assert not report["encoder"]["published"]
    after = open_bundle(root / "home")
    assert after.id != before.id
    assert after.fingerprint == before.fingerprint
    assert "head" in after.manifest.recipe


def test_tuning_that_diverges_says_so(root: Path) -> None:
    ruin = {"epochs": 2, "frozen_layers": 0, "learning_rate": 1e6, "clip": 1e9, "batch": 4}
    with pytest.raises(BadRecipe, match="diverged"):
        train(settings(root, recipe=ruin), reading(root), root / "home", master_key=KEY, how=How.ENCODER)


def test_tuning_wants_the_key_a_known_recipe_and_the_home_for_itself(root: Path) -> None:
    home = root / "home"
    with pytest.raises(NothingToServe, match="key"):
        train(settings(root), reading(root), home, how=How.ENCODER)
    with pytest.raises(BadRecipe, match="epoks"):
        train(settings(root, recipe={"epoks": 3}), reading(root), home, master_key=KEY, how=How.ENCODER)
    with only_one(home), pytest.raises(Busy):
        train(settings(root), reading(root), home, master_key=KEY, how=How.ENCODER)


def test_agents_answers_tell_which_article_answers_their_questions(root: Path) -> None:
    pairs = corpus_pairs(root / "home", reading(root), SentenceEncoder(root / "tiny", threads=1), mined=True)
    late = next(
        answer for answer in pairs.answers if answer.endswith("Track the parcel now, please.") and ":" in answer
    )
    asked = [question for question, answer in zip(pairs.questions, pairs.answers, strict=True) if answer == late]
    assert "where is my parcel the order" in asked
    for answer, wrong in zip(pairs.answers, pairs.negatives, strict=True):
        assert answer not in wrong
