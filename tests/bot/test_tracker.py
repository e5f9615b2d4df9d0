"""Folding a tracker."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import TrackerError
from bot.tracker import fold
from bot.types import Message, PendingAction, Role


def user(text: str, **more: Any) -> dict[str, Any]:
    return {"event": "user", "text": text, **more}


def bot(text: str, **more: Any) -> dict[str, Any]:
    return {"event": "bot", "text": text, **more}


def test_only_what_was_said_since_the_session_began_counts() -> None:
    events = [user("old"), {"event": "session_started"}, user("new"), bot("hello"), user("newest")]
    conversation = fold({"sender_id": "c", "events": events, "latest_message": {"text": "newest"}})
    assert [message.text for message in conversation.history] == ["new", "hello", "newest"]
    assert conversation.text == "newest"


def test_an_agents_words_are_an_agents() -> None:
    events = [user("hi"), bot("I'm Noor.", metadata={"nightdesk": {"agent": "Noor"}}), bot("I'm a machine.")]
    assert [message.role for message in fold({"sender_id": "c", "events": events}).history] == [
        Role.CUSTOMER, Role.AGENT, Role.ASSISTANT,
    ]  # fmt: skip


def test_the_last_user_event_stands_in_for_a_missing_latest_message() -> None:
    conversation = fold({"sender_id": "c", "events": [user("a", message_id="m1"), bot("b")]})
    assert (conversation.text, conversation.message_id) == ("a", "m1")


def test_a_message_without_an_id_gets_the_same_one_each_time_and_the_next_another() -> None:
    first = {"sender_id": "c", "events": [user("yes", timestamp=1.0)], "latest_message": {"text": "yes"}}
    second = {"sender_id": "c", "events": [user("yes", timestamp=1.0), bot("?"), user("yes", timestamp=2.0)]}
    assert fold(first).message_id == fold(first).message_id
    assert fold(first).message_id != fold(second).message_id
    assert fold(first).message_id != fold(first | {"sender_id": "d"}).message_id


def test_nulls_are_read_as_absent() -> None:
    state = {"sender_id": "c", "slots": None, "latest_message": None, "events": None, "paused": None}
    conversation = fold(state)
    assert (conversation.text, conversation.history, conversation.paused) == ("", (), False)


def test_the_pending_action_and_its_values_are_taken_from_the_slot() -> None:
    value = {"name": "action_x", "values": {"a": 1}, "asked_in": "m1"}
    assert fold({"sender_id": "c", "slots": {"pending_action": value}}).pending == PendingAction(
        "action_x", {"a": 1}, "m1"
    )


@pytest.mark.parametrize("value", [None, "text", {}, {"name": 5}, []])
def test_a_broken_pending_action_is_none(value: Any) -> None:
    assert fold({"sender_id": "c", "slots": {"pending_action": value}}).pending is None


@pytest.mark.parametrize(("value", "count"), [(None, 0), (1, 1), (2.0, 2), ("x", 0), (-3, 0)])
def test_misunderstandings_are_counted_from_whatever_a_slot_holds(value: Any, count: int) -> None:
    assert fold({"sender_id": "c", "slots": {"misunderstandings": value}}).misunderstandings == count


def test_identity_and_attempt_come_from_the_messages_metadata() -> None:
    metadata = {"nightdesk": {"identity_token": "t", "attempt": 2}}
    conversation = fold({"sender_id": "c", "latest_message": {"text": "x", "metadata": metadata}})
    assert (conversation.identity_token, conversation.attempt) == ("t", 2)


@pytest.mark.parametrize("text", ["a\ud800b", "a\x00b", "a\x1bb"])
def test_what_cannot_be_written_is_left_out_of_the_text(text: str) -> None:
    assert fold({"sender_id": "c", "latest_message": {"text": text}}).text == "ab"


def test_lines_and_other_scripts_stay() -> None:
    text = "你好\nпривет 🌱"
    assert fold({"sender_id": "c", "latest_message": {"text": text}}).text == text


@pytest.mark.parametrize(
    "state", [{}, {"sender_id": ""}, {"sender_id": 5}, {"sender_id": "c", "slots": []},
              {"sender_id": "c", "events": {}}, {"sender_id": "c", "events": [1]}],
)  # fmt: skip
def test_a_tracker_of_another_shape_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(TrackerError):
        fold(state)


def test_what_was_tried_is_business_actions_and_replies_in_order() -> None:
    events = [
        user("x"), {"event": "action", "name": "action_respond"}, {"event": "action", "name": "action_track_order"},
        bot("It is on its way."), {"event": "action", "name": "action_listen"},
        bot("Noor here", metadata={"nightdesk": {"agent": "Noor"}}),
    ]  # fmt: skip
    assert fold({"sender_id": "c", "events": events}).tried == ("action_track_order", "said: It is on its way.")


def test_the_history_of_a_lone_latest_message_is_that_message() -> None:
    conversation = fold({"sender_id": "c", "latest_message": {"text": "hi"}, "events": []})
    assert conversation.history == (Message(Role.CUSTOMER, "hi"),)
