"""Who has a conversation after what: the table of states, owners and epochs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from web import ownership
from web.errors import Conflict
from web.types import Agent, Conversation, Reason, Role, Status, Visitor

NOOR, IVO = Agent("a_1", "Noor"), Agent("a_2", "Ivo")
NOW = 1000.0
BASE = Conversation("c_1", Visitor("v_1"), Status.PENDING, epoch=5, created_at=0, updated_at=0, slots={"email": "a@b"})
STATES = {
    "pending": BASE,
    "open": replace(BASE, status=Status.OPEN, reason=Reason.MISSING_KNOWLEDGE, waiting_since=900.0, unread=2),
    "noor's": replace(BASE, status=Status.OPEN, reason=Reason.MISSING_KNOWLEDGE, assignee=NOOR),
    "snoozed": replace(BASE, status=Status.SNOOZED, assignee=NOOR, snoozed_until=2000.0),
    "resolved": replace(BASE, status=Status.RESOLVED),
}
Deed = Callable[[Conversation], Conversation]
DEEDS: dict[str, Deed] = {
    "customer writes": lambda c: ownership.customer_wrote(c, "Hello?", NOW),
    "handoff": lambda c: ownership.hand_off(c, Reason.CUSTOMER_REQUEST, NOW),
    "noor claims": lambda c: ownership.claim(c, NOOR, False, NOW),
    "ivo claims": lambda c: ownership.claim(c, IVO, False, NOW),
    "ivo forces": lambda c: ownership.claim(c, IVO, True, NOW),
    "noor gives back": lambda c: ownership.give_back(c, NOOR, NOW),
    "noor resolves": lambda c: ownership.resolve(c, NOOR, NOW),
    "ivo resolves": lambda c: ownership.resolve(c, IVO, NOW),
    "noor snoozes": lambda c: ownership.snooze(c, NOOR, 2000.0, NOW),
    "time comes": lambda c: ownership.wake(c, NOW),
}
# state before, deed, (status, epoch, who has it) after; or the code of the refusal
TABLE = [
    ("pending", "customer writes", ("pending", 5, None)),
    ("pending", "handoff", ("open", 6, None)),
    ("pending", "noor claims", ("open", 6, "Noor")),
    ("pending", "noor gives back", ("pending", 5, None)),
    ("pending", "noor resolves", "not_yours"),
    ("pending", "noor snoozes", "not_yours"),
    ("pending", "time comes", ("pending", 5, None)),
    ("open", "customer writes", ("open", 5, None)),
    ("open", "handoff", ("open", 5, None)),
    ("open", "noor claims", ("open", 6, "Noor")),
    ("open", "noor gives back", "not_yours"),
    ("open", "noor resolves", "not_yours"),
    ("noor's", "customer writes", ("open", 5, "Noor")),
    ("noor's", "handoff", ("open", 5, "Noor")),
    ("noor's", "noor claims", ("open", 5, "Noor")),
    ("noor's", "ivo claims", "already_claimed"),
    ("noor's", "ivo forces", ("open", 6, "Ivo")),
    ("noor's", "noor gives back", ("pending", 6, None)),
    ("noor's", "noor resolves", ("resolved", 6, None)),
    ("noor's", "ivo resolves", "not_yours"),
    ("noor's", "noor snoozes", ("snoozed", 5, "Noor")),
    ("snoozed", "customer writes", ("open", 5, "Noor")),
    ("snoozed", "time comes", ("open", 5, "Noor")),
    ("snoozed", "handoff", ("open", 5, "Noor")),
    ("snoozed", "noor claims", ("open", 6, "Noor")),
    ("snoozed", "ivo claims", "already_claimed"),
    ("snoozed", "ivo forces", ("open", 6, "Ivo")),
    ("snoozed", "noor gives back", ("pending", 6, None)),
    ("snoozed", "noor resolves", ("resolved", 6, None)),
    ("resolved", "customer writes", ("pending", 6, None)),
    ("resolved", "handoff", ("open", 6, None)),
    ("resolved", "noor claims", ("open", 6, "Noor")),
    ("resolved", "noor resolves", ("resolved", 5, None)),
    ("resolved", "noor gives back", "not_yours"),
]


@pytest.mark.parametrize(("state", "deed", "expected"), TABLE)
def test_the_table_of_states(state: str, deed: str, expected: tuple[str, int, str | None] | str) -> None:
    before = STATES[state]
    if isinstance(expected, str):
        with pytest.raises(Conflict) as refusal:
            DEEDS[deed](before)
        assert refusal.value.code == expected
        return
    after = DEEDS[deed](before)
    assert (after.status.value, after.epoch, after.assignee.name if after.assignee else None) == expected


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("deed", DEEDS)
def test_a_change_of_owner_always_raises_the_epoch(state: str, deed: str) -> None:
    before = STATES[state]
    try:
        after = DEEDS[deed](before)
    except Conflict:
        return
    of_the_assistant = Status.PENDING
    owner = [(c.status is of_the_assistant, c.assignee, c.status is Status.RESOLVED) for c in (before, after)]
    assert after.epoch >= before.epoch
    if owner[0] != owner[1]:
        assert after.epoch > before.epoch


def test_a_refusal_names_who_has_it() -> None:
    with pytest.raises(Conflict, match="Noor"):
        ownership.claim(STATES["noor's"], IVO, False, NOW)


def test_waiting_begins_with_the_handoff_and_ends_with_an_agents_words() -> None:
    waiting = ownership.hand_off(BASE, Reason.TOOL_FAILURE, NOW)
    assert waiting.waiting_since == NOW
    claimed = ownership.claim(waiting, NOOR, False, NOW + 1)
    assert claimed.waiting_since == NOW
    answered = ownership.said(claimed, Role.AGENT, "Hello", NOW + 2)
    assert answered.waiting_since is None
    assert ownership.customer_wrote(answered, "And?", NOW + 3).waiting_since == NOW + 3


def test_the_assistant_remembers_no_slots_after_people_were_done() -> None:
    assert ownership.give_back(STATES["noor's"], NOOR, NOW).slots == {}
    assert ownership.resolve(STATES["noor's"], NOOR, NOW).slots == {}


def test_nobody_snoozes_into_the_past() -> None:
    with pytest.raises(Conflict, match="time to come"):
        ownership.snooze(STATES["noor's"], NOOR, NOW - 1, NOW)


def test_a_preview_is_one_short_line() -> None:
    after = ownership.customer_wrote(BASE, "one\n two " + "x" * 500, NOW)
    assert after.preview.startswith("one two x")
    assert len(after.preview) == 120
