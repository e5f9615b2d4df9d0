"""What can go wrong in this room.

BotError
├── HeadError            the intent head's files do not fit together, or do not fit the encoder
├── TrackerError         the caller's tracker cannot be read; the request is at fault
├── IdentityError        an identity token was shown that proves nothing
├── BackOfficeError      the back office did not do what was asked
│   ├── NoSuchOrder      no order of that number
│   ├── NoSuchCustomer   no customer of that id
│   ├── NotAllowed       the order is there, but the company's terms or its state forbid the act
│   └── BackOfficeAway   it cannot be reached just now; the same request may succeed later
├── TermsError           the company's terms cannot be read
├── BadRatings           ratings for a recommender that cannot be read or are too few (bot/recommend/errors.py)
├── CannotListen         the action server's address is taken or not this machine's
├── NotReady             the models are still being loaded
├── ReadingFailed        encoding or searching failed; nothing is known about the utterance
└── ModelError           the response model cannot be prepared or took too long
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.backoffice.terms import Refusal


class BotError(Exception):
    """Anything this room raises on purpose."""


class HeadError(BotError):
    """The intent head's files do not fit together, or do not fit the encoder."""


class TrackerError(BotError):
    """The caller's tracker cannot be read."""


class IdentityError(BotError):
    """An identity token was shown that proves nothing."""


class BackOfficeError(BotError):
    """The back office did not do what was asked."""


class NoSuchOrder(BackOfficeError):
    """No order of that number."""


class NoSuchCustomer(BackOfficeError):
    """No customer of that id."""


class NotAllowed(BackOfficeError):
    """The order is there, but the company's terms or its state forbid the act; `refusal` says which and why."""

    def __init__(self, message: str, refusal: Refusal | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal


class BackOfficeAway(BackOfficeError):
    """It cannot be reached just now; the same request may succeed later."""


class TermsError(BotError):
    """The company's terms cannot be read."""


class CannotListen(BotError):
    """The action server's address is taken or not this machine's."""


class NotReady(BotError):
    """The models are still being loaded."""


class ReadingFailed(BotError):
    """Encoding or searching failed, so nothing is known about the utterance."""


class ModelError(BotError):
    """The response model cannot be prepared or took too long."""
