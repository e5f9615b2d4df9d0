"""Every sentence the assistant says of its own: warm, short, honest.

Functions of plain values; what depends on the company (its name, the shape of its order numbers) comes in as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from bot.backoffice import Order, OrderStatus
from bot.types import CHINESE, Button, HandoffReason

PERSON = Button("Talk to a person", "/talk_to_person")
PERSON_ZH = Button("转人工客服", "/talk_to_person")
YES_NO = (Button("Yes", "/affirm"), Button("No", "/deny"))

UNKNOWN = (
    "I don't know that one, and I'd rather say so than guess. "
    "Would you like one of our people to answer it? You can also ask me in other words."
)
PERHAPS = "I'm not certain this is what you mean, but it is the closest I have:"
PERHAPS_ELSE = "If it isn't, ask me in other words or let me pass you to a person."
LET_GO = "All right, I've left everything as it is. What else can I do for you?"
ACKNOWLEDGED = "Good. I'm here if there's anything else."
WHICH = "I want to be sure I help with the right thing. Which of these is it?"

HANDOFF = {
    HandoffReason.CUSTOMER_REQUEST: "Of course. I'm passing you to one of our people, with everything said so far.",
    HandoffReason.MISSING_KNOWLEDGE: (
        "I'll ask one of our people to answer this. They'll see everything said so far, so you needn't repeat it."
    ),
    HandoffReason.REPEATED_MISUNDERSTANDING: (
        "I'm not getting this right, and you shouldn't have to keep trying. "
        "I'm passing you to one of our people; they'll see everything said so far."
    ),
    HandoffReason.NEGATIVE_SENTIMENT: (
        "I'm sorry this has gone so badly. One of our people is taking over, and sees everything said so far."
    ),
    HandoffReason.TOOL_FAILURE: (
        "I can't reach our order system just now, so I'm passing you to one of our people. "
        "If you asked me to change something, they will see whether it was done."
    ),
}
HANDOFF_ELSE = "I'm passing you to one of our people; they'll see everything said so far."
HANDOFF_ZH = "我先请同事来帮您。之前的对话他们都能看到，您不用再说一遍。"


def handoff(reason: HandoffReason, language: str) -> str:
    """What the customer hears when a person takes over."""
    return HANDOFF_ZH if language == CHINESE else HANDOFF.get(reason, HANDOFF_ELSE)


def perhaps(text: str) -> str:
    """Show a passage as what it is: perhaps the answer."""
    return f"{PERHAPS}\n{text}\n{PERHAPS_ELSE}"


def ask_order_number(example: str, *, again: bool = False) -> str:
    """Ask for an order number."""
    if again:
        return f"I couldn't find an order number in that. It looks like {example} and is in your confirmation e-mail."
    return f"Gladly. What's your order number? It looks like {example} and is in your confirmation e-mail."


def ask_email(*, again: bool = False) -> str:
    """Ask for the e-mail address an order was placed with."""
    if again:
        return "That doesn't look like an e-mail address. Which one did you order with? For example name@example.com."
    return "Thank you. And which e-mail address did you order with? I need both before I can show you anything."


def no_such_order(order_number: str, *, verified: bool) -> str:
    """The same words whether the order is missing or somebody else's."""
    if verified:
        return f"I can't find an order {order_number} on your account. Could you check the number?"
    return f"I can't find an order {order_number} with that e-mail address. Could you check both and tell me again?"


def which_order(orders: Sequence[Order]) -> str:
    """Ask which of the customer's orders is meant."""
    return f"You have {len(orders)} recent orders. Which one is it?"


def order_button(order: Order, intent: str) -> Button:
    """A button that means this order."""
    return Button(
        f"{order.order_number}, {items(order, most=1)}", f'/{intent}{{"order_number": "{order.order_number}"}}'
    )


def items(order: Order, most: int = 6) -> str:
    """`2 × Fern, 1 × Pot`, shortened to the first `most` lines."""
    lines = [f"{item.quantity} × {item.name}" for item in order.items]
    more = len(lines) - most
    return ", ".join(lines[:most]) + (f" and {more} more" if more > 0 else "")


def money(value: Decimal, currency: str) -> str:
    """`€61.90`, or `61.90 SEK` for a currency without a sign."""
    sign = {"EUR": "€", "GBP": "£", "USD": "$"}.get(currency)
    return f"{sign}{value:.2f}" if sign else f"{value:.2f} {currency}"


def day(text: str | None) -> str | None:
    """`Thursday 26 November`, from an ISO date or time; None if there is none."""
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return f"{when:%A} {when.day} {when:%B}"


