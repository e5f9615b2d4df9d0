"""action_suggest: drafts that an agent may send. Extractive ones first, then at most one that the model wrote."""

from __future__ import annotations

import logging

from bot.actions.outcome import Outcome
from bot.compose import citations, extractive_drafts
from bot.errors import ModelError
from bot.knowledge import Audience
from bot.packet import question_of
from bot.presentable import may_see, shown_text
from bot.prompts import draft_prompt
from bot.services import Services
from bot.support import supported
from bot.types import Conversation, Draft
from bot.wire import VERSION, draft_json

NAME = "action_suggest"
MOST = 3
MODEL_PASSAGES = 2
log = logging.getLogger(__name__)


async def suggest(services: Services, conversation: Conversation) -> Outcome:
    """Return `custom.nightdesk = {v, drafts}`; no events, nothing for the customer.

    Earlier exchanges with other customers (masked) are looked at only for a person at the desk.
    """
    identity = await services.identify(conversation)
    audience = Audience.AGENT if identity.is_agent else Audience.CUSTOMER
    question = question_of(conversation)
    drafts: list[Draft] = []
    if question:
        found = await services.reader.find(question, audience)
        least = found.thresholds.suggest_cosine
        hits = [
            hit
            for hit in found.hits
            if (audience is Audience.AGENT or may_see(hit.passage, services.least_customers))
            and (hit.cosine is None or hit.cosine >= least)
        ]
        drafts = extractive_drafts(question, hits, MOST)
        passages = [text for hit in hits[:MODEL_PASSAGES] if (text := shown_text(hit.passage))]
        written = await _written(services, conversation, question, passages)
        if written and all(written != draft.text for draft in drafts):
            drafts.append(Draft(written, "model", citations(hits[:MODEL_PASSAGES])))
    custom = {"nightdesk": {"v": VERSION, "bundle": services.reader.bundle, "drafts": [draft_json(d) for d in drafts]}}
    return Outcome(responses=({"text": None, "buttons": [], "custom": custom},))


async def _written(services: Services, conversation: Conversation, question: str, passages: list[str]) -> str:
    """Return what the model wrote and the passages support; empty if there is nothing, or not in time."""
    if not passages:
        return ""
    prompt = draft_prompt(question, passages)
    try:
        text = await services.writer.write(
            prompt, max_tokens=services.settings.model_max_tokens, timeout_s=services.settings.model_timeout_s
        )
    except ModelError as error:
        log.warning("no written draft for conversation %s: %s", conversation.id, error)
        return ""
    return supported(text, passages)
