"""Tuning the response model of a small company from end to end: what is learnt from, published and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_bert import make_tiny_bert
from tiny_speaker import make_tiny_speaker

from bot.errors import ModelError
from bot.prompts import VERSION
from bot.response_weights import base_of, check_adapter, resolve
from finetune.errors import BadLabels, BadRecipe, NothingToServe
from finetune.response.adapters import load_base, with_adapter
from finetune.response.corpus import company_text
from finetune.response.recipe import ResponseRecipe
from finetune.response.saved import load_adapter, save_adapter
from finetune.response.shipped import take_shipped
from finetune.response.train import WORK, train_response
from finetune.settings import Settings
from retrieval.bundle import open_bundle
from retrieval.ingest import ingest
from retrieval.settings import Settings as RetrievalSettings

KEY = bytes(32)
ARTICLES = {
    "delivery.md": "# Delivery\n\nDelivery takes two days on weekdays. Gift wrapping costs 3 euro for each item.\n",
    "returns.md": "# Returns\n\nReturns are free within 30 days. Seeds and pots can not be returned on Saturdays.\n",
}
SAID = (
    ("how long does delivery take for {}", "Delivery takes two days on weekdays."),
    ("what does gift wrapping cost for {}", "Gift wrapping costs 3 euro for each item. I wrapped it myself."),
    ("can I return {} please", "Returns are free within 30 days."),
)
THINGS = (
    "pots",
    "seeds",
    "a present",
    "my parcel",
    "two pots",
    "the basket",
    "an item",
    "30 seeds",
    "it",
    "this",
    "that",
)
RECIPE = {"epochs": 3, "batch": 4, "learning_rate": 0.02, "held_out": 0.2, "dropout": 0.0}


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_speaker(tmp_path_factory.mktemp("speaker") / "weights", layers=3)


@pytest.fixture(scope="module")
def retrieval(tmp_path_factory: pytest.TempPathFactory) -> RetrievalSettings:
    return RetrievalSettings(encoder=str(make_tiny_bert(tmp_path_factory.mktemp("encoder") / "bert")))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, retrieval: RetrievalSettings) -> Path:
    home = tmp_path_factory.mktemp("home")
    articles = home / "articles"
    articles.mkdir()
    for name, text in ARTICLES.items():
        (articles / name).write_text(text)
    rows = []
    for number, thing in enumerate(THINGS):
        for place, (question, answer) in enumerate(SAID):
            turns = [
                {"role": "customer", "text": question.format(thing)},
                {"role": "agent", "text": answer},
            ]
            rows.append({"id": f"T-{number}-{place}", "customer": f"C-{number}", "turns": turns})
    (home / "transcripts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ingest([articles, home / "transcripts.jsonl"], retrieval, home, KEY)
    return home


def test_an_adapter_that_is_better_is_published_and_goes_onto_its_base(
    home: Path, retrieval: RetrievalSettings, speaker: Path
) -> None:
    report = train_response(Settings(response=RECIPE), retrieval, home, model=str(speaker))
    assert report["perplexity"] < report["perplexity_before"]
    assert report["examples"] + report["held_out"] > 20
    assert 0 < report["unanswerable"] < report["examples"] / 2
    bundle = open_bundle(home, report["bundle"])
    adapter = bundle.path / "response"
    check_adapter(adapter, speaker)
    assert base_of(adapter, home) == speaker
    load_adapter(load_base(speaker), adapter, speaker)
    assert bundle.manifest.metrics["response"]["perplexity"] == report["perplexity"]
    assert not (home / WORK).exists()


def test_an_adapter_that_is_no_better_is_not_published(home: Path, retrieval: RetrievalSettings, speaker: Path) -> None:
    before = open_bundle(home).id
    ruined = train_response(Settings(response=RECIPE | {"learning_rate": 1e4}), retrieval, home, model=str(speaker))
    assert ruined["best_epoch"] == 0
    assert ruined["bundle"] is None
    assert open_bundle(home).id == before


def test_the_companys_text_is_read_first_and_layers_are_dropped_where_asked(
    home: Path, retrieval: RetrievalSettings, speaker: Path
) -> None:
    asked = RECIPE | {"continued_pretraining": 1, "prune_layers": 1, "distil_epochs": 1, "epochs": 2}
    report = train_response(Settings(response=asked), retrieval, home, model=str(speaker))
    assert report["pruned"]["kept"] == (0, 2)
    smaller = resolve(report["base"], home)
    assert load_base(smaller).config.num_hidden_layers == 2
    again = train_response(Settings(response=asked), retrieval, home, model=str(speaker))
    assert again["base"] == report["base"]
    assert again["perplexity"] == report["perplexity"]


def test_an_adapter_from_elsewhere_is_taken_onto_its_own_base_only(home: Path, speaker: Path, tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    model = with_adapter(load_base(speaker), ResponseRecipe(), 1)
    save_adapter(model, shipped, base=speaker, base_name=str(speaker))
    adapter = open_bundle(home, take_shipped(shipped, home)).path / "response"
    assert (adapter / "base.json").read_bytes() == (shipped / "base.json").read_bytes()
    other = make_tiny_speaker(tmp_path / "other", layers=1)
    save_adapter(model, shipped, base=speaker, base_name=str(other))
    with pytest.raises(ModelError, match="tune it again"):
        take_shipped(shipped, home)


def test_the_shipped_adapter_names_no_place_on_a_machine_and_fits_todays_prompt() -> None:
    folder = Path(__file__).resolve().parents[2] / "data" / "adapters" / "demo"
    about = json.loads((folder / "base.json").read_text())
    assert (about["base"], about["prompt"]) == ("smollm2", VERSION)
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == "smollm2"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20_000_000


def test_the_companys_text_is_its_articles_and_its_agents_words(home: Path) -> None:
    text = company_text(home)
    assert any("Seeds and pots can not be returned" in part for part in text)
    assert "Returns are free within 30 days." in text
    assert not any("how long does delivery take" in part for part in text)


def test_what_cannot_be_tuned_is_told(home: Path, retrieval: RetrievalSettings, speaker: Path, tmp_path: Path) -> None:
    with pytest.raises(NothingToServe, match="ingest"):
        train_response(Settings(), retrieval, tmp_path, model=str(speaker))
    with pytest.raises(BadRecipe, match="method is 'full'"):
        train_response(Settings(response={"method": "full"}), retrieval, home, model=str(speaker))
    with pytest.raises(BadLabels, match="max_tokens or held_out leaves too few"):
        train_response(Settings(response=RECIPE | {"max_tokens": 8}), retrieval, home, model=str(speaker))
