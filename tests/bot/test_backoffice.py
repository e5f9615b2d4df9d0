"""The sample back office: what it knows, what it does, and that it acts once or not at all."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from bot_fakes import CUSTOMERS, PRODUCTS, TERMS, TODAY, VISA, VOUCHERS, make_order

from bot.backoffice import Address, OrderStatus, Receipt
from bot.backoffice.records import read_order
from bot.backoffice.sample import SCHEMA_VERSION, SampleBackOffice
from bot.backoffice.writes import (
    CancelOrder,
    ChangeAddress,
    ChangeDeliveryDay,
    ChangeItems,
    ChangePayment,
    ExchangeItems,
    Line,
    ReturnItems,
    SendInvoice,
    Swap,
    UpdateContact,
    Write,
)
from bot.errors import BackOfficeError, NoSuchCustomer, NoSuchOrder, NotAllowed

ADA, BO = "C-0001", "C-0002"
KADE = Address("Kade 5", "5211 AB", "Den Bosch", "Netherlands")
ORDERS = [
    make_order("MG-10001", ADA, "placed", at="2026-11-01"),
    make_order("MG-10002", ADA, "shipped", at="2026-11-05"),
    make_order("MG-10003", ADA, "packed", at="2026-11-03"),
    make_order("MG-10004", ADA, "delivered", at="2026-11-10", items=(("PT-2", 2), ("TL-1", 1))),
    make_order("MG-10005", ADA, "cancelled", at="2026-10-10"),
    make_order("MG-10006", ADA, "delivered", at="2026-10-01", items=(("PT-2", 2), ("TL-1", 1))),
    make_order("MG-20001", BO, "placed", at="2026-11-02"),
]
WRITES: tuple[Write, ...] = (
    CancelOrder("MG-10001"),
    ChangeAddress("MG-10001", KADE),
    ChangeDeliveryDay("MG-10001", "2026-12-03"),
    ChangeItems("MG-10001", (Swap("PT-2", 1, "PT-3"),)),
    ReturnItems("MG-10004", (Line("PT-2", 1),), "changed_mind", "pm-1"),
    ExchangeItems("MG-10004", (Swap("PT-2", 2, "PT-3"),)),
    SendInvoice("MG-10002"),
    UpdateContact("phone", "+31 6 1234 5678"),
    UpdateContact("address", None, KADE),
)
KINDS = ("orders", "customers", "products", "vouchers", "returns", "outbox")
State = dict[str, list[dict[str, Any]]]


@pytest.fixture
def seed(tmp_path: Path) -> Path:
    path = tmp_path / "seed.json"
    shop = {"customers": CUSTOMERS, "products": PRODUCTS, "vouchers": VOUCHERS, "orders": ORDERS}
    path.write_text(json.dumps(shop))
    return path


@pytest.fixture
def opened(tmp_path: Path, seed: Path) -> Iterator[Callable[[], SampleBackOffice]]:
    """Open the same file, as many times as asked."""
    offices: list[SampleBackOffice] = []

    def open_office() -> SampleBackOffice:
        offices.append(SampleBackOffice(tmp_path / "backoffice.db", seed, TERMS, lambda: TODAY))
        return offices[-1]

    yield open_office
    for office in offices:
        office.close()


@pytest.fixture
def office(opened: Callable[[], SampleBackOffice]) -> SampleBackOffice:
    return opened()


def state(office: SampleBackOffice) -> State:
    """Everything the back office holds."""
    return {kind: office.records(kind) for kind in KINDS}


def changes(before: State, after: State) -> dict[str, list[dict[str, Any]]]:
    """The records that are new or other than before, by kind."""
    found = {kind: [record for record in after[kind] if record not in before[kind]] for kind in KINDS}
    return {kind: records for kind, records in found.items() if records}


def test_an_order_is_found_by_its_number(office: SampleBackOffice) -> None:
    order = office.order("MG-10001")
    assert (order.customer_id, order.status, str(order.total)) == (ADA, OrderStatus.PLACED, "45.9")
    with pytest.raises(NoSuchOrder, match="MG-99999"):
        office.order("MG-99999")


def test_a_customers_orders_come_newest_first_and_nobody_elses(office: SampleBackOffice) -> None:
    numbers = [order.order_number for order in office.orders_of(ADA)]
    assert numbers == ["MG-10004", "MG-10002", "MG-10003", "MG-10001", "MG-10005", "MG-10006"]
    assert [order.order_number for order in office.orders_of(BO)] == ["MG-20001"]
    assert office.orders_of("C-9999") == ()
    assert len(office.all_orders()) == len(ORDERS)


def test_a_customer_is_found_by_id(office: SampleBackOffice) -> None:
    assert office.customer(ADA).name == "Ada"
    with pytest.raises(NoSuchCustomer, match="C-9999"):
        office.customer("C-9999")


def test_products_come_by_article_number(office: SampleBackOffice) -> None:
    assert [product.sku for product in office.products()] == sorted(raw["sku"] for raw in PRODUCTS)


@pytest.mark.parametrize("code", ["FERN15", "fern15", " Fern15 "])
def test_a_voucher_is_found_however_it_is_written(office: SampleBackOffice, code: str) -> None:
    found = office.voucher(code)
    assert found is not None
    assert (found.code, str(found.percent)) == ("FERN15", "15")


@pytest.mark.parametrize("code", ["", "FERN", "FERN15' OR '1'='1", "%", "x" * 8000])
def test_a_code_that_does_not_exist_is_none(office: SampleBackOffice, code: str) -> None:
    assert office.voucher(code) is None


def test_a_cancelled_order_is_cancelled_and_no_other(office: SampleBackOffice) -> None:
    before = state(office)
    receipt = office.perform(CancelOrder("MG-10001", None), ADA, key="m1:cancel")
    assert receipt == Receipt("cancel_order", "MG-10001", {"amount": "45.9"})
    assert changes(before, state(office))["orders"] == [
        before["orders"][0] | {"status": "cancelled", "acts": ["cancel_order"], "cancel_reason": None}
    ]


def test_what_a_cancelled_order_held_goes_back_on_the_shelf(office: SampleBackOffice) -> None:
    before = {product.sku: product.in_stock for product in office.products()}
    office.perform(CancelOrder("MG-10001"), ADA, key="m1:cancel")
    after = {product.sku: product.in_stock for product in office.products()}
    assert {sku: after[sku] - before[sku] for sku in after if after[sku] != before[sku]} == {"PL-1": 2, "PT-2": 1}


def test_an_address_and_a_day_are_changed(office: SampleBackOffice) -> None:
    office.perform(ChangeAddress("MG-10001", KADE), ADA, key="m1:address")
    receipt = office.perform(ChangeDeliveryDay("MG-10001", "2026-12-03"), ADA, key="m2:day")
    order = office.order("MG-10001")
    assert (order.address, order.delivery_day, order.expected_at) == (KADE, "2026-12-03", "2026-12-03")
    assert order.acts == {"change_address", "change_delivery_day"}
    assert receipt.details["day"] == "2026-12-03"


def test_swapped_articles_move_the_stock(office: SampleBackOffice) -> None:
    before = {product.sku: product.in_stock for product in office.products()}
    receipt = office.perform(ChangeItems("MG-10001", (Swap("PT-2", 1, "PT-3"),)), ADA, key="m1:items")
    after = {product.sku: product.in_stock for product in office.products()}
    assert {sku: after[sku] - before[sku] for sku in after if after[sku] != before[sku]} == {"PT-2": 1, "PT-3": -1}
    assert str(office.order("MG-10001").total) == "54.90"
    assert receipt.details == {"amount": "-9.00"}


def test_a_return_is_recorded_and_marked_on_its_order(office: SampleBackOffice) -> None:
    before = state(office)
    write = ReturnItems("MG-10004", (Line("PT-2", 1),), "changed_mind", "pm-1")
    receipt = office.perform(write, ADA, key="m1:return")
    assert receipt.details == {"return_number": "R-00101", "amount": "4.40", "fee": "4.5"}
    made = changes(before, state(office))
    assert made["returns"] == [
        {
            "return_number": "R-00101", "order_number": "MG-10004", "items": [{"sku": "PT-2", "quantity": 1}],
            "requested_at": TODAY.isoformat(), "reason": "changed_mind", "refund_to": "pm-1", "amount": "4.40",
            "status": "requested",
        }
    ]  # fmt: skip
    assert made["orders"] == [before["orders"][3] | {"returned": {"PT-2": 1}, "acts": ["return_items"]}]
    assert set(made) == {"orders", "returns"}
    second = office.perform(replace(write, reason="faulty"), ADA, key="m2:return")
    assert second.details == {"return_number": "R-00102", "amount": "8.90", "fee": "0"}
    with pytest.raises(NotAllowed) as refused:
        office.perform(write, ADA, key="m3:return")
    assert refused.value.refusal is not None
    assert refused.value.refusal.rule == "lines"


def test_an_exchange_puts_the_new_thing_aside(office: SampleBackOffice) -> None:
    write = ExchangeItems("MG-10004", (Swap("PT-2", 2, "PT-3"),))
    receipt = office.perform(write, ADA, key="m1:exchange")
    assert receipt.details == {"return_number": "R-00101", "amount": "-18.00"}
    stock = {product.sku: product.in_stock for product in office.products()}
    assert (stock["PT-2"], stock["PT-3"]) == (9, 7)
    assert office.order("MG-10004").left("PT-2") == 0
    assert office.records("returns")[0]["items"] == [{"sku": "PT-2", "quantity": 2, "new_sku": "PT-3"}]


def test_an_invoice_goes_to_the_accounts_own_address(office: SampleBackOffice) -> None:
    before = state(office)
    receipt = office.perform(SendInvoice("MG-10002"), ADA, key="m1:invoice")
    assert receipt.details == {"sent_to": "ada@post.example"}
    (mail,) = changes(before, state(office))["outbox"]
    assert (mail["to"], mail["invoice"]) == ("ada@post.example", "MG-10002")


def test_an_account_is_changed_and_nobody_elses(office: SampleBackOffice) -> None:
    before = state(office)
    office.perform(UpdateContact("phone", "+31 6 1234 5678"), ADA, key="m1:contact")
    office.perform(UpdateContact("address", None, KADE), ADA, key="m2:contact")
    customer = office.customer(ADA)
    assert (customer.phone, customer.address) == ("+31 6 1234 5678", KADE)
    assert [record["customer_id"] for record in changes(before, state(office))["customers"]] == [ADA]


REFUSED: tuple[tuple[Write, str], ...] = (
    (CancelOrder("MG-10002"), "status"),
    (CancelOrder("MG-10003"), "status"),
    (CancelOrder("MG-10005"), "status"),
    (ChangeAddress("MG-10003", KADE), "status"),
    (ChangeAddress("MG-10001", replace(KADE, country="Belgium")), "country"),
    (ChangeDeliveryDay("MG-10001", "2026-11-23"), "weekday"),
    (ChangeDeliveryDay("MG-10001", "2027-01-05"), "ahead"),
    (ChangeItems("MG-10001", (Swap("PT-2", 1, "TL-1"),)), "family"),
    (ChangeItems("MG-10001", (Swap("PT-2", 1, "PT-4"),)), "stock"),
    (ChangeItems("MG-10001", (Swap("PT-2", 2, "PT-3"),)), "lines"),
    (ChangeItems("MG-10001", (Swap("PT-2", 1, None), Swap("PL-1", 2, None))), "remove"),
    (ChangePayment("MG-10001", "pm-1"), "not_offered"),
    (ReturnItems("MG-10001", (Line("PT-2", 1),), "faulty", "pm-1"), "status"),
    (ReturnItems("MG-10006", (Line("PT-2", 1),), "faulty", "pm-1"), "window"),
    (ReturnItems("MG-10004", (Line("PT-2", 1),), "bored", "pm-1"), "reason"),
    (ReturnItems("MG-10004", (Line("PT-2", 1),), "faulty", "pm-9"), "refund_to"),
    (ExchangeItems("MG-10004", (Swap("PT-2", 1, "PT-4"),)), "stock"),
    (SendInvoice("MG-10001"), "status"),
    (SendInvoice("MG-10005"), "status"),
)


@pytest.mark.parametrize(("write", "rule"), REFUSED)
def test_what_the_terms_forbid_is_refused_by_name_and_leaves_no_trace(
    office: SampleBackOffice, write: Write, rule: str
) -> None:
    before = state(office)
    with pytest.raises(NotAllowed) as refused:
        office.perform(write, ADA, key="m1:write")
    assert refused.value.refusal is not None
    assert refused.value.refusal.rule == rule
    assert refused.value.refusal.policy in str(refused.value)
    assert state(office) == before
    assert office.done("m1:write") is None


@pytest.mark.parametrize("write", [write for write in WRITES if not isinstance(write, UpdateContact)])
def test_another_customers_order_is_no_order_at_all(office: SampleBackOffice, write: Write) -> None:
    before = state(office)
    with pytest.raises(NoSuchOrder):
        office.perform(write, BO, key="m1:write")
    assert state(office) == before


def test_a_customer_who_does_not_exist_does_nothing(office: SampleBackOffice) -> None:
    with pytest.raises(NoSuchCustomer):
        office.perform(UpdateContact("phone", "+31 6 1234 5678"), "C-9999", key="m1:write")


@pytest.mark.parametrize("write", WRITES)
def test_the_same_key_acts_once_and_answers_the_same(opened: Callable[[], SampleBackOffice], write: Write) -> None:
    office = opened()
    first = office.perform(write, ADA, key="m1:write")
    after = state(office)
    assert office.perform(write, ADA, key="m1:write") == first
    assert opened().perform(write, ADA, key="m1:write") == first
    assert state(office) == after
    assert office.done("m1:write") == first
    assert office.done("m2:write") is None


@pytest.mark.parametrize("write", WRITES)
def test_many_threads_with_one_key_act_once(opened: Callable[[], SampleBackOffice], write: Write) -> None:
    offices = [opened() for _ in range(3)]
    before = state(offices[0])
    seen: list[Receipt] = []

    def act(which: SampleBackOffice) -> None:
        seen.append(which.perform(write, ADA, key="m1:write"))

    threads = [threading.Thread(target=act, args=(which,)) for which in offices * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [seen[0]] * 9
    made = changes(before, state(offices[0]))
    assert len(made.get("returns", [])) + len(made.get("outbox", [])) <= 1


def test_of_many_threads_with_keys_of_their_own_only_as_many_act_as_there_are_things(
    opened: Callable[[], SampleBackOffice],
) -> None:
    offices = [opened() for _ in range(3)]
    done: list[str] = []
    refused: list[str] = []

    def act(which: SampleBackOffice, key: str) -> None:
        write = ReturnItems("MG-10004", (Line("PT-2", 1),), "faulty", "pm-1")
        try:
            done.append(which.perform(write, ADA, key=key).details["return_number"])
        except NotAllowed as error:
            refused.append(error.refusal.rule if error.refusal else "")

    threads = [threading.Thread(target=act, args=(offices[n % 3], f"m{n}:return")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == ["R-00101", "R-00102"]
    assert refused == ["lines"] * 6


def test_what_was_done_outlives_the_process_and_is_not_seeded_again(opened: Callable[[], SampleBackOffice]) -> None:
    first = opened()
    receipt = first.perform(CancelOrder("MG-10001"), ADA, key="m1:cancel")
    first.close()
    again = opened()
    assert again.order("MG-10001").status is OrderStatus.CANCELLED
    assert again.done("m1:cancel") == receipt


# A process that performs one write and stops for good when it reads the clock for the nth time.
ACTOR = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from bot.backoffice.sample import SampleBackOffice
from bot.backoffice.terms import load_terms
from bot.backoffice.writes import ExchangeItems, Swap

path, terms, stop_at = Path(sys.argv[1]), load_terms(Path(sys.argv[2])), int(sys.argv[3])
readings = 0

def now():
    global readings
    readings += 1
    if readings == stop_at:
        print("stopped", flush=True)
        time.sleep(60)
    return datetime(2026, 11, 22, 12, tzinfo=UTC)

office = SampleBackOffice(path, None, terms, now)
receipt = office.perform(ExchangeItems("MG-10004", (Swap("PT-2", 2, "PT-3"),)), "C-0001", key="m1:exchange")
print(receipt.details["return_number"], flush=True)
time.sleep(60 if stop_at else 0)
"""
TERMS_FILE = Path(__file__).parents[2] / "data" / "demo" / "terms.toml"


