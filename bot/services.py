"""What the actions share: settings, the reader, the back office, who asks, the writer, the points."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from bot.backoffice import BackOffice
from bot.backoffice.terms import Terms
from bot.errors import BackOfficeAway, IdentityError
from bot.forms.catalogue import FORMS
from bot.forms.desk import Desk
from bot.forms.draft import draft_of
from bot.forms.reading import read_answers
from bot.identity import ANONYMOUS, Identity, verify
from bot.language import detect_language
from bot.mentions import Mention, entities_with, words_for
from bot.mood import is_upset
from bot.packet import question_of
from bot.points import Point, no_point
from bot.presentable import may_see, shown_text
from bot.reader import Found, Reader
from bot.reading import (
    leaves,
    orders_meant,
    parse_payload,
    payload_entities,
    read_act,
    read_entities,
    typed,
    wants_person,
)
from bot.recommend.shelf import Shelf
from bot.settings import Secrets, Settings
from bot.types import ENGLISH, Conversation, DialogAct, Reading
from bot.writer import NoWriter, Writer

T = TypeVar("T")
ACTS = {"affirm": DialogAct.AFFIRM, "deny": DialogAct.DENY}


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Services:
    """One action server's parts; nothing of a conversation is kept here."""

    settings: Settings
    secrets: Secrets
    reader: Reader
    back_office: BackOffice
    writer: Writer = field(default_factory=NoWriter)
    point: Point = no_point
    least_customers: int = 5
    terms: Terms = field(default_factory=dict)
    now: Callable[[], datetime] = _now
    shelf: Shelf = field(default_factory=Shelf)
    _back_office_thread: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(8, thread_name_prefix="backoffice")
    )

    async def read(self, conversation: Conversation) -> tuple[Reading, Found]:
        """Read the last message: rules here, intents and passages from the bundle.

        A pressed button is certain and is not encoded; one that stands for a search is searched with the
        customer's last words. Passages that would show a placeholder, or that customers may not see, are left out.
        """
        orders = self.settings.orders
        pressed = parse_payload(conversation.text)
        if pressed:
            return await self._pressed(conversation, *pressed)
        text = typed(conversation.text)
        found = await self.reader.find(text) if text else self.reader.rules()
        mentions = found.mentions if detect_language(text) == ENGLISH else ()  # the tagger learns from English
        reading = Reading(
            text=text,
            intents=found.intents,
            out_of_scope=found.out_of_scope,
            language=detect_language(text),
            entities=entities_with(text, read_entities(text, orders, conversation.requested_slot), mentions),
            act=read_act(text),
            wants_person=wants_person(conversation.text),
            answers=self._answers(conversation, text, mentions),
            upset=is_upset(text, found.sentiment),
            sentiment=found.sentiment,
        )
        return reading, self._for_customers(found)

    async def sounds_upset(self, text: str) -> bool:
        """Say whether a customer's words, of now or of before, are angry with us."""
        plain = "" if parse_payload(text) else typed(text)
        return is_upset(text) or bool(plain and is_upset(plain, (await self.reader.find(plain)).sentiment))

    @property
    def today(self) -> date:
        """The day it is where the company is."""
        return self.now().astimezone(ZoneInfo(self.settings.timezone)).date()

    async def desk(self, customer_id: str) -> Desk:
        """Return what a form looks at; raise NoSuchCustomer or BackOfficeAway."""

        def look(office: BackOffice) -> Desk:
            goods = {product.sku: product for product in office.products()}
            customer, orders = office.customer(customer_id), office.orders_of(customer_id)
            return Desk(customer, orders, goods, self.terms, self.today, self.settings.currency)

        return await self.at_back_office(look)

    def _answers(self, conversation: Conversation, text: str, mentions: Sequence[Mention]) -> Mapping[str, Any]:
        """What the words give the form that is open, if one is; if nothing, what the things they mention give it."""
        draft = draft_of(conversation.pending)
        form = FORMS.get(draft.action) if draft else None
        if draft is None or form is None or not text or leaves(text):
            return {}
        found = self.settings.orders.find(text, bare=draft.asking == "order_number")
        numbers = orders_meant(text, found, draft.filled.get("order_number"))
        answers = read_answers(form, draft, text, numbers[0] if len(numbers) == 1 else None, self.today)
        asked = form.slot(draft.asking)
        said = words_for(asked.kind, text, mentions) if asked and not answers else ""
        return read_answers(form, draft, said, None, self.today) if said else answers

    async def identify(self, conversation: Conversation) -> Identity:
        """Return who asks; a token that proves nothing is worth as much as none."""
        try:
            return verify(conversation.identity_token, self.secrets.identity, conversation.id)
        except IdentityError:
            return ANONYMOUS

    async def at_back_office(self, call: Callable[[BackOffice], T]) -> T:
        """Run a blocking call on the back office in its own thread; raise BackOfficeAway if it cannot be reached."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._back_office_thread, call, self.back_office)
        except (OSError, sqlite3.Error) as error:
            raise BackOfficeAway(f"the back office did not answer: {type(error).__name__}") from error

    async def _pressed(
        self, conversation: Conversation, intent: str, values: Mapping[str, Any]
    ) -> tuple[Reading, Found]:
        words = question_of(conversation)
        rules = self.reader.rules()
        entry = rules.catalogue.get(intent)
        found = await self.reader.find(words) if entry and entry.handle == "search" and words else rules
        reading = Reading(
            text=words if entry else conversation.text,
            language=detect_language(words),
            entities=payload_entities(values, self.settings.orders),
            act=ACTS.get(intent, DialogAct.NONE),
            wants_person=intent == "talk_to_person",
            payload=intent if entry else None,
        )
        return reading, self._for_customers(found)

    def _for_customers(self, found: Found) -> Found:
        hits = tuple(
            hit
            for hit in found.hits
            if may_see(hit.passage, self.least_customers) and shown_text(hit.passage) is not None
        )
        return Found(found.bundle, found.thresholds, found.catalogue, found.intents, found.out_of_scope, hits)
