"""The company's terms: which writes are allowed when, and the sentence that says why not.

One TOML file, a table a write. What is not in the file is not allowed; `rules` apply what is.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.backoffice.types import OrderStatus
from bot.backoffice.writes import (
    KINDS,
    ChangeDeliveryDay,
    Write,
)
from bot.errors import TermsError

RefundTo = Literal["original", "own_gift_card", "new_gift_card"]
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

SAYS: Mapping[str, str] = {
    "not_offered": "This is something only our people can do.",
    "status": "This isn't possible any more in the state the order is in.",
    "once": "This can be done only once for an order, and it has been done.",
    "reason": "It is possible only for one of these reasons: {reasons}.",
    "window": "It is possible within {within_days} days of delivery, and that time is over.",
    "kind": "It is not possible for {kinds}.",
    "engraved": "Engraved things are excepted.",
    "lines": "That isn't in this order in that number, or not any more.",
    "family": "A thing can be swapped only for another version of the same product.",
    "stock": "That version is sold out just now.",
    "remove": "Things can't be taken out of an order, only the whole order cancelled.",
    "weekday": "We deliver on {weekdays} only.",
    "ahead": "The day must lie after today and at most {days_ahead} days ahead.",
    "country": "The country can't be changed.",
    "refund_to": "The money can go back the way it was paid{or_gift_card}, and nowhere else.",
    "settle": "Only a payment method on your own account can be used.",
    "balance": "There isn't enough on that gift card.",
    "same_payment": "The order is paid that way already.",
    "contact": "This can't be changed here.",
}


GAPS = ("policy", "reasons", "within_days", "kinds", "weekdays", "days_ahead", "or_gift_card", "day")


class Term(BaseModel):
    """What is allowed for one kind of write."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: str = Field(min_length=1, description="the policy's name, as a refusal gives it")
    article: str | None = Field(None, description="the help article where it stands")
    statuses: tuple[OrderStatus, ...] | None = Field(None, description="states of an order in which it is allowed")
    not_after: tuple[str, ...] = Field((), description="writes after which it is no longer allowed")
    reasons: Mapping[str, str] = Field({}, description="reasons to choose from, slug = title; none are asked if empty")
    within_days: int | None = Field(None, ge=0, description="days since delivery")
    never_kinds: tuple[str, ...] = Field((), description="kinds of products it is not allowed for")
    not_engraved: bool = Field(False, description="not allowed for engraved things")
    may_remove: bool = Field(False, description="an item may be taken out without another coming in")
    weekdays: tuple[str, ...] = Field((), description="days of delivery")
    days_ahead: int | None = Field(None, ge=1, description="how far ahead the day may lie")
    same_country: bool = Field(False, description="the new address must be in the old one's country")
    refund_to: tuple[RefundTo, ...] = Field(("original",), description="where a refund may go")
    settle: Literal["original", "choose"] = Field("original", description="how a difference in price is settled")
    fee: Decimal = Field(Decimal(0), ge=0, description="taken off a refund")
    free_reasons: tuple[str, ...] = Field((), description="reasons for which the fee is waived")
    contact: tuple[Literal["email", "phone", "address"], ...] = Field(
        ("email", "phone", "address"), min_length=1, description="what of an account may be changed"
    )
    says: Mapping[str, str] = Field({}, description="the sentence of a refusal, by rule")


Terms = Mapping[str, Term]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not: the rule's key, the policy's name, a sentence for the customer, and the article where it stands."""

    rule: str
    policy: str
    says: str
    article: str | None = None


def load_terms(path: Path) -> dict[str, Term]:
    """Read the terms; raise TermsError naming the file, the table and what would be accepted."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TermsError(f"the company's terms {path} cannot be read: {error}") from error
    if unknown := set(tables) - set(KINDS):
        raise TermsError(f"{path} has a table [{min(unknown)}]; expected some of {', '.join(KINDS)}")
    return {name: _term(name, table, path) for name, table in tables.items()}


def _term(name: str, table: object, path: Path) -> Term:
    try:
        term = Term.model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise TermsError(f"{path}: [{name}] {where} is {first['input']!r:.60}: {first['msg']}") from error
    for given, accepted in (
        (set(term.says), SAYS),
        (set(term.weekdays), WEEKDAYS),
        (set(term.not_after), KINDS),
        (set(term.free_reasons), term.reasons),
        ({gap for says in term.says.values() for gap in _gaps(says)}, GAPS),
    ):
        if unknown := given - set(accepted):
            raise TermsError(f"{path}: [{name}] has {min(unknown)!r}; expected one of {', '.join(accepted) or 'none'}")
    return term


def _gaps(says: str) -> list[str]:
    """The gaps of a sentence, as they are written between the braces; one that cannot be read is a gap as well."""
    try:
        parts = list(string.Formatter().parse(says))
    except ValueError:
        return [says]
    return [
        f"{name}{'!' + conversion if conversion else ''}{':' + spec if spec else ''}"
        for _, name, spec, conversion in parts
        if name is not None
    ]


def sentence(term: Term, rule: str, write: Write | None = None) -> str:
    """The sentence of a refusal, the company's own where it wrote one."""
    days = term.weekdays
    gift_card = any(way != "original" for way in term.refund_to)
    return term.says.get(rule, SAYS[rule]).format(
        policy=term.policy,
        reasons=", ".join(term.reasons.values()),
        within_days=term.within_days,
        kinds=" and ".join(term.never_kinds),
        weekdays=" and ".join([", ".join(days[:-1]), days[-1]] if len(days) > 1 else days),
        days_ahead=term.days_ahead,
        or_gift_card=" or onto a gift card" if gift_card else "",
        day=write.day if isinstance(write, ChangeDeliveryDay) else "",
    )
