"""Masking with a tagger that was learnt: what came in before it, and what comes in after."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from entity_sentences import sentences
from tiny_bert import make_tiny_bert

from bot.bundle_knowledge import load
from finetune.entities.company import learn_entities
from finetune.entities.recipe import TaggerRecipe
from retrieval.bundle import open_bundle, write_bundle
from retrieval.corpus import Corpus
from retrieval.encoder import SentenceEncoder
from retrieval.errors import TaggerError
from retrieval.ingest import IngestReport, ingest
from retrieval.progress import Step
from retrieval.remask import BATCH
from retrieval.settings import Settings
from retrieval.tagger import FILE

KEY = b"a master key for tests, 32 bytes"
RECIPE = TaggerRecipe(
    reads=1500, least_epochs=1, max_tokens=24, head_learning_rate=1e-2, hidden=32, head_dropout=0.1
)  # fmt: skip


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> SentenceEncoder:
    return SentenceEncoder(make_tiny_bert(tmp_path_factory.mktemp("weights") / "base"), threads=1)


@pytest.fixture(scope="module")
def tagger(encoder: SentenceEncoder, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("labelled") / "entities.conll"
    rows = sentences(90)
    path.write_text("\n\n".join("\n".join(map(" ".join, zip(r.words, r.tags, strict=True))) for r in rows) + "\n")
    return learn_entities(path, encoder, str, seed=1, recipe=RECIPE).files[FILE]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def take_in(home: Path, encoder: SentenceEncoder) -> Callable[..., IngestReport]:
    def run(*paths: Path, **options: Any) -> IngestReport:
        return ingest(paths, Settings(), home, KEY, encoder=encoder, **options)

    return run


def threads(path: Path, *questions: str, start: int = 0) -> Path:
    rows = [
        {
            "id": f"T-{n}",
            "turns": [{"role": "customer", "text": text}, {"role": "agent", "text": "the parcel is late please"}],
        }
        for n, text in enumerate(questions, start)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def asked(home: Path) -> list[str]:
    with Corpus.read(home) as corpus:
        return [exchange.question for exchange in corpus.exchanges()]


def test_remask_replaces_names_that_rules_do_not_know_once(
    home: Path, tmp_path: Path, tagger: bytes, take_in: Callable[..., IngestReport]
) -> None:
    take_in(threads(tmp_path / "a.jsonl", "where is my parcel Wilhelmina please", "where is the parcel"))
    assert "Wilhelmina" in asked(home)[0]
    write_bundle(home, extra_files={FILE: tagger})
    first = take_in(remask=True)
    assert asked(home) == ["where is my parcel [NAME] please", "where is the parcel"]
    assert (first.masked, first.embedded > 0) == (1, True)
    again = take_in(remask=True)
    assert (again.masked, again.embedded, again.bundle) == (0, 0, first.bundle)


def test_what_comes_in_later_is_masked_before_it_is_embedded(
    home: Path, tmp_path: Path, tagger: bytes, take_in: Callable[..., IngestReport]
) -> None:
    take_in(threads(tmp_path / "a.jsonl", "where is the parcel"))
    write_bundle(home, extra_files={FILE: tagger})
    report = take_in(threads(tmp_path / "b.jsonl", "where is my order Thorvald please", start=1))
    assert asked(home)[1] == "where is my order [NAME] please"
    assert report.masked == 1
    changed = take_in(threads(tmp_path / "b.jsonl", "where is the order Roswitha please", start=1))
    assert asked(home)[1] == "where is the order [NAME] please"
    assert (changed.replaced, changed.masked) == (1, 1)


def test_a_killed_remask_goes_on_where_it_was(
    home: Path, tmp_path: Path, tagger: bytes, take_in: Callable[..., IngestReport]
) -> None:
    count = BATCH + 30
    take_in(threads(tmp_path / "a.jsonl", *["where is my parcel Wilhelmina please"] * count))
    write_bundle(home, extra_files={FILE: tagger})

    class Killed(Exception):
        pass

    def kill(step: Step) -> None:
        if step.stage == "mask":
            raise Killed

    with pytest.raises(Killed):
        take_in(remask=True, progress=kill)
    assert sum("[NAME]" in text for text in asked(home)) == BATCH
    assert take_in(remask=True).masked == 30
    assert asked(home) == ["where is my parcel [NAME] please"] * count


def test_a_newer_tagger_goes_over_everything_again(
    home: Path, tmp_path: Path, tagger: bytes, encoder: SentenceEncoder, take_in: Callable[..., IngestReport]
) -> None:
    shy = _shy(tagger)
    take_in(threads(tmp_path / "a.jsonl", "where is my parcel Wilhelmina please"))
    write_bundle(home, extra_files={FILE: shy})
    assert take_in(remask=True).masked == 0
    write_bundle(home, extra_files={FILE: tagger})
    assert take_in(tmp_path / "a.jsonl").masked == 0  # nothing new came in, and nobody asked for more
    assert take_in(remask=True).masked == 1


def test_a_bundle_with_a_tagger_tells_what_is_mentioned_in_one_pass(
    home: Path, tmp_path: Path, tagger: bytes, encoder: SentenceEncoder, take_in: Callable[..., IngestReport]
) -> None:
    take_in(threads(tmp_path / "a.jsonl", "where is the parcel"))
    assert load(open_bundle(home), encoder, home, Settings()).mentions(["where is Wilhelmina"]) == [[]]
    write_bundle(home, extra_files={FILE: tagger})
    knowledge = load(open_bundle(home), encoder, home, Settings())
    texts = ["where is Wilhelmina please", "money back please"]
    knowledge.encode(texts)
    seconds = encoder.seconds
    found = knowledge.mentions(texts)
    assert [[(mention.kind, mention.words) for mention in row] for row in found] == [
        [("PERSON", "Wilhelmina")],
        [("PRODUCT", "money back")],
    ]
    assert encoder.seconds == seconds  # the states were at hand


def test_a_tagger_of_another_encoder_is_refused(
    home: Path, tmp_path: Path, tagger: bytes, encoder: SentenceEncoder, take_in: Callable[..., IngestReport]
) -> None:
    from retrieval.tagger import Tagger

    found = Tagger.from_bytes(tagger)
    third = len(found.window) // 3
    keep = [row for part in range(3) for row in range(part * third + 4, (part + 1) * third)]
    take_in(threads(tmp_path / "a.jsonl", "where is the parcel"))
    write_bundle(home, extra_files={FILE: replace(found, window=found.window[keep]).to_bytes()})
    with pytest.raises(TaggerError, match="reads states of width 28, the encoder gives 32"):
        load(open_bundle(home), encoder, home, Settings())


def _shy(raw: bytes) -> bytes:
    """The same tagger, which never finds anything."""
    from retrieval.tagger import Tagger

    found = Tagger.from_bytes(raw)
    return replace(found, out_bias=found.out_bias - found.away(-1000.0)).to_bytes()
