"""action_check_voucher: say what a discount code is worth, or what is left on a gift card.

Codes are looked up one by one as they stand in the customer's words. A code that was issued to one customer is
told to nobody else, and sounds like one that does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from bot import phrases
from bot.actions.outcome import NOTHING_ASKED, Outcome, Scene
from bot.backoffice import BackOffice, Voucher
from bot.backoffice.types import GIFT_CARD
from bot.decisions import RunAction
from bot.reading import codes_in, parse_payload
from bot.services import Services
from bot.types import Conversation, HandoffReason, Reply

NAME = "action_check_voucher"
INTENT = "check_voucher"
DECISION = RunAction(NAME, INTENT)


async def check_voucher(services: Services, conversation: Conversation) -> Outcome:
    """Look the code up, or ask for it."""
    reading, found = await services.read(conversation)
    scene = Scene(conversation, reading, found)
    codes = _codes(conversation)
    if not codes:
        return _ask(scene, again=conversation.requested_slot == "voucher")
    identity = await services.identify(conversation)
    voucher = await services.at_back_office(lambda office: _first_known(office, codes, identity.customer_id))
    if voucher:
        text = told(voucher, services.today, services.settings.currency)
        return scene.say(DECISION, Reply(text), NOTHING_ASKED)
    if conversation.misunderstandings:
        return scene.offer_person(DECISION, phrases.NO_SUCH_CODE_AGAIN, HandoffReason.MISSING_KNOWLEDGE, NOTHING_ASKED)
    return _ask(scene, again=True, lead=phrases.no_such_code(codes[0]))


def _first_known(office: BackOffice, codes: Sequence[str], customer_id: str | None) -> Voucher | None:
    """The first code there is that may be told to this customer."""
    found = (office.voucher(code) for code in codes)
    return next((voucher for voucher in found if voucher and voucher.customer_id in (None, customer_id)), None)


def _codes(conversation: Conversation) -> tuple[str, ...]:
    if pressed := parse_payload(conversation.text):
        given = pressed[1].get("voucher")
        return (given,) if isinstance(given, str) and given else ()
    return codes_in(conversation.text, loosely=conversation.requested_slot == "voucher")


def told(voucher: Voucher, today: date, currency: str) -> str:
    """Everything a customer needs to know of a code, in one or two sentences."""
    expired = voucher.valid_until is not None and date.fromisoformat(voucher.valid_until[:10]) < today
    until = phrases.long_day(voucher.valid_until)
    if voucher.kind == GIFT_CARD:
        left = phrases.money(phrases.ZERO if voucher.balance is None else voucher.balance, currency)
        return phrases.gift_card(voucher.code, left, until, expired=expired)
    off = (
        f"{voucher.percent.normalize():f}%"
        if voucher.percent
        else phrases.money(voucher.amount or phrases.ZERO, currency)
    )
    minimum = phrases.money(voucher.minimum, currency) if voucher.minimum else None
    return phrases.voucher(
        voucher.code, off, until, minimum, voucher.applies_to, first=voucher.first_order_only, expired=expired
    )


def _ask(scene: Scene, *, again: bool, lead: str = "") -> Outcome:
    text = lead or phrases.ask_code(again=again)
    asked = scene.ask_for(DECISION, "voucher", NAME, text, (phrases.PERSON,) if again else ())
    count = scene.conversation.misunderstandings + 1 if again else 0
    return Outcome((*asked.events, *scene.changes({"misunderstandings": count})), asked.responses)
