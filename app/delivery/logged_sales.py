"""Logging a sale exactly once, on a CRM that has no idempotency: announce, send, and look when in doubt."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from app.delivery.attempt import Attempt
from app.delivery.contacts import Contact
from app.delivery.doubt import in_doubt
from app.errors import DeliveryFailure, FailureClass
from app.ontraport.schemas import LoggedTransaction
from app.relay.bodies import processmanual_body
from app.relay.sales import SalePlan
from app.store.ledger import Write
from app.store.records import milliseconds

MOST_INVOICES = 50


@dataclass(frozen=True, slots=True)
class Sent:
    """What a logged sale is recognised by: its contact, its total, its time in whole seconds."""

    contact_id: str
    total: Decimal
    seconds: int

    @classmethod
    def of(cls, plan: SalePlan, contact_id: str) -> "Sent":
        """The marks of a sale that is about to be sent."""
        return cls(contact_id, plan.total, int(plan.paid_at.timestamp()))

    @classmethod
    def read(cls, announced: str) -> "Sent":
        """The marks of a sale that was announced earlier, perhaps from an older snapshot of the order."""
        _, contact_id, total, seconds = announced.split(" ")
        return cls(contact_id, Decimal(total), int(seconds))

    @property
    def step(self) -> str:
        """The announcement as it lies in the ledger."""
        return f"log_sale {self.contact_id} {self.total} {self.seconds}"


def log_sale(attempt: Attempt, plan: SalePlan, contact: Contact, products: Mapping[str, str]) -> str:
    """The invoice id of the one logged sale of this order; made now, or adopted from an earlier attempt."""
    account = attempt.transmission.account
    client = attempt.services.ontraport[account]
    fields = attempt.transmission.ledger
    sent = Sent.of(plan, contact.id)
    lost = in_doubt(attempt, milliseconds(plan.paid_at))
    if not fields.get("fs") and (lost or may_be_there(attempt, plan)):
        found = look_up(attempt, plan.order_id, sent, contact)
        if not found and lost:
            _trusted(attempt)
        if found:
            attempt.complete(_writes(attempt, sent, contact, found))
            return found
    adopted: dict[str, Sent] = {}

    def look(announced: str) -> str | None:
        for place in _places(attempt, plan, Sent.read(announced)):
            invoice = look_up(attempt, plan.order_id, place, contact)
            if invoice:
                adopted[invoice] = place
                return invoice
        return None

    return attempt.once(
        attempt.row,
        fields,
        sent.step,
        act=lambda call: client.log_sale(processmanual_body(plan, contact.id, products), call),
        look=look,
        writes=lambda invoice: _writes(attempt, adopted.get(invoice, sent), contact, invoice),
        trusted=lambda: _trusted(attempt),
    )


def _places(attempt: Attempt, plan: SalePlan, announced: Sent) -> Iterator[Sent]:
    """Where a sale in doubt may be: at its contact, and after a merge at the one that has its e-mail now."""
    yield announced
    client = attempt.services.ontraport[attempt.transmission.account]
    current = attempt.call(lambda call: client.find_contact(plan.contact.email, call))
    if current is not None and current != announced.contact_id:
        yield replace(announced, contact_id=current)


def may_be_there(attempt: Attempt, plan: SalePlan) -> bool:
    """True when another may have logged this order before us: the CRM is asked first.

    So of orders from before our ledger began, and of those that were backfilled.
    """
    born = attempt.services.born
    return attempt.transmission.backfill or (born is not None and plan.paid_at < born)


def look_up(attempt: Attempt, order_id: str, sent: Sent, contact: Contact) -> str | None:
    """The invoice id of this order's sale in the CRM, verified, or None.

    Raises DeliveryFailure for a person when the CRM holds this order's id with another total and time; sent
    again by a person, that one is taken.
    """
    owned = set(contact.fields.get("inv", "").split())
    for row in transactions(attempt, sent.contact_id):
        if row.id in owned:
            continue
        if is_this_sale(row, order_id, sent):
            attempt.services.lookups.prove(attempt.transmission.account)
            return row.id
        if row.external_order_id == order_id:
            if attempt.transmission.replayed_ms:
                return row.id
            raise DeliveryFailure(
                FailureClass.UNKNOWN,
                f"ONTRAPORT holds a sale of order {order_id} (invoice {row.id}) with another total and time",
                hint="Compare both; `relay dead replay` takes that one as this order's sale",
                person=True,
            )
    return None


def is_this_sale(row: LoggedTransaction, order_id: str, sent: Sent) -> bool:
    """Verified by total and our own trans_date to the second; where the CRM kept the order id, by either."""
    same_total = row.total == sent.total
    same_time = row.date is not None and int(row.date.timestamp()) == sent.seconds
    if row.external_order_id == order_id:
        return same_total or same_time
    lost_its_id = row.external_order_id in ("", "0") and row.contact_id == sent.contact_id
    return lost_its_id and same_total and same_time


def transactions(attempt: Attempt, contact_id: str) -> Iterator[LoggedTransaction]:
    """The logged transactions of a contact, newest first; each page is one request of the budget."""
    client = attempt.services.ontraport[attempt.transmission.account]
    return client.transactions(contact_id, attempt.permit)


def _trusted(attempt: Attempt) -> bool:
    """Whether an empty look means that nothing is there: proven by finding a sale that we know."""
    account, lookups = attempt.transmission.account, attempt.services.lookups
    if attempt.services.settings.sandbox or lookups.proven(account):
        return True
    known = lookups.known_sale(account)
    if not known:
        return False
    if any(row.id == known["invoice"] for row in transactions(attempt, known["contact"])):
        lookups.prove(account)
        return True
    raise DeliveryFailure(
        FailureClass.UNKNOWN,
        "ONTRAPORT does not list a sale that is known to be logged: whether this one was cannot be seen",
        hint="Look for the order in ONTRAPORT; `relay dead replay` logs it again",
        person=True,
    )


def _writes(attempt: Attempt, sent: Sent, contact: Contact, invoice: str) -> list[Write]:
    """The results of a sale as it stands in the CRM, which may be as an older snapshot told of it."""
    invoices = [*contact.fields.get("inv", "").split(), invoice][-MOST_INVOICES:]
    known = f"known:{attempt.transmission.account}"
    return [
        (attempt.row, "x:sale", invoice),
        (attempt.row, "x:contact", sent.contact_id),
        (attempt.row, "x:total", str(sent.total)),
        (contact.row, "inv", " ".join(invoices)),
        (known, "contact", sent.contact_id),
        (known, "invoice", invoice),
    ]
