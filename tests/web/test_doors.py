"""Who may call what: every route says so, and holds to it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from web_fakes import SECRETS, Site, Widget

from web.agents import Door, add_agent
from web.app import create_app
from web.auth import Access, access_of
from web.errors import SetupError

PASSWORD = "a long password"
WRITES = ("POST", "PUT", "PATCH", "DELETE")


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """Every (endpoint, method, path), with ids that fit none."""
    found = []
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "c_0", rule.rule)
        found += [(rule.endpoint, method, path) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
    return sorted(found)


def of(site: Site, *access: Access) -> list[tuple[str, str]]:
    with site.app.app_context():
        return [(method, path) for endpoint, method, path in routes(site.app) if access_of(endpoint) in access]


def csrf_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found.group(1)


def test_every_route_says_who_may_call_it(make_site: Callable[..., Site]) -> None:
    for demo in (True, False):
        app = make_site(run=False, demo=demo).app
        with app.app_context():
            assert [endpoint for endpoint, _, _ in routes(app) if access_of(endpoint) is None] == []


def test_a_route_that_does_not_say_is_refused_to_everyone(site: Site) -> None:
    app = create_app(site.settings, site.home, SECRETS)
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    answer = app.test_client().get("/forgotten")
    assert (answer.status_code, b"secret" in answer.data) == (403, False)


def test_widget_routes_refuse_whoever_has_no_token(site: Site) -> None:
    paths = of(site, Access.VISITOR)
    assert len(paths) >= 6
    for method, path in paths:
        for header in (
            {},
            {"Authorization": "Bearer "},
            {"Authorization": "Bearer x.y.z"},
            {"Authorization": "Basic eA=="},
        ):
            answer = site.app.test_client().open(path, method=method, headers=header, json={})
            assert answer.status_code == 401, (method, path, header)
            assert answer.json["error"]["message"]


def test_widget_routes_refuse_agents_and_other_visitors(site: Site) -> None:
    owner, stranger, noor = site.visitor(), site.visitor(), site.agent()
    for method, path in of(site, Access.VISITOR):
        if "c_0" not in path:
            continue
        path = path.replace("c_0", owner.conversation)
        body = {"nonce": "n", "text": "Hello"}
        assert noor.http.open(path, method=method, json=body).status_code == 401, path
        answer = stranger.http.open(path, method=method, json=body, headers=stranger.headers)
        assert answer.status_code == 404, path
    assert owner.said() == []


def test_desk_routes_refuse_whoever_is_not_logged_in(site: Site) -> None:
    visitor = site.visitor()
    paths = of(site, Access.AGENT)
    assert len(paths) >= 10
    for method, path in paths:
        for headers in ({}, visitor.headers):
            answer = site.app.test_client().open(path, method=method, headers=headers, json={})
            assert answer.status_code == 401, (method, path)


def test_desk_pages_send_strangers_to_the_login(site: Site) -> None:
    for method, path in of(site, Access.AGENT_PAGE):
        answer = site.app.test_client().open(path, method=method)
        assert (answer.status_code, answer.location) == (302, "/desk/login"), path


def test_every_write_at_the_desk_needs_the_sessions_csrf_token(site: Site) -> None:
    noor, visitor = site.agent(), site.visitor()
    for method, path in of(site, Access.AGENT, Access.AGENT_PAGE):
        if method not in WRITES:
            continue
        path = path.replace("c_0", visitor.conversation)
        for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "another"}, {"X-CSRF-Token": "ünequal"}):
            answer = noor.http.open(path, method=method, json={}, headers=headers)
            assert (answer.status_code, answer.json["error"]["code"]) == (403, "bad_csrf_token"), path
    assert visitor.state()["conversation"]["status"] == "pending"


def test_an_agent_logs_in_with_the_right_password_only(site: Site) -> None:
    add_agent(site.settings.url(site.home), "Ada@Mossgrove.example ", "Ada", PASSWORD)
    http = site.app.test_client()
    token = csrf_of(http.get("/desk/login").text)
    form = {"email": "ada@mossgrove.example", "password": "a wrong password", "csrf_token": token}
    refused = http.post("/desk/login", data=form)
    assert refused.status_code == 401
    assert "do not belong together" in refused.text
    assert http.get("/desk").status_code == 302
    entered = http.post("/desk/login", data={**form, "password": PASSWORD})
    assert (entered.status_code, entered.location) == (303, "/desk")
    assert "Ada" in http.get("/desk").text
    assert csrf_of(http.get("/desk").text) != token


def test_an_unknown_address_is_refused_in_the_same_words(site: Site) -> None:
    add_agent(site.settings.url(site.home), "ada@mossgrove.example", "Ada", PASSWORD)
    answers = []
    for email in ("ada@mossgrove.example", "nobody@mossgrove.example"):
        http = site.app.test_client()
        form = {"email": email, "password": "wrong", "csrf_token": csrf_of(http.get("/desk/login").text)}
        answers.append(re.sub(r'value="[^"]*"', "", http.post("/desk/login", data=form).text))
    assert answers[0] == answers[1]


def test_a_login_without_the_forms_token_is_refused(site: Site) -> None:
    add_agent(site.settings.url(site.home), "ada@mossgrove.example", "Ada", PASSWORD)
    form = {"email": "ada@mossgrove.example", "password": PASSWORD}
    assert site.app.test_client().post("/desk/login", data=form).status_code == 403


def test_guessing_passwords_is_slowed_down(make_site: Callable[..., Site]) -> None:
    site = make_site(logins_burst=2, logins_per_minute=0.1)
    http = site.app.test_client()
    token = csrf_of(http.get("/desk/login").text)
    form = {"email": "ada@mossgrove.example", "password": "guess", "csrf_token": token}
    assert [http.post("/desk/login", data=form).status_code for _ in range(3)] == [401, 401, 429]


def test_logging_out_ends_the_session(site: Site) -> None:
    noor = site.agent()
    assert noor.http.post("/desk/logout", data={"csrf_token": noor.csrf}).status_code == 303
    assert noor.http.get("/desk/api/queue").status_code == 401


def test_an_agent_who_was_removed_is_out_at_once(site: Site) -> None:
    noor = site.agent()
    assert noor.http.get("/desk/api/queue").status_code == 200
    site.service.database.write(lambda connection: connection.connection.cursor().execute("DELETE FROM agents"))
    assert noor.http.get("/desk/api/queue").status_code == 401


def test_the_desks_cookie_is_kept_from_scripts_and_other_sites(site: Site) -> None:
    cookie = site.app.test_client().get("/desk/login").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_passwords_are_kept_as_argon2_hashes(site: Site) -> None:
    url = site.settings.url(site.home)
    add_agent(url, "ada@mossgrove.example", "Ada", PASSWORD)
    ((stored,),) = site.rows("SELECT password_hash FROM agents")
    assert stored.startswith("$argon2id$")
    add_agent(url, "ada@mossgrove.example", "Ada L.", "another long one")
    door = Door(site.service.database)
    assert door.enter("ada@mossgrove.example", PASSWORD) is None
    known = door.enter("ada@mossgrove.example", "another long one")
    assert known is not None
    assert known.name == "Ada L."


@pytest.mark.parametrize(
    ("email", "name", "password"),
    [("nobody", "N", PASSWORD), ("@x", "N", PASSWORD), ("a@b", " ", PASSWORD), ("a@b", "N", "short")],
)
def test_an_agent_needs_an_address_a_name_and_a_password(site: Site, email: str, name: str, password: str) -> None:
    with pytest.raises(SetupError):
        add_agent(site.settings.url(site.home), email, name, password)


def test_sessions_signed_by_another_key_are_worth_nothing(site: Site, make_site: Callable[..., Site]) -> None:
    noor = site.agent()
    other = SECRETS.model_copy(update={"session": SECRETS.visitor})
    app = create_app(site.settings, site.home, other)
    cookie = noor.http.get_cookie("nightdesk_desk")
    assert cookie is not None
    http = app.test_client()
    http.set_cookie("nightdesk_desk", cookie.value)
    assert http.get("/desk/api/queue").status_code == 401


def test_a_visitor_sends_only_so_much(make_site: Callable[..., Site]) -> None:
    visitor: Widget = make_site(messages_burst=3, messages_per_minute=1).visitor()
    statuses = [visitor.say("delivery").status_code for _ in range(4)]
    assert statuses[0] == 201
    assert statuses[-1] == 429


def test_an_address_opens_only_so_many_widgets(make_site: Callable[..., Site]) -> None:
    http = make_site(visitors_burst=2, visitors_per_minute=1).app.test_client()
    assert [http.post("/api/visitor", json={}).status_code for _ in range(3)] == [200, 200, 429]
