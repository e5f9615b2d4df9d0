"""The forms there are: one for each write that a customer may ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.backoffice.amounts import swap_difference
from bot.backoffice.rules import item_refusal, refund_ways, state_refusal
from bot.backoffice.types import GIFT_CARD, Address, Order, Product
from bot.backoffice.writes import (
    CancelOrder,
    ChangeAddress,
    ChangeDeliveryDay,
    ChangeItems,
    ChangePayment,
    ExchangeItems,
    Line,
    ReturnItems,
    SendInvoice,
    Swap,
    UpdateContact,
    Write,
)
from bot.forms.choices import SAME, Option
from bot.forms.desk import Desk
from bot.forms.slots import Filled, Kind, Slot
from bot.forms.words import WHATS, method
from bot.phrases import items, money

TAKE_OUT = "take_out"
OF_ITEMS = (ReturnItems.name, ExchangeItems.name, ChangeItems.name)


@dataclass(frozen=True, slots=True)
class Form:
    """What a write needs. `build` may rely on every needed slot being filled with a value its slot takes."""

    action: str
    intent: str
    write: str
    slots: tuple[Slot, ...]
    build: Callable[[Desk, Filled], Write]
    about: str

    def slot(self, name: str | None) -> Slot | None:
        """The slot of this name."""
        return next((slot for slot in self.slots if slot.name == name), None)


def order_slot(write: str, question: str) -> Slot:
    """Which of the customer's orders; those in which the write is possible are offered."""

    def options(desk: Desk, _filled: Filled) -> tuple[Option, ...]:
        fitting = [order for order in desk.orders if possible(desk, write, order)]
        return tuple(
            Option(
                order.order_number,
                f"{order.order_number}, {items(order, most=2)}",
                ", ".join(item.name for item in order.items[2:]),
            )
            for order in fitting
        )

    return Slot(
        "order_number",
        Kind.ORDER,
        lambda _desk, _filled: question,
        options,
        dependents=("items", "variants", "quantity", "refund_to", "settle_with", "address", "day", "payment_method"),
    )


def possible(desk: Desk, write: str, order: Order) -> bool:
    """True where the terms allow the write on this order, for something in it at least."""
    if state_refusal(write, order, desk.terms, desk.today):
        return False
    return write not in OF_ITEMS or bool(free_items(desk, write, order))


def free_items(desk: Desk, write: str, order: Order) -> tuple[str, ...]:
    """The articles of an order for which the terms allow the write, each once."""
    allowed = [
        item.sku
        for item in order.items
        if order.left(item.sku) > 0 and not item_refusal(write, item.sku, order, desk.products, desk.terms)
    ]
    if write != ReturnItems.name and not desk.terms[write].may_remove:
        allowed = [sku for sku in allowed if desk.variants(sku)]
    return tuple(dict.fromkeys(allowed))


def items_slot(question: str) -> Slot:
    """Which things of the order. Every line is an option, so that one that is excepted can be named and refused."""

    def options(desk: Desk, filled: Filled) -> tuple[Option, ...]:
        order = desk.order(filled.get("order_number"))
        lines = order.items if order else ()
        return tuple({item.sku: Option(item.sku, item.name, _kind(desk, item.sku)) for item in lines}.values())

    return Slot("items", Kind.CHOICES, lambda _d, _f: question, options, dependents=("variants", "quantity"))


QUANTITY = Slot(
    "quantity",
    Kind.NUMBER,
    lambda desk, filled: f"You have {_left(desk, filled)} of them. How many are meant?",
    needed=lambda desk, filled: len(filled.get("items", ())) == 1 and _left(desk, filled) > 1,
)


def variants_slot(write: str) -> Slot:
    """What to have instead, for each chosen thing in turn; `filled["variants"]` runs beside `filled["items"]`."""

    def options(desk: Desk, filled: Filled) -> tuple[Option, ...]:
        chosen, known = filled.get("items", []), filled.get("variants", [])
        if len(known) >= len(chosen):
            return ()
        old = chosen[len(known)]
        others = [Option(p.sku, _title(p.name, desk, p.sku), _shared(desk, old, p)) for p in desk.variants(old)]
        if desk.terms[write].may_remove:
            others.append(Option(TAKE_OUT, "Take it out of the order", "remove without drop"))
        return tuple(others)

    def question(desk: Desk, filled: Filled) -> str:
        sku = filled["items"][len(filled.get("variants", []))]
        return f"What would you like instead of {_item_name(desk, filled, sku)}?"

    return Slot("variants", Kind.EACH, question, options, guesses=False)


