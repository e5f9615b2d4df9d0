"""The web's edge: wrong bodies, wrong methods, our own faults; one clear sentence each, and nobody's words in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from web_fakes import SECRETS, Site

from web.app import create_app
from web.auth import Access, open_to
from web.health import check
from web.store import visitors


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"nonce": "n", "text": ""}, 422, "empty"),
        ({"nonce": "n", "text": " \n\t "}, 422, "empty"),
        ({"nonce": "n", "text": "x" * 4001}, 422, "too_long"),
        ({"nonce": "n", "text": 7}, 400, "bad_request"),
        ({"nonce": "n"}, 400, "bad_request"),
        ({"text": "Hello"}, 400, "bad_request"),
        ({"nonce": "", "text": "Hello"}, 400, "bad_request"),
        ({"nonce": "x" * 65, "text": "Hello"}, 400, "bad_request"),
        ({"nonce": 7, "text": "Hello"}, 400, "bad_request"),
        ({"nonce": "n", "text": "Hello", "payload": 7}, 400, "bad_request"),
        ({"nonce": "n", "text": "Hello", "payload": "not a command"}, 400, "bad_request"),
        ([], 400, "not_json"),
        ("text", 400, "not_json"),
    ],
)
def test_a_message_with_a_wrong_shape_is_refused_with_a_sentence(site: Site, body: Any, status: int, code: str) -> None:
    visitor = site.visitor()
    refused = visitor.post("/messages", body)
    assert (refused.status_code, refused.json["error"]["code"]) == (status, code)
    assert refused.json["error"]["message"].endswith((".", "`", "Z."))
    assert visitor.said() == []


def test_a_message_of_just_the_longest_length_is_taken(site: Site) -> None:
    assert site.visitor().say("x" * 4000).status_code == 201


def test_a_body_that_is_not_json_is_refused(site: Site) -> None:
    visitor = site.visitor()
    path = f"/api/conversations/{visitor.conversation}/messages"
    for data, kind in ((b"{", "application/json"), (b"a=b", "application/x-www-form-urlencoded")):
        answer = visitor.http.post(path, data=data, content_type=kind, headers=visitor.headers)
        assert (answer.status_code, answer.json["error"]["code"]) == (400, "not_json")


def test_half_a_character_is_refused(site: Site) -> None:
    visitor = site.visitor()
    path = f"/api/conversations/{visitor.conversation}/messages"
    body = b'{"nonce": "n", "text": "half \\ud800"}'
    answer = visitor.http.post(path, data=body, content_type="application/json", headers=visitor.headers)
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "unacceptable")


def test_a_body_that_is_too_large_is_refused(site: Site) -> None:
    refused = site.visitor().say("x" * 100_000)
    assert (refused.status_code, refused.json["error"]["code"]) == (413, "request_entity_too_large")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/api/visitor", 405)])
def test_wrong_addresses_and_methods_have_a_sentence_too(site: Site, method: str, path: str, status: int) -> None:
    answer = site.app.test_client().open(path, method=method)
    assert answer.status_code == status
    assert answer.json["error"]["message"].endswith(".")


def test_our_own_fault_tells_nobodys_words(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(site.settings, site.home, SECRETS)

    @open_to(Access.ANYONE)
    def broken() -> str:
        raise ValueError("my secret words")

    app.add_url_rule("/broken", "broken", broken)
    answer = app.test_client().get("/broken")
    assert (answer.status_code, answer.json["error"]["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "secret" not in repr([record.__dict__ for record in caplog.records])
    assert any("broken" in line for record in caplog.records for line in getattr(record, "where", ()))


def test_a_database_that_is_gone_acknowledges_nothing(site: Site) -> None:
    visitor = site.visitor()
    site.service.database.write(lambda connection: connection.connection.cursor().execute("DROP TABLE messages"))
    refused = visitor.say("delivery")
    assert (refused.status_code, refused.json["error"]["code"]) == (503, "storage_away")


def test_whatever_fails_inside_a_transaction_leaves_nothing(site: Site) -> None:
    from web.types import Visitor

    def work(connection: Any) -> None:
        visitors.add(connection, Visitor("v_half"), 1.0)
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        site.service.database.write(work)
    assert site.rows("SELECT count(*) FROM visitors WHERE id = 'v_half'") == [(0,)]
    assert site.visitor().say("delivery").status_code == 201


def test_every_answer_has_its_security_headers(site: Site) -> None:
    http = site.app.test_client()
    for path in ("/", "/desk/login", "/widget/frame", "/widget.js", "/api/visitor", "/nowhere", "/health"):
        headers = http.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "'unsafe-inline'" not in policy
        assert "default-src 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"]


def test_only_the_widgets_frame_may_be_embedded_and_only_where_it_is_allowed(make_site: Callable[..., Site]) -> None:
    http = make_site(run=False, embed_origins=("https://shop.example",)).app.test_client()
    framed = http.get("/widget/frame").headers
    assert "frame-ancestors 'self' https://shop.example" in framed["Content-Security-Policy"]
    assert "X-Frame-Options" not in framed
    for path in ("/desk/login", "/", "/widget.js", "/nowhere"):
        headers = http.get(path).headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], path
        assert headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("origin", ["shop.example", "https://shop.example/page", "https://a; script-src *", "*"])
def test_an_embedding_site_is_an_origin_and_nothing_else(make_site: Callable[..., Site], origin: str) -> None:
    with pytest.raises(ValueError, match="embed_origins"):
        make_site(run=False, embed_origins=(origin,))


def test_pages_hold_nothing_inline(site: Site) -> None:
    noor, visitor = site.agent(), site.visitor()
    visitor.say("<script>alert(1)</script>")
    visitor.wait_for("assistant")
    for path in ("/", "/widget/frame", "/desk/login", "/desk", f"/desk/conversations/{visitor.conversation}"):
        page = noor.http.get(path).text
        assert "<style" not in page
        assert " style=" not in page
        assert "<script>" not in page
        assert " onclick=" not in page


def test_the_desk_shows_what_was_said_before_its_script_loads(site: Site) -> None:
    noor, visitor = site.agent(), site.visitor()
    visitor.say("Where is my fern?")
    visitor.wait_for("assistant")
    visitor.ask_for_person()
    assert "Where is my fern?" in noor.http.get(f"/desk/conversations/{visitor.conversation}").text
    assert visitor.conversation in noor.http.get("/desk").text
    assert noor.http.get("/desk/conversations/c_0").status_code == 404


def test_the_web_says_when_it_is_well(site: Site) -> None:
    assert site.app.test_client().get("/health").json == {"status": "ok"}


def test_the_doctor_tells_a_missing_agent_from_a_missing_database(site: Site, tmp_path: Path) -> None:
    rows = {row.what.split(":")[0]: row for row in check(site.home, site.settings)}
    assert not rows["desk"].ok
    assert "add-agent" in rows["desk"].mend
    site.agent()
    assert all(row.ok for row in check(site.home, site.settings) if row.what.startswith(("web", "desk")))
    assert check(tmp_path / "nowhere", site.settings)[0].ok
    assert not (tmp_path / "nowhere").exists()


def test_the_doctor_names_a_database_it_cannot_read(site: Site, tmp_path: Path) -> None:
    (tmp_path / "nightdesk.db").write_bytes(b"not a database at all, just text" * 100)
    assert not check(tmp_path, site.settings)[0].ok
