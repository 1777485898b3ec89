"""What stands in a CRM of a customer's life, in the same words whichever server it is."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.integration.documented_crm import Account
from tests.integration.life import AFFILIATE_EMAIL, Life

STATUSES = {"1": "paid", "2": "refunded"}
# What ONTRAPORT keeps for itself.
SYSTEM = frozenset({"id", "date", "dla", "dlm", "spent", "unique_id", "owner"})


def in_sandbox(ledger: Mapping[str, Any], life: Life) -> dict[str, Any]:
    """A life in the sandbox's ledger: contact, tags, sales, notes."""
    contacts = [{**row["fields"], "tags": row["tags"], "notes": row["notes"]} for row in ledger["contacts"]]
    sales = [row | {"refunded": row["refunds"]} for row in ledger["transactions"]]
    return _state(contacts, ledger["custom_fields"], sales, life)


def in_account(account: Account, life: Life) -> dict[str, Any]:
    """A life in the second CRM."""
    with account.lock:
        contacts = [
            row | {"tags": list(account.tags(row["id"])), "notes": account.notes(row["id"])}
            for row in account.rows["Contacts"]
        ]
        for row in contacts:
            # A drop-down holds the ids of its options.
            row["f1811"] = account.options.get(str(row.get("f1811")), "")
        sales = [dict(row) for row in account.rows["Transactions"]]
        return _state(contacts, account.fields, sales, life)


def _state(
    contacts: list[dict[str, Any]], aliases: Mapping[str, str], sales: list[dict[str, Any]], life: Life
) -> dict[str, Any]:
    partners = {str(row["id"]): "partner" for row in contacts if row["email"] == AFFILIATE_EMAIL}
    [mine] = [row for row in contacts if row["email"] == life.email]
    fields = {aliases.get(name, name): value for name, value in mine.items() if name not in SYSTEM}
    tags, notes = fields.pop("tags"), fields.pop("notes")
    fields["lreferrer"] = partners.get(str(fields.get("lreferrer")), "nobody")
    own = [row for row in sales if str(row["contact_id"]) == str(mine["id"])]
    assert len({row["external_order_id"] for row in own}) == len(own), "an order was sold twice"
    assert all(int(row["refunded"]) <= 1 for row in own), "an invoice was refunded twice"
    return {
        "contact": {name: str(value) for name, value in fields.items() if value},
        "tags": tags,
        "sales": {
            row["external_order_id"]: (Decimal(row["total"]), int(row["date"]), STATUSES[str(row["status"])])
            for row in own
        },
        "notes": notes,
    }