def actor(path: Path, stop_at: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ACTOR, str(path), str(TERMS_FILE), str(stop_at)],
        stdout=subprocess.PIPE, text=True, cwd=TERMS_FILE.parents[2],
    )  # fmt: skip


@pytest.mark.kill
@pytest.mark.parametrize(("stop_at", "says", "is_done"), [(1, "stopped", False), (2, "stopped", False),
                                                          (3, "stopped", False), (9, "R-00101", True)])  # fmt: skip
def test_a_process_killed_in_mid_write_leaves_all_or_nothing(
    opened: Callable[[], SampleBackOffice], tmp_path: Path, stop_at: int, says: str, is_done: bool
) -> None:
    office = opened()
    before = state(office)
    process = actor(tmp_path / "backoffice.db", stop_at)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == says
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    made = changes(before, state(office))
    assert set(made) == ({"orders", "products", "returns"} if is_done else set())
    assert (office.done("m1:exchange") is not None) is is_done
    receipt = office.perform(WRITES[5], ADA, key="m1:exchange")
    assert receipt.details["return_number"] == "R-00101"
    assert set(changes(before, state(office))) == {"orders", "products", "returns"}
    assert len(office.records("returns")) == 1


def test_several_processes_with_one_key_act_once(opened: Callable[[], SampleBackOffice], tmp_path: Path) -> None:
    office = opened()
    processes = [actor(tmp_path / "backoffice.db", 0) for _ in range(3)]
    assert [process.communicate()[0].strip() for process in processes] == ["R-00101"] * 3
    assert len(office.records("returns")) == 1
    assert {product.sku: product.in_stock for product in office.products()}["PT-3"] == 7


