"""Ask the product's own reader and policy what they would do with an utterance that opens a conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bot.bundle_knowledge import BundleKnowledge
from bot.decisions import Decision
from bot.policy import decide
from bot.reader import Reader
from bot.services import Services
from bot.settings import Secrets
from bot.settings import Settings as BotSettings
from bot.types import Conversation
from retrieval.masking import Masker
from retrieval.settings import Settings as RetrievalSettings


class NoBackOffice:
    """Nothing is looked up or changed while decisions are measured; whoever tries finds out."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"evaluation decides only; it must not call {name!r} of the back office")


def decide_alone(
    knowledge: BundleKnowledge, texts: Sequence[str], settings: BotSettings, retrieval: RetrievalSettings
) -> list[Decision]:
    """Return what the policy decides for each text, each the first message of an anonymous conversation."""
    reader = Reader(
        lambda: knowledge, settings.top_k, settings.max_batch, Masker.from_settings(retrieval).mask_identifiers
    )
    services = Services(settings, Secrets("", ""), reader, NoBackOffice(), least_customers=retrieval.min_customers)
    reader.start()
    try:
        return asyncio.run(_decide(services, texts))
    finally:
        reader.stop()


async def _decide(services: Services, texts: Sequence[str]) -> list[Decision]:
    async def one(number: int, text: str) -> Decision:
        conversation = Conversation(id=f"c{number}", text=text, message_id=f"m{number}")
        reading, found = await services.read(conversation)
        return decide(conversation, reading, found.hits, found.thresholds, found.catalogue)

    return list(await asyncio.gather(*(one(number, text) for number, text in enumerate(texts))))
