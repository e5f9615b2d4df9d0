"""An old rule is not given to customers: not if a later answer or an article says otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from retrieval_fakes import KEY, HashingEncoder, thread, write_rows

from retrieval.approvals import approve, export_approvals, import_approvals, withdraw
from retrieval.bundle import open_bundle
from retrieval.errors import BadInput, CorpusError
from retrieval.ingest import IngestReport
from retrieval.listing import Card, list_cards
from retrieval.search import Searcher

TakeIn = Callable[..., IngestReport]

OLD = "Delivery is free from €60 of goods everywhere in the union."
NEW = "Delivery is free from €75 of goods everywhere in the union."
ASK = "What does the delivery of an order cost?"


def dated(number: int, at: str, question: str, answer: str) -> dict[str, Any]:
    return thread(
        f"T-{number}", question, f"{answer} Number {number} wishes you a good day.", customer=f"C-{number}"
    ) | {"at": at}


def history(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    return [dated(n, at, ASK, answer) for n, (at, answer) in enumerate(pairs)]


def several(answer: str, month: str, count: int) -> list[tuple[str, str]]:
    return [(f"{month}-{day:02}T10:00:00Z", answer) for day in range(1, count + 1)]


def card(home: Path, answer: str) -> Card:
    return next(card for card in list_cards(home) if card.answer == answer)


@pytest.fixture
def changed(take_in: TakeIn, tmp_path: Path, home: Path) -> Path:
    rows = history(*several(OLD, "2026-02", 6), *several(NEW, "2026-05", 6))
    path = write_rows(tmp_path / "history.jsonl", rows)
    take_in(path)
    return path


def test_the_later_of_two_answers_that_differ_in_a_figure_stands(changed: Path, home: Path) -> None:
    old, new = card(home, OLD), card(home, NEW)
    assert (new.customers, new.public, new.superseded_by) == (6, True, None)
    assert (old.customers, old.public, old.superseded_by) == (6, False, new.id)
    assert (old.first_at, old.last_at) == ("2026-02-01T10:00:00+00:00", "2026-02-06T10:00:00+00:00")


def test_customers_never_find_a_superseded_card_and_agents_find_it_marked(
    changed: Path, home: Path, encoder: HashingEncoder
) -> None:
    searcher = Searcher(open_bundle(home), home)
    query = ["Delivery is free from €60 of goods everywhere"]
    told = [hit.passage.text for hit in searcher.search(query, encoder.encode(query), 9)[0]]
    seen = {hit.passage.text: hit.passage for hit in searcher.search(query, encoder.encode(query), 9, "agents")[0]}
    assert OLD not in told
    assert NEW in told
    assert seen[OLD].superseded
    assert seen[OLD].title.endswith("(superseded)")


def test_a_straggler_with_last_months_rule_in_mind_changes_nothing(take_in: TakeIn, tmp_path: Path, home: Path) -> None:
    rows = history(*several(OLD, "2026-02", 6), ("2026-05-03T10:00:00Z", OLD), *several(NEW, "2026-05", 6))
    take_in(write_rows(tmp_path / "t.jsonl", rows))
    assert (card(home, OLD).superseded_by, card(home, NEW).public) == (card(home, NEW).id, True)


def test_two_answers_in_use_side_by_side_both_stand(take_in: TakeIn, tmp_path: Path, home: Path) -> None:
    mixed = [
        pair for pairs in zip(several(OLD, "2026-02", 6), several(NEW, "2026-02", 6), strict=True) for pair in pairs
    ]
    take_in(write_rows(tmp_path / "t.jsonl", history(*mixed)))
    assert card(home, OLD).public
    assert card(home, NEW).public


def test_one_agents_slip_supersedes_nothing(take_in: TakeIn, tmp_path: Path, home: Path) -> None:
    rows = history(*several(NEW, "2026-02", 6), ("2026-06-01T10:00:00Z", NEW.replace("75", "50")))
    take_in(write_rows(tmp_path / "t.jsonl", rows))
    assert card(home, NEW).public


def test_an_article_wins_over_any_number_of_answers(take_in: TakeIn, tmp_path: Path, home: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "costs.md").write_text(f"# Costs\n\n## Delivery\n\n{NEW}\n")
    take_in(tmp_path / "pages", write_rows(tmp_path / "t.jsonl", history(*several(OLD, "2026-02", 6))))
    old = card(home, OLD)
    assert (old.public, old.superseded_by_kind, old.superseded_by_text) == (False, "article", NEW)


def test_an_article_that_names_both_figures_backs_the_card(take_in: TakeIn, tmp_path: Path, home: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "costs.md").write_text(f"# Costs\n\n{NEW} For members: {OLD[:1].lower()}{OLD[1:]}\n")
    take_in(tmp_path / "pages", write_rows(tmp_path / "t.jsonl", history(*several(OLD, "2026-02", 6))))
    assert card(home, OLD).public


def test_prices_of_two_sizes_do_not_contradict_each_other(take_in: TakeIn, tmp_path: Path, home: Path) -> None:
    small, large = "The terracotta pot of 18 cm costs €12 each.", "The terracotta pot of 28 cm costs €19 each."
    rows = history(*several(small, "2026-02", 6), *several(large, "2026-05", 6))
    take_in(write_rows(tmp_path / "t.jsonl", rows))
    assert card(home, small).public
    assert card(home, large).public


def test_a_rule_turned_into_its_opposite_is_superseded(take_in: TakeIn, tmp_path: Path, home: Path) -> None:
    never, now = "Pots can't be exchanged in one step with us.", "Pots can be exchanged in one step with us."
    take_in(write_rows(tmp_path / "t.jsonl", history(*several(never, "2026-02", 6), *several(now, "2026-05", 6))))
    assert (card(home, never).public, card(home, now).public) == (False, True)


def test_a_rule_that_an_article_calls_past_is_doubtful_and_hidden_until_it_is_approved(
    take_in: TakeIn, tmp_path: Path, home: Path
) -> None:
    past = "Return the pot and order the other one anew; the delivery charge is waived."
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "exchanges.md").write_text(
        "# Exchanges\n\nUntil 31 January 2026 one had to return the pot, order the other anew, and the delivery "
        "charge was waived.\n"
    )
    take_in(tmp_path / "pages", write_rows(tmp_path / "t.jsonl", history(*several(past, "2026-02", 6))))
    doubted = card(home, past)
    assert doubted.public is False
    assert doubted.doubt.startswith("exchanges.md says: Until 31 January 2026")
    assert [each.id for each in list_cards(home, states=["doubtful"])] == [doubted.id]
    approve(home, KEY, [doubted.id], by="noor")
    take_in(tmp_path / "pages")
    assert (card(home, past).public, card(home, past).states) == (True, ("approved", "public", "doubtful"))


def test_a_date_to_come_makes_nothing_past(take_in: TakeIn, tmp_path: Path, home: Path) -> None:
    say = "FERN15 takes 15% off all indoor plants in the shop."
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "codes.md").write_text(
        "# Codes\n\nUntil 30 November 2026 FERN15 takes 15% off all indoor plants in the shop.\n"
    )
    take_in(tmp_path / "pages", write_rows(tmp_path / "t.jsonl", history(*several(say, "2026-02", 6))))
    assert card(home, say).public


def test_an_answer_that_gave_way_to_another_is_for_the_operators_eye_alone(
    take_in: TakeIn, tmp_path: Path, home: Path
) -> None:
    before, after = (
        "Write a letter to the glasshouse and enclose a stamp.",
        "Press the round button below the picture instead.",
    )
    take_in(write_rows(tmp_path / "t.jsonl", history(*several(before, "2026-02", 6), *several(after, "2026-05", 6))))
    [doubted] = list_cards(home, states=["doubtful"])
    assert (doubted.answer, doubted.public) == (before, True)
    assert doubted.doubt.startswith("last given 2026-02-06; since 2026-05-01 6 customers")


def test_history_without_dates_supersedes_nothing(take_in: TakeIn, tmp_path: Path, home: Path) -> None:
    rows = [{key: row[key] for key in row if key != "at"} for row in history(*several(OLD, "2026-02", 6))]
    take_in(write_rows(tmp_path / "t.jsonl", rows))
    assert (card(home, OLD).public, card(home, OLD).last_at) == (True, None)


# What the operator decides


def test_a_superseded_card_is_approved_only_against_what_superseded_it(
    changed: Path, take_in: TakeIn, home: Path, tmp_path: Path
) -> None:
    old = card(home, OLD)
    with pytest.raises(CorpusError, match=rf"card {old.id} is superseded by card \d+; approve that one"):
        approve(home, KEY, [old.id], by="noor")
    approve(home, KEY, [old.id], by="noor", anyway=True)
    for _ in range(2):
        assert (card(home, OLD).public, card(home, OLD).superseded_by) == (True, None)
        take_in(changed)
    newest = NEW.replace("75", "90")
    rows = [dated(100 + n, at, ASK, newest) for n, (at, _) in enumerate(several(newest, "2026-09", 6))]
    take_in(write_rows(tmp_path / "later.jsonl", rows))
    assert (card(home, OLD).approved, card(home, OLD).public) == (True, False)


def test_a_withdrawn_card_stays_hidden_until_it_is_approved(changed: Path, take_in: TakeIn, home: Path) -> None:
    new = card(home, NEW)
    [withdrawn] = withdraw(home, KEY, [new.id], by="noor")
    assert withdrawn.states == ("hidden", "withdrawn")
    take_in(changed)
    assert card(home, NEW).states == ("hidden", "withdrawn")
    approve(home, KEY, [new.id], by="noor")
    take_in(changed)
    assert card(home, NEW).states == ("approved", "public")


def test_all_ids_are_approved_or_none(changed: Path, home: Path) -> None:
    with pytest.raises(CorpusError, match="passage 9999 is no card"):
        approve(home, KEY, [card(home, NEW).id, 9999], by="noor")
    assert not card(home, NEW).approved


def test_an_exported_list_approves_the_same_cards_in_another_home(
    changed: Path, home: Path, tmp_path: Path, encoder: HashingEncoder
) -> None:
    from retrieval.ingest import ingest
    from retrieval.settings import Settings

    approve(home, KEY, [card(home, NEW).id], by="noor")
    assert export_approvals(home, tmp_path / "list.jsonl") == 1
    other = tmp_path / "other"
    ingest([changed], Settings(), other, KEY, encoder=encoder)
    report = import_approvals(other, KEY, tmp_path / "list.jsonl", by="noor")
    assert (report.approved, report.already, report.unmatched) == (1, 0, ())
    assert card(other, NEW).approved
    assert import_approvals(other, KEY, tmp_path / "list.jsonl", by="noor").already == 1


def test_a_line_that_matches_no_card_is_named_and_the_others_are_taken(
    changed: Path, home: Path, tmp_path: Path
) -> None:
    spaced = NEW.replace(" free ", "  free\n")
    lines = [
        "{",
        json.dumps({"answer": "Nobody said this."}),
        json.dumps({"answer": OLD}),
        json.dumps({"answer": spaced}),
    ]
    (tmp_path / "list.jsonl").write_text("\n".join([*lines, json.dumps({"answer": 3}), ""]))
    report = import_approvals(home, KEY, tmp_path / "list.jsonl", by="noor")
    assert report.approved == 1
    assert [(each.file, each.line) for each in report.unmatched] == [("list.jsonl", n) for n in (1, 2, 3, 5)]
    assert "no card answers 'Nobody said this.'" in str(report.unmatched[1])
    assert f"superseded by card {card(home, spaced).id}" in str(report.unmatched[2])


def test_a_list_that_cannot_be_read_is_refused(changed: Path, home: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        import_approvals(home, KEY, tmp_path / "missing.jsonl", by="noor")


def test_the_list_is_filtered_by_every_filter_at_once(changed: Path, home: Path) -> None:
    assert [each.answer for each in list_cards(home, states=["public"], least_customers=5, containing="€75")] == [NEW]
    assert list_cards(home, language="zh") == []
    with pytest.raises(CorpusError, match="'old' is no state of a card"):
        list_cards(home, states=["old"])


def test_taken_in_piece_by_piece_it_ends_as_taken_in_at_once(
    take_in: TakeIn, home: Path, tmp_path: Path, encoder: HashingEncoder
) -> None:
    from retrieval.ingest import ingest
    from retrieval.settings import Settings

    rows = history(*several(OLD, "2026-02", 6), *several(NEW, "2026-05", 6))
    path = tmp_path / "t.jsonl"
    for count in (3, 7, 12):
        write_rows(path, rows[:count])
        take_in(path)
    fresh = tmp_path / "fresh"
    ingest([path], Settings(), fresh, KEY, encoder=encoder)

    def said(place: Path) -> list[tuple[object, ...]]:
        return sorted(
            (c.answer, c.question, c.customers, c.states, c.first_at, c.last_at, c.superseded_by_text)
            for c in list_cards(place)
        )

    assert said(home) == said(fresh)
