"""action_summarise: what a conversation is about, for a person at the desk."""

from __future__ import annotations

import logging

from bot.actions.outcome import Outcome
from bot.errors import ModelError
from bot.packet import summary
from bot.prompts import summary_prompt
from bot.services import Services
from bot.support import supported
from bot.types import Conversation
from bot.wire import VERSION

NAME = "action_summarise"
LEAST_MESSAGES = 3
FRAME = "The customer wants, asks, would like."  # words a summary needs beyond the conversation's own
log = logging.getLogger(__name__)


async def summarise(services: Services, conversation: Conversation) -> Outcome:
    """Return `custom.nightdesk = {v, summary}`; no events, nothing for the customer.

    The model's summary where it has one that the conversation supports, followed by the extractive facts.
    """
    facts = summary(conversation)
    written = await _written(services, conversation)
    text = f"{written}\n{facts}" if written else facts
    custom = {"nightdesk": {"v": VERSION, "bundle": services.reader.bundle, "summary": text}}
    return Outcome(responses=({"text": None, "buttons": [], "custom": custom},))


async def _written(services: Services, conversation: Conversation) -> str:
    if len(conversation.history) < LEAST_MESSAGES:
        return ""  # a message or two are read faster than their summary
    try:
        text = await services.writer.write(
            summary_prompt(conversation),
            max_tokens=services.settings.model_max_tokens,
            timeout_s=services.settings.model_timeout_s,
        )
    except ModelError as error:
        log.warning("no written summary for conversation %s: %s", conversation.id, error)
        return ""
    return supported(
        text, [message.text for message in conversation.history] + ["customer asked wants agent assistant"]
    )
