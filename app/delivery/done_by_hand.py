"""What the ledger is to know of an effect that a person made in the CRM; for the command line and above.

A sale that was logged by hand is one that the relay knows from then on: it is never sent again, and refunds
of the order find it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from app.delivery.contacts import MOST_MOVES, email_hash
from app.errors import DeliveryFailure, SettingsError
from app.events import Kind, Skipped
from app.relay.contacts import plan_contact
from app.relay.money import amount
from app.relay.refunds import plan_refund
from app.services import Services
from app.store.ledger import Ledger, Write
from app.store.letters import DeadLetter
from app.ultracart.parse import read_payload
from app.ultracart.schemas import load_order


@dataclass(frozen=True, slots=True)
class Known:
    """What is written with a person's word, and the contact row whose invoices it belongs to ('' = none)."""

    writes: list[Write] = field(default_factory=list)
    contact_row: str = ""


def mark_done(
    services: Services, letter: DeadLetter, *, actor: str, record_id: str = "", contact_id: str = ""
) -> str:
    """Ends a dead letter as done by hand: `closed`, `busy` (come again in a second), or its state.

    `record_id` is the invoice of a sale or refund, the contact of an affiliate, the product of an item;
    `contact_id` that of a sale where the relay cannot know it. Both as ONTRAPORT numbers them. Raises
    SettingsError when a sale's invoice is not told, or its contact neither told nor known.
    """
    known = _READERS.get(Kind(letter.kind), _nothing)(services, letter, record_id, contact_id)
    return services.dead_letters.done_by_hand(
        letter.id, actor=actor, record_id=record_id, contact_row=known.contact_row, writes=known.writes
    )


def _sale(services: Services, letter: DeadLetter, record_id: str, contact_id: str) -> Known:
    if not record_id:
        raise SettingsError("a sale needs --record-id, its invoice in ONTRAPORT: its refunds go there")
    row = Ledger.row(letter.account, letter.subject)
    fields = services.ledger.read(row)
    contact_row, of_email = _contact_of(services, letter)
    contact_id = contact_id or fields.get("x:contact") or _announced(fields, letter) or of_email
    if not contact_id:
        raise SettingsError(
            f"{letter.subject}: the relay knows no contact of it; say --contact-id, whose the invoice is"
        )
    writes: list[Write] = [(row, "x:sale", record_id), (row, "x:contact", contact_id)]
    if letter.cents:
        writes.append((row, "x:total", str(amount(letter.cents))))
    return Known(writes, contact_row if contact_id == of_email else "")


def _refund(services: Services, letter: DeadLetter, record_id: str, contact_id: str) -> Known:
    row = Ledger.row(letter.account, letter.subject)
    refunded, full = _refunded(services, letter)
    if not refunded:
        return Known()
    writes: list[Write] = [(row, name, str(refunded)) for name in ("x:refunded", "x:shown")]
    if full:
        invoice = record_id or services.ledger.read(row).get("x:sale", "")
        writes.append((row, "x:refund", invoice or "by hand"))
    return Known(writes)


def _affiliate(services: Services, letter: DeadLetter, record_id: str, contact_id: str) -> Known:
    row = Ledger.row(letter.account, letter.subject)
    return Known([(row, "x:contact", record_id)] if record_id else [])


def _item(services: Services, letter: DeadLetter, record_id: str, contact_id: str) -> Known:
    item_id = letter.subject.partition(":")[2]
    return Known([(f"p:{letter.account}", item_id, record_id)] if record_id else [])


def _nothing(services: Services, letter: DeadLetter, record_id: str, contact_id: str) -> Known:
    return Known()


_READERS: Mapping[Kind, Callable[[Services, DeadLetter, str, str], Known]] = {
    Kind.SALE: _sale,
    Kind.REFUND: _refund,
    Kind.AFFILIATE_SIGNUP: _affiliate,
    Kind.ITEM: _item,
}


def _announced(fields: Mapping[str, str], letter: DeadLetter) -> str:
    """The contact that the sale in doubt was announced for; '' when none was."""
    step = fields.get("fs", "").split(" ")
    return step[1] if fields.get("ft") == letter.id and step[0] == "log_sale" and len(step) > 1 else ""


def _contact_of(services: Services, letter: DeadLetter) -> tuple[str, str]:
    """Row and id of the contact that the order's e-mail has in the ledger; '' where it has none."""
    try:
        email = plan_contact(load_order(_payload(services, letter)), 0).email
    except DeliveryFailure:
        return "", ""
    row = Ledger.contact_row(letter.account, email_hash(email))
    for _ in range(MOST_MOVES):
        fields = services.ledger.read(row)
        if not fields.get("to"):
            return (row, fields["id"]) if fields.get("id") else ("", "")
        row = Ledger.contact_row(letter.account, fields["to"])
    return "", ""


def _refunded(services: Services, letter: DeadLetter) -> tuple[Decimal, bool]:
    """The total that this letter tells of, and whether that is all; from its counted money at least."""
    found = services.dead_letters.payload(letter.event_id)
    merchant = services.accounts.get(letter.account)
    if found and merchant:
        try:
            plan = plan_refund(found[0], read_payload(found[1]), merchant.rules)
        except DeliveryFailure:
            plan = Skipped("it cannot be read")
        if not isinstance(plan, Skipped):
            return plan.refunded, plan.full
    return amount(letter.cents), False


def _payload(services: Services, letter: DeadLetter) -> Mapping[str, Any]:
    found = services.dead_letters.payload(letter.event_id)
    return read_payload(found[1]) if found else {}
