"""The oracle finds nothing in a history that kept its promises, and finds each promise that a history broke."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from story import ADA, Story

from web.journal import Acknowledged, Connected, Entry, Saw, Sent
from web.oracle import Verdict, check
from web.record import Event, History, Record, Turn


def found(verdict: Verdict) -> set[str]:
    """The kinds of which something was found."""
    return {kind.name for kind in fields(verdict) if getattr(verdict, kind.name)}


def judge(
    story: Story, *, events: Sequence[Event] | None = None, turns: Sequence[Turn] | None = (), **how: Any
) -> set[str]:
    """Check a story with other events or turns than it made; `turns=None` hides the database."""
    full = tuple(story.events if events is None else events)
    rows = None if turns is None else tuple(turns or story.turns)
    record = Record({story.id: History(tuple(event for event in full if not event.private), full, rows)})
    entries: Sequence[Entry] = how.get("entries", story.journal)
    return found(check(entries, record))


def without(events: Sequence[Event], wanted: Callable[[Event], bool]) -> list[Event]:
    return [event for event in events if not wanted(event)]


def is_role(role: str) -> Callable[[Event], bool]:
    return lambda event: event.role == role


def changed(story: Story, wanted: Callable[[Event], bool], **data: Any) -> list[Event]:
    return [replace(event, data={**event.data, **data}) if wanted(event) else event for event in story.events]


def again(story: Story, wanted: Callable[[Event], bool], **data: Any) -> list[Event]:
    """The log with the last such event once more at its end, half a second later."""
    last = [event for event in story.events if wanted(event)][-1]
    second = replace(last, id=story.counter + 1, at="2023-11-14T23:59:59.500+00:00", data={**last.data, **data})
    return [*story.events, second]


# --- histories that kept their promises

STEPS = (
    "writes", "replies", "hands_off", "gives_up", "notices", "asks_for_person", "is_claimed", "agent_says",
    "agent_notes", "is_given_back", "is_resolved", "is_snoozed", "reconnects",
)  # fmt: skip


HISTORIES = st.lists(
    st.sampled_from((*STEPS, "writes", "replies", "writes_at_once", "hands_off_silently")), max_size=40
)


def told(steps: list[str]) -> Story:
    story = Story()
    for step in steps:
        if step == "writes_at_once":
            story.writes(after_s=0.5)
        elif step == "hands_off_silently":
            story.hands_off(words=False)
        else:
            getattr(story, step)()
    return story.comes_to_rest()


@settings(max_examples=300, deadline=None)
@given(HISTORIES)
def test_a_history_that_kept_every_promise_passes(steps: list[str]) -> None:
    story = told(steps)
    verdict = check(story.journal, story.record())
    assert verdict.held, str(verdict)
    history = story.record().conversations[story.id]
    alone = check(story.journal, Record({story.id: replace(history, full=None, turns=None)}))
    assert alone.held, f"over HTTP alone: {alone}"


def test_a_message_that_was_sent_and_not_acknowledged_may_be_there_or_not() -> None:
    story = Story().writes().replies().writes(acknowledged=False).replies()
    assert judge(story) == set()
    assert judge(story, events=story.events[:-3], turns=story.turns[:1], entries=story.journal[:-2]) == set()


def test_nothing_said_is_nothing_broken() -> None:
    assert check([], Record()).held


# --- promise 1


def test_an_acknowledged_message_that_is_gone_is_lost() -> None:
    story = Story().writes().replies()
    assert "lost" in judge(story, events=without(story.events, is_role("customer")))


def test_a_conversation_that_is_gone_loses_its_messages() -> None:
    assert found(check(Story().writes().replies().journal, Record())) == {"lost"}


def test_an_agents_acknowledged_message_that_is_gone_is_lost() -> None:
    story = Story().writes().asks_for_person().is_claimed().agent_says()
    assert "lost" in judge(story, events=without(story.events, is_role("agent")))


def test_a_message_kept_under_another_id_is_lost() -> None:
    story = Story().writes().replies()
    events = [
        replace(event, data={**event.data, "id": "m99"}) if event.role == "customer" else event
        for event in story.events
    ]
    assert "lost" in judge(story, events=events, turns=None)


def test_a_message_kept_with_other_words_is_lost() -> None:
    story = Story().writes().replies()
    events = [
        replace(event, data={**event.data, "text": "?"}) if event.role == "customer" else event
        for event in story.events
    ]
    assert judge(story, events=events) == {"lost"}


def test_a_nonce_that_is_there_twice_is_doubled() -> None:
    story = Story().writes().replies()
    assert "doubled" in judge(story, events=again(story, is_role("customer"), id="m99"), turns=None)


def test_a_message_that_is_there_twice_is_doubled() -> None:
    story = Story().writes().replies()
    assert "doubled" in judge(story, events=again(story, is_role("assistant")))


def test_a_nonce_acknowledged_under_two_ids_is_doubled() -> None:
    story = Story().writes().replies()
    ack = next(entry for entry in story.journal if isinstance(entry, Acknowledged))
    assert "doubled" in judge(story, entries=[*story.journal, replace(ack, message="m99")])


def test_an_event_that_comes_twice_on_one_stream_is_doubled() -> None:
    story = Story().writes().replies()
    assert judge(story, entries=[*story.journal, story.journal[-1]]) == {"doubled"}


def test_an_event_that_comes_again_after_a_reconnection_is_doubled() -> None:
    story = Story().writes().replies()
    last = [entry for entry in story.journal if isinstance(entry, Saw)][-1]
    again_ = [Connected("c1.2", "c1", last.event), replace(last, stream="c1.2")]
    assert judge(story, entries=[*story.journal, *again_]) == {"doubled"}


def test_events_out_of_order_are_found() -> None:
    story = Story().writes().replies()
    journal = list(story.journal)
    one, other = (index for index, entry in enumerate(journal) if isinstance(entry, Saw))
    journal[one], journal[other] = journal[other], journal[one]
    assert judge(story, entries=journal) == {"doubled"}


def test_an_event_passed_over_is_a_gap() -> None:
    story = Story().writes().replies()
    journal = list(story.journal)
    journal.remove(next(entry for entry in journal if isinstance(entry, Saw)))
    assert judge(story, entries=journal) == {"gaps"}


def test_an_event_missed_between_two_connections_is_a_gap() -> None:
    story = Story().writes().replies().reconnects().writes().replies()
    first = next(entry for entry in story.journal if isinstance(entry, Saw) and entry.stream == "c1.2")
    assert judge(story, entries=[entry for entry in story.journal if entry is not first]) == {"gaps"}


def test_the_desks_stream_has_gaps_too() -> None:
    story = Story().writes().replies()
    seen = [Saw("desk", "c1", event.id, event.kind) for event in story.events]
    desk: list[Entry] = [*story.journal, Connected("desk", None, 0)]
    assert judge(story, entries=[*desk, *seen]) == set()
    assert judge(story, entries=[*desk, *(saw for saw in seen if saw.event != 2)]) == {"gaps"}


def test_an_event_that_was_shown_and_not_recorded_is_a_gap() -> None:
    story = Story().writes().replies()
    assert judge(story, entries=[*story.journal, Saw("c1.1", "c1", 77, "message")]) == {"gaps"}


def test_what_is_meant_for_agents_must_not_reach_the_visitor() -> None:
    story = Story().writes().replies()
    history = story.record().conversations["c1"]
    assert found(check(story.journal, Record({"c1": replace(history, public=history.events)}))) >= {"leaked"}


def test_visitor_and_desk_are_told_the_same() -> None:
    story = Story().writes().replies().writes().replies()
    history = story.record().conversations["c1"]
    short = Record({"c1": replace(history, full=history.events[:-2])})
    assert "leaked" in found(check(story.journal, short))


# --- promise 2, seen over HTTP alone and with the database


@pytest.mark.parametrize("hidden", [True, False], ids=["HTTP alone", "with turns"])
def test_a_turn_without_an_end_is_unanswered(hidden: bool) -> None:
    story = Story().writes().replies().writes()
    assert judge(story, turns=None if hidden else story.turns) == {"unanswered"}


def test_a_notice_is_no_answer() -> None:
    assert judge(Story().writes().notices(), turns=None) == {"unanswered"}


def test_an_earlier_turn_without_an_end_is_unanswered() -> None:
    story = Story().writes().writes().replies().replies()
    first = next(event for event in story.events if event.role == "assistant")
    journal = [entry for entry in story.journal if not (isinstance(entry, Saw) and entry.event == first.id)]
    assert judge(story, events=without(story.events, lambda event: event is first), turns=None, entries=journal) == {
        "unanswered"
    }


def test_a_message_that_belongs_to_no_turn_is_unanswered() -> None:
    story = Story().writes().writes(after_s=0.5).replies()
    turns = [replace(story.turns[0], customer=story.turns[0].customer[:1])]
    assert judge(story, turns=turns) == {"unanswered"}


def test_a_reply_that_nobody_can_read_is_unanswered() -> None:
    story = Story().writes().replies()
    assert judge(story, turns=[replace(story.turns[0], assistant=())]) == {"unanswered"}


def test_a_handoff_to_nobody_is_unanswered() -> None:
    story = Story().writes().replies()
    assert "unanswered" in judge(story, turns=[replace(story.turns[0], outcome="handoff")])


def test_a_message_that_wakes_nobody_is_unanswered() -> None:
    story = Story().writes().asks_for_person().is_claimed().is_resolved()
    story.writes()
    events = [event for event in story.events if event.data.get("status") != "pending"]
    assert "unanswered" in judge(story, events=events, turns=None)


def test_two_replies_to_one_message_are_found_over_http_alone() -> None:
    story = Story().writes().replies()
    assert "double_ended" in judge(story, events=again(story, is_role("assistant"), id="m99"), turns=None)


def test_two_replies_to_one_turn_are_found_though_two_messages_joined() -> None:
    story = Story().writes().writes(after_s=0.5).replies()
    turn = replace(story.turns[0], assistant=(*story.turns[0].assistant, "m99"))
    events = again(story, is_role("assistant"), id="m99")
    assert judge(story, events=events, turns=None) == set()  # it may have been two turns: only the database knows
    assert judge(story, events=events, turns=[turn]) == {"double_ended"}


def test_a_reply_and_a_handoff_are_one_too_many() -> None:
    story = Story().writes().gives_up()
    at = story.events.index(next(event for event in story.events if event.role == "system"))
    reply = Event(story.events[at].id, "message", story.events[0].at, False, {"id": "m99", "role": "assistant"})
    later = [replace(event, id=event.id + 1) for event in story.events[at:]]
    events = [*story.events[:at], reply, *later]
    seen = [entry for entry in story.journal if not isinstance(entry, Saw)]
    assert judge(story, events=events, turns=None, entries=seen) == {"double_ended"}
    turn = replace(story.turns[0], outcome="reply", assistant=("m99", "m98"))
    assert judge(story, events=events, turns=[turn], entries=seen) == {"double_ended"}


def test_two_handoffs_are_one_too_many() -> None:
    story = Story().writes().gives_up()
    assert "double_ended" in judge(
        story, events=again(story, lambda event: event.kind == "status", epoch=9), turns=None
    )


def test_a_handoff_that_is_told_again_within_its_epoch_is_one() -> None:
    story = Story().writes().gives_up()
    events = again(story, lambda event: event.kind == "status")
    assert judge(story, events=[*events[:-1], replace(events[-1], private=True)]) == set()


def test_a_turn_that_was_taken_over_has_no_reply() -> None:
    story = Story().writes().replies()
    assert judge(story, turns=[replace(story.turns[0], outcome="taken")]) == {"double_ended"}


# --- promise 3


@pytest.mark.parametrize("taken", ["asks_for_person", "is_claimed", "hands_off", "gives_up"])
def test_the_assistant_speaking_after_people_took_over_is_found(taken: str) -> None:
    story = Story().writes()
    getattr(story, taken)()
    late = Event(story.counter + 1, "message", story.events[-1].at, False, {"id": "m99", "role": "assistant"})
    assert judge(story, events=[*story.events, late], turns=None) == {"spoke_over"}


@pytest.mark.parametrize("asleep", ["is_snoozed", "is_resolved"])
def test_the_assistant_speaking_in_a_conversation_that_rests_is_found(asleep: str) -> None:
    story = Story().writes().is_claimed()
    getattr(story, asleep)()
    late = Event(story.counter + 1, "message", story.events[-1].at, False, {"id": "m99", "role": "assistant"})
    assert judge(story, events=[*story.events, late], turns=None) == {"spoke_over"}


def test_the_assistant_may_speak_again_once_it_is_given_back() -> None:
    story = Story().writes().is_claimed().agent_says().is_given_back().writes().replies()
    assert judge(story) == set()


def test_a_forced_claim_is_no_second_handoff() -> None:
    story = Story().writes().asks_for_person().is_claimed()
    events = again(story, lambda event: event.kind == "status", assignee={**ADA, "id": "a2"})
    assert judge(story, events=events, turns=None) == set()


# --- any history, broken in any one place


@settings(max_examples=200, deadline=None)
@given(HISTORIES, st.data())
def test_whichever_event_the_service_forgets_is_missed(steps: list[str], data: st.DataObject) -> None:
    story = told([*steps, "writes"])
    spoken = [event for event in story.events if event.role in ("customer", "agent", "assistant", "system")]
    gone = data.draw(st.sampled_from(spoken))
    kinds = judge(story, events=without(story.events, lambda event: event is gone))
    assert "gaps" in kinds
    assert "lost" in kinds or gone.data["nonce"] is None


@settings(max_examples=200, deadline=None)
@given(HISTORIES, st.data())
def test_whichever_turn_is_answered_once_more_is_noticed(steps: list[str], data: st.DataObject) -> None:
    story = told(["writes", "replies", *steps])
    turn = data.draw(st.sampled_from(story.turns))
    turns = [replace(each, assistant=(*each.assistant, "m98", "m99")) if each is turn else each for each in story.turns]
    assert judge(story, turns=turns) == {"double_ended"}


@settings(max_examples=200, deadline=None)
@given(HISTORIES, st.data())
def test_wherever_people_have_it_the_assistant_is_heard(steps: list[str], data: st.DataObject) -> None:
    story = told([*steps, "is_claimed", "agent_says"])
    theirs, status = [], "pending"
    for index, event in enumerate(story.events):
        status = event.data["status"] if event.kind == "status" else status
        if status == "open":
            theirs.append(index)
    at = data.draw(st.sampled_from(theirs))
    before = story.events[at]
    said = replace(before, kind="message", private=False, data={"id": "m99", "role": "assistant"})
    later = [replace(event, id=event.id + 1) for event in story.events[at + 1 :]]
    events = [*story.events[: at + 1], replace(said, id=before.id + 1), *later]
    assert "spoke_over" in judge(story, events=events)


# --- a finding can be read


def test_a_verdict_reads_as_lines_that_name_the_conversation() -> None:
    verdict = check(Story().writes().journal, Record())
    assert str(verdict).startswith("lost: c1: nonce n0 was acknowledged as c1-m0 and is gone")
    assert str(Verdict()) == "every promise held"


def test_a_journal_of_several_clients_is_checked_as_one() -> None:
    one, other = Story("c1").writes().replies(), Story("c2").writes().replies()
    for event_list in (other.events,):
        event_list[:] = [replace(event, id=event.id + 100) for event in event_list]
    journal = [
        replace(entry, event=entry.event + 100) if isinstance(entry, Saw) else entry
        for entry in other.journal
        if not isinstance(entry, Sent)
    ]
    record = Record({**one.record().conversations, **other.record().conversations})
    verdict = check([*one.journal, *journal], record)
    assert verdict.held, str(verdict)
