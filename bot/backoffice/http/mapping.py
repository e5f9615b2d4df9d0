"""Turn a shop's JSON into our records. What cannot be read is named by its place and kind, never by its value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from bot.backoffice.http.settings import Fields, FieldSpec
from bot.backoffice.http.targets import TARGETS, Kind, Target
from bot.errors import BackOfficeError

Raw = dict[str, Any]
ABSENT = object()
IN_OUR_UNITS = FieldSpec(unit="units")
# A status or reason word may be shown to whoever mends the map; anything longer or odder might be somebody's data.
SHOWABLE = re.compile(r"[A-Za-z][A-Za-z0-9_. -]{0,39}")


class Place(NamedTuple):
    """Where a value comes from, for error messages and for `asked`: the call, the file's table, what was asked with."""

    call: str
    table: str
    asked: Mapping[str, str]
    cents: bool


class Unreadable(Exception):
    """A value is not of its kind; says what it is instead."""


def walk(value: Any, path: str) -> Any:
    """Return what lies at a dotted path, or ABSENT: an object's name, or a number in a list."""
    for step in path.split(".") if path else ():
        if isinstance(value, Mapping):
            value = value.get(step, ABSENT)
        elif isinstance(value, list) and step.isdecimal():
            value = value[int(step)] if int(step) < len(value) else ABSENT
        else:
            return ABSENT
    return value


def read_fields(raw: object, fields: Fields, schema: str, place: Place, within: str = "") -> Raw:
    """Return one of our records as JSON: amounts as text in units, moments in ISO 8601.

    Raises BackOfficeError naming the call and the field. Without `fields`, names are taken to be ours already.
    """
    if not isinstance(raw, Mapping):
        raise _wrong(place, within or schema, "should be an object", raw)
    record: Raw = {}
    for name, target in TARGETS[schema].items():
        spec = fields.get(name) or (FieldSpec() if fields else FieldSpec(at=name))
        where = f"{within}.{name}" if within else name
        value = _value(raw, spec, target, place, where)
        if value is not None:
            record[name] = value
        elif target.required:
            raise _wrong(place, where, f"should be {target.kind}", ABSENT, spec)
    return record


class Survey(NamedTuple):
    """How the fields of one record map: those that can be read, those the shop says nothing of, and what is wrong."""

    read: tuple[str, ...]
    silent: tuple[str, ...]
    wrong: tuple[str, ...]


def survey(raw: object, fields: Fields, schema: str, place: Place) -> Survey:
    """Look at every field by itself, so that one that is wrong doesn't hide the next."""
    if not isinstance(raw, Mapping):
        return Survey((), (), (str(_wrong(place, schema, "should be an object", raw)),))
    read: list[str] = []
    silent: list[str] = []
    wrong: list[str] = []
    for name, target in TARGETS[schema].items():
        spec = fields.get(name) or (FieldSpec() if fields else FieldSpec(at=name))
        try:
            value = _value(raw, spec, target, place, name)
        except BackOfficeError as error:
            wrong.append(str(error))
            continue
        if value is None and target.required:
            wrong.append(str(_wrong(place, name, f"should be {target.kind}", ABSENT, spec)))
        else:
            (silent if value is None else read).append(name)
    return Survey(tuple(read), tuple(silent), tuple(wrong))


def _value(raw: Mapping[str, Any], spec: FieldSpec, target: Target, place: Place, where: str) -> Any:
    if spec.asked:
        return place.asked[spec.asked]
    found = walk(raw, spec.at) if spec.at or spec.fields else ABSENT
    if found is ABSENT or found is None or found == "":
        # A default stands in the file in our own words and units.
        return None if spec.default is None else read_value(str(spec.default), IN_OUR_UNITS, target, place, where)
    try:
        return read_value(found, spec, target, place, where)
    except Unreadable as error:
        raise _wrong(place, where, f"should be {target.kind}", error.args[0], spec) from None


def read_value(found: Any, spec: FieldSpec, target: Target, place: Place, where: str) -> Any:
    match target.kind:
        case Kind.OBJECT:
            return found if isinstance(found, str) else read_fields(found, spec.fields, target.of, place, where)
        case Kind.LIST:
            return _list(found, spec, target, place, where)
        case Kind.WORDS:
            return [word for one in _listed(found) if (word := _word(one, spec, target, place, where, strict=False))]
        case Kind.TEXTS:
            return {name: _text(value) for name, value in _pairs(found, spec)}
        case Kind.COUNTS:
            return _counts(found, spec)
        case Kind.AMOUNT:
            return _amount(found, spec, cents=place.cents)
        case Kind.TEXT:
            return _word(found, spec, target, place, where)
        case _:
            return SIMPLE[target.kind](found, spec)


