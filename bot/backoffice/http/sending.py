"""Between a write and its request, and between the shop's answer and a receipt or a refusal. Plain functions."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from bot.backoffice.http.answers import Answer
from bot.backoffice.http.client import Request
from bot.backoffice.http.ledger import Intent
from bot.backoffice.http.mapping import ABSENT, Place, read_fields, walk
from bot.backoffice.http.reads import unexpected
from bot.backoffice.http.settings import Idempotency, ShopApi
from bot.backoffice.http.templates import Unfit, fill, fill_path, fill_query
from bot.backoffice.terms import SAYS, Refusal, Term, sentence
from bot.backoffice.writes import UpdateContact, Write, order_of, write_json
from bot.errors import BackOfficeError, NoSuchCustomer, NoSuchOrder, NotAllowed

log = logging.getLogger(__name__)
MOST_CHARS = 300
ANY_REASON = "status"  # the rule of a refusal whose reason we don't know: no other value would cure it


def intent_of(api: ShopApi, write: Write, customer_id: str, key: str, told: Mapping[str, str]) -> Intent:
    """Return the request that stands for this write, every placeholder filled."""
    call = api.writes[write.name]
    values = _values(write, call.maps) | {"customer_id": customer_id, "key": key}
    try:
        path = fill_path(call.path, values)
    except Unfit:
        raise NoSuchOrder("that is no order number") from None
    body = fill(call.body, values) if call.body is not None else None
    query = fill_query(call.query, values)
    return Intent(write.name, order_of(write), path, query, None if body is ABSENT else body, told)


def request_of(api: ShopApi, intent: Intent, key: str) -> Request:
    """Return the request of an intent, the same however often it is asked for."""
    call = api.writes[intent.write]
    return Request(
        f"{call.method} {call.path}", call.method, intent.path, intent.query, intent.body,
        key=key, repeatable=api.idempotency.honoured, still_busy=lambda answer: _busy(api.idempotency, answer),
    )  # fmt: skip


def told_in(api: ShopApi, intent: Intent, answer: Answer) -> dict[str, str]:
    """What the shop's answer tells of a write that was done.

    It was done whatever the answer looks like, so what cannot be read is logged and left out.
    """
    call = api.writes[intent.write]
    if not call.receipt:
        return {}
    place = Place(answer.call, f"writes.{intent.write}.receipt", {}, cents=api.amounts == "cents")
    told: dict[str, str] = {}
    for name, spec in call.receipt.items():
        try:
            read = read_fields(answer.content(), {name: spec}, "receipt", place)
        except BackOfficeError as error:
            log.warning("%s", error)
            continue
        told |= {key: str(value) for key, value in read.items()}
        if name not in read:
            log.warning("%s: the answer says nothing of %s; see [%s]", answer.call, name, place.table)
    return told


def without_outcome(answer: Answer) -> bool:
    """True for an answer that does not say whether the write was done."""
    return answer.status < 400


def refused_by(api: ShopApi, intent: Intent, answer: Answer, term: Term | None) -> BackOfficeError:
    """Return the error that a refusal stands for, with the shop's own sentence and policy where it gives them."""
    refusals = api.refusals_of(intent.write)
    if answer.status in refusals.no_such_order:
        if intent.write == UpdateContact.name:
            return NoSuchCustomer("the shop knows no customer of that id")
        return NoSuchOrder("the shop knows no order of that number")
    if answer.status not in refusals.statuses:
        return unexpected(api, answer.call, answer.status)
    rule = _rule(api, intent, answer)
    policy = _line(walk(answer.json, refusals.policy)) if refusals.policy else None
    says = _line(walk(answer.json, refusals.message)) if refusals.message else None
    policy = policy or (term.policy if term else "What the assistant may do")
    says = says or (sentence(term, rule) if term else SAYS[rule])
    refusal = Refusal(rule, policy, says, term.article if term else None)
    return NotAllowed(f"{answer.call}: {answer.status}", refusal)


def _rule(api: ShopApi, intent: Intent, answer: Answer) -> str:
    spec = api.refusals_of(intent.write).rule
    word = walk(answer.json, spec.at) if spec else ABSENT
    known = spec.map.get(str(word)) or spec.otherwise if spec else None
    return known or ANY_REASON


def _busy(idempotency: Idempotency, answer: Answer) -> bool:
    found = walk(answer.json, idempotency.busy_at) if idempotency.busy_at else ABSENT
    return answer.status >= 400 and found in idempotency.busy_words


def _line(value: Any) -> str | None:
    """A sentence of the shop's, on one line and of bearable length; None for anything else."""
    if not isinstance(value, str):
        return None
    line = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return line if len(line) <= MOST_CHARS else f"{line[: MOST_CHARS - 1].rstrip()}…"


def _values(write: Write, maps: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """The write's values by name, in the shop's words; `email` or `phone` is the new one of an account."""
    values = {name: value for name, value in write_json(write).items() if name != "write"}
    if isinstance(write, UpdateContact) and write.what in ("email", "phone"):
        values[write.what] = write.value
    for name, words in maps.items():
        above, _, last = name.rpartition(".")
        holder = walk(values, above)
        if isinstance(holder, dict) and isinstance(holder.get(last), str):
            holder[last] = words.get(holder[last], holder[last])
    return values
