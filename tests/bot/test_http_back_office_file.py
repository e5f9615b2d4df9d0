"""The file that describes a shop's API: every mistake is one sentence with file, table and what is accepted."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from example_shop import ALL_TERMS, EXAMPLE, TOKEN, ExampleShop, Trouble, described, serving

import nightdesk
from bot.backoffice.http.check import check_back_office
from bot.backoffice.http.load import load_shop
from bot.backoffice.http.mapping import Place, read_fields
from bot.backoffice.http.office import HttpBackOffice
from bot.backoffice.http.settings import Auth, FieldSpec, Part, ShopApi
from bot.backoffice.http.targets import TARGETS
from bot.backoffice.http.templates import fill, fill_path
from bot.backoffice.records import read_customer, read_order, read_product, read_voucher
from bot.backoffice.sample import SampleBackOffice
from bot.backoffice.types import Address, Customer, Item, Order, PaymentMethod, Product, Voucher
from bot.errors import BackOfficeError
from bot.settings import Secrets, Settings
from bot.start import open_back_office

SECRETS = {"NIGHTDESK_BACKOFFICE_SECRET": TOKEN}
ADDRESS = "http://127.0.0.1:1/v2"
ROOT = Path(__file__).parents[2]
GUIDE = EXAMPLE.parent / "back-office.md"
PLACE = Place("GET /x", "order", {}, cents=False)


def test_the_documented_file_has_no_mistakes() -> None:
    shop = load_shop(EXAMPLE, SECRETS, ALL_TERMS)
    assert shop.api.base_url == "http://127.0.0.1:8900/v2"
    assert set(shop.api.writes) == set(ALL_TERMS)


MISTAKES: list[tuple[str, str, str]] = [
    # (what stands in the documented file, what stands there by mistake, the sentence after "FILE: ")
    ("honoured = true\n", "", r"\[idempotency\] honoured is missing; docs/back-office.md explains it"),
    (
        "connect_s = 0.5",
        "conect_s = 1",
        r"\[timeouts\] has no key 'conect_s'; expected some of connect_s, read_s, total_s",
    ),
    ("connect_s = 0.5", "connect_s = -1", r"\[timeouts\] connect_s = -1: Input should be greater than 0"),
    ('kind = "bearer"', 'kind = "oauth"', r"\[auth\] kind: Input should be 'bearer', 'basic' or 'header'"),
    ('kind = "bearer"', 'kind = "basic"', r"\[auth\] has kind = 'basic' and no username"),
    ('kind = "bearer"', 'kind = "header"', r"\[auth\] has kind = 'header' and no header"),
    ('secret = "NIGHTDESK_BACKOFFICE_SECRET"', 'secret = "sk_live_1"', r"\[auth\] secret: String should match pattern"),
    (
        'secret = "NIGHTDESK_BACKOFFICE_SECRET"',
        'secret = "SHOP"',
        r"\[auth\] secret = 'SHOP'; expected NIGHTDESK_BACKOFFICE_SECRET",
    ),
    ("X-Client", "Authorization", r"\[headers\] has Authorization, which is sent otherwise"),
    ("http://127.0.0.1:1/v2", "http://shop.example/v2", r"base_url is http://shop.example; expected https"),
    ("http://127.0.0.1:1/v2", "https://ada:sk_live_1@shop.example", r"base_url should be a bare address"),
    ("http://127.0.0.1:1/v2", "ftp://shop.example", r"base_url should look like https://"),
    (
        'path = "/orders/{order_number}"',
        'path = "/orders/{order}"',
        r"\[order\] uses \{order\}; the placeholders here are \{order_n",
    ),
    ('path = "/orders/{order_number}"', 'path = "/orders"', r"\[order\] should use \{order_number\}"),
    (
        'path = "/orders/{order_number}"',
        'path = "orders/{order_number}"',
        r"\[order\] path = 'orders/\{order_number\}': String should match",
    ),
    ('customer_id = "account"\n', "", r"\[order.fields\] lacks customer_id, without which there is no order"),
    ('carrier = "parcel', 'carier = "parcel', r"\[order.fields\] has 'carier'; our names are order_number"),
    (
        '"picking" = "packed"',
        '"picking" = "boxed"',
        r"\[order.fields\] maps status to 'boxed'; expected one of cancelled",
    ),
    (
        'total = "money.all"',
        'total = { at = "money.all", map = { a = "b" } }',
        r"\[order.fields\] has a map for total, which is an amount",
    ),
    (
        'total = "money.all"',
        'total = { at = "money.all", unit = "unix" }',
        r"\[order.fields\] has unit = 'unix' for total, which is an",
    ),
    ('total = "money.all"', "total = {}", r"\[order.fields\] has total without `at`, `default` or `asked`"),
    (
        'total = "money.all"',
        'total = { default = "lots" }',
        r"\[order.fields\] has default = 'lots' for total; expected an amount",
    ),
    (
        'total = "money.all"',
        'total = { from = "money.all" }',
        r"\[order.fields.total\] has no key 'from'; expected some of at, map",
    ),
    (
        'quantity = "qty"',
        'count = "qty"',
        r"\[order.fields.items.fields\] has 'count'; our names are sku, name, quantity",
    ),
    (
        'carrier = "parcel.company"',
        'carrier = { fields = { a = "b" } }',
        r"\[order.fields\] has fields below carrier, which is a text",
    ),
    ('key = "article", ', "", r"\[order.fields\] has key or value for returned; they go together"),
    (
        'email = "contact.mail"',
        'email = { asked = "code" }',
        r"\[order.fields\] has email asked = 'code', which is believed only",
    ),
    (
        'paging = { by = "page", parameter = "page"',
        'paging = { by = "page"',
        r"\[orders.paging\] has by = 'page' and no `parameter`",
    ),
    ('by = "link", at = "links.next"', 'by = "link"', r"\[products.paging\] has by = 'link' and no `at`"),
    ("cache_s = 300.0", "details = true", r"\[products\] has details, which only \[orders\] can have"),
    ('busy_words = ["KEY_IN_USE"]', "busy_words = []", r"\[idempotency\] has one of busy_at and busy_words"),
    ('NO_STOCK = "stock"', 'NO_STOCK = "sold"', r"\[refusals\] maps rule to 'sold'; expected one of "),
    (
        "no_such_order = [404]",
        "no_such_order = [404, 409]",
        r"\[refusals\] has 409 both in statuses and in no_such_order",
    ),
    (
        "[writes.cancel_order]",
        "[writes.cancel]",
        r"has \[writes.cancel\]; expected some of cancel_order, change_address",
    ),
    (
        'body = { why = "{reason}" }',
        'body = { why = "{because}" }',
        r"\[writes.cancel_order\] uses \{because\}; the placeholders here are",
    ),
    (
        'body = { why = "{reason}" }',
        "body = { why = 2026-11-22 }",
        r"\[writes.cancel_order\] has a body that JSON cannot hold",
    ),
    (
        'path = "/orders/{order_number}/cancellation"',
        'path = "/cancel"',
        r"\[writes.cancel_order\] should use \{order_number\}",
    ),
    (
        'line1 = "{address.street}"\nline2 = "{address.extra}"\nzip = "{address.postal_code}"\n'
        'town = "{address.city}"\nland = "{address.country}"\n\n[writes.change_delivery_day]',
        'line1 = "{address.road}"\n\n[writes.change_delivery_day]',
        r"\[writes.change_address\] uses \{address.road\}; the placeholders here are \{address\}",
    ),
    (
        'things = { for_each = "lines", entry = { article = "{sku}"',
        'things = { for_each = "lines", entry = { article = "{article}"',
        r"\[writes.return_items\] uses \{article\}",
    ),
    ("maps.reason", "maps.why", r"\[writes.return_items.maps\] has 'why'; this write's values are"),
    (', faulty = "BROKEN"', "", r"\[writes.return_items.maps\] lacks the reason 'faulty', which the company"),
    (
        'return_number = "return.number", amount = "return.refund_cents"',
        'amount = "return.refund_cents"',
        r"\[writes.return_items.receipt\] lacks return_number",
    ),
    (
        '[writes.change_payment]\npath = "/orders/{order_number}/payment"\nbody = { with = "{payment_method}" }\n',
        "",
        r"has no \[writes.change_payment\], but the company's terms allow it",
    ),
    ('amounts = "cents"', "amounts = cents", r"the shop's API should be TOML, and is not: "),
]


@pytest.mark.parametrize(("before", "after", "sentence"), MISTAKES, ids=[m[2][:50] for m in MISTAKES])
def test_a_mistake_is_one_sentence_with_file_table_and_what_is_accepted(
    tmp_path: Path, before: str, after: str, sentence: str
) -> None:
    file = described(tmp_path, ADDRESS, (before, after))
    with pytest.raises(BackOfficeError, match=rf"^{file}: {sentence}") as error:
        load_shop(file, SECRETS, ALL_TERMS)
    assert "\n" not in str(error.value)
    assert "sk_live_1" not in str(error.value)


def test_a_certificate_file_that_is_none_is_said_so(tmp_path: Path) -> None:
    more = ('amounts = "cents"', 'amounts = "cents"\nca_file = "ca.pem"')
    file = described(tmp_path, ADDRESS.replace("http:", "https:"), more)
    for text in (None, "no certificate"):
        if text:
            (tmp_path / "ca.pem").write_text(text)
        assert f"ca_file {tmp_path}/ca.pem should hold certificates in PEM" in report(file)[1][0]


def test_a_missing_file_and_a_missing_secret_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(BackOfficeError, match=r"none\.toml: the shop's API cannot be read: No such file"):
        load_shop(tmp_path / "none.toml", SECRETS, {})
    with pytest.raises(BackOfficeError, match="environment variable NIGHTDESK_BACKOFFICE_SECRET is not set"):
        load_shop(EXAMPLE, {"NIGHTDESK_BACKOFFICE_SECRET": ""}, {})


@pytest.mark.parametrize("secret", ["two\nlines", " padded", "schlüssel"])
def test_a_secret_that_fits_no_header_is_refused_without_a_word_of_it(secret: str) -> None:
    with pytest.raises(BackOfficeError, match="NIGHTDESK_BACKOFFICE_SECRET has characters") as error:
        load_shop(EXAMPLE, {"NIGHTDESK_BACKOFFICE_SECRET": secret}, {})
    assert secret.strip()[:5] not in str(error.value)


def test_the_action_server_takes_the_shop_that_is_described_and_else_the_sample(tmp_path: Path) -> None:
    secrets = Secrets("b" * 40, "i" * 40, TOKEN)
    file = described(tmp_path, ADDRESS)
    for path, kind in ((str(file), HttpBackOffice), ("", SampleBackOffice)):
        settings = Settings.model_validate({"backoffice_http": path, "backoffice_seed": tmp_path / "none.json"})
        with closing(open_back_office(settings, tmp_path, secrets, ALL_TERMS)) as office:
            assert isinstance(office, kind)


def test_the_shops_secret_comes_from_its_own_variable_and_is_never_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = nightdesk.Place.open(tmp_path, ROOT / "data" / "nightdesk.toml", [])
    monkeypatch.delenv("NIGHTDESK_BACKOFFICE_SECRET", raising=False)
    assert place.shop_secret() == {"back_office": ""}
    monkeypatch.setenv("NIGHTDESK_BACKOFFICE_SECRET", TOKEN)
    assert place.shop_secret() == {"back_office": TOKEN}
    assert list(tmp_path.iterdir()) == []


# The ways to show who asks


@pytest.mark.parametrize(
    ("auth", "name", "value"),
    [
        ('kind = "bearer"', "authorization", f"Bearer {TOKEN}"),
        ('kind = "basic"\nusername = "nightdesk"', "authorization", "Basic bmlnaHRkZXNrOmEtdG9rZW4tdG8tdHJ5LXdpdGg="),
        ('kind = "header"\nheader = "X-Api-Key"', "x-api-key", TOKEN),
    ],
)
def test_the_secret_is_shown_in_one_header_and_nowhere_else(tmp_path: Path, auth: str, name: str, value: str) -> None:
    shop = ExampleShop()
    with serving(shop) as address:
        check_back_office(described(tmp_path, address, ('kind = "bearer"', auth)), SECRETS, ALL_TERMS)
    asked, headers, _ = shop.seen[0]
    assert headers[name] == value
    assert headers["x-client"] == "nightdesk"
    assert [part for part, text in headers.items() if value in text] == [name]
    assert TOKEN not in asked


# Mapping and templates


@pytest.mark.parametrize(
    ("spec", "raw", "expected"),
    [
        ({"at": "a.0.b"}, {"a": [{"b": 7}]}, "7"),
        ({"at": "a.0.b"}, {"a": []}, None),
        ({"at": "a", "default": "x"}, {"a": None}, "x"),
        ({"at": "a", "map": {"1": "one"}}, {"a": 1}, "one"),
        ({"at": "a", "map": {"1": "one"}, "otherwise": "more"}, {"a": 2}, "more"),
        ({"default": "always"}, {"a": 2}, "always"),
    ],
)
def test_a_text_is_found_mapped_or_given(spec: dict[str, Any], raw: Any, expected: str | None) -> None:
    fields = {"street": FieldSpec.model_validate(spec)}
    assert read_fields(raw, fields, "address", PLACE).get("street") == expected


@pytest.mark.parametrize(
    ("spec", "value", "cents", "expected"),
    [
        ({}, "19.90", False, "19.90"),
        ({}, 1990, True, "19.9"),
        ({"unit": "units"}, 19, True, "19"),
        ({"unit": "cents"}, 5, False, "0.05"),
        ({"negate": True}, 10, True, "-0.1"),
    ],
)
def test_an_amount_is_in_units_whatever_the_shop_counts(
    spec: dict[str, Any], value: Any, cents: bool, expected: str
) -> None:
    fields = {"amount": FieldSpec.model_validate({"at": "a", **spec})}
    assert read_fields({"a": value}, fields, "receipt", PLACE._replace(cents=cents)) == {"amount": expected}


def test_without_fields_the_shops_names_are_ours() -> None:
    raw = {"sku": "A", "name": "B", "price": 3, "options": {"size": "L"}, "colour": "ignored"}
    assert read_fields(raw, {}, "product", PLACE) == {"sku": "A", "name": "B", "price": "3", "options": {"size": "L"}}


def test_what_is_sent_back_twice_is_added_up_and_unknown_acts_are_left_out() -> None:
    fields = {
        "returned": FieldSpec(at="back", key="a", value="n"),
        "acts": FieldSpec(at="log", map={"ret": "return_items"}),
        **{name: FieldSpec(default="placed") for name in ("order_number", "customer_id", "status")},
        "placed_at": FieldSpec(at="t", unit="unix_ms"),
        "items": FieldSpec(at="items"),
        "total": FieldSpec(default=0),
    }
    raw = {"back": [{"a": "P", "n": 1}, {"a": "P", "n": 2}], "log": ["made", "ret"], "t": 0, "items": []}
    record = read_fields(raw, fields, "order", PLACE)
    assert (record["returned"], record["acts"]) == ({"P": 3}, ["return_items"])
    assert record["placed_at"] == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{n}", 3),
        ("n is {n}", "n is 3"),
        ({"a": "{n}", "b": "{none}"}, {"a": 3}),
        ({"a": {"b": "{none}"}}, None),
        ({"a": {}}, {"a": {}}),
        (["{n}", "{none}", 1], [3, 1]),
        ({"for_each": "rows", "entry": {"x": "{sku}", "n": "{n}"}}, [{"x": "A", "n": 3}, {"x": "B", "n": 3}]),
        ("query { order }", "query { order }"),
    ],
)
def test_a_body_is_filled_and_what_has_no_value_is_left_out(template: Any, expected: Any) -> None:
    values = {"n": 3, "rows": [{"sku": "A"}, {"sku": "B"}]}
    filled = fill(template, values)
    assert (filled == expected) if expected is not None else (not isinstance(filled, dict))


def test_a_path_is_percent_encoded_whatever_the_value() -> None:
    assert fill_path("/a/{x}/b", {"x": "ü/../?#%"}) == "/a/%C3%BC%2F..%2F%3F%23%25/b"


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ("order", Order), ("item", Item), ("address", Address), ("customer", Customer),
        ("payment_method", PaymentMethod), ("product", Product), ("voucher", Voucher),
    ],
)  # fmt: skip
def test_our_side_of_the_mapping_has_every_value_a_record_has(schema: str, kind: Any) -> None:
    assert set(TARGETS[schema]) == set(kind.__dataclass_fields__)


@pytest.mark.parametrize(
    ("schema", "read"),
    [("order", read_order), ("customer", read_customer), ("product", read_product), ("voucher", read_voucher)],
)
def test_what_is_required_here_is_enough_for_a_record(schema: str, read: Any) -> None:
    values = {"status": "placed", "placed_at": "2026-11-22", "items": [], "total": "1", "price": "1"}
    needed = {name: values.get(name, "x") for name, target in TARGETS[schema].items() if target.required}
    assert read(needed if schema != "order" else needed | {"email": ""})


# What the doctor says


def report(file: Path) -> tuple[list[str], list[str]]:
    """What is well, and what isn't."""
    rows = check_back_office(file, SECRETS, ALL_TERMS)
    return [row.what for row in rows if row.ok], [row.what for row in rows if not row.ok]


