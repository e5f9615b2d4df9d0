"""The back office: what the company's own systems know and do, behind one small protocol.

Orders, customers, products and vouchers come in by reading; the seven kinds of `Write` go out, each with a key so
that it is done once. `Terms` say what the company allows; whoever refuses names the term that refuses. Knows nothing
of conversations or models. `sample` keeps a shop in SQLite, `http` speaks to a shop's own API.
"""

from bot.backoffice.protocol import BackOffice, Receipt
from bot.backoffice.types import (
    Address,
    Customer,
    Item,
    Order,
    OrderStatus,
    PaymentMethod,
    Product,
    Voucher,
)

__all__ = [
    "Address",
    "BackOffice",
    "Customer",
    "Item",
    "Order",
    "OrderStatus",
    "PaymentMethod",
    "Product",
    "Receipt",
    "Voucher",
]
