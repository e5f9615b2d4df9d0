"""Who is asking: only a token that `web` signed says so."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.errors import IdentityError

ISSUER = "nightdesk-web"
AUDIENCE = "nightdesk-bot"
LEEWAY_S = 2


class Standing(StrEnum):
    """What a token's bearer is."""

    VISITOR = "visitor"
    CUSTOMER = "customer"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. `customer_id` is set only where the shop vouched for the customer.

    `serves` is the verified customer whose conversation an agent has open: what an agent may be told, the agent may
    not do.
    """

    standing: Standing = Standing.VISITOR
    customer_id: str | None = None
    serves: str | None = None

    @property
    def is_agent(self) -> bool:
        """True for a person at the desk."""
        return self.standing is Standing.AGENT


ANONYMOUS = Identity()


def verify(token: str, secret: str, conversation: str) -> Identity:
    """Return who the token speaks for; no token is an anonymous visitor.

    Raises IdentityError unless the token is signed with `secret` (HS256), issued by web for this server, for this
    very conversation, unexpired, and names its standing.
    """
    if not token:
        return ANONYMOUS
    import jwt

    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            audience=AUDIENCE,
            issuer=ISSUER,
            leeway=LEEWAY_S,
            options={"require": ["exp", "aud", "iss", "sub", "conversation", "role"]},
        )
    except jwt.PyJWTError as error:
        raise IdentityError(f"the identity token proves nothing: {error}") from error
    if claims["conversation"] != conversation:
        raise IdentityError("the identity token was signed for another conversation")
    try:
        standing = Standing(claims["role"])
    except ValueError:
        raise IdentityError(
            f"the identity token has role {claims['role']!r:.40}; expected visitor, customer or agent"
        ) from None
    subject = claims["sub"] if isinstance(claims["sub"], str) and claims["sub"] else None
    return Identity(
        standing,
        customer_id=subject if standing is Standing.CUSTOMER else None,
        serves=subject if standing is Standing.AGENT else None,
    )
