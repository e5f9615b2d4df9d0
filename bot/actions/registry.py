"""All actions by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bot.actions import cancel_order, respond, suggest, summarise, track_order
from bot.actions.outcome import Outcome
from bot.services import Services
from bot.types import Conversation

Action = Callable[[Services, Conversation], Awaitable[Outcome]]

ACTIONS: Mapping[str, Action] = {
    respond.NAME: respond.respond,
    track_order.NAME: track_order.track_order,
    cancel_order.NAME: cancel_order.cancel_order,
    suggest.NAME: suggest.suggest,
    summarise.NAME: summarise.summarise,
}