def test_a_file_of_the_earlier_form_is_replaced(tmp_path: Path, opened: Callable[[], SampleBackOffice]) -> None:
    old = sqlite3.connect(tmp_path / "backoffice.db")
    old.executescript(
        "CREATE TABLE orders (order_number TEXT PRIMARY KEY, customer_id TEXT, data TEXT);"
        "INSERT INTO orders VALUES ('MG-00001', 'C-0001', '{}');"
        "CREATE TABLE writes (key TEXT PRIMARY KEY, order_number TEXT);"
        "INSERT INTO writes VALUES ('m1:cancel', 'MG-00001'); PRAGMA user_version = 1;"
    )
    old.close()
    office = opened()
    assert len(office.all_orders()) == len(ORDERS)
    assert office.done("m1:cancel") is None
    office.perform(CancelOrder("MG-10001"), ADA, key="m1:cancel")
    again = opened()
    assert again.order("MG-10001").status is OrderStatus.CANCELLED
    with sqlite3.connect(tmp_path / "backoffice.db") as database:
        assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_the_calendar_moves_when_the_file_is_made_and_not_again(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps({"as_of": "2026-11-22", "orders": ORDERS, "customers": CUSTOMERS}))
    for now in (datetime(2026, 12, 15, tzinfo=UTC), datetime(2027, 5, 1, tzinfo=UTC)):
        office = SampleBackOffice(tmp_path / "later.db", seed, TERMS, lambda now=now: now)  # type: ignore[misc]
        assert office.order("MG-10004").placed_at == "2026-12-01T10:00:00Z"  # 10 November and three weeks
        assert office.order("MG-10004").delivered_on() == date(2026, 12, 1)
        office.close()


