"""Bot: decide what the assistant does with a customer's message, and do it.

In: a tracker in Rasa's JSON. Out: events and responses in Rasa's JSON. Knows reading, policy, phrases, actions, the
back office and the response model; refuses to know who delivers messages and where conversations are stored. Between
calls it keeps nothing of a conversation. Clock, disk, network and models are touched by the reader's thread, the back
office, the response model and the server; everything that decides is plain functions of values.
"""

from __future__ import annotations

from bot.errors import BotError
from bot.settings import Secrets, Settings

__all__ = ["BotError", "Secrets", "Settings"]
