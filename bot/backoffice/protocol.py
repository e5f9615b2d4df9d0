"""What an assistant asks of a company's systems: a small protocol, so that any shop can stand behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bot.backoffice.types import Customer, Order, Product, Voucher
from bot.backoffice.writes import Write


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a write left behind: the order as it is then, and what the customer should be told of it.

    `details` are short texts by name: `return_number`, `amount` (a refund, or what is still to pay if negative),
    `fee`, `sent_to`, `value`.
    """

    write: str
    order_number: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)


class BackOffice(Protocol):
    """Calls may block; they run off the event loop. Every one may raise BackOfficeAway."""

    def order(self, order_number: str) -> Order:
        """Return the order; raise NoSuchOrder."""

    def orders_of(self, customer_id: str) -> tuple[Order, ...]:
        """Return the customer's orders, newest first."""

    def customer(self, customer_id: str) -> Customer:
        """Return the customer; raise NoSuchCustomer."""

    def products(self) -> tuple[Product, ...]:
        """Return all that is sold, in a stable order."""

    def voucher(self, code: str) -> Voucher | None:
        """Return the voucher or gift card with this code, in whatever case it is written, or None."""

    def perform(self, write: Write, customer_id: str, *, key: str) -> Receipt:
        """Do it for this customer once for `key`: asked again with one key, act no more and answer the same.

        Raises NoSuchOrder also for another customer's order, NotAllowed where the company's terms or the order's
        state forbid it.
        """

    def done(self, key: str) -> Receipt | None:
        """Return what the write with this key left behind, or None if there was none."""
