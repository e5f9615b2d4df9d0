"""A shop's own API when things go wrong: slow, away, garbled, killed in the middle. Nothing is done twice."""

from __future__ import annotations

import gzip
import ipaddress
import json
import logging
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from example_shop import TOKEN, ExampleShop, Trouble, described, offices, serving

from bot.backoffice import Receipt
from bot.backoffice.http.breaker import CircuitBreaker, State
from bot.backoffice.http.client import Unsent
from bot.backoffice.http.ledger import FILE, Intent, Ledger
from bot.backoffice.http.load import load_shop
from bot.backoffice.http.office import HttpBackOffice
from bot.backoffice.types import Address
from bot.backoffice.writes import CancelOrder, ChangeAddress, Line, ReturnItems, UpdateContact
from bot.errors import BackOfficeAway, BackOfficeError, NoSuchOrder, NotAllowed

Opens = Callable[..., HttpBackOffice]
CANCEL = CancelOrder("KL-10001")
DONE = Receipt("cancel_order", "KL-10001", {"amount": "62.9"})
CUT = Trouble("POST", cut=True)
CUT_AFTER = Trouble("POST", cut=True, act_first=True)
NOT_HONOURED = ("honoured = true", "honoured = false")


@pytest.fixture
def office(opens: Opens) -> HttpBackOffice:
    return opens()


def rows(folder: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / FILE) as database:
        return database.execute("SELECT key, intent IS NULL, receipt IS NULL FROM writes").fetchall()


# Away, slow, busy


@pytest.mark.parametrize("trouble", [Trouble(status=s) for s in (429, 502, 503, 504)] + [Trouble(cut=True)], ids=repr)
def test_a_read_that_fails_for_a_moment_is_tried_again(
    office: HttpBackOffice, shop: ExampleShop, trouble: Trouble
) -> None:
    shop.trouble(trouble, trouble)
    assert office.order("KL-10001").order_number == "KL-10001"
    assert len(shop.seen) == 3


def test_a_shop_that_stays_away_is_away(office: HttpBackOffice, shop: ExampleShop) -> None:
    shop.trouble(*[Trouble(status=503)] * 3)
    with pytest.raises(BackOfficeAway, match=r"^GET /orders/\{order_number\}: the shop answered 503$"):
        office.order("KL-10001")
    assert len(shop.seen) == 3


def test_a_broken_shop_is_away_and_not_asked_again_at_once(office: HttpBackOffice, shop: ExampleShop) -> None:
    shop.trouble(Trouble(status=500, body=b"Traceback: A-7@post.example"))
    with pytest.raises(BackOfficeAway, match=r"the shop answered 500$"):
        office.order("KL-10001")
    assert len(shop.seen) == 1


def test_the_shop_is_given_the_time_it_asks_for(office: HttpBackOffice, shop: ExampleShop) -> None:
    shop.trouble(Trouble(status=429, headers={"Retry-After": "1"}))
    began = time.monotonic()
    office.order("KL-10001")
    assert 1.0 <= time.monotonic() - began < 1.9


