"""The signed words of the web room: who a visitor is, whom the shop vouches for, who asks the bot.

All are JWTs with HS256 and a key and an audience each, so that none can stand in for another.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

import jwt

from web.errors import Unauthorised
from web.settings import Secrets
from web.types import Visitor

_ALGORITHM = "HS256"
_VISITOR_AUDIENCE = "nightdesk-widget"
_SHOP_AUDIENCE = "nightdesk"
_DEMO_AUDIENCE = "nightdesk-demo-shop"
_BOT_AUDIENCE = "nightdesk-bot"
_ISSUER = "nightdesk-web"
_ANONYMOUS_DAYS = 180
_BOT_SECONDS = 60
_MAX_TOKEN_CHARS = 4096
_KNOWN_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Identity:
    """A customer the shop vouches for."""

    customer_id: str
    name: str


class Tokens:
    """Signs and reads tokens with the web room's keys."""

    def __init__(self, secrets: Secrets, verified_hours: float) -> None:
        self._visitor = secrets.visitor.get_secret_value()
        self._shop = secrets.shop.get_secret_value()
        self._bot = secrets.identity.get_secret_value()
        self._verified_s = verified_hours * 3600
        self._known = lru_cache(_KNOWN_TOKENS)(self._read_visitor)

    def for_visitor(self, visitor: Visitor) -> str:
        """Return the visitor's own token: 180 days for a stranger, the shop's word lasts `verified_hours`."""
        now = int(time.time())
        life = self._verified_s if visitor.verified else _ANONYMOUS_DAYS * 86400
        claims = {"aud": _VISITOR_AUDIENCE, "sub": visitor.id, "iat": now, "exp": now + int(life)}
        if visitor.verified:
            claims |= {"customer": visitor.customer_id, "name": visitor.name}
        return jwt.encode(claims, self._visitor, _ALGORITHM)

    def visitor(self, token: str) -> Visitor:
        """Return whose token it is. Raises Unauthorised if we did not sign it or it has expired."""
        visitor, until = self._known(token)
        if until <= time.time():
            raise Unauthorised("The visitor token has expired; ask for a new one.", "expired")
        return visitor

    def _read_visitor(self, token: str) -> tuple[Visitor, float]:
        """Return whose token it is and until when; remembered, because every request of a widget brings it."""
        claims = _read(token, self._visitor, _VISITOR_AUDIENCE, ("sub", "exp"), "visitor token")
        visitor = Visitor(claims["sub"], str(claims.get("customer", "")), str(claims.get("name", "")))
        return visitor, float(claims["exp"])

    def identity(self, token: str) -> Identity:
        """Return whom the shop vouches for. Raises Unauthorised for any other key, algorithm, audience or time."""
        claims = _read(token, self._shop, _SHOP_AUDIENCE, ("sub", "exp"), "identity")
        customer = claims["sub"]
        if not customer.strip() or len(customer) > 200:
            raise Unauthorised("The identity names no customer; its `sub` must be the customer's id.", "bad_identity")
        return Identity(customer, str(claims.get("name", ""))[:200])

    def for_shop(self, identity: Identity, seconds: int = 300) -> str:
        """Return what a shop would sign; the demo shop is the only one that may ask us."""
        now = int(time.time())
        claims = {"aud": _SHOP_AUDIENCE, "sub": identity.customer_id, "name": identity.name, "exp": now + seconds}
        return jwt.encode(claims, self._shop, _ALGORITHM)

    def for_demo_cookie(self, customer_id: str) -> str:
        """Return what the demo shop remembers of who signed in."""
        now = int(time.time())
        return jwt.encode({"aud": _DEMO_AUDIENCE, "sub": customer_id, "exp": now + 86400}, self._shop, _ALGORITHM)

    def demo_customer(self, cookie: str) -> str | None:
        """Return who signed in at the demo shop, or None."""
        try:
            return _read(cookie, self._shop, _DEMO_AUDIENCE, ("sub", "exp"), "cookie")["sub"]
        except Unauthorised:
            return None

    def for_bot(self, conversation_id: str, customer_id: str, role: str) -> str:
        """Return who is asking, for one attempt: it holds for 60 seconds."""
        claims = {
            "iss": _ISSUER,
            "aud": _BOT_AUDIENCE,
            "sub": customer_id,
            "conversation": conversation_id,
            "role": role,
            "exp": int(time.time()) + _BOT_SECONDS,
        }
        return jwt.encode(claims, self._bot, _ALGORITHM)


def _read(token: str, key: str, audience: str, required: tuple[str, ...], what: str) -> dict[str, str]:
    if len(token) > _MAX_TOKEN_CHARS:
        raise Unauthorised(f"The {what} is too long to be one of ours.", f"bad_{what.replace(' ', '_')}")
    try:
        claims: dict[str, str] = jwt.decode(
            token, key, [_ALGORITHM], audience=audience, options={"require": [*required, "aud"]}
        )
    except jwt.ExpiredSignatureError as failure:
        raise Unauthorised(f"The {what} has expired; ask for a new one.", "expired") from failure
    except (jwt.InvalidTokenError, ValueError, TypeError) as failure:
        raise Unauthorised(f"The {what} is not one we can verify.", f"bad_{what.replace(' ', '_')}") from failure
    return claims