def test_the_doctor_names_what_maps_and_nobodys_data(tmp_path: Path, address: str, shop: ExampleShop) -> None:
    well, broken = report(described(tmp_path, address))
    assert broken == []
    assert well[0] == "back office: GET /catalogue answers, 5 products"
    assert well[1].startswith(
        "back office: GET /orders/{order_number} gives order_number, customer_id, status, placed_at"
    )
    assert "nothing for delivery_day, hold, voucher" in well[1]
    assert "GET /orders answers, 4 orders" in well[3]
    assert "the shop honours Idempotency-Key; a ledger here keeps what a key left behind" in well[4]
    assert not [word for word in ("Ada", "Utrecht", "KL-1", "A-7", "post.example", TOKEN) if word in " ".join(well)]
    assert {asked.split()[0] for asked, _, _ in shop.seen} == {"GET"}


def test_the_doctor_names_every_field_that_does_not_map(tmp_path: Path, address: str, shop: ExampleShop) -> None:
    shop.orders["KL-10003"] |= {"state": "in orbit", "lines": "Ada"}
    _, broken = report(described(tmp_path, address, ('total = "money.all"', 'total = "money.sum"')))
    of_the_order = [sentence for sentence in broken if "GET /orders/{order_number}" in sentence]
    assert [sentence.split(": ")[2].split()[0] for sentence in of_the_order] == ["status", "items", "total"]
    assert "Ada" not in " ".join(broken)