def test_a_wait_longer_than_we_have_is_not_begun(office: HttpBackOffice, shop: ExampleShop) -> None:
    shop.trouble(Trouble(status=503, headers={"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}))
    began = time.monotonic()
    with pytest.raises(BackOfficeAway):
        office.order("KL-10001")
    assert time.monotonic() - began < 0.9
    assert len(shop.seen) == 1


@pytest.mark.parametrize("slow", [Trouble(wait_s=3.0), Trouble(drip_s=0.03)], ids=["silent", "dripping"])
def test_a_slow_shop_is_away_within_the_total_time(office: HttpBackOffice, shop: ExampleShop, slow: Trouble) -> None:
    shop.trouble(*[slow] * 3)
    began = time.monotonic()
    with pytest.raises(BackOfficeAway, match="did not answer in time"):
        office.order("KL-10001")
    assert time.monotonic() - began < 1.2 + 0.6


def test_nobody_listening_is_away(tmp_path: Path) -> None:
    with serving(ExampleShop()) as address:
        pass
    with offices(tmp_path, address) as opens, pytest.raises(Unsent, match=r"cannot be reached \(ConnectError\)"):
        opens().order("KL-10001")


# The breaker


def test_the_breaker_opens_lets_one_try_and_closes() -> None:
    now = [0.0]
    breaker = CircuitBreaker(2, 10.0, lambda: now[0])
    seen = [breaker.admits()]
    breaker.failed()
    breaker.failed()
    seen.append(breaker.admits())
    now[0] = 10.0
    seen += [breaker.admits(), breaker.admits()]
    assert (seen, breaker.state) == ([True, False, True, False], State.HALF_OPEN)
    breaker.failed()
    assert (breaker.admits(), breaker.state) == (False, State.OPEN)
    now[0] = 20.0
    assert breaker.admits()
    breaker.succeeded()
    assert (breaker.admits(), breaker.admits(), breaker.state) == (True, True, State.CLOSED)


def test_a_try_that_never_tells_does_not_stop_the_next_for_ever() -> None:
    now = [0.0]
    breaker = CircuitBreaker(1, 10.0, lambda: now[0])
    breaker.failed()
    now[0] = 10.0
    assert breaker.admits()
    now[0] = 20.0
    assert breaker.admits()


def test_a_success_in_between_forgives_the_failures() -> None:
    breaker = CircuitBreaker(2, 10.0)
    for _ in range(3):
        breaker.failed()
        breaker.succeeded()
    assert breaker.state is State.CLOSED


def test_a_shop_that_is_down_is_left_alone_and_taken_up_again(office: HttpBackOffice, shop: ExampleShop) -> None:
    shop.trouble(*[Trouble(status=503)] * 6)
    for _ in range(2):
        with pytest.raises(BackOfficeAway):
            office.order("KL-10001")
    assert len(shop.seen) == 5  # the fifth failure opened it
    with pytest.raises(Unsent, match="nothing is sent for a while"):
        office.customer("A-7")
    assert len(shop.seen) == 5
    time.sleep(0.35)
    with pytest.raises(BackOfficeAway):  # the one that tries finds the sixth
        office.order("KL-10001")
    assert len(shop.seen) == 6
    time.sleep(0.35)
    assert office.order("KL-10001")
    assert office.customer("A-7")


def test_what_the_shop_merely_refuses_does_not_open_the_breaker(office: HttpBackOffice) -> None:
    for _ in range(7):
        with pytest.raises(NoSuchOrder):
            office.order("KL-99999")
    assert office.order("KL-10001")


# Answers that cannot be read


def changed(**values: Any) -> Trouble:
    return Trouble(change=lambda told: {"order": told["order"] | values})


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (Trouble(body=b"<html>Welcome, Ada!</html>"), r"the answer \(200\) should be JSON"),
        (Trouble(body=b'{"order": {"total": NaN}}'), r"should be JSON"),
        (Trouble(body=b"[" * 100_000), r"should be JSON"),
        (Trouble(body=b'["Ada"]'), r"order should be an object, and is missing; see \[order\]"),
        (changed(money=None), r"total \(at 'money.all'\) should be an amount of money, and is missing"),
        (changed(money={"all": "Ada"}), r"total \(at 'money.all'\) should be an amount of money, and is another text"),
        (changed(money={"all": ["Ada"]}), r"total .* and is a list; see \[order\]"),
        (changed(created="Ada"), r"placed_at \(at 'created'\) should be a date or time .*, and is another text"),
        (changed(lines={"Ada": 1}), r"items \(at 'lines'\) should be a list of objects, and is an object"),
        (changed(lines=[{"article": "X", "title": "Ada", "qty": 1.5, "price": 1}]),
         r"items\[0\].quantity \(at 'qty'\) should be a whole number, and is another number"),
        (changed(state="in orbit"), r"status is 'in orbit', which the map of \[order.fields\] status does not know"),
        (changed(state="Ada Lindqvist, Kade 1!"), r"status is a text, which the map"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_names_call_and_field_and_nobodys_data(
    office: HttpBackOffice, shop: ExampleShop, trouble: Trouble, says: str
) -> None:
    shop.trouble(trouble)
    with pytest.raises(BackOfficeError, match=rf"^GET /orders/\{{order_number\}}: .*{says}") as error:
        office.order("KL-10001")
    assert not isinstance(error.value, BackOfficeAway)
    assert "Ada" not in str(error.value)


def test_a_list_that_is_none_is_named(office: HttpBackOffice, shop: ExampleShop) -> None:
    shop.trouble(Trouble(change=lambda _: {"articles": "Ada"}))
    with pytest.raises(BackOfficeError, match=r"^GET /catalogue: what lies at take = 'articles' should be a list"):
        office.products()


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (Trouble(body=b'"' + b"x" * 5_000_000 + b'"'), "larger than most_bytes = 4000000"),
        (
            Trouble(body=gzip.compress(b" " * 50_000_000), headers={"Content-Encoding": "gzip"}),
            "larger than most_bytes",
        ),
        (Trouble(body=b"not gzip", headers={"Content-Encoding": "gzip"}), "cannot be unpacked"),
        (Trouble(body=b"x", headers={"Content-Encoding": "br"}), "packed in a way that was not asked for"),
    ],
    ids=["large", "bomb", "not-gzip", "brotli"],
)
def test_an_answer_too_large_or_oddly_packed_is_refused(
    office: HttpBackOffice, shop: ExampleShop, trouble: Trouble, says: str
) -> None:
    shop.trouble(trouble)
    with pytest.raises(BackOfficeError, match=says):
        office.order("KL-10001")


def test_a_packed_answer_is_read(office: HttpBackOffice, shop: ExampleShop) -> None:
    _, told = shop.answer("GET", "/v2/accounts/A-7", {"authorization": f"Bearer {TOKEN}"}, None)
    shop.trouble(Trouble(body=gzip.compress(json.dumps(told).encode()), headers={"Content-Encoding": "gzip"}))
    assert office.customer("A-7").name == "Ada Lindqvist"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_refused_and_the_token_goes_nowhere(
    office: HttpBackOffice, shop: ExampleShop, status: int
) -> None:
    other = ExampleShop()
    with serving(other) as elsewhere:
        shop.trouble(Trouble(status=status, headers={"Location": f"{elsewhere}/orders/KL-10001"}))
        with pytest.raises(BackOfficeError, match=rf"answered {status}, a redirect, and none is followed"):
            office.order("KL-10001")
    assert other.seen == []
    assert len(shop.seen) == 1


@pytest.mark.parametrize("scheme", ["http://", "http://127.0.0.1:1@", "//"])
def test_a_next_page_on_another_host_is_not_fetched(office: HttpBackOffice, shop: ExampleShop, scheme: str) -> None:
    other = ExampleShop()
    with serving(other) as elsewhere:
        link = elsewhere.replace("http://", scheme) + "/catalogue"
        shop.trouble(Trouble(change=lambda told: told | {"links": {"next": link}}))
        with pytest.raises(BackOfficeError, match="another host than base_url"):
            office.products()
    assert other.seen == []


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed but itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path_factory.mktemp("tls") / "shop.pem"
    file.write_bytes(made.public_bytes(pem) + secret)
    return file


def test_a_certificate_nobody_vouches_for_is_refused_and_a_private_authority_can_be_named(
    shop: ExampleShop, certificate: Path, tmp_path: Path
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving(shop, tls=tls) as address, offices(tmp_path, address) as opens:
        with pytest.raises(BackOfficeAway, match=r"cannot be reached \(its certificate does not verify\)"):
            opens().order("KL-10001")
        assert shop.seen == []
        office = opens(('amounts = "cents"', f'amounts = "cents"\nca_file = "{certificate}"'))
        assert office.order("KL-10001")


def test_a_cookie_is_not_kept(office: HttpBackOffice, shop: ExampleShop) -> None:
    _, told = shop.answer("GET", "/v2/accounts/A-7", {"authorization": f"Bearer {TOKEN}"}, None)
    shop.trouble(Trouble(body=json.dumps(told).encode(), headers={"Set-Cookie": "session=of-ada; Path=/"}))
    office.customer("A-7")
    office.customer("A-7")
    assert [headers.get("cookie") for _, headers, _ in shop.seen] == [None, None]


def test_a_wrong_token_names_the_variable_that_holds_it(office: HttpBackOffice, shop: ExampleShop) -> None:
    shop.token = "another"
    with pytest.raises(
        BackOfficeError, match=r"refused our credentials \(401\); check NIGHTDESK_BACKOFFICE_SECRET"
    ) as error:
        office.order("KL-10001")
    assert TOKEN not in str(error.value)


# Writes: once, whatever happens


@pytest.mark.parametrize(
    "troubles", [[CUT], [CUT, CUT], [CUT_AFTER], [CUT, CUT_AFTER], [Trouble("POST", status=503)]], ids=repr
)
def test_a_write_that_got_no_answer_is_asked_again_with_its_key_and_done_once(
    office: HttpBackOffice, shop: ExampleShop, troubles: list[Trouble]
) -> None:
    shop.trouble(*troubles)
    assert office.perform(CANCEL, "A-7", key="m1:a") == DONE
    assert len(shop.changes) == 1
    sent = shop.requests("POST")
    assert [headers["idempotency-key"] for _, headers, _ in sent] == ["m1:a"] * (len(troubles) + 1)
    assert len({str(body) for _, _, body in sent}) == 1


def test_a_write_whose_answers_are_all_lost_is_settled_later_and_done_once(
    opens: Opens, shop: ExampleShop, tmp_path: Path
) -> None:
    office = opens()
    shop.trouble(*[CUT_AFTER] * 3)
    with pytest.raises(BackOfficeAway) as error:
        office.perform(CANCEL, "A-7", key="m1:a")
    assert not isinstance(error.value, Unsent)
    assert rows(tmp_path) == [("m1:a", 0, 1)]
    assert opens().done("m1:a") == DONE  # though our terms, asked now, would refuse to cancel what is cancelled
    assert office.perform(CANCEL, "A-7", key="m1:a") == DONE
    assert rows(tmp_path) == [("m1:a", 1, 0)]
    assert len(shop.changes) == 1


def test_a_last_attempt_that_was_not_sent_does_not_undo_one_that_was(
    office: HttpBackOffice, shop: ExampleShop, tmp_path: Path
) -> None:
    shop.trouble(CUT_AFTER, CUT_AFTER, Trouble("POST", status=429))
    with pytest.raises(BackOfficeAway) as error:
        office.perform(CANCEL, "A-7", key="m1:a")
    assert not isinstance(error.value, Unsent)
    assert rows(tmp_path) == [("m1:a", 0, 1)]
    assert office.done("m1:a") == DONE


def test_a_write_that_never_arrived_is_done_when_it_is_settled(opens: Opens, shop: ExampleShop) -> None:
    shop.trouble(*[CUT] * 3)
    with pytest.raises(BackOfficeAway):
        opens().perform(CANCEL, "A-7", key="m1:a")
    assert shop.changes == []
    assert opens().done("m1:a") == DONE
    assert len(shop.changes) == 1


def test_a_write_the_shop_certainly_has_not_leaves_no_trace(
    office: HttpBackOffice, shop: ExampleShop, tmp_path: Path
) -> None:
    shop.trouble(*[Trouble("POST", status=429)] * 3)
    with pytest.raises(Unsent):
        office.perform(CANCEL, "A-7", key="m1:a")
    assert rows(tmp_path) == []
    assert office.done("m1:a") is None
    assert shop.changes == []


def test_a_shop_that_is_gone_when_a_write_is_settled_leaves_the_intent(
    opens: Opens, shop: ExampleShop, tmp_path: Path
) -> None:
    office = opens(("failures = 5", "failures = 50"))
    shop.trouble(*[CUT_AFTER] * 3, *[Trouble("POST", status=429)] * 3)
    with pytest.raises(BackOfficeAway):
        office.perform(CANCEL, "A-7", key="m1:a")
    with pytest.raises(BackOfficeAway):
        office.done("m1:a")
    assert rows(tmp_path) == [("m1:a", 0, 1)]
    assert office.done("m1:a") == DONE
    assert len(shop.changes) == 1


def test_a_write_that_is_refused_when_it_is_settled_was_not_done(
    office: HttpBackOffice, shop: ExampleShop, tmp_path: Path
) -> None:
    shop.trouble(*[CUT] * 3)
    with pytest.raises(BackOfficeAway):
        office.perform(CANCEL, "A-7", key="m1:a")
    shop.orders["KL-10001"]["state"] = "picking"
    assert office.done("m1:a") is None
    assert rows(tmp_path) == []
    with pytest.raises(NotAllowed):
        office.perform(CANCEL, "A-7", key="m1:a")


def test_a_shop_that_does_not_honour_keys_is_never_asked_twice(opens: Opens, shop: ExampleShop) -> None:
    office = opens(NOT_HONOURED)
    shop.trouble(CUT_AFTER)
    with pytest.raises(BackOfficeAway):
        office.perform(CANCEL, "A-7", key="m1:a")
    for ask in (lambda: office.done("m1:a"), lambda: office.perform(CANCEL, "A-7", key="m1:a")):
        with pytest.raises(BackOfficeError, match="never answered, and the shop may not be asked again") as error:
            ask()
        assert not isinstance(error.value, BackOfficeAway)
    assert len(shop.requests("POST")) == 1
    assert len(shop.changes) == 1


def test_a_key_the_shop_has_forgotten_by_now_is_not_asked_again(opens: Opens, shop: ExampleShop) -> None:
    office = opens(("hours = 24.0", "hours = 0.000001"))
    shop.trouble(*[CUT_AFTER] * 3)
    with pytest.raises(BackOfficeAway):
        office.perform(CANCEL, "A-7", key="m1:a")
    with pytest.raises(BackOfficeError, match="may not be asked again"):
        office.done("m1:a")
    assert len(shop.changes) == 1


def test_a_shop_still_at_the_first_request_is_not_taken_for_a_refusal(
    office: HttpBackOffice, shop: ExampleShop, tmp_path: Path
) -> None:
    with shop.at_work_on("m1:a"), pytest.raises(BackOfficeAway, match="still at the first request"):
        office.perform(CANCEL, "A-7", key="m1:a")
    assert rows(tmp_path) == [("m1:a", 0, 1)]
    assert office.done("m1:a") == DONE


def test_a_success_nobody_described_is_settled_and_not_believed(office: HttpBackOffice, shop: ExampleShop) -> None:
    shop.trouble(Trouble("POST", status=206, act_first=True))
    back = ReturnItems("KL-10003", (Line("POT-S", 1),), "faulty", "pm-1")
    with pytest.raises(BackOfficeError, match=r"answered 206; expected \(201,\)"):
        office.perform(back, "A-7", key="m1:a")
    receipt = office.done("m1:a")
    assert receipt
    assert receipt.details["return_number"] == "KLR-1"
    assert len(shop.returns) == 1


def test_what_was_done_is_said_to_be_done_though_its_answer_is_garbled(
    office: HttpBackOffice, shop: ExampleShop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.trouble(Trouble("POST", act_first=True, body=b"<html>Ada</html>", status=201))
    receipt = office.perform(ReturnItems("KL-10003", (Line("POT-S", 1),), "faulty", "pm-1"), "A-7", key="m1:a")
    assert (receipt.details["amount"], "return_number" in receipt.details) == ("24.50", False)
    assert "POST /orders/{order_number}/returns: the answer (201) should be JSON" in caplog.text
    assert "Ada" not in caplog.text
    assert office.done("m1:a") == receipt


def test_many_threads_and_two_processes_worth_of_offices_act_once(opens: Opens, shop: ExampleShop) -> None:
    first, second = opens(), opens()
    heard: list[Receipt] = []
    threads = [
        threading.Thread(target=lambda office=office: heard.append(office.perform(CANCEL, "A-7", key="m1:a")))
        for office in (first, second) * 3
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == [DONE] * 6
    assert len(shop.changes) == 1


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from example_shop import offices
from bot.backoffice.writes import CancelOrder
with offices(Path(sys.argv[2]), sys.argv[3]) as opens:
    office = opens(("read_s = 0.4", "read_s = 30.0"), ("total_s = 1.2", "total_s = 30.0"))
    office.perform(CancelOrder("KL-10001"), "A-7", key="m1:a")
"""


def test_killed_between_asking_and_the_answer_it_is_done_once(
    opens: Opens, shop: ExampleShop, address: str, tmp_path: Path
) -> None:
    shop.trouble(Trouble("POST", act_first=True, wait_s=60.0))
    words = [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(tmp_path), address]
    child = subprocess.Popen(words, cwd=Path(__file__).parents[2])
    try:
        deadline = time.monotonic() + 30
        while not shop.changes and time.monotonic() < deadline and child.poll() is None:
            time.sleep(0.02)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert shop.changes == ["POST orders/KL-10001/cancellation"]
    assert rows(tmp_path) == [("m1:a", 0, 1)]
    assert opens().done("m1:a") == DONE
    assert len(shop.changes) == 1


def test_an_intent_nobody_settled_goes_after_two_weeks_with_a_word_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(tmp_path / FILE, lambda: datetime.now(UTC) - timedelta(days=15))
    intent = Intent("update_contact", None, "/accounts/A-7", {}, {"mobile": "+31 6 1234"}, {})
    assert ledger.begin("m1:a", "A-7", intent)
    assert not ledger.begin("m1:a", "A-7", intent)
    ledger.close()
    again = Ledger(tmp_path / FILE)
    assert again.find("m1:a") is None
    again.close()
    assert "the outcome of write m1:a was never known" in caplog.text
    assert "1234" not in caplog.text


# What is never written down


def test_logs_and_errors_hold_no_secret_and_nobodys_data(
    office: HttpBackOffice, shop: ExampleShop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    private = (TOKEN, "KL-1000", "A-7", "Ada", "post.example", "6 1234", "Singel", "LEAF10", "KLR")
    office.orders_of("A-7")
    office.voucher("LEAF10")
    office.perform(UpdateContact("phone", "+31 6 1234"), "A-7", key="m1:a")
    office.perform(ReturnItems("KL-10003", (Line("POT-S", 1),), "faulty", "pm-1"), "A-7", key="m2:a")
    told: list[str] = []
    asks: list[Callable[[], object]] = [
        lambda: office.order("KL-10001"),
        lambda: office.customer("A-7"),
        lambda: office.orders_of("A-7"),
        lambda: office.perform(
            ChangeAddress("KL-10001", Address("Singel 5", "1012 AB", "Utrecht", "NL")), "A-7", key="m3:a"
        ),
    ]
    for trouble in (
        Trouble(status=500),
        Trouble(status=418),
        Trouble(body=b"Ada"),
        Trouble(status=302),
        Trouble(cut=True),
    ):
        for ask in asks:
            shop.trouble(*[trouble] * 3)
            with pytest.raises(BackOfficeError) as error:
                ask()
            shop.troubles.clear()
            told.append(repr(error.value))
            time.sleep(0.31 if "for a while" in told[-1] else 0)
    everything = caplog.text + " ".join(told)
    assert [word for word in private if word in everything] == []
    assert "GET /orders/{order_number}: 200, " in everything
    assert "PATCH /accounts/{customer_id}: 201, " in everything


def test_the_secret_is_in_no_repr(tmp_path: Path) -> None:
    shop = load_shop(described(tmp_path, "http://127.0.0.1:1/v2"), {"NIGHTDESK_BACKOFFICE_SECRET": TOKEN}, {})
    assert shop.secret == TOKEN
    assert TOKEN not in repr(shop)