def test_without_a_seed_there_are_no_orders(tmp_path: Path) -> None:
    assert SampleBackOffice(tmp_path / "empty.db", tmp_path / "absent.json").orders_of(ADA) == ()


def test_without_terms_nothing_is_allowed(tmp_path: Path, seed: Path) -> None:
    office = SampleBackOffice(tmp_path / "backoffice.db", seed)
    for number, write in enumerate(WRITES):
        with pytest.raises(NotAllowed) as refused:
            office.perform(write, ADA, key=f"m{number}:write")
        assert refused.value.refusal is not None
        assert refused.value.refusal.rule == "not_offered"


@pytest.mark.parametrize("change", [{"status": "lost"}, {"total": "much"}, {"items": None}, {"items": [{}]}])
def test_an_order_that_cannot_be_read_is_named(change: dict[str, Any]) -> None:
    with pytest.raises(BackOfficeError, match="MG-10001"):
        read_order(ORDERS[0] | change)


def test_a_place_that_cannot_hold_it_is_named(seed: Path) -> None:
    with pytest.raises(BackOfficeError, match=r"backoffice\.db"):
        SampleBackOffice(seed / "backoffice.db")


def test_a_broken_seed_leaves_nothing_behind(tmp_path: Path, seed: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps({"orders": [ORDERS[0], {"order_number": "MG-10002"}]}))
    with pytest.raises(BackOfficeError, match="MG-10002"):
        SampleBackOffice(tmp_path / "new.db", broken)
    assert [o.order_number for o in SampleBackOffice(tmp_path / "new.db", seed).orders_of(BO)] == ["MG-20001"]


