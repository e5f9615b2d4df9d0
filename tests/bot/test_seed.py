"""The records a sample shop starts with: their dates, what went back, and which one is wrong."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_fakes import CUSTOMERS, PRODUCTS, VOUCHERS, make_order

from bot.backoffice.records import read_order
from bot.backoffice.seed import Seed, read_seed
from bot.errors import BackOfficeError

AS_OF = date(2026, 11, 22)
BACK = {"return_number": "R-00101", "order_number": "MG-10001", "items": [{"sku": "PT-2", "quantity": 1}],
        "requested_at": "2026-11-20T09:41:00Z"}  # fmt: skip


def shop(**changes: Any) -> dict[str, Any]:
    delivered = make_order("MG-10001", "C-0001", "delivered", at="2026-11-18", items=(("PT-2", 3), ("TL-1", 1)))
    placed = make_order("MG-10002", "C-0001", "placed", at="2026-11-20") | {"delivery_day": "2026-11-26"}
    return {
        "as_of": AS_OF.isoformat(), "orders": [delivered, placed], "customers": CUSTOMERS, "products": PRODUCTS,
        "vouchers": VOUCHERS, "returns": [BACK],
    } | changes  # fmt: skip


def seeded(tmp_path: Path, today: date = AS_OF, **changes: Any) -> Seed:
    path = tmp_path / "seed.json"
    path.write_text(json.dumps(shop(**changes)))
    return read_seed(path, today)


def dates(seed: Seed) -> list[str | None]:
    """Every date that moves."""
    names = ("placed_at", "expected_at", "delivered_at", "delivery_day")
    return [order[name] for order in seed["orders"] for name in names if order.get(name)] + [
        record["requested_at"] for record in seed["returns"]
    ]


@pytest.mark.parametrize(("days", "weeks"), [(0, 0), (6, 0), (7, 1), (13, 1), (14, 2), (365, 52), (-1, 0), (-30, 0)])
def test_dates_move_by_the_whole_weeks_that_have_passed(tmp_path: Path, days: int, weeks: int) -> None:
    before, after = dates(seeded(tmp_path)), dates(seeded(tmp_path, AS_OF + timedelta(days=days)))
    assert before[0] == "2026-11-18T10:00:00Z"
    for old, new in zip(before, after, strict=True):
        assert old is not None
        assert new is not None
        assert date.fromisoformat(new[:10]) - date.fromisoformat(old[:10]) == timedelta(weeks=weeks)
        assert date.fromisoformat(new[:10]).weekday() == date.fromisoformat(old[:10]).weekday()
        assert new[10:] == old[10:]


def test_what_is_printed_does_not_move(tmp_path: Path) -> None:
    later = seeded(tmp_path, AS_OF + timedelta(days=70))
    assert later["vouchers"] == VOUCHERS
    assert later["products"] == PRODUCTS
    assert later["orders"][1]["tracking_code"] == "3STEST"


def test_a_file_without_its_day_keeps_its_dates(tmp_path: Path) -> None:
    assert dates(seeded(tmp_path, AS_OF + timedelta(days=70), as_of=None)) == dates(seeded(tmp_path))


def test_what_went_back_is_marked_on_its_order(tmp_path: Path) -> None:
    more = BACK | {
        "return_number": "R-00102",
        "items": [{"sku": "PT-2", "quantity": 1}, {"sku": "TL-1", "quantity": 1}],
    }
    first, second = seeded(tmp_path, returns=[BACK, more])["orders"]
    assert first["returned"] == {"PT-2": 2, "TL-1": 1}
    assert (read_order(first).left("PT-2"), read_order(first).left("TL-1")) == (1, 0)
    assert "returned" not in second


def test_kinds_that_the_file_lacks_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({"orders": []}))
    assert read_seed(path, AS_OF) == {
        "orders": [], "customers": [], "products": [], "vouchers": [], "returns": [], "outbox": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"orders": None}, "a list of orders"),
        ({"as_of": "last sunday"}, "as_of is 'last sunday'; expected a date"),
        ({"as_of": 22}, "as_of is 22; expected a date"),
        ({"products": {}}, "products should be a list of objects"),
        ({"customers": ["Ada"]}, "customers should be a list of objects"),
        ({"orders": [{"order_number": "MG-10009"}]}, "MG-10009"),
        ({"orders": [make_order("MG-10009", "C-0001", "placed") | {"status": "lost"}]}, "MG-10009.*lost"),
        ({"orders": [make_order("MG-10009", "C-0001", "placed", at="18/11/2026")], "returns": []},
         "placed_at of MG-10009 in orders is '18/11/2026"),
        ({"orders": [make_order("MG-10009", "C-0001", "placed")] * 2, "returns": []}, "order_number MG-10009 twice"),
        ({"vouchers": [*VOUCHERS, VOUCHERS[0] | {"code": "fern15"}]}, "code fern15 twice"),
        ({"returns": [BACK, BACK]}, "return_number R-00101 twice"),
        ({"returns": [{"order_number": "MG-10001"}]}, "a record without return_number"),
        ({"returns": [BACK | {"order_number": "MG-99999"}]}, "R-00101 is of order 'MG-99999'"),
        ({"returns": [BACK | {"items": [{"sku": "PT-2"}]}]}, "R-00101 needs items"),
        ({"returns": [BACK | {"items": None}]}, "R-00101 needs items"),
        ({"returns": [BACK | {"items": [{"sku": "PT-2", "quantity": 4}]}]}, "R-00101 takes more PT-2 back"),
        ({"returns": [BACK | {"items": [{"sku": "PL-1", "quantity": 1}]}]}, "R-00101 takes more PL-1 back"),
        ({"vouchers": [{"code": "FERN15"}]}, "FERN15"),
        ({"products": [{"sku": "PT-9", "name": "Pot", "price": "cheap"}]}, "PT-9"),
        ({"customers": [{"customer_id": "C-0009"}]}, "C-0009"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(BackOfficeError, match=rf"seed\.json.*{says}"):
        seeded(tmp_path, **changes)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00"])
def test_a_file_that_is_no_shop_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "seed.json"
    path.write_text(text)
    with pytest.raises(BackOfficeError, match=r"seed\.json should be"):
        read_seed(path, AS_OF)