def long_day(text: str | None) -> str | None:
    """`30 November 2026`, from an ISO date or time; None if there is none."""
    return f"{(when := datetime.fromisoformat(text)).day} {when:%B %Y}" if text else None


def order_state(order: Order) -> str:
    """Say where an order is."""
    what = f"Order {order.order_number} ({items(order, most=3)})"
    expected = day(order.expected_at)
    soon = f" We expect it to reach you on {expected}." if expected else ""
    carrier = f" with {order.carrier}" if order.carrier else ""
    code = f", tracking code {order.tracking_code}" if order.tracking_code else ""
    if order.status is OrderStatus.PLACED:
        return f"{what} is placed and waiting to be packed.{soon}"
    if order.status is OrderStatus.PACKED:
        return f"{what} is packed and about to leave us.{soon}"
    if order.status is OrderStatus.SHIPPED:
        return f"{what} is on its way{carrier}{code}.{soon}"
    if order.status is OrderStatus.DELIVERED:
        there = f" It was due on {expected}." if expected else ""
        return f"{what} is marked as delivered{carrier}{code}.{there}"
    return f"{what} was cancelled, so nothing is on its way."


NO_ORDERS = "I can't see any orders on your account yet. If there should be one, shall I pass you to a person?"
SIGN_IN = (
    "I can do this only for a customer who is signed in; that is our rule, so that nobody else can change your "
    "orders or your account. Please sign in and ask me again. Or shall I pass you to a person?"
)


def refused(says: str, policy: str) -> str:
    """Say why not, naming the policy that refuses."""
    return f"{says} That is our policy “{policy}”."


def none_possible(about: str, policy: str) -> str:
    """None of the customer's orders fits."""
    return (
        f"I've looked through your orders, and {about} isn't possible for any of them. That is our policy “{policy}”."
    )


ZERO = Decimal(0)
MAY_SUIT = "These might suit you:"


def also_read(titles: Sequence[str]) -> str:
    """Name articles that others who asked the same wanted to know as well."""
    return "Others who asked what you asked also read " + " and ".join(f"“{title}”" for title in titles) + "."


NOTHING_FITS = "I can't find anything in the shop that fits that just now. Shall I ask one of our people?"
NOT_NOW = "Let me put right what went wrong before I suggest anything. Shall I pass you to a person?"
NO_SUCH_CODE_AGAIN = "I can't find that code either. Shall I pass you to a person?"


def back_to(about: str, question: str) -> str:
    """Ask the open question again after something else was answered."""
    return f"Back to {about}: {question}"


def ask_code(*, again: bool = False) -> str:
    """Ask for a voucher's or gift card's code."""
    if again:
        return "I couldn't find a code in that. It stands in the e-mail it came with; could you copy it here?"
    return "Gladly. Which code is it? You can copy it here as it stands in the e-mail."


def no_such_code(code: str) -> str:
    """The same words for a code that does not exist and for somebody else's."""
    return f"I can't find a code {code}. Could you check it, letter by letter, and tell me again?"


def gift_card(code: str, left: str, until: str | None, *, expired: bool) -> str:
    """What is on a gift card."""
    if expired:
        return f"Gift card {code} was valid until {until}, so it can't be used any more."
    return f"There is {left} left on gift card {code}." + (f" It is valid until {until}." if until else "")


def voucher(
    code: str, off: str, until: str | None, minimum: str | None, kind: str | None, *, first: bool, expired: bool
) -> str:
    """What a discount code is worth, and on what conditions."""
    if expired:
        return f"Code {code} was valid until {until}, so it doesn't work any more."
    what = {None: "", "plant": " all plants", "pot": " pots", "tool": " tools"}.get(kind, f" {kind}")
    conditions = [f"the basket has to hold at least {minimum}"] if minimum else []
    if first:
        conditions.append("it works on a first order only")
    also = f" Please note: {' and '.join(conditions)}." if conditions else ""
    valid = f" until {until}" if until else ""
    return f"Code {code} is good: {off} off{what}{valid}.{also}"


NOT_ANY_MORE = "This isn't possible any more; something changed meanwhile."
OR_A_PERSON = " Shall I pass you to a person?"
CHANGED_MEANWHILE = "Something has changed since I asked, so I haven't done anything yet. "
LONG_AGO = "It is a while since I asked, so I'd rather make sure. "


def not_a_clear_yes(question: str) -> str:
    """Ask for the yes or no once more."""
    return f"I need a clear yes or no before I change anything. {question}"