def _list(found: Any, spec: FieldSpec, target: Target, place: Place, where: str) -> list[Raw]:
    entries = enumerate(_listed(found))
    return [read_fields(one, spec.fields, target.of, place, f"{where}[{number}]") for number, one in entries]


def _listed(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise Unreadable(found)
    return found


def _text(found: Any) -> str:
    if isinstance(found, bool) or not isinstance(found, str | int | Decimal):
        raise Unreadable(found)
    return str(found)


def _word(found: Any, spec: FieldSpec, target: Target, place: Place, where: str, *, strict: bool = True) -> str | None:
    """A text, through the map if there is one. In a list, words that the map doesn't know are left out."""
    word = _text(found)
    if not spec.map and not target.words:
        return word
    ours = spec.map.get(word) if spec.map else word
    ours = ours or spec.otherwise
    if ours is not None and (not target.words or ours in target.words):
        return ours
    if not strict:
        return None
    shown = f"{word!r}" if SHOWABLE.fullmatch(word) else "a text"
    field = where.rpartition(".")[2]
    raise BackOfficeError(
        f"{place.call}: {where} is {shown}, which the map of [{place.table}.fields] {field} does not know; "
        f"add it there, or give `otherwise`"
    )


def _amount(found: Any, spec: FieldSpec, *, cents: bool) -> str:
    amount = _number(found)
    if spec.unit == "cents" or (cents and spec.unit is None):
        amount /= 100
    return str(-amount if spec.negate else amount)


def _number(found: Any) -> Decimal:
    try:
        number = Decimal(_text(found))
    except InvalidOperation:
        raise Unreadable(found) from None
    if not number.is_finite():
        raise Unreadable(found)
    return number


def _count(found: Any, _spec: FieldSpec | None = None) -> int:
    number = _number(found)
    if number != int(number):
        raise Unreadable(found)
    return int(number)


def _moment(found: Any, spec: FieldSpec) -> str:
    if spec.unit in ("unix", "unix_ms"):
        seconds = _number(found) / (1000 if spec.unit == "unix_ms" else 1)
        try:
            return datetime.fromtimestamp(float(seconds), UTC).isoformat().replace("+00:00", "Z")
        except (OverflowError, OSError, ValueError):
            raise Unreadable(found) from None
    if not isinstance(found, str):
        raise Unreadable(found)
    try:
        datetime.fromisoformat(found)
    except ValueError:
        raise Unreadable(found) from None
    return found


def _flag(found: Any, spec: FieldSpec) -> bool:
    word = spec.map.get(str(found).lower(), str(found).lower())
    if word not in ("true", "false"):
        raise Unreadable(found)
    return word == "true"


SIMPLE: Mapping[Kind, Callable[[Any, FieldSpec], Any]] = {
    Kind.NUMBER: lambda found, _spec: str(_number(found)),
    Kind.COUNT: _count,
    Kind.MOMENT: _moment,
    Kind.FLAG: _flag,
}


def _pairs(found: Any, spec: FieldSpec) -> list[tuple[str, Any]]:
    if isinstance(found, Mapping):
        return [(str(name), value) for name, value in found.items()]
    pairs = [(walk(one, spec.key), walk(one, spec.value)) for one in _listed(found)]
    return [(_text(name), value) for name, value in pairs]


def _counts(found: Any, spec: FieldSpec) -> dict[str, int]:
    """Counts by name; what is named twice is added up."""
    total: dict[str, int] = {}
    for name, value in _pairs(found, spec):
        total[name] = total.get(name, 0) + _count(value)
    return total


def _wrong(place: Place, where: str, should: str, value: object, spec: FieldSpec | None = None) -> BackOfficeError:
    at = f" (at {spec.at!r})" if spec and spec.at else ""
    return BackOfficeError(f"{place.call}: {where}{at} {should}, and is {_kind_of(value)}; see [{place.table}]")


def _kind_of(value: object) -> str:
    """What a value is, without a word of it."""
    if value is ABSENT:
        return "missing"
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"), (str, "another text"), ((int, Decimal), "another number"),
        (list, "a list"), (Mapping, "an object"),
    )  # fmt: skip
    return next((name for kind, name in names if isinstance(value, kind)), "null")