def _settle_slot(write: str) -> Slot:
    def needed(desk: Desk, filled: Filled) -> bool:
        order = desk.order(filled.get("order_number"))
        asks = desk.terms[write].settle == "choose" and order is not None
        return asks and bool(swap_difference(_swaps(desk, filled), order, desk.products)) if order else False

    return Slot(
        "settle_with",
        Kind.CHOICE,
        lambda _d, _f: "Which way of paying shall the difference in price go over?",
        lambda desk, _filled: tuple(Option(m.id, m.label, m.kind) for m in desk.customer.payment_methods),
        needed,
    )


def _reasons_slot(write: str) -> Slot:
    return Slot(
        "reason",
        Kind.CHOICE,
        lambda _d, _f: "What is the reason?",
        lambda desk, _f: tuple(
            Option(slug, title, f"{slug.replace('_', ' ')} {REASON_WORDS.get(slug, '')}")
            for slug, title in desk.terms[write].reasons.items()
        ),
        needed=lambda desk, _f: bool(desk.terms[write].reasons),
    )


REASON_WORDS = {
    "changed_mind": "don't like dislike need unneeded longer",
    "wrong_size": "small big large wide tall short fit fits narrow size colour color",
    "faulty": "broken crack cracked defect defective leaks damaged chipped bent",
    "wrong_item": "ordered else different",
    "not_as_described": "picture photo description looks",
}


def _refund_slot(desk: Desk, filled: Filled) -> tuple[Option, ...]:
    order = desk.order(filled.get("order_number"))
    ways = refund_ways(desk.terms[ReturnItems.name], order, desk.customer)
    return tuple(
        Option(way, "A new gift card", "giftcard voucher")
        if way == GIFT_CARD
        else Option(way, method(desk, way), "original same back way paid card credit account")
        for way in ways
    )


def _address_needed(_desk: Desk, filled: Filled) -> bool:
    return filled.get("what") == "address"


ADDRESS = Slot(
    "address", Kind.ADDRESS, lambda _d, _f: "What is the new address: street and number, postal code and town?"
)

CANCEL = Form(
    "action_cancel_order",
    "cancel_order",
    CancelOrder.name,
    (
        order_slot(CancelOrder.name, "Which order shall I cancel? I'll ask once more before I do it."),
        _reasons_slot(CancelOrder.name),
    ),
    lambda _desk, f: CancelOrder(f["order_number"], f.get("reason")),
    "cancelling",
)
ADDRESS_CHANGE = Form(
    "action_change_address",
    "change_address",
    ChangeAddress.name,
    (order_slot(ChangeAddress.name, "Which order should go to another address?"), ADDRESS),
    lambda _desk, f: ChangeAddress(f["order_number"], Address(**f["address"])),
    "the new address",
)
DAY_CHANGE = Form(
    "action_change_delivery_date",
    "change_delivery_date",
    ChangeDeliveryDay.name,
    (
        order_slot(ChangeDeliveryDay.name, "Which order should come on another day?"),
        Slot("day", Kind.DAY, lambda _d, _f: "Which day would suit you?"),
    ),
    lambda _desk, f: ChangeDeliveryDay(f["order_number"], f["day"]),
    "the delivery day",
)
ITEMS_CHANGE = Form(
    "action_change_items",
    "change_items",
    ChangeItems.name,
    (
        order_slot(ChangeItems.name, "Which order would you like to change?"),
        items_slot("What in it would you like to change?"),
        QUANTITY,
        variants_slot(ChangeItems.name),
        _settle_slot(ChangeItems.name),
    ),
    lambda desk, f: ChangeItems(f["order_number"], _swaps(desk, f), f.get("settle_with")),
    "changing your order",
)
PAYMENT_CHANGE = Form(
    "action_change_payment",
    "change_payment",
    ChangePayment.name,
    (
        order_slot(ChangePayment.name, "Which order should be paid another way?"),
        Slot(
            "payment_method",
            Kind.CHOICE,
            lambda _d, _f: "Which way of paying would you like instead?",
            lambda desk, filled: tuple(
                Option(m.id, m.label, m.kind)
                for m in desk.customer.payment_methods
                if (order := desk.order(filled.get("order_number"))) is None or m.id != order.payment_method
            ),
        ),
    ),
    lambda _desk, f: ChangePayment(f["order_number"], f["payment_method"]),
    "the payment",
)
RETURN = Form(
    "action_return_items",
    "return_item",
    ReturnItems.name,
    (
        order_slot(ReturnItems.name, "Which order is it from?"),
        items_slot("What would you like to send back?"),
        QUANTITY,
        _reasons_slot(ReturnItems.name),
        Slot("refund_to", Kind.CHOICE, lambda _d, _f: "Where should the money go?", _refund_slot),
    ),
    lambda desk, f: ReturnItems(f["order_number"], _lines(desk, f), f.get("reason"), f["refund_to"]),
    "your return",
)
EXCHANGE = Form(
    "action_exchange_items",
    "exchange_item",
    ExchangeItems.name,
    (
        order_slot(ExchangeItems.name, "Which order is it from?"),
        items_slot("What would you like to exchange?"),
        QUANTITY,
        variants_slot(ExchangeItems.name),
        _settle_slot(ExchangeItems.name),
    ),
    lambda desk, f: ExchangeItems(f["order_number"], _swaps(desk, f), f.get("settle_with")),
    "your exchange",
)
INVOICE = Form(
    "action_send_invoice",
    "invoice_copy",
    SendInvoice.name,
    (order_slot(SendInvoice.name, "Which order do you need the invoice for?"),),
    lambda _desk, f: SendInvoice(f["order_number"]),
    "the invoice",
)
CONTACTS = {
    "email": Option("email", "E-mail address", "email mail"),
    "phone": Option("phone", "Phone number", "telephone mobile cell"),
    "address": Option("address", "Default address", "moved home street house"),
}
CONTACT = Form(
    "action_update_contact",
    "update_contact",
    UpdateContact.name,
    (
        Slot(
            "what",
            Kind.CHOICE,
            lambda _d, _f: "What shall I change?",
            lambda desk, _f: tuple(CONTACTS[what] for what in desk.terms[UpdateContact.name].contact),
            dependents=("value", "phone", "address"),
        ),
        Slot(
            "email",
            Kind.EMAIL,
            lambda _d, _f: "What is the new e-mail address?",
            needed=lambda _d, f: f.get("what") == "email",
        ),
        Slot(
            "phone",
            Kind.PHONE,
            lambda _d, _f: "What is the new phone number?",
            needed=lambda _d, f: f.get("what") == "phone",
        ),
        Slot("address", Kind.ADDRESS, ADDRESS.question, needed=_address_needed),
    ),
    lambda _desk, f: (
        UpdateContact("address", None, Address(**f["address"]))
        if f["what"] == "address"
        else UpdateContact(f["what"], f[f["what"]])
    ),
    f"your {WHATS['email']}",
)

