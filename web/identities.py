"""Who is at the widget, and whose conversation that lets them go on with.

A token goes on as the visitor it was given to. Whenever the shop's word changes who that is, the visitor id changes
too, so that no token ever opens another customer's conversation:

    token of     the shop says   goes on as
    ─────────    ─────────────   ──────────────────────────────────────────────────────────────────────
    nobody       nothing         a new stranger
    nobody       customer X      X's newest visitor, or a new one
    a stranger   nothing         the same stranger
    a stranger   customer X      X, under X's visitor id; the stranger's conversations come along
    customer X   nothing         X, until the shop's word expires
    customer X   X               X
    customer X   customer Y      Y's newest visitor, or a new one
    customer X   "" (signed out) a new stranger
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from web.service import Service
from web.store import visitors
from web.store.ids import new_id
from web.tokens import Identity
from web.types import Visitor


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who it is, and the token to prove it with from here on."""

    visitor: Visitor
    token: str


def arrive(here: Service, token: str | None, identity: str | None, signed_out: bool) -> Arrival:
    """Return who is at the widget. Raises Unauthorised for a token or an identity that proves nothing."""
    before = here.tokens.visitor(token) if token is not None else None
    said = here.tokens.identity(identity) if identity is not None else None
    if said is not None:
        visitor = _customer(here, before, said)
    elif before is None or (before.verified and signed_out):
        visitor = Visitor(new_id("v"))
    elif before.verified:
        assert token is not None
        return Arrival(before, token)  # not renewed: the shop's word runs out when it runs out
    else:
        visitor = before
    return Arrival(visitor, here.tokens.for_visitor(visitor))


def _customer(here: Service, before: Visitor | None, said: Identity) -> Visitor:
    def work(connection: Connection) -> tuple[Visitor, list[str]]:
        known = visitors.of_customer(connection, said.customer_id)
        visitor = Visitor(known.id if known else new_id("v"), said.customer_id, said.name)
        visitors.add(connection, visitor, here.clock())
        if known is not None and known.name != said.name:
            visitors.rename(connection, visitor.id, said.name)
        brought = before is not None and not before.verified
        moved = visitors.move_conversations(connection, before.id, visitor.id) if before and brought else []
        return visitor, moved

    if before is not None and before.customer_id == said.customer_id:
        known = here.database.read(lambda connection: visitors.get(connection, before.id))
        if known is None or known.name == said.name:
            return replace(before, name=said.name)
    visitor, moved = here.database.write(work)
    for conversation in moved:
        here.feed.end(conversation)
    return visitor
