"""All actions by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bot.actions import check_voucher, recommend, respond, suggest, summarise, track_order
from bot.actions.digression import resume
from bot.actions.fill_form import form_action
from bot.actions.outcome import Outcome, Scene
from bot.decisions import ONLY_LOOK
from bot.errors import BackOfficeAway
from bot.forms.catalogue import FORMS
from bot.services import Services
from bot.types import Conversation, HandoffReason

Action = Callable[[Services, Conversation], Awaitable[Outcome]]

ACTIONS: Mapping[str, Action] = {
    respond.NAME: respond.respond,
    track_order.NAME: track_order.track_order,
    **{name: form_action(form) for name, form in FORMS.items()},
    check_voucher.NAME: check_voucher.check_voucher,
    recommend.NAME: recommend.recommend,
    suggest.NAME: suggest.suggest,
    summarise.NAME: summarise.summarise,
}


async def run(name: str, services: Services, conversation: Conversation) -> Outcome:
    """Run the action called `name`.

    Without its back office an action hands off, unless the caller counts attempts: that caller tries again, with the
    same idempotency key, and hands off by itself when its time is up.
    """
    try:
        outcome = await ACTIONS[name](services, conversation)
        return resume(conversation, outcome) if name in ONLY_LOOK else outcome
    except BackOfficeAway:
        if conversation.attempt is not None:
            raise
        reading, found = await services.read(conversation)
        return Scene(conversation, reading, found).hand_off(HandoffReason.TOOL_FAILURE)