FORMS: Mapping[str, Form] = {
    form.action: form
    for form in (CANCEL, ADDRESS_CHANGE, DAY_CHANGE, ITEMS_CHANGE, PAYMENT_CHANGE, RETURN, EXCHANGE, INVOICE, CONTACT)
}


def _left(desk: Desk, filled: Filled) -> int:
    order = desk.order(filled.get("order_number"))
    return order.left(filled["items"][0]) if order and filled.get("items") else 0


def _lines(desk: Desk, filled: Filled) -> tuple[Line, ...]:
    order = desk.order(filled["order_number"])
    count = {sku: _count(desk, filled, sku) for sku in dict.fromkeys(filled["items"])}
    return tuple(Line(sku, number) for sku, number in count.items()) if order else ()


def _count(desk: Desk, filled: Filled, sku: str) -> int:
    """How many of a chosen article: what was said, else as often as it was named, else all that is left."""
    order = desk.order(filled.get("order_number"))
    left = order.left(sku) if order else 0
    asked = filled.get("quantity")
    if isinstance(asked, int) and len(filled["items"]) == 1:
        return left if asked < 0 else asked
    named = filled["items"].count(sku)
    return named if named > 1 else left


def _swaps(desk: Desk, filled: Filled) -> tuple[Swap, ...]:
    pairs = list(zip(filled.get("items", []), filled.get("variants", []), strict=False))
    swaps = []
    for sku, new in pairs:
        count = 1 if filled["items"].count(sku) > 1 else _count(desk, filled, sku)
        swaps.append(Swap(sku, count, None if new == TAKE_OUT else new))
    return tuple(swaps)


def _kind(desk: Desk, sku: str) -> str:
    product = desk.products.get(sku)
    return product.kind if product else ""


def _title(name: str, desk: Desk, sku: str) -> str:
    product = desk.products[sku]
    sold_out = "" if product.in_stock else " (none in stock)"
    return f"{name}, {money(product.price, desk.currency)}{sold_out}"


def _shared(desk: Desk, old: str, new: Product) -> str:
    """Mark a variant that is in some way as before, of the same size where only the colour is another."""
    before = desk.products[old].options
    return SAME if any(before.get(name) == value for name, value in new.options.items()) else ""


def _item_name(desk: Desk, filled: Filled, sku: str) -> str:
    order = desk.order(filled.get("order_number"))
    item: Any = order.item(sku) if order else None
    return f"“{item.name}”" if item else "it"
