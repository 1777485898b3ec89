"""Logged sales with their refunds and voids, in memory, thread-safe; for app.sandbox only.

Nothing is idempotent here: a second sale with the same external_order_id is a second sale.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from app.sandbox.fields import REFUNDED, TRANSACTION_FIELDS, VOID
from app.sandbox.records import Contact, Line, LineAsked, Product, SaleAsked, Transaction
from app.sandbox.refusals import INVALID_CONTACT, NOT_FOUND, Refused

SUPPRESS_INVOICE = "-1"


class Sales:
    """All transactions by id; every method is one atomic step."""

    def __init__(
        self,
        lock: threading.RLock,
        clock: Callable[[], datetime],
        contacts: Mapping[str, Contact],
        products: Mapping[str, Product],
        ids: Iterator[int],
    ) -> None:
        self._lock = lock
        self._clock = clock
        self._contacts = contacts
        self._products = products
        self._ids = ids
        self.by_id: dict[str, Transaction] = {}

    def log(self, asked: SaleAsked, stored_order_id: str) -> Transaction:
        """One more transaction. Refused(400) for an unknown contact or product."""
        with self._lock:
            if asked.contact_id not in self._contacts:
                raise Refused(400, INVALID_CONTACT)
            now = self._clock()
            sale = Transaction(
                id=str(next(self._ids)),
                contact_id=asked.contact_id,
                lines=tuple(self._line(line) for line in asked.lines),
                date=int(now.timestamp()) if asked.date is None else asked.date,
                external_order_id=stored_order_id,
                sent_order_id=asked.external_order_id,
                oprid=asked.oprid,
                invoice_mailed=asked.invoice_template != SUPPRESS_INVOICE,
                created=now,
            )
            self.by_id[sale.id] = sale
            return sale

    def refund(self, ids: Iterable[str]) -> None:
        """Mark transactions refunded, each as a whole; none of them and Refused(404) if one is unknown."""
        with self._lock:
            for sale in self.get(ids):
                sale.status, sale.refunds = REFUNDED, sale.refunds + 1

    def void(self, ids: Iterable[str]) -> None:
        """Void transactions; none of them and Refused(404) if one is unknown."""
        with self._lock:
            for sale in self.get(ids):
                sale.status, sale.voids = VOID, sale.voids + 1

    def get(self, ids: Iterable[str]) -> list[Transaction]:
        """Transactions by id. Refused(404) if one does not exist."""
        found = [self.by_id.get(transaction_id) for transaction_id in ids]
        if not found or None in found:
            raise Refused(404, NOT_FOUND)
        return [sale for sale in found if sale]

    def rows(self, lag: float = 0) -> list[dict[str, str]]:
        """Every transaction as a row of strings; with a lag, without those made in the last `lag` seconds."""
        with self._lock:
            since = self._clock() - timedelta(seconds=lag)
            return [self._row(sale) for sale in self.by_id.values() if not lag or sale.created <= since]

    def _line(self, asked: LineAsked) -> Line:
        product = self._products.get(asked.product_id)
        if product is None:
            raise Refused(400, "Invalid Product ID")
        price = Decimal(product.fields["price"] or 0) if asked.price is None else asked.price
        return Line(product.id, product.fields["name"], product.fields["external_id"], asked.quantity, price)

    def _row(self, sale: Transaction) -> dict[str, str]:
        total = format(sale.total, "f")
        contact = self._contacts.get(sale.contact_id)
        name = f"{contact.fields['firstname']} {contact.fields['lastname']}".strip() if contact else ""
        return dict.fromkeys(TRANSACTION_FIELDS, "") | {
            "id": sale.id,
            "hidden": "0",
            "status": sale.status,
            "contact_id": sale.contact_id,
            "contact_name": name,
            "date": str(sale.date),
            "subtotal": total,
            "total": total,
            "tax": "0",
            "shipping": "0",
            "external_order_id": sale.external_order_id,
            "oprid": sale.oprid,
            "offer_data": _offer_data(sale),
        }


def _offer_data(sale: Transaction) -> str:
    return json.dumps(
        {
            "products": [
                {
                    "id": line.product_id,
                    "name": line.name,
                    "quantity": line.quantity,
                    "price": str(line.price),
                }
                for line in sale.lines
            ]
        }
    )
