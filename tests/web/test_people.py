"""Handing over: the customer asks, the assistant gives up, an agent takes, answers, gives back, resolves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from web_fakes import ARTICLES, DeskPerson, FakeBot, Json, Site, eventually, reply

from web import ledger


@pytest.fixture
def noor(site: Site) -> DeskPerson:
    return site.agent("Noor")


def test_asking_for_a_person_opens_the_conversation_and_says_so(site: Site, noor: DeskPerson) -> None:
    visitor = site.visitor()
    asked = visitor.ask_for_person()
    assert asked.status_code == 202
    assert (asked.json["conversation"]["status"], asked.json["conversation"]["epoch"]) == ("open", 2)
    assert visitor.said() == [ledger.A_PERSON_COMES]
    assert [waiting["id"] for waiting in noor.queue()] == [visitor.conversation]


def test_asking_again_changes_nothing(site: Site) -> None:
    visitor = site.visitor()
    visitor.ask_for_person("one")
    assert visitor.ask_for_person("one").status_code == 202
    assert visitor.ask_for_person("two").status_code == 202
    assert visitor.said() == [ledger.A_PERSON_COMES]
    assert visitor.state()["conversation"]["epoch"] == 2


def test_the_packet_is_minimal_at_once_and_full_when_the_assistant_has_answered(
    site: Site, bot: FakeBot, noor: DeskPerson
) -> None:
    visitor = site.visitor()
    bot.hang.clear()
    visitor.ask_for_person()
    assert noor.read(visitor.conversation)["packet"]["summary"] == "The customer asked for a person."
    bot.hang.set()
    full = eventually(lambda: found if (found := noor.read(visitor.conversation)["packet"])["tried"] else None)
    assert (full["summary"], full["reason"]) == ("Wants a person.", "customer_request")
    assert visitor.said("assistant") == []


def test_the_assistants_handoff_brings_reason_and_packet(site: Site, bot: FakeBot, noor: DeskPerson) -> None:
    visitor = site.visitor()
    visitor.say("A person please", payload="/talk_to_person")
    conversation = visitor.wait_until("open")
    assert conversation["reason"] == "customer_request"
    assert visitor.said("assistant") == ["A person will help you."]
    assert noor.read(visitor.conversation)["packet"]["summary"] == "Wants a person."
    assert site.rows("SELECT outcome FROM turns") == [("handoff",)]


def test_the_assistant_is_silent_while_people_have_it(site: Site, bot: FakeBot) -> None:
    visitor = site.visitor()
    visitor.ask_for_person()
    eventually(lambda: bot.calls or None)
    asked = len(bot.calls)
    visitor.say("delivery?")
    time.sleep(0.1)
    assert len(bot.calls) == asked
    assert site.rows("SELECT count(*) FROM turns") == [(0,)]


@pytest.mark.parametrize("takeover", ["claim", "request"])
def test_an_answer_under_way_is_not_shown_after_people_took_over(
    site: Site, bot: FakeBot, noor: DeskPerson, takeover: str
) -> None:
    visitor = site.visitor()
    bot.hang.clear()
    visitor.say("delivery")
    eventually(lambda: bot.calls or None)
    if takeover == "claim":
        assert noor.act(visitor.conversation, "claim").status_code == 200
    else:
        visitor.ask_for_person()
    bot.hang.set()

    def late() -> list[Json]:
        events = noor.read(visitor.conversation)["events"]
        return [event["data"] for event in events if event["kind"] == "turn_discarded"]

    (found,) = eventually(lambda: late() or None)
    assert found["why"] == "person_took_over"
    assert found["responses"] == [{"text": ARTICLES["delivery"]}]
    assert visitor.said("assistant") == []


def test_an_agent_claims_answers_gives_back_and_the_assistant_goes_on(
    site: Site, bot: FakeBot, noor: DeskPerson
) -> None:
    visitor = site.visitor()
    visitor.say("xyzzy")
    visitor.wait_for("assistant")
    visitor.ask_for_person()
    assert noor.act(visitor.conversation, "claim").json["conversation"]["assignee"]["name"] == "Noor"
    assert noor.say(visitor.conversation, "Noor here.").status_code == 201
    assert noor.act(visitor.conversation, "give-back").json["conversation"]["status"] == "pending"
    visitor.say("delivery")
    visitor.wait_for("assistant", count=2)
    assert visitor.said("assistant", "agent")[1:] == ["Noor here.", ARTICLES["delivery"]]
    told = bot.calls[-1]["tracker"]
    assert [event["text"] for event in told["events"] if event["event"] == "user"] == ["delivery"]
    assert told["slots"]["misunderstandings"] is None


def test_a_resolved_conversation_begins_anew_with_the_assistant(site: Site, bot: FakeBot, noor: DeskPerson) -> None:
    visitor = site.visitor()
    visitor.ask_for_person()
    noor.act(visitor.conversation, "claim")
    resolved = noor.act(visitor.conversation, "resolve").json["conversation"]
    assert (resolved["status"], resolved["assignee"]) == ("resolved", None)
    visitor.say("delivery")
    assert visitor.wait_for("assistant") == [ARTICLES["delivery"]]
    assert visitor.state()["conversation"]["status"] == "pending"


def test_only_one_of_two_agents_at_once_gets_it(site: Site) -> None:
    visitor = site.visitor()
    visitor.ask_for_person()
    people = [site.agent(name) for name in ("Noor", "Ivo", "Mei", "Ada")]
    answers: list[Any] = []
    racers = [
        threading.Thread(target=lambda who=who: answers.append(who.act(visitor.conversation, "claim")))
        for who in people
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    holder = visitor.state()["conversation"]["assignee"]["name"]
    refusal = next(answer.json["error"] for answer in answers if answer.status_code == 409)
    assert refusal["code"] == "already_claimed"
    assert holder in refusal["message"]


def test_taking_over_from_a_colleague_must_be_meant(site: Site, noor: DeskPerson) -> None:
    visitor, ivo = site.visitor(), site.agent("Ivo")
    noor.act(visitor.conversation, "claim")
    assert ivo.act(visitor.conversation, "claim").status_code == 409
    assert ivo.act(visitor.conversation, "claim", {"force": True}).status_code == 200
    refused = noor.say(visitor.conversation, "Still me?")
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "not_yours")


def test_nobody_answers_what_they_have_not_claimed(site: Site, noor: DeskPerson) -> None:
    visitor = site.visitor()
    visitor.ask_for_person()
    assert noor.say(visitor.conversation, "Hello").status_code == 409
    assert visitor.said("agent") == []


def test_an_agents_message_is_said_once_a_nonce(site: Site, noor: DeskPerson) -> None:
    visitor = site.visitor()
    noor.act(visitor.conversation, "claim")
    first = noor.say(visitor.conversation, "Hello", nonce="same")
    again = noor.say(visitor.conversation, "Hello", nonce="same")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json
    assert visitor.said("agent") == ["Hello"]


def test_a_note_reaches_agents_only_and_its_nonce_is_no_key_to_it(site: Site, noor: DeskPerson) -> None:
    visitor = site.visitor()
    assert noor.act(visitor.conversation, "notes", {"nonce": "n1", "text": "Careful."}).status_code == 201
    assert visitor.said() == []
    assert visitor.say("delivery", nonce="n1").json["message"]["text"] == "delivery"
    texts = [event["data"].get("text") for event in noor.read(visitor.conversation)["events"]]
    assert "Careful." in texts


def test_a_snoozed_conversation_wakes_in_time(site: Site, noor: DeskPerson) -> None:
    visitor = site.visitor()
    noor.act(visitor.conversation, "claim")
    until = (datetime.now(UTC) + timedelta(seconds=0.2)).isoformat()
    asleep = noor.act(visitor.conversation, "snooze", {"until": until}).json["conversation"]
    assert (asleep["status"], asleep["assignee"]["name"]) == ("snoozed", "Noor")
    assert visitor.wait_until("open")["assignee"]["name"] == "Noor"


def test_a_customers_message_wakes_a_snoozed_conversation_for_its_agent(
    site: Site, bot: FakeBot, noor: DeskPerson
) -> None:
    visitor = site.visitor()
    noor.act(visitor.conversation, "claim")
    noor.act(visitor.conversation, "snooze", {"until": "2099-01-01T00:00:00Z"})
    visitor.say("Are you there?")
    conversation = visitor.state()["conversation"]
    assert (conversation["status"], conversation["assignee"]["name"]) == ("open", "Noor")
    assert bot.calls == []


@pytest.mark.parametrize("until", [None, "", "tomorrow", "2099-01-01T00:00:00", 5])
def test_a_snooze_needs_a_time_with_a_zone(site: Site, noor: DeskPerson, until: object) -> None:
    visitor = site.visitor()
    noor.act(visitor.conversation, "claim")
    refused = noor.act(visitor.conversation, "snooze", {"until": until})
    assert (refused.status_code, refused.json["error"]["code"]) == (400, "bad_time")


def test_drafts_and_summaries_come_from_what_was_said(site: Site, bot: FakeBot, noor: DeskPerson) -> None:
    visitor = site.visitor()
    visitor.say("xyzzy")
    visitor.wait_for("assistant")
    visitor.ask_for_person()
    visitor.say("Hello?")
    noor.act(visitor.conversation, "claim")
    noor.say(visitor.conversation, "Yes?")
    drafts = noor.act(visitor.conversation, "suggest").json["drafts"]
    assert [draft["text"] for draft in drafts] == list(ARTICLES.values())
    assert noor.act(visitor.conversation, "summary").json["summary"] == "xyzzy / Hello?"
    asked = bot.calls[-1]["tracker"]
    assert asked["latest_message"]["text"] == "Hello?"
    assert [event["text"] for event in asked["events"] if event["event"] == "bot"][-1] == "Yes?"
    assert visitor.said("assistant", "agent")[1:] == ["Yes?"]


def test_what_a_customer_may_like_next_comes_from_the_assistant(site: Site, bot: FakeBot, noor: DeskPerson) -> None:
    visitor = site.visitor()
    visitor.ask_for_person()
    [offer] = noor.act(visitor.conversation, "offers").json["offers"]
    assert offer["why"] == "goes well with Fern, which you bought"
    assert "action_recommend" in [call["next_action"] for call in bot.calls]


def test_drafts_without_the_assistant_are_a_sentence(site: Site, bot: FakeBot, noor: DeskPerson) -> None:
    visitor = site.visitor()
    bot.close()
    refused = noor.act(visitor.conversation, "suggest")
    assert (refused.status_code, refused.json["error"]["code"]) == (503, "bot_away")


def test_the_queue_shows_the_longest_waiting_first_and_the_unassigned_before_them(
    make_site: Callable[..., Site],
) -> None:
    site = make_site()
    noor = site.agent()
    first, second, third = site.visitor(), site.visitor(), site.visitor()
    for visitor in (first, second, third):
        visitor.ask_for_person()
        time.sleep(0.005)
    noor.act(first.conversation, "claim")
    assert [c["id"] for c in noor.queue()] == [second.conversation, third.conversation, first.conversation]
    assert [c["id"] for c in noor.queue(mine=1)] == [first.conversation]
    assert noor.queue(status="resolved") == []
    assert noor.http.get("/desk/api/queue?status=lost").status_code == 400


def test_a_pause_without_a_known_reason_is_still_a_handoff(site: Site, bot: FakeBot) -> None:
    bot.behave = lambda call: {"events": [{"event": "pause"}], "responses": [reply("A person will look.")]}
    visitor = site.visitor()
    visitor.say("Hello")
    assert visitor.wait_until("open")["reason"] == "unsupported_request"