def test_a_method_of_paying_is_the_customers_own(office: SampleBackOffice) -> None:
    method = office.customer(ADA).method("pm-1")
    assert method is not None
    assert method.label == VISA["label"]
    assert office.customer(ADA).method("pm-2") is None


def test_a_key_belongs_to_the_customer_and_the_write_it_was_first_used_for(office: SampleBackOffice) -> None:
    office.perform(CancelOrder("MG-10001"), ADA, key="m1:write")
    for write, customer in ((CancelOrder("MG-20001"), BO), (SendInvoice("MG-10002"), ADA)):
        with pytest.raises(BackOfficeError):
            office.perform(write, customer, key="m1:write")


def test_a_new_return_never_takes_the_number_of_an_old_one(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    old = {"return_number": "R-00102", "order_number": "MG-10006", "items": [{"sku": "TL-1", "quantity": 1}],
           "requested_at": "2026-10-20T10:00:00Z"}  # fmt: skip
    shop = {"customers": CUSTOMERS, "products": PRODUCTS, "orders": ORDERS, "returns": [old]}
    seed.write_text(json.dumps(shop))
    office = SampleBackOffice(tmp_path / "backoffice.db", seed, TERMS, lambda: TODAY)
    office.perform(ReturnItems("MG-10004", (Line("PT-2", 1),), "faulty", "pm-1"), ADA, key="m1:return")
    assert old in office.records("returns")
    assert len(office.records("returns")) == 2
