"""Who a visitor is, and that nobody goes on with another customer's conversation."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from web_fakes import ARTICLES, SECRETS, FakeBot, Json, Site
from werkzeug.test import TestResponse

SHOP = SECRETS.shop.get_secret_value()


def word(customer: object = "C-0001", key: str = SHOP, algorithm: str = "HS256", **claims: Any) -> str:
    said = {"aud": "nightdesk", "sub": customer, "name": "Ada", "exp": int(time.time()) + 300, **claims}
    return jwt.encode({name: value for name, value in said.items() if value is not None}, key, algorithm)


def unsigned() -> str:
    parts = ({"alg": "none", "typ": "JWT"}, {"aud": "nightdesk", "sub": "C-0001", "exp": int(time.time()) + 300})
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def arrive(site: Site, **body: Any) -> TestResponse:
    return site.app.test_client().post("/api/visitor", json=body)


def speak(site: Site, arrival: Json) -> str:
    """Begin a conversation as this visitor and return its id."""
    http, headers = site.app.test_client(), {"Authorization": f"Bearer {arrival['token']}"}
    conversation = http.post("/api/conversations", json={}, headers=headers).json["conversation"]["id"]
    http.post(f"/api/conversations/{conversation}/messages", json={"nonce": "1", "text": "delivery"}, headers=headers)
    return str(conversation)


def may_read(site: Site, arrival: Json, conversation: str) -> bool:
    headers = {"Authorization": f"Bearer {arrival['token']}"}
    return site.app.test_client().get(f"/api/conversations/{conversation}", headers=headers).status_code == 200


def test_a_stranger_stays_the_same_stranger(site: Site) -> None:
    first = arrive(site).json
    conversation = speak(site, first)
    again = arrive(site, token=first["token"]).json
    assert (again["visitor"], again["conversation"]) == (first["visitor"], conversation)
    assert again["visitor"]["verified"] is False


def test_the_shops_word_makes_a_customer(site: Site) -> None:
    answer = arrive(site, identity=word()).json
    assert (answer["visitor"]["name"], answer["visitor"]["verified"]) == ("Ada", True)


@pytest.mark.parametrize(
    "identity",
    [
        pytest.param(word(key="k" * 40), id="another key"),
        pytest.param(word(key=SECRETS.visitor.get_secret_value()), id="our own other key"),
        pytest.param(unsigned(), id="no signature"),
        pytest.param(word(algorithm="HS384"), id="another algorithm"),
        pytest.param(word(exp=int(time.time()) - 1), id="expired"),
        pytest.param(word(exp=None), id="never expires"),
        pytest.param(word(aud="another"), id="another audience"),
        pytest.param(word(aud=None), id="no audience"),
        pytest.param(word(customer=None), id="nobody"),
        pytest.param(word(customer=" "), id="blank"),
        pytest.param(word(customer=7), id="a number"),
        pytest.param("x", id="nonsense"),
        pytest.param("a.b.c", id="three pieces of nonsense"),
        pytest.param("é" * 30, id="no ASCII"),
        pytest.param("x." * 2500, id="too long"),
    ],
)
def test_what_the_shop_did_not_sign_is_refused(site: Site, identity: str) -> None:
    answer = arrive(site, identity=identity)
    assert answer.status_code == 401
    assert answer.json["error"]["message"]


@pytest.mark.parametrize("token", ["x", "a.b.c", word(), unsigned()])
def test_a_token_we_did_not_give_is_refused(site: Site, token: str) -> None:
    assert arrive(site, token=token).status_code == 401


def test_an_empty_identity_is_nobodys(site: Site) -> None:
    ada = arrive(site, identity=word()).json
    conversation = speak(site, ada)
    nobody = arrive(site, token=ada["token"], identity="").json
    assert nobody["visitor"]["verified"] is False
    assert nobody["visitor"]["id"] != ada["visitor"]["id"]
    assert not may_read(site, nobody, conversation)


def test_another_customer_in_the_same_browser_sees_nothing_of_the_first(site: Site) -> None:
    ada = arrive(site, identity=word("C-0001")).json
    conversation = speak(site, ada)
    bruno = arrive(site, token=ada["token"], identity=word("C-0002")).json
    assert bruno["visitor"]["id"] != ada["visitor"]["id"]
    assert bruno["conversation"] is None
    assert not may_read(site, bruno, conversation)


def test_a_customer_finds_her_conversation_on_another_device(site: Site) -> None:
    conversation = speak(site, arrive(site, identity=word()).json)
    elsewhere = arrive(site, identity=word()).json
    assert elsewhere["conversation"] == conversation
    assert may_read(site, elsewhere, conversation)


def test_a_stranger_who_identifies_herself_brings_her_conversation(site: Site, bot: FakeBot) -> None:
    stranger = arrive(site).json
    conversation = speak(site, stranger)
    ada = arrive(site, token=stranger["token"], identity=word()).json
    assert ada["conversation"] == conversation
    assert may_read(site, ada, conversation)


def test_the_token_from_before_she_identified_herself_opens_it_no_more(site: Site) -> None:
    stranger = arrive(site).json
    conversation = speak(site, stranger)
    arrive(site, token=stranger["token"], identity=word())
    assert not may_read(site, stranger, conversation)


def test_a_token_does_not_outlive_the_shops_word_by_being_shown_again(site: Site) -> None:
    ada = arrive(site, identity=word()).json
    assert arrive(site, token=ada["token"]).json["token"] == ada["token"]
    claims = jwt.decode(ada["token"], options={"verify_signature": False})
    assert claims["exp"] - time.time() <= 12 * 3600


def test_the_demo_shop_signs_in_its_customers_and_out_again(site: Site) -> None:
    http = site.app.test_client()
    assert http.get("/demo/identity").json == {"identity": None, "customer": None}
    assert http.post("/demo/sign-in", json={"customer_id": "C-0002"}).status_code == 200
    signed = http.get("/demo/identity").json["identity"]
    assert arrive(site, identity=signed).json["visitor"]["name"] == "Bruno Keller"
    assert http.get("/").status_code == 200
    assert http.post("/demo/sign-out", json={}).status_code == 204
    assert http.get("/demo/identity").json["identity"] is None


@pytest.mark.parametrize("customer", ["C-0007", "", None, 7, ["C-0001"]])
def test_the_demo_shop_knows_only_its_customers(site: Site, customer: object) -> None:
    assert site.app.test_client().post("/demo/sign-in", json={"customer_id": customer}).status_code == 422


def test_a_forged_demo_cookie_signs_nobody_in(site: Site) -> None:
    http = site.app.test_client()
    http.set_cookie("mossgrove", word("C-0001"))
    assert http.get("/demo/identity").json["identity"] is None


def test_without_the_demo_there_is_no_shop(make_site: Any) -> None:
    http = make_site(run=False, demo=False).app.test_client()
    assert (http.get("/").status_code, http.get("/").location) == (302, "/desk")
    assert http.get("/demo/identity").status_code == http.post("/demo/sign-in", json={}).status_code == 404


def test_a_reply_reaches_whoever_has_the_conversation_now(site: Site) -> None:
    ada = site.visitor("C-0001")
    ada.say("delivery")
    assert ada.wait_for("assistant") == [ARTICLES["delivery"]]
