"""What a refund does in ONTRAPORT: the logged sale marked refunded, or a note, a tag and fields."""

from dataclasses import dataclass
from decimal import Decimal

from app.delivery.attempt import Attempt
from app.delivery.contacts import email_hash
from app.delivery.custom_fields import custom_values
from app.delivery.logged_sales import transactions
from app.delivery.notes import write_note
from app.delivery.tags import write_tags
from app.relay.refunds import RefundPlan
from app.store.ledger import Ledger, Write

REFUNDED = "2"


@dataclass(frozen=True, slots=True)
class LoggedSale:
    """The sale that a refund is about."""

    contact_id: str
    invoice: str


def find_sale(attempt: Attempt, plan: RefundPlan) -> LoggedSale | None:
    """The order's sale: of the ledger, else as another tool logged it in ONTRAPORT; None without one."""
    ledger = attempt.transmission.ledger
    if ledger.get("x:sale") and ledger.get("x:contact"):
        return LoggedSale(ledger["x:contact"], ledger["x:sale"])
    client = attempt.services.ontraport[attempt.transmission.account]
    row = Ledger.contact_row(attempt.transmission.account, email_hash(plan.contact.email))
    contact_id = attempt.services.ledger.read(row).get("id") or attempt.call(
        lambda call: client.find_contact(plan.contact.email, call)
    )
    if not contact_id:
        return None
    for found in transactions(attempt, contact_id):
        if found.external_order_id == plan.order_id:
            attempt.complete([(attempt.row, "x:sale", found.id), (attempt.row, "x:contact", contact_id)])
            return LoggedSale(contact_id, found.id)
    return None


def refund_in_full(attempt: Attempt, plan: RefundPlan, sale: LoggedSale) -> None:
    """Marks the logged sale refunded, once; then lets the commission follow, if that is configured."""
    client = attempt.services.ontraport[attempt.transmission.account]

    def look(_: str) -> str | None:
        rows = (row for row in transactions(attempt, sale.contact_id) if row.id == sale.invoice)
        row = next(rows, None)
        return sale.invoice if row and row.status == REFUNDED else None

    def writes(_: str) -> list[Write]:
        return [(attempt.row, "x:refunded", str(plan.refunded)), (attempt.row, "x:refund", sale.invoice)]

    attempt.once(
        attempt.row,
        attempt.transmission.ledger,
        f"refund {sale.invoice}",
        act=lambda call: client.refund(sale.invoice, call),
        look=look,
        writes=writes,
        trusted=lambda: True,
    )
    if attempt.services.accounts[attempt.transmission.account].rules.rerun_commission:
        attempt.call(lambda call: client.rerun_commission(sale.invoice, call))
        attempt.complete()


def record_partial(attempt: Attempt, plan: RefundPlan, sale: LoggedSale, done: Decimal) -> None:
    """Keeps the sale, and tells of the refund at its contact. What may be repeated freely goes first."""
    account = attempt.transmission.account
    client = attempt.services.ontraport[account]
    values = custom_values(
        attempt,
        {
            "Last Refund Amount": f"{plan.refunded - done:.2f}",
            "Last Refund Date": f"{plan.happened_at:%Y-%m-%d}",
            "Last Refund Order": plan.order_id,
        },
    )
    attempt.call(lambda call: client.update_contact(sale.contact_id, values, call))
    attempt.complete()
    write_tags(attempt, sale.contact_id, [attempt.services.accounts[account].rules.partial_refund_tag])
    text = (
        f"Order {plan.order_id}: {plan.refunded - done:.2f} {plan.currency} refunded "
        f"on {plan.happened_at:%Y-%m-%d}, {plan.refunded:.2f} of {plan.total:.2f} so far. {plan.reason}"
    )
    write_note(
        attempt,
        sale.contact_id,
        text.strip(),
        [(attempt.row, "x:refunded", str(plan.refunded))],
    )
