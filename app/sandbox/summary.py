"""The ledger of effects as one JSON document, and what stands twice in it; for app.sandbox only."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from app.sandbox.fields import VOID
from app.sandbox.ledger import Ledger
from app.sandbox.records import Contact, Line, Transaction


def describe(ledger: Ledger) -> dict[str, Any]:
    """Everything that stands, as one consistent snapshot; amounts are strings."""
    with ledger.lock:
        return {
            "contacts": _contacts(ledger),
            "products": [dict(product.fields) for product in ledger.products.by_id.values()],
            "transactions": [_transaction(ledger, sale) for sale in ledger.sales.by_id.values()],
            "tags": _tags(ledger),
            "custom_fields": {made.key: made.alias for made in ledger.contacts.custom_fields.values()},
            **outline(ledger),
        }


def outline(ledger: Ledger) -> dict[str, Any]:
    """Counts and duplicates only, for whoever looks often at a large ledger."""
    with ledger.lock:
        sales = ledger.sales.by_id.values()
        return {
            "counts": {
                "contacts": len(ledger.contacts.by_id),
                "products": len(ledger.products.by_id),
                "transactions": len(sales),
                "refunds": sum(sale.refunds for sale in sales),
                "voids": sum(sale.voids for sale in sales),
                "notes": len(ledger.contacts.notes),
                "invoice_mails": sum(sale.invoice_mailed for sale in sales),
            },
            "duplicates": duplicates(ledger),
        }


def duplicates(ledger: Ledger) -> dict[str, dict[str, list[str]]]:
    """What stands more than once, with the ids; an order whose other sales are all voided is no duplicate."""
    with ledger.lock:
        sales = ledger.sales.by_id.values()
        contacts = ledger.contacts
        return {
            "orders": _twice((sale.sent_order_id, sale.id) for sale in sales if sale.status != VOID),
            "emails": _twice((contact.email.lower(), contact.id) for contact in contacts.by_id.values()),
            "products": _twice((one.fields["external_id"], one.id) for one in ledger.products.by_id.values()),
            "product_names": _twice((one.fields["name"], one.id) for one in ledger.products.by_id.values()),
            "refunds": {sale.id: [sale.id] * sale.refunds for sale in sales if sale.refunds > 1},
            "notes": _twice((f"{note.contact_id}: {note.text}", note.id) for note in contacts.notes),
            "custom_fields": _twice((made.alias, made.key) for made in contacts.custom_fields.values()),
        }


def _twice(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = defaultdict(list)
    for name, identifier in pairs:
        if name:
            ids[name].append(identifier)
    return {name: found for name, found in ids.items() if len(found) > 1}


def _contacts(ledger: Ledger) -> list[dict[str, Any]]:
    notes: dict[str, list[str]] = defaultdict(list)
    for note in ledger.contacts.notes:
        notes[note.contact_id].append(note.text)
    return [_contact(contact, notes[contact.id]) for contact in ledger.contacts.by_id.values()]


def _contact(contact: Contact, notes: list[str]) -> dict[str, Any]:
    return {
        "id": contact.id,
        "email": contact.email,
        "fields": {name: value for name, value in contact.fields.items() if value},
        "tags": list(contact.tags),
        "notes": notes,
    }


def _transaction(ledger: Ledger, sale: Transaction) -> dict[str, Any]:
    contact = ledger.contacts.by_id.get(sale.contact_id)
    return {
        "id": sale.id,
        "contact_id": sale.contact_id,
        "email": contact.email if contact else "",
        "total": format(sale.total, "f"),
        "date": sale.date,
        "paid_at": datetime.fromtimestamp(sale.date, UTC).isoformat(),
        "logged_at": sale.created.isoformat(),
        "external_order_id": sale.sent_order_id,
        "stored_order_id": sale.external_order_id,
        "status": sale.status,
        "oprid": sale.oprid,
        "invoice_mailed": sale.invoice_mailed,
        "refunds": sale.refunds,
        "voids": sale.voids,
        "lines": [_line(line) for line in sale.lines],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "product_id": line.product_id,
        "name": line.name,
        "external_id": line.external_id,
        "quantity": line.quantity,
        "price": format(line.price, "f"),
        "total": format(line.total, "f"),
    }


def _tags(ledger: Ledger) -> dict[str, list[str]]:
    holders: dict[str, list[str]] = {name: [] for name in ledger.contacts.tags}
    for contact in ledger.contacts.by_id.values():
        for name in contact.tags:
            holders[name].append(contact.id)
    return holders
