"""What an ingest does, does not do twice, and says about it."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from retrieval_fakes import KEY, HashingEncoder, thread, write_rows

from retrieval.bundle import CurrentBundle, bundle_ids, current_id, open_bundle, write_bundle
from retrieval.corpus import Corpus
from retrieval.errors import BadInput, Busy
from retrieval.ingest import IngestReport, ingest, reindex
from retrieval.passages import all_passages, routes
from retrieval.progress import Step
from retrieval.search import Searcher
from retrieval.settings import Settings
from retrieval.types import PassageKind

TakeIn = Callable[..., IngestReport]
Company = tuple[Path, Path]


def texts(home: Path, kind: PassageKind | None = None) -> list[str]:
    with Corpus.read(home) as corpus:
        return [passage.text for passage in all_passages(corpus, kind)]


def test_the_report_counts_what_was_done(take_in: TakeIn, company: Company, home: Path) -> None:
    report = take_in(*company, bare=True)
    said = report.as_dict()
    assert {key: said[key] for key in ("read", "added", "replaced", "unchanged", "quarantined", "removed")} == {
        "read": 9, "added": 9, "replaced": 0, "unchanged": 0, "quarantined": 0, "removed": 0,
    }  # fmt: skip
    assert (said["exchanges"], said["cards"], said["passages"]) == (8, 2, 5)
    assert said["passages_per_s"] * said["seconds"] == pytest.approx(said["embedded"], rel=0.1)
    assert 0 <= said["encoder_share"] <= 1
    assert said["bare_passages_per_s"] > 0
    assert said["bundle"] == current_id(home)
    json.dumps(said)


def test_the_second_time_adds_nothing_and_publishes_nothing(
    take_in: TakeIn, company: Company, home: Path, encoder: HashingEncoder
) -> None:
    take_in(*company)
    seen = encoder.texts_seen
    again = take_in(*company)
    assert (again.added, again.unchanged, again.embedded, encoder.texts_seen) == (0, 9, 0, seen)
    assert (again.exchanges, again.cards, again.passages) == (8, 2, 5)
    assert len(bundle_ids(home)) == 1


def test_customers_see_the_article_and_the_card_of_six(take_in: TakeIn, company: Company, home: Path) -> None:
    take_in(*company)
    with Corpus.read(home) as corpus:
        passages = {p.text: p for p in all_passages(corpus)}
        public = {row[0] for row in corpus.connection.execute("SELECT text FROM passages WHERE public = 1")}
    gate = "You can collect your order at the nursery gate on Fridays."
    assert (passages[gate].kind, passages[gate].customers) == (PassageKind.CARD, 6)
    assert public == {gate, *(p.text for p in passages.values() if p.kind is PassageKind.ARTICLE)}
    assert passages["I've sent it again to you today, [NAME]."].kind is PassageKind.EXCHANGE


def test_trust_makes_every_card_of_that_source_public_and_is_remembered(
    take_in: TakeIn, company: Company, home: Path
) -> None:
    take_in(company[1])
    report = take_in(company[1], trust=True)
    assert (report.added, report.unchanged) == (0, 8)
    for _ in range(2):
        with Corpus.read(home) as corpus:
            cards = all_passages(corpus, PassageKind.CARD)
            public = corpus.connection.execute("SELECT count(*) FROM passages WHERE public = 1").fetchone()[0]
        assert all(card.trusted for card in cards)
        assert public == len(cards) == 2
        take_in(company[1])  # trust is not taken back by leaving the word out


def test_a_changed_article_replaces_its_old_passages(take_in: TakeIn, company: Company, home: Path) -> None:
    take_in(*company)
    page = company[0] / "returns.md"
    page.write_text(page.read_text().replace("four euro", "five euro"))
    report = take_in(*company)
    assert (report.added, report.replaced, report.unchanged) == (0, 1, 8)
    articles = " ".join(texts(home, PassageKind.ARTICLE))
    assert "five euro" in articles
    assert "four euro" not in articles
    assert len(bundle_ids(home)) == 2


def test_a_kept_passage_keeps_its_id_and_a_new_one_gets_a_new_one(
    take_in: TakeIn, company: Company, home: Path
) -> None:
    take_in(*company)
    with Corpus.read(home) as corpus:
        before = {p.text: p.id for p in all_passages(corpus)}
    page = company[0] / "returns.md"
    page.write_text(page.read_text().replace("four euro", "five euro"))
    take_in(*company)
    with Corpus.read(home) as corpus:
        after = {p.text: p.id for p in all_passages(corpus)}
    assert all(after[text] == number for text, number in before.items() if text in after)
    assert min(number for text, number in after.items() if text not in before) > max(before.values())


def test_an_article_gone_from_its_folder_is_removed(take_in: TakeIn, company: Company, home: Path) -> None:
    (company[0] / "other.md").write_text("# Other\n\nSome other words.\n")
    take_in(*company)
    (company[0] / "returns.md").unlink()
    report = take_in(*company)
    assert (report.removed, texts(home, PassageKind.ARTICLE)) == (1, ["Some other words."])


def test_a_moved_folder_is_the_same_articles(take_in: TakeIn, company: Company, home: Path, tmp_path: Path) -> None:
    take_in(company[0])
    moved = shutil.move(company[0], tmp_path / "elsewhere")
    (Path(moved) / "returns.md").write_text("# Returning pots\n\nAll of it is new.\n")
    take_in(Path(moved))
    assert texts(home) == ["All of it is new."]


def test_the_same_conversation_in_another_file_is_the_same(take_in: TakeIn, company: Company, tmp_path: Path) -> None:
    take_in(company[1])
    copy = shutil.copy(company[1], tmp_path / "copy.jsonl")
    report = take_in(Path(copy))
    assert (report.added, report.unchanged, report.exchanges) == (0, 8, 8)


def test_a_copy_that_is_vouched_for_makes_its_conversations_trusted(
    take_in: TakeIn, company: Company, home: Path, tmp_path: Path
) -> None:
    take_in(company[1])
    copy = Path(shutil.copy(company[1], tmp_path / "copy.jsonl"))
    assert take_in(copy, trust=True).added == 0
    with Corpus.read(home) as corpus:
        assert all(card.trusted for card in all_passages(corpus, PassageKind.CARD))
    assert take_in(company[1]).unchanged == 8


def test_a_conversation_that_went_on_replaces_what_it_was(take_in: TakeIn, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    take_in(write_rows(path, [thread(1, "Do you ship?", "Yes, to most of Europe.")]))
    report = take_in(
        write_rows(path, [thread(1, "Do you ship?", "Yes, to most of Europe.", "To Malta?", "Yes, by sea and slowly.")])
    )
    assert (report.replaced, report.exchanges) == (1, 2)


def test_bad_rows_are_put_aside_whole_with_file_line_and_reason_for_their_owner_alone(
    take_in: TakeIn, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    write_rows(tmp_path / "in" / "t.jsonl", [thread(1, "a?", "b."), "{secret words", thread(1, "again", "x")])
    (tmp_path / "in" / "empty.md").write_text("# Nothing\n")
    report = take_in(tmp_path / "in")
    assert (report.read, report.added, report.quarantined) == (4, 1, 3)
    assert report.quarantine is not None
    rows = [json.loads(line) for line in Path(report.quarantine).read_text().splitlines()]
    assert [(row["file"], row["line"]) for row in rows] == [("empty.md", 1), ("t.jsonl", 2), ("t.jsonl", 3)]
    assert all(row["reason"] for row in rows)
    assert rows[1]["row"] == "{secret words"
    assert Path(report.quarantine).stat().st_mode & 0o777 == 0o600


def test_nothing_is_touched_if_a_path_is_no_good(take_in: TakeIn, company: Company, home: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not exist"):
        take_in(*company, tmp_path / "missing.jsonl")
    with pytest.raises(BadInput, match="nothing to ingest"):
        take_in()
    assert not home.exists()


def test_two_ingests_do_not_meet_in_one_home(take_in: TakeIn, company: Company, home: Path) -> None:
    take_in(*company)
    with (home / "ingest.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Busy, match="another ingest or training is at work"):
            take_in(*company)


def test_ctrl_c_loses_nothing(take_in: TakeIn, company: Company, home: Path) -> None:
    def stop(step: Step) -> None:
        if step.stage == "passages":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_in(*company, progress=stop)
    assert take_in(*company).passages == 5


def test_a_rebuild_embeds_anew_and_ends_the_same(
    take_in: TakeIn, company: Company, home: Path, encoder: HashingEncoder
) -> None:
    first = take_in(*company)
    before = texts(home)
    report = take_in(rebuild=True)
    assert (report.embedded, texts(home), report.bundle) == (first.embedded, before, first.bundle)


def test_another_encoder_makes_new_vectors_and_a_new_index(
    take_in: TakeIn, company: Company, home: Path, tmp_path: Path
) -> None:
    take_in(*company)
    other = HashingEncoder(tmp_path / "other", width=24, seed=5)
    report = take_in(*company, encoder=other)
    assert report.added == 0
    assert report.embedded > 0
    bundle = open_bundle(home)
    assert bundle.fingerprint == other.fingerprint
    assert bundle.index is not None
    assert bundle.index.width == 24


def test_heads_and_thresholds_are_carried_into_the_new_bundle(take_in: TakeIn, company: Company, home: Path) -> None:
    take_in(company[0])
    write_bundle(home, extra_files={"intents.json": b"{}"}, thresholds={"answer": 0.4}, thresholds_source="x")
    take_in(company[1])
    bundle = open_bundle(home)
    assert bundle.file("intents.json") is not None
    assert dict(bundle.thresholds) == {"answer": 0.4}


def test_a_damaged_bundle_is_replaced(take_in: TakeIn, company: Company, home: Path) -> None:
    first = take_in(*company).bundle
    path = home / "models" / first / "index.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    second = take_in(*company).bundle
    assert second != first
    assert open_bundle(home).index is not None


def test_a_fact_added_while_the_service_runs_is_found_without_a_restart(
    take_in: TakeIn, company: Company, home: Path, encoder: HashingEncoder
) -> None:
    take_in(*company)
    current = CurrentBundle(home, every_s=0)
    current.get()
    (company[0] / "owl.md").write_text(
        "# The nursery owl\n\nThe nursery owl is called Balthazar and sleeps above the potting shed.\n"
    )
    take_in(company[0])
    query = "what is the owl called"
    hit = Searcher(current.get(), home).search([query], encoder.encode([query]), 3)[0][0]
    assert ("Balthazar" in hit.passage.text, hit.passage.source) == (True, "owl.md")


def test_an_approval_survives_the_next_ingest(take_in: TakeIn, company: Company, home: Path) -> None:
    from retrieval.approvals import approve, withdraw

    take_in(company[1])
    with Corpus.read(home) as corpus:
        [lonely] = [p for p in all_passages(corpus, PassageKind.CARD) if p.customers == 1]
    approve(home, KEY, [lonely.id], by="noor@example.org")
    for _ in range(2):
        with Corpus.read(home) as corpus:
            again = next(p for p in all_passages(corpus, PassageKind.CARD) if p.text == lonely.text)
            assert (again.id, again.approved) == (lonely.id, True)
        take_in(*company)
    withdraw(home, KEY, [lonely.id], by="noor@example.org")
    with Corpus.read(home) as corpus:
        assert not next(p for p in all_passages(corpus) if p.id == lonely.id).approved


def test_vectors_nobody_refers_to_are_forgotten(take_in: TakeIn, company: Company, home: Path) -> None:
    take_in(*company)
    (company[0] / "returns.md").write_text("# Returning pots\n\nOne short line.\n")
    take_in(*company)
    with Corpus.read(home) as corpus:
        used = {text for _, text in routes(corpus)}
        kept = corpus.count("vectors")
        cards = corpus.connection.execute("SELECT count(*) FROM passages WHERE kind = 'card'").fetchone()[0]
    assert kept <= len(used) + cards


def test_settings_of_the_derivation_take_effect_on_the_next_run(take_in: TakeIn, company: Company, home: Path) -> None:
    take_in(company[1])
    take_in(company[1], settings=Settings(min_customers=7))
    with Corpus.read(home) as corpus:
        assert corpus.connection.execute("SELECT count(*) FROM passages WHERE public = 1").fetchone()[0] == 0


def test_a_key_too_short_is_refused(company: Company, home: Path, encoder: HashingEncoder) -> None:
    with pytest.raises(Exception, match="at least 16"):
        ingest([company[1]], Settings(), home, b"short", encoder=encoder)


def test_another_encoder_gets_an_index_over_the_same_passages(
    take_in: TakeIn, company: Company, home: Path, tmp_path: Path
) -> None:
    take_in(*company)
    before = texts(home)
    other = HashingEncoder(tmp_path / "other", seed=7)
    index, made = reindex(other, Settings(), home, KEY)
    assert texts(home) == before
    assert index.fingerprint == other.fingerprint
    write_bundle(home, index=index, encoder_dir=other.folder, data={"index": made})
    bundle = open_bundle(home)
    hits = Searcher(bundle, home).search(["parcel"], other.encode(["parcel"]), 3, "agents")[0]
    assert hits
    assert {hit.passage.text for hit in hits} <= set(before)
    seen = other.texts_seen
    again, same = reindex(other, Settings(), home, KEY)
    assert (len(again), same, other.texts_seen) == (len(index), made, seen)