def test_the_doctor_says_when_the_shop_is_away_and_only_once(tmp_path: Path, address: str, shop: ExampleShop) -> None:
    shop.trouble(*[Trouble(status=503)] * 3)
    _, broken = report(described(tmp_path, address))
    assert broken == ["back office: GET /catalogue: the shop answered 503"]


def test_the_doctor_says_when_a_sample_is_not_there(tmp_path: Path, address: str) -> None:
    _, broken = report(described(tmp_path, address, ('"KL-10003"', '"KL-99999"')))
    assert broken == ["back office: GET /orders/{order_number} knows no order 'KL-99999'"]


def test_the_doctor_passes_a_mistake_in_the_file_on(tmp_path: Path) -> None:
    file = described(tmp_path, ADDRESS, ("honoured = true\n", ""))
    assert report(file) == (
        [],
        [f"back office: {file}: [idempotency] honoured is missing; docs/back-office.md explains it"],
    )


# The guide


def models() -> list[type[Part]]:
    return [Part, *Part.__subclasses__(), *[sub for one in Part.__subclasses__() for sub in one.__subclasses__()]]


def test_every_key_is_explained_in_the_guide() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    keys = {key for model in models() for key in model.model_fields}
    assert sorted(key for key in keys if f"`{key}`" not in guide) == []
    assert {Auth, ShopApi} <= set(models())


def test_every_excerpt_in_the_guide_stands_in_the_tested_file() -> None:
    guide, example = GUIDE.read_text(encoding="utf-8"), EXAMPLE.read_text(encoding="utf-8")
    blocks = [block.split("```")[0].strip("\n") for block in guide.split("```toml\n")[1:]]
    assert len(blocks) >= 5
    assert [block for block in blocks if block not in example] == []
    assert EXAMPLE.name in guide
