"""action_suggest: drafts that an agent may send. Extractive ones first, then at most one that the model wrote."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from bot.actions.outcome import Outcome
from bot.compose import citations, extractive_drafts
from bot.composed.answer import compose_reply
from bot.errors import ModelError
from bot.knowledge import Audience
from bot.packet import question_of
from bot.presentable import may_see, shown_text
from bot.prompts import draft_prompt
from bot.services import Services
from bot.support import supported
from bot.types import Conversation, Draft
from bot.wire import VERSION, draft_json
from retrieval.types import Hit

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
        written = await _written(services, conversation, question, hits[:MODEL_PASSAGES])
        if written and all(written.text != draft.text for draft in drafts):
            drafts.append(written)
    custom = {"nightdesk": {"v": VERSION, "bundle": services.reader.bundle, "drafts": [draft_json(d) for d in drafts]}}
    return Outcome(responses=({"text": None, "buttons": [], "custom": custom},))


async def _written(services: Services, conversation: Conversation, question: str, hits: Sequence[Hit]) -> Draft | None:
    """Return what the model wrote and the passages support; None if there is nothing, or not in time.

    Sentence by sentence where the bundle has a checker, else by the rules alone.
    """
    passages = [text for hit in hits if (text := shown_text(hit.passage))]
    if not passages or services.settings.composed == "off":
        return None
    if services.reader.judge is not None:
        composed = await compose_reply(services, question, hits, services.settings.model_timeout_s)
        return Draft(composed.text, "model", composed.citations) if composed else None
    prompt = draft_prompt(question, passages)
    try:
        text = await services.writer.write(
            prompt, max_tokens=services.settings.model_max_tokens, timeout_s=services.settings.model_timeout_s
        )
    except ModelError as error:
        log.warning("no written draft for conversation %s: %s", conversation.id, error)
        return None
    kept = supported(text, passages)
    return Draft(kept, "model", citations(hits)) if kept else None
