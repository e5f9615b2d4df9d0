"""A sentiment head from `train` to the assistant that serves: published, heard in the same pass, measured, refused."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_bert import make_tiny_bert

from bot.bundle_knowledge import BundleKnowledge, load
from bot.errors import HeadError
from bot.head import TENSORS_FILE as HEAD_FILE
from bot.knowledge import Audience
from bot.sentiment import DESCRIPTION_FILE, TENSORS_FILE, SentimentHead
from bot.settings import Settings as BotSettings
from finetune.evaluate import evaluate
from finetune.learning import How
from finetune.parts import are_there
from finetune.settings import Settings
from finetune.train import train
from retrieval.bundle import CurrentBundle, open_bundle, write_bundle
from retrieval.ingest import ingest
from retrieval.settings import Settings as RetrievalSettings

KEY = bytes(32)
INTENTS = {"track": ["where is it", "track it", "is it late"], "refund": ["money back", "refund it", "paid back"]}
GOOD, BAD = ["lovely", "great", "perfect", "super", "thanks"], ["awful", "shame", "liars", "cheats", "never again"]
THINGS = ["parcel", "order", "money"]


def write(path: Path, rows: list[tuple[str, str]], header: tuple[str, str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("company")
    make_tiny_bert(root / "tiny")
    (root / "late.md").write_text("# Late\n\nA parcel is late when it is not there. Track the parcel now, please.\n")
    (root / "intents.toml").write_text(
        "".join(f'[{name}]\ndescription = "{name}"\nhandle = "search"\n' for name in INTENTS)
    )
    asked = [(text, name) for name, texts in INTENTS.items() for text in texts]
    write(root / "utterances.csv", asked, ("text", "intent"))
    moods = [(f"{word}, the {thing}", "glad") for word in GOOD for thing in THINGS]
    moods += [(f"{word}, the {thing}", "cross") for word in BAD for thing in THINGS]
    write(root / "moods.csv", moods, ("text", "label"))
    write(root / "moods_test.csv", [("awful, the refund", "cross"), ("lovely refund", "glad")], ("text", "label"))
    ingest([root / "late.md"], reading(root), root / "home", KEY)
    return root


def reading(root: Path) -> RetrievalSettings:
    return RetrievalSettings(encoder=str(root / "tiny"))


def settings(root: Path, sentiment: Path | None) -> Settings:
    others = ("entities", "support", "out_of_scope", "questions", "unanswerable", "test_utterances", "test_entities",
              "test_questions", "test_unanswerable", "test_out_of_scope")  # fmt: skip
    made: dict[str, object] = {name: None for name in others if name in Settings.model_fields}
    return Settings.model_validate(made | {
        "utterances": root / "utterances.csv", "intents": root / "intents.toml", "folds": 3, "sentiment": sentiment,
        "sentiment_upset": ("cross",), "test_sentiment": root / "moods_test.csv",
    })  # fmt: skip


def opened(root: Path) -> BundleKnowledge:
    current = CurrentBundle(root / "home")
    return load(current.get(), current.encoder(), root / "home", reading(root))


def test_what_train_publishes_hears_anger_in_the_pass_that_encodes(company: Path) -> None:
    report = train(settings(company, company / "moods.csv"), reading(company), company / "home", how=How.HEADS)
    assert report["metrics"]["sentiment"]["texts"] == 30
    knowledge = opened(company)
    texts = ["awful, the parcel", "lovely, the parcel"]
    embeddings = knowledge.encode(texts)
    np.testing.assert_allclose(embeddings, knowledge.encoder.encode(texts), atol=1e-6)
    moods = [mood for mood in knowledge.sentiments(texts, embeddings) if mood]
    assert [(mood.label, mood.upset) for mood in moods] == [("cross", True), ("glad", False)]
    assert knowledge.search(texts, embeddings, Audience.CUSTOMER, 1)


def test_evaluate_says_what_rules_and_head_hear(company: Path) -> None:
    train(settings(company, company / "moods.csv"), reading(company), company / "home", how=How.HEADS)
    report = evaluate(settings(company, None), reading(company), BotSettings(model="off"), company / "home")
    assert report["sentiment"]["upset"] == {
        "rules": {"precision": None, "recall": 0.0, "false_alarms": 0.0},
        "head": {"precision": 1.0, "recall": 1.0, "false_alarms": 0.0},
        "both": {"precision": 1.0, "recall": 1.0, "false_alarms": 0.0},
    }


def test_a_head_for_another_encoder_is_refused_with_what_to_do(company: Path) -> None:
    train(settings(company, company / "moods.csv"), reading(company), company / "home", how=How.HEADS)
    head = opened(company).sentiment
    assert isinstance(head, SentimentHead)
    wide = replace(head, states_weight=np.zeros((2, head.width + 1), np.float32))
    tensors, description = wide.to_bytes()
    write_bundle(company / "home", extra_files={TENSORS_FILE: tensors, DESCRIPTION_FILE: description})
    with pytest.raises(HeadError, match="nightdesk train"):
        opened(company)


def test_a_bundle_tells_which_heads_are_left_for_later(company: Path) -> None:
    wanted = settings(company, company / "moods.csv")
    train(wanted.without_heads(), reading(company), company / "home", how=How.HEADS)
    assert opened(company).head is not None
    assert not are_there(wanted, company / "home")
    assert are_there(settings(company, None), company / "home")
    before = open_bundle(company / "home")
    report = train(wanted, reading(company), company / "home", how=How.OTHER_HEADS)
    assert are_there(wanted, company / "home")
    after = open_bundle(company / "home")
    assert report["metrics"]["sentiment"]["texts"] == 30
    assert after.thresholds == before.thresholds
    assert after.manifest.files[HEAD_FILE] == before.manifest.files[HEAD_FILE], "intents are as they were"


def test_training_without_labelled_moods_leaves_anger_to_the_rules(company: Path) -> None:
    train(settings(company, company / "moods.csv"), reading(company), company / "home", how=How.HEADS)
    train(settings(company, None), reading(company), company / "home", how=How.HEADS)
    knowledge = opened(company)
    assert knowledge.sentiment is None
    assert knowledge.sentiments(["awful"], knowledge.encode(["awful"])) == [None]
