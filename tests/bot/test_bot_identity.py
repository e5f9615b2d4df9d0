"""Only a token that web signed says who asks."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from bot_fakes import SECRETS, token

from bot.errors import IdentityError
from bot.identity import ANONYMOUS, Identity, Standing, verify


def check(shown: str, conversation: str = "c") -> Identity:
    return verify(shown, SECRETS.identity, conversation)


def test_a_signed_customer_is_that_customer() -> None:
    assert check(token("c", "C-0001", "customer")) == Identity(Standing.CUSTOMER, "C-0001")


def test_no_token_is_an_anonymous_visitor() -> None:
    assert check("") == ANONYMOUS


@pytest.mark.parametrize("role", ["visitor", "agent"])
def test_only_the_standing_of_a_customer_carries_a_customer(role: str) -> None:
    assert check(token("c", "C-0001", role)).customer_id is None


def test_a_customer_without_an_id_is_nobody() -> None:
    assert check(token("c", "", "customer")).customer_id is None


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "x" * 40},
        {"exp": int(time.time()) - 10},
        {"exp": None},
        {"aud": "nightdesk-widget"},
        {"aud": None},
        {"iss": "somebody"},
        {"iss": None},
        {"conversation": "another"},
        {"conversation": None},
        {"sub": None},
    ],
)
def test_a_token_that_proves_nothing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(IdentityError):
        check(token("c", "C-0001", "customer", **changes))


def test_a_token_of_another_standing_is_refused() -> None:
    with pytest.raises(IdentityError, match="owner"):
        check(token("c", "C-0001", "owner"))


@pytest.mark.parametrize("shown", ["nonsense", "a.b.c", "é"])
def test_what_is_no_token_is_refused(shown: str) -> None:
    with pytest.raises(IdentityError):
        check(shown)


def test_an_unsigned_token_is_refused() -> None:
    claims = {"iss": "nightdesk-web", "aud": "nightdesk-bot", "sub": "C-0001", "conversation": "c", "role": "customer"}
    unsigned = jwt.encode(claims | {"exp": int(time.time()) + 60}, "", algorithm="none")
    with pytest.raises(IdentityError):
        check(unsigned)
