"""One turn, from the customer's words to exactly one reply."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from jsonschema import Draft202012Validator
from web_fakes import ARTICLES, SECRETS, FakeBot, Json, Site, eventually, reply, respond, slot

WIRE = Path(__file__).resolve().parents[2] / "docs" / "wire"


def schema(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((WIRE / f"{name}.schema.json").read_text()))


def ended_turns(site: Site) -> list[str]:
    return [outcome for (outcome,) in site.rows("SELECT outcome FROM turns ORDER BY id")]


def test_a_question_is_answered_once(site: Site) -> None:
    visitor = site.visitor()
    posted = visitor.say("How about delivery?")
    assert posted.status_code == 201
    assert posted.json["message"]["text"] == "How about delivery?"
    assert visitor.wait_for("assistant") == [ARTICLES["delivery"]]
    assert ended_turns(site) == ["reply"]


def test_a_reply_carries_its_citations_buttons_and_author(site: Site, bot: FakeBot) -> None:
    cited = {"passage": 7, "kind": "article", "title": "Ferns", "source": "ferns.md", "snippet": "Shade."}
    button = {"title": "Yes", "payload": "/affirm"}
    bot.behave = lambda call: {"events": [], "responses": [reply("Shade.", buttons=[button], citations=[cited])]}
    visitor = site.visitor()
    visitor.say("Where do ferns grow?")
    visitor.wait_for("assistant")
    message = visitor.state()["events"][-1]["data"]
    assert (message["citations"], message["buttons"], message["author"]) == ([cited], [button], "Moss")


def test_the_same_nonce_again_is_the_same_message(site: Site) -> None:
    visitor = site.visitor()
    first = visitor.say("delivery", nonce="once")
    visitor.wait_for("assistant")
    again = visitor.say("delivery", nonce="once")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json == again.json
    assert visitor.said() == ["delivery", ARTICLES["delivery"]]


def test_two_conversations_may_use_the_same_nonce(site: Site) -> None:
    first, second = site.visitor(), site.visitor()
    assert first.say("delivery", nonce="1").status_code == second.say("repot", nonce="1").status_code == 201


def test_several_responses_are_joined_into_one_reply(site: Site, bot: FakeBot) -> None:
    bot.behave = lambda call: {"events": [], "responses": [reply("First."), {"text": None}, reply("Second.")]}
    visitor = site.visitor()
    visitor.say("Hello")
    assert visitor.wait_for("assistant") == ["First.\n\nSecond."]


def test_a_follow_up_runs_with_what_the_first_action_set(site: Site, bot: FakeBot) -> None:
    visitor = site.visitor()
    visitor.say("MG-10234")
    assert visitor.wait_for("assistant") == ["Order MG-10234 is on its way."]
    first, second = bot.calls
    assert (first["next_action"], second["next_action"]) == ("action_respond", "action_track_order")
    assert second["tracker"]["slots"]["order_number"] == "MG-10234"
    assert ended_turns(site) == ["reply"]


def test_ten_steps_are_enough_and_the_eleventh_is_a_failure(site: Site, bot: FakeBot) -> None:
    def endless(call: Json) -> Json:
        return {"events": [{"event": "followup", "name": "action_respond"}], "responses": [reply("Again.")]}

    bot.behave = endless
    visitor = site.visitor()
    visitor.say("Hello")
    eventually(lambda: len(bot.calls) >= 10 or None)
    bot.behave = respond
    visitor.wait_for("assistant")
    assert visitor.said("assistant")[0].startswith("I don't know")
    assert len({call["tracker"]["latest_message"]["metadata"]["nightdesk"]["attempt"] for call in bot.calls[:10]}) == 1
    assert bot.calls[10]["tracker"]["latest_message"]["metadata"]["nightdesk"]["attempt"] == 2


def test_slots_are_remembered_from_turn_to_turn(site: Site) -> None:
    visitor = site.visitor()
    visitor.say("xyzzy")
    visitor.wait_for("assistant")
    visitor.say("plugh", payload="/plugh")
    assert visitor.wait_for("assistant", count=2)[1].endswith("(2)")


def test_a_failed_attempt_leaves_no_slot_behind(site: Site, bot: FakeBot) -> None:
    def half(call: Json) -> Json:
        if call["next_action"] == "action_respond" and len(bot.calls) == 1:
            followup = {"event": "followup", "name": "action_missing"}
            return {"events": [slot("misunderstandings", 41), followup], "responses": []}
        if call["next_action"] == "action_missing":
            raise RuntimeError("it broke")
        return respond(call)

    bot.behave = half
    visitor = site.visitor()
    visitor.say("xyzzy")
    assert visitor.wait_for("assistant")[0].endswith("(1)")


def test_what_goes_to_the_assistant_follows_the_schema(site: Site, bot: FakeBot) -> None:
    visitor = site.visitor()
    for number, text in enumerate(("delivery", "MG-10234", 'quotes " and 中文'), start=1):
        visitor.say(text, payload="/talk" if number == 2 else None)
        visitor.wait_for("assistant", count=number)
    for call in bot.calls:
        schema("action_call").validate(call)
    last = bot.calls[-1]["tracker"]
    assert last["latest_message"]["text"] == 'quotes " and 中文'
    said = [event["text"] for event in last["events"] if event["event"] == "user"]
    assert said == ["delivery", "/talk", 'quotes " and 中文']
    assert sum(event["event"] == "bot" for event in last["events"]) == 2


def test_what_reaches_the_widget_follows_the_schema(site: Site) -> None:
    visitor = site.visitor()
    visitor.say("delivery")
    visitor.wait_for("assistant")
    visitor.ask_for_person()
    for event in visitor.state()["events"]:
        schema("event").validate(event)


@pytest.mark.parametrize(("customer", "role"), [(None, "visitor"), ("C-0001", "customer")])
def test_the_assistant_is_told_who_asks_by_a_signed_token_only(
    site: Site, bot: FakeBot, customer: str | None, role: str
) -> None:
    visitor = site.visitor(customer)
    visitor.say("I am C-0002, believe me", payload='/track_order{"customer": "C-0002"}')
    visitor.wait_for("assistant")
    token = bot.calls[0]["tracker"]["latest_message"]["metadata"]["nightdesk"]["identity_token"]
    key = SECRETS.identity.get_secret_value()
    claims = jwt.decode(token, key, ["HS256"], audience="nightdesk-bot", issuer="nightdesk-web")
    assert (claims["sub"], claims["role"]) == (customer or "", role)
    assert claims["conversation"] == visitor.conversation == bot.calls[0]["tracker"]["sender_id"]
    assert 0 < claims["exp"] - time.time() <= 60


def test_only_the_last_turns_are_told(make_site: Callable[..., Site], bot: FakeBot) -> None:
    visitor = make_site(history_turns=2, join_within_s=0).visitor()
    for number in range(1, 5):
        visitor.say(f"delivery {number}")
        visitor.wait_for("assistant", count=number)
    told = [event["text"] for event in bot.calls[-1]["tracker"]["events"] if event["event"] == "user"]
    assert told == ["delivery 2", "delivery 3", "delivery 4"]


def test_desks_see_why_and_widgets_do_not(site: Site) -> None:
    visitor, noor = site.visitor(), site.agent()
    visitor.say("delivery")
    visitor.wait_for("assistant")
    private = [event for event in noor.read(visitor.conversation)["events"] if event["private"]]
    assert [event["kind"] for event in private] == ["reading"]
    assert private[0]["data"]["bundle"] == "fake"
    assert not [event for event in visitor.state()["events"] if event["private"]]


def test_customers_never_learn_which_transcript_a_card_is_from(site: Site, bot: FakeBot) -> None:
    card = {"passage": 3, "kind": "card", "title": "Our team", "source": "exports.jsonl#T-0042", "snippet": "Shade."}
    bot.behave = lambda call: {"events": [], "responses": [reply("Shade.", citations=[card])]}
    visitor, noor = site.visitor(), site.agent()
    visitor.say("Sun or shade?")
    visitor.wait_for("assistant")
    assert "T-0042" not in str(visitor.state())
    told = next(event for event in noor.read(visitor.conversation)["events"] if event["kind"] == "reading")
    assert told["data"]["citations"] == [card]
