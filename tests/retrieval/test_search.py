"""Search against a slower twin, and who may see what."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from retrieval_fakes import HashingEncoder, thread, write_rows

from retrieval.bundle import open_bundle, write_bundle
from retrieval.corpus import FILE, Corpus
from retrieval.errors import BundleError
from retrieval.ingest import IngestReport
from retrieval.passages import all_passages, routes
from retrieval.search import RRF_K, Searcher
from retrieval.settings import Settings
from retrieval.types import Hit, PassageKind
from retrieval.vectors import VectorTable
from retrieval.words import match_expression, words

TakeIn = Callable[..., IngestReport]
TOPICS = ["roses", "pots", "parcels", "vouchers", "frost", "labels", "refunds", "spades", "seeds", "ferns"]


@pytest.fixture
def shop(take_in: TakeIn, tmp_path: Path) -> Path:
    """Sixty conversations and an article, so that every ranking is longer than it needs to be."""
    say = "About {0}: the page on {0} says that every {0} question has answer number {1} in it."
    rows = [
        thread(
            n,
            f"Please tell me about {TOPICS[n % 10]} and {TOPICS[n % 7]}, case {n}?",
            say.format(TOPICS[n % 10], n),
            customer=f"C{n}",
        )
        for n in range(60)
    ]
    rows += [
        thread(100 + n, "How tall are ferns?", "Ferns grow to about half a metre.", customer=f"C{n}") for n in range(5)
    ]
    rows += [thread(200, "Where is my fern?", "I've sent your fern to the depot.", customer="C1")]
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "frost.md").write_text(
        "# Frost\n\n## In winter\n\nWe hold plants back while the nights are below zero.\n"
    )
    take_in(folder, write_rows(tmp_path / "shop.jsonl", rows))
    return tmp_path / "home"


@pytest.fixture
def searcher(shop: Path) -> Searcher:
    return Searcher(open_bundle(shop), shop)


def ask(searcher: Searcher, encoder: HashingEncoder, query: str, k: int = 5, audience: str = "customers") -> list[Hit]:
    return searcher.search([query], encoder.encode([query]), k, audience)[0]  # type: ignore[arg-type]


def test_customers_find_articles_and_answers_given_to_five(searcher: Searcher, encoder: HashingEncoder) -> None:
    [fern, *_] = ask(searcher, encoder, "How tall are ferns?")
    assert (fern.passage.kind, fern.passage.customers) == (PassageKind.CARD, 5)
    assert fern.passage.text == "Ferns grow to about half a metre."
    [frost, *_] = ask(searcher, encoder, "winter nights frost plants")
    assert (frost.passage.kind, frost.passage.source, frost.passage.question) == (
        "article",
        "frost.md",
        "Frost > In winter",
    )


def test_customers_find_nothing_else(searcher: Searcher, encoder: HashingEncoder) -> None:
    found = [hit for topic in TOPICS for hit in ask(searcher, encoder, f"tell me about {topic}", 50)]
    assert {hit.passage.kind for hit in found} == {PassageKind.ARTICLE, PassageKind.CARD}
    assert all(hit.passage.kind is PassageKind.ARTICLE or hit.passage.customers >= 5 for hit in found)


def test_agents_find_every_answer(searcher: Searcher, encoder: HashingEncoder) -> None:
    [hit, *_] = ask(searcher, encoder, "Where is my fern?", audience="agents")
    assert (hit.passage.kind, hit.passage.text) == ("exchange", "I've sent your fern to the depot.")
    assert len(ask(searcher, encoder, "tell me about pots", 30, "agents")) == 30


def test_hits_are_ranked_from_one_and_each_passage_comes_once(searcher: Searcher, encoder: HashingEncoder) -> None:
    for audience in ("customers", "agents"):
        hits = ask(searcher, encoder, "ferns and pots", 40, audience)
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
        assert len({hit.passage.id for hit in hits}) == len(hits)
        assert [hit.fused for hit in hits] == sorted((hit.fused for hit in hits), reverse=True)


@pytest.mark.parametrize("audience", ["customers", "agents"])
def test_cosines_and_fusion_are_those_of_a_slower_twin(shop: Path, encoder: HashingEncoder, audience: str) -> None:
    settings = Settings(candidates=10)
    searcher = Searcher(open_bundle(shop), shop, settings)
    with Corpus.read(shop) as corpus:
        rows = routes(corpus)
        table = VectorTable.load(corpus, encoder.fingerprint, {text for _, text in rows}, encoder.width)
        vectors = table.rows([text for _, text in rows])
        public = {row[0] for row in corpus.connection.execute("SELECT id FROM passages WHERE public = 1")}
        everything = {passage.id for passage in all_passages(corpus)}
    allowed = public if audience == "customers" else everything
    for query in ("how tall are ferns", "roses in the frost", "a voucher for pots", "zebra"):
        vector = encoder.encode([query])
        best: dict[int, float] = {}
        for (passage, _), cosine in zip(rows, vectors @ vector[0], strict=True):
            if passage in allowed:
                best[passage] = max(best.get(passage, -1.0), float(cosine))
        dense = sorted(best, key=lambda p: -best[p])[:10]
        sparse = [p for p, _ in searcher._by_words(query, audience)]  # type: ignore[arg-type]
        fused: dict[int, float] = {}
        for weight, ranking in ((1.0, dense), (settings.words_weight, sparse)):
            for rank, passage in enumerate(ranking, 1):
                fused[passage] = fused.get(passage, 0.0) + weight / (RRF_K + rank)
        hits = searcher.search([query], vector, 8, audience)[0]  # type: ignore[arg-type]
        assert [hit.fused for hit in hits] == pytest.approx(sorted(fused.values(), reverse=True)[:8])
        for hit in hits:
            assert hit.fused == pytest.approx(fused[hit.passage.id])
            assert hit.cosine == pytest.approx(best[hit.passage.id], abs=1e-5)


def test_a_batch_finds_what_single_queries_find(searcher: Searcher, encoder: HashingEncoder) -> None:
    queries = ["how tall are ferns", "frost in winter", "vouchers", "我的订单"]
    vectors = encoder.encode(queries)
    together = searcher.search(queries, vectors, 5, "agents")
    alone = [searcher.search([query], vectors[n : n + 1], 5, "agents")[0] for n, query in enumerate(queries)]
    assert [[h.passage.id for h in hits] for hits in together] == [[h.passage.id for h in hits] for hits in alone]


def test_without_embeddings_words_alone_find(searcher: Searcher) -> None:
    [hits] = searcher.search(["how tall do ferns grow"], None, 3)
    assert hits[0].passage.text.startswith("Ferns grow")
    assert hits[0].cosine is None
    assert hits[0].bm25 is not None
    assert hits[0].bm25 > 0


@pytest.mark.parametrize(
    "query", ["", "   ", "the of and", '"quoted" AND (NEAR: *', "😀", "'; DROP TABLE passages; --", "x" * 5000]
)
def test_any_text_is_a_query(searcher: Searcher, encoder: HashingEncoder, query: str) -> None:
    assert isinstance(ask(searcher, encoder, query), list)


def test_queries_and_embeddings_must_be_as_many(searcher: Searcher, encoder: HashingEncoder) -> None:
    with pytest.raises(ValueError, match="2 queries came with 1"):
        searcher.search(["a", "b"], encoder.encode(["a"]), 3)


def test_a_deleted_passage_is_never_returned(shop: Path, searcher: Searcher, encoder: HashingEncoder) -> None:
    [hit, *_] = ask(searcher, encoder, "How tall are ferns?")
    with sqlite3.connect(shop / FILE) as connection:
        connection.execute("DELETE FROM passages WHERE id = ?", (hit.passage.id,))
    assert hit.passage.id not in {h.passage.id for h in ask(searcher, encoder, "How tall are ferns?", 50, "agents")}


def test_a_passage_that_is_no_longer_public_is_gone_at_once(
    shop: Path, searcher: Searcher, encoder: HashingEncoder
) -> None:
    [hit, *_] = ask(searcher, encoder, "How tall are ferns?")
    with sqlite3.connect(shop / FILE) as connection:
        connection.execute("UPDATE passages SET public = 0 WHERE id = ?", (hit.passage.id,))
    assert hit.passage.id not in {h.passage.id for h in ask(searcher, encoder, "How tall are ferns?", 50)}


def test_a_passage_newer_than_the_bundle_waits_for_the_next(
    shop: Path, take_in: TakeIn, encoder: HashingEncoder
) -> None:
    old = Searcher(open_bundle(shop), shop)
    page = shop.parent / "articles" / "gnomes.md"
    page.write_text("# Gnomes\n\nWe sell gnomes of clay in red and in blue.\n")
    take_in(page.parent)
    for searcher, found in ((old, False), (Searcher(open_bundle(shop), shop), True)):
        hits = ask(searcher, encoder, "gnomes of clay", 20)
        assert ("gnomes.md" in {hit.passage.source for hit in hits}) is found


def test_chinese_is_found_by_its_words_and_carries_no_cosine(
    take_in: TakeIn, home: Path, encoder: HashingEncoder, tmp_path: Path
) -> None:
    answer = "花盆可以在收货后三十天内退货，植物不可以退货。"
    rows = [thread(n, "花盆可以退货吗？", answer, customer=f"C{n}") for n in range(5)]
    take_in(
        write_rows(tmp_path / "zh.jsonl", [*rows, thread(9, "Do you ship?", "Yes, to most of Europe.", customer="X")])
    )
    searcher = Searcher(open_bundle(home), home)
    [hit] = ask(searcher, encoder, "我想退货花盆")
    assert (hit.passage.text, hit.passage.language, hit.cosine) == (answer, "zh", None)
    assert open_bundle(home).index is not None
    assert encoder.texts_seen > 0


def test_a_card_with_many_questions_does_not_crowd_out_the_rest(
    take_in: TakeIn, home: Path, encoder: HashingEncoder, tmp_path: Path
) -> None:
    rows = [
        thread(
            n, f"Can I collect my order myself {n} please?", "Yes, at the nursery gate on Fridays.", customer=f"C{n}"
        )
        for n in range(400)
    ]
    rows += [
        thread(1000 + n, "Can I pick plants?", "Plants are picked by our gardeners only.", customer=f"C{n}")
        for n in range(5)
    ]
    take_in(write_rows(tmp_path / "t.jsonl", rows))
    hits = ask(Searcher(open_bundle(home), home), encoder, "Can I collect my order myself?")
    assert len(hits) == 2


def test_many_threads_search_at_once(searcher: Searcher, encoder: HashingEncoder) -> None:
    queries = [f"tell me about {topic}" for topic in TOPICS]
    vectors = encoder.encode(queries)
    expected = [[h.passage.id for h in hits] for hits in searcher.search(queries, vectors, 5, "agents")]
    failed: list[object] = []

    def work() -> None:
        for _ in range(10):
            found = [[h.passage.id for h in hits] for hits in searcher.search(queries, vectors, 5, "agents")]
            if found != expected:
                failed.append(found)

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failed


def test_a_bundle_without_an_index_cannot_be_searched(home: Path, encoder: HashingEncoder) -> None:
    write_bundle(home, encoder_dir=encoder.folder)
    with pytest.raises(BundleError, match="has no index"):
        Searcher(open_bundle(home), home)


def test_words_are_folded_stemmed_and_cut() -> None:
    assert words("Where’s my PARCELS to Malmö? [ORDER]") == ["parcel", "malmo"]
    assert words("returned returning returns") == ["return"] * 3
    assert words("ship ships shipped shipping") == ["ship"] * 4
    assert "订单" in words("我的订单MG-10234什么时候发货")


def test_frequent_words_are_dropped_while_another_remains() -> None:
    often = {"pot": 900, "plant": 500, "parcel": 700}
    assert match_expression("the pot pot glaze", frequent=often) == '"glaz"'
    assert match_expression("pot plants in parcels", frequent=often) == '"plant" OR "parcel"'


def test_unit_vectors_come_back_from_the_cache(shop: Path, encoder: HashingEncoder) -> None:
    with Corpus.read(shop) as corpus:
        table = VectorTable.load(corpus, encoder.fingerprint, {text for _, text in routes(corpus)}, encoder.width)
        rows = table.rows([text for _, text in routes(corpus)])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-6)
