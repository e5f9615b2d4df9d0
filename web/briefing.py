"""Ask the assistant for what people need: a handoff's packet, drafts, a summary. It writes nothing to customers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy import Connection

from web.bot_client import BotClient
from web.database import Database
from web.desk import find
from web.errors import BotAway, BotFailed, WebError
from web.runner import TurnRunner
from web.store import conversations, events, messages
from web.store.ids import new_id
from web.tracker import Draft, latest_said
from web.types import Audience, Json, Kind, Reason, Status

log = logging.getLogger(__name__)
_TIMEOUT_S = 30.0
_ASKED = Reason.CUSTOMER_REQUEST


class Briefing:
    """The assistant as the desk's helper."""

    def __init__(
        self, database: Database, bot: BotClient, runner: TurnRunner, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._bot = bot
        self._runner = runner
        self._clock = clock

    def drafts(self, conversation_id: str) -> list[Json]:
        """Return answers an agent could send, best first. Raises BotAway."""
        found = self._ask(conversation_id, "action_suggest").get("drafts")
        return found if isinstance(found, list) else []

    def summary(self, conversation_id: str) -> str:
        """Return the conversation in a few sentences. Raises BotAway."""
        return str(self._ask(conversation_id, "action_summarise").get("summary") or "")

    def offers(self, conversation_id: str) -> Json:
        """Return what this customer may like next, best first, and articles; nothing for one who is angry.

        Raises BotAway.
        """
        found = self._ask(conversation_id, "action_recommend")
        offers, articles = found.get("recommendations"), found.get("articles")
        return {
            "offers": offers if isinstance(offers, list) else [],
            "articles": articles if isinstance(articles, list) else [],
        }

    def packet_soon(self, conversation_id: str) -> None:
        """Replace the minimal packet in the background, if the assistant answers."""
        threading.Thread(target=self._packet, args=(conversation_id,), name="packet", daemon=True).start()

    def _packet(self, conversation_id: str) -> None:
        try:
            draft = self._draft(conversation_id, role=None)
            draft.said.append(messages.Said(new_id("m"), "/talk_to_person", self._clock()))
            packet = self._bot.converse(draft, _TIMEOUT_S).packet
            if packet is not None:
                told = {**packet, "reason": _ASKED.value}
                self._database.write(lambda connection: self._store(connection, conversation_id, told))
        except (BotFailed, WebError) as failure:
            log.warning(
                "the minimal packet stays", extra={"conversation": conversation_id, "error": type(failure).__name__}
            )

    def _store(self, connection: Connection, conversation_id: str, packet: Json) -> None:
        conversation = conversations.get(connection, conversation_id)
        if conversation is None or conversation.status is not Status.OPEN or conversation.reason is not _ASKED:
            return
        conversations.set_packet(connection, conversation_id, packet)
        now = self._clock()
        events.append(connection, conversation_id, Kind.STATUS, conversation.status_json(), now, Audience.AGENTS)

    def _ask(self, conversation_id: str, action: str) -> Json:
        try:
            result = self._bot.run(self._draft(conversation_id), action, _TIMEOUT_S)
        except BotFailed as failure:
            raise BotAway("The assistant cannot help just now; please try again in a moment.") from failure
        return next((response["nightdesk"] for response in result.responses if response["nightdesk"]), {})

    def _draft(self, conversation_id: str, role: str | None = "agent") -> Draft:
        def work(connection: Connection) -> Draft:
            conversation = find(connection, conversation_id)
            draft = self._runner.draft(connection, conversation, [], self._clock(), role)
            draft.latest = latest_said(draft.history)
            return draft

        return self._database.read(work)
