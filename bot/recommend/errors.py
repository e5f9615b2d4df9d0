"""What can go wrong while learning what goes with what.

BotError
└── BadRatings   a file of interactions that cannot be read, or holds too little
"""

from __future__ import annotations

from bot.errors import BotError


class BadRatings(BotError):
    """A file of interactions cannot be read, or holds too little to learn from."""
