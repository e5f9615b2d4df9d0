"""Taking up bundles: the first, a newer one, and a broken one that is refused while the last good one serves."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bot_fakes import WIDTH, fit_head
from bot_fakes import encode as hash_words

from bot.bundle_knowledge import Watch
from bot.errors import NotReady
from bot.head import Array
from bot.knowledge import Audience
from retrieval.bundle import Bundle, write_bundle
from retrieval.encoder import fingerprint_of
from retrieval.ingest import ingest
from retrieval.settings import Settings

KEY = b"a master key for tests, 32 bytes"


class WordEncoder:
    """Hashes words, from a folder that looks like a model's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.width = WIDTH
        self.fingerprint = fingerprint_of(folder)

    def encode(self, texts: list[str], **_: object) -> Array:
        return hash_words(texts)


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "delivery.md").write_text("# Delivery\n\nDelivery takes two to four working days and costs 5.90 euro.\n")
    return folder


@pytest.fixture
def take_in(home: Path, tmp_path: Path) -> Callable[[Path], None]:
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"hidden_size": WIDTH}))
    (folder / "model.safetensors").write_bytes(b"hashing needs no weights")

    def run(path: Path) -> None:
        ingest([path], Settings(), home, KEY, encoder=WordEncoder(folder))

    return run


@pytest.fixture
def watch(home: Path) -> Iterator[Watch]:
    def open_encoder(bundle: Bundle) -> WordEncoder:
        return WordEncoder(bundle.encoder_dir)

    made = Watch(home, Settings(), 1, open_encoder)
    made.start()
    yield made
    made.stop()


def wait_for(happened: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def sources(watch: Watch, question: str) -> list[str]:
    knowledge = watch.current()
    [hits] = knowledge.search([question], knowledge.encode([question]), Audience.CUSTOMER, 3)
    return [Path(hit.passage.source).name for hit in hits]


def test_before_there_is_a_bundle_it_says_what_to_do(watch: Watch) -> None:
    wait_for(lambda: "ingest" in (watch.problem or ""))
    with pytest.raises(NotReady, match="nightdesk ingest"):
        watch.current()


def test_a_first_bundle_is_taken_up_when_it_appears(
    watch: Watch, articles: Path, take_in: Callable[[Path], None]
) -> None:
    take_in(articles)
    assert watch.ready.wait(10)
    assert sources(watch, "delivery takes days") == ["delivery.md"]
    assert watch.current().head is None


def test_a_new_article_is_found_within_a_second(watch: Watch, articles: Path, take_in: Callable[[Path], None]) -> None:
    take_in(articles)
    assert watch.ready.wait(10)
    (articles / "dogs.md").write_text("# Dogs\n\nDogs may visit the glasshouse on a lead on Saturdays.\n")
    take_in(articles)
    wait_for(lambda: sources(watch, "may dogs visit the glasshouse")[0] == "dogs.md", timeout_s=1.0)


def test_a_trained_head_and_its_thresholds_come_with_the_bundle(
    watch: Watch, home: Path, articles: Path, take_in: Callable[[Path], None]
) -> None:
    take_in(articles)
    assert watch.ready.wait(10)
    tensors, description = fit_head().to_bytes()
    files = {"intents.safetensors": tensors, "intents.json": description}
    bundle = write_bundle(home, extra_files=files, thresholds={"answer_cosine": 0.77})
    wait_for(lambda: watch.current().bundle == bundle)
    head = watch.current().head
    assert head is not None
    assert head.labels == fit_head().labels
    assert watch.current().thresholds.answer_cosine == 0.77


@pytest.mark.parametrize("broken", ["a head of another width", "no head at all"])
def test_a_broken_bundle_is_refused_and_the_last_good_one_serves_on(
    watch: Watch, home: Path, articles: Path, take_in: Callable[[Path], None], broken: str
) -> None:
    take_in(articles)
    assert watch.ready.wait(10)
    good = watch.current().bundle
    tensors, description = fit_head().to_bytes()
    if broken == "a head of another width":
        narrow = fit_head()
        thin = type(narrow)(
            narrow.labels, narrow.weight[:, :8].copy(), narrow.bias, narrow.exemplars[:, :8].copy(), 1.0, narrow.scope,
            narrow.catalogue,
        )  # fmt: skip
        tensors, description = thin.to_bytes()
    else:
        tensors = b"not a tensor"
    written = write_bundle(home, extra_files={"intents.safetensors": tensors, "intents.json": description})
    wait_for(lambda: watch.problem)
    assert watch.current().bundle == good != written
    assert sources(watch, "delivery takes days") == ["delivery.md"]
