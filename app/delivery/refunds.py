"""What a refund does in ONTRAPORT: the logged sale marked refunded, or a note, a tag and fields."""

from dataclasses import dataclass, replace
from decimal import Decimal

from app.delivery.attempt import Attempt
from app.delivery.contacts import email_hash
from app.delivery.custom_fields import custom_values
from app.delivery.doubt import in_doubt
from app.delivery.logged_sales import transactions
from app.delivery.notes import write_note
from app.delivery.tags import remove_tags, write_tags
from app.errors import DeliveryFailure, FailureClass
from app.ontraport.schemas import LoggedTransaction
from app.relay.refunds import RefundPlan
from app.store.ledger import Ledger, Write
from app.store.records import milliseconds

REFUNDED = "2"


@dataclass(frozen=True, slots=True)
class LoggedSale:
    """The sale that a refund is about. `refunded`: somebody else has marked it so in ONTRAPORT."""

    contact_id: str
    invoice: str
    refunded: bool = False


def find_sale(attempt: Attempt, plan: RefundPlan) -> LoggedSale | None:
    """The order's sale: of the ledger, else as another tool logged it in ONTRAPORT; None without one.

    Raises DeliveryFailure(MAPPING) when neither ledger nor snapshot says whose order it is.
    """
    ledger = attempt.transmission.ledger
    if ledger.get("x:sale") and ledger.get("x:contact"):
        return LoggedSale(ledger["x:contact"], ledger["x:sale"])
    if not plan.contact.email:
        raise DeliveryFailure(
            FailureClass.MAPPING,
            f"Order {plan.order_id} was refunded, but does not say whose it is: its sale cannot be found.",
            hint="Add `billing` to the webhook's expansion in UltraCart, then send the order again.",
            field="billing",
        )
    contact_id = _contact_of(attempt, plan.contact.email)
    if not contact_id:
        return None
    for found in transactions(attempt, contact_id):
        if found.external_order_id == plan.order_id:
            _adopt(attempt, found, contact_id)
            return LoggedSale(contact_id, found.id, refunded=found.status == REFUNDED)
    return None


def refund_in_full(attempt: Attempt, plan: RefundPlan, sale: LoggedSale) -> None:
    """Marks the logged sale refunded, once; then lets the commission follow, if that is configured."""
    if sale.refunded:
        attempt.complete([(attempt.row, "x:refund", sale.invoice)])
        return
    client = attempt.services.ontraport[attempt.transmission.account]

    def look(_: str) -> str | None:
        rows = (row for row in transactions(attempt, sale.contact_id) if row.id == sale.invoice)
        row = next(rows, None)
        return sale.invoice if row and row.status == REFUNDED else None

    def writes(_: str) -> list[Write]:
        return [(attempt.row, "x:refunded", str(plan.refunded)), (attempt.row, "x:refund", sale.invoice)]

    ledger = attempt.transmission.ledger
    if not ledger.get("fs") and in_doubt(attempt, milliseconds(plan.happened_at)) and look(""):
        attempt.complete(writes(sale.invoice))
        return
    attempt.once(
        attempt.row,
        ledger,
        f"refund {sale.invoice}",
        act=lambda call: client.refund(sale.invoice, call),
        look=look,
        writes=writes,
        trusted=lambda: True,
    )
    if attempt.services.accounts[attempt.transmission.account].rules.rerun_commission:
        attempt.call(lambda call: client.rerun_commission(sale.invoice, call))
        attempt.complete()


def show_full(attempt: Attempt, plan: RefundPlan, sale: LoggedSale) -> None:
    """The refunded sale at its contact: the fields of the last refund; it is no partial one any more."""
    row, shown = _refunds_of(attempt, sale)
    _write_last_refund(attempt, plan, sale, plan.refunded, shown)
    open_orders = shown.get("open", "").split()
    if plan.order_id in open_orders:
        open_orders.remove(plan.order_id)
        tags = [] if open_orders else [_partial_tag(attempt)]
        remove_tags(attempt, sale.contact_id, tags)
    attempt.note([(row, "open", " ".join(open_orders)), *_recorded(attempt, plan)])


def record_partial(attempt: Attempt, plan: RefundPlan, sale: LoggedSale, done: Decimal) -> None:
    """Keeps the sale, and tells of the refund at its contact. What may be repeated freely goes first."""
    row, shown = _refunds_of(attempt, sale)
    _write_last_refund(attempt, plan, sale, plan.refunded - done, shown)
    open_orders = shown.get("open", "").split()
    if plan.order_id not in open_orders:
        opened = " ".join([*open_orders, plan.order_id])
        write_tags(attempt, sale.contact_id, [_partial_tag(attempt)], [(row, "open", opened)])
    text = (
        f"Order {plan.order_id}: {plan.refunded - done:.2f} {plan.currency} refunded "
        f"on {plan.happened_at:%Y-%m-%d}, {plan.refunded:.2f} of {plan.total:.2f} so far. {plan.reason}"
    )
    text = text.replace("  ", " ").strip()
    write_note(
        attempt, sale.contact_id, text, _recorded(attempt, plan), told_ms=milliseconds(plan.happened_at)
    )


def find_again(attempt: Attempt, plan: RefundPlan, sale: LoggedSale) -> LoggedSale | None:
    """The sale at the contact that its customer has now: the one that was known is merged or deleted."""
    client = attempt.services.ontraport[attempt.transmission.account]
    contact_id = plan.contact.email and attempt.call(
        lambda call: client.find_contact(plan.contact.email, call)
    )
    if not contact_id:
        return None
    attempt.complete([(attempt.row, "x:contact", contact_id)])
    return replace(sale, contact_id=contact_id)


def _contact_of(attempt: Attempt, email: str) -> str | None:
    client = attempt.services.ontraport[attempt.transmission.account]
    row = Ledger.contact_row(attempt.transmission.account, email_hash(email))
    known = attempt.services.ledger.read(row).get("id")
    return known or attempt.call(lambda call: client.find_contact(email, call))


def _adopt(attempt: Attempt, found: LoggedTransaction, contact_id: str) -> None:
    """From now on the sale is known."""
    writes: list[Write] = [(attempt.row, "x:sale", found.id), (attempt.row, "x:contact", contact_id)]
    if found.total is not None:
        writes.append((attempt.row, "x:total", str(found.total)))
    attempt.complete(writes)


def _refunds_of(attempt: Attempt, sale: LoggedSale) -> tuple[str, dict[str, str]]:
    """The row with what a contact's fields and tag say of its refunds, leased to this attempt."""
    row = Ledger.row(attempt.transmission.account, f"refunds:{sale.contact_id}")
    return row, dict(attempt.acquire(row, "the refunds of this contact"))


def _write_last_refund(
    attempt: Attempt, plan: RefundPlan, sale: LoggedSale, amount: Decimal, shown: dict[str, str]
) -> None:
    """The three fields, unless they tell of a later refund already."""
    # A date in the future would hide every later refund.
    happened_ms = min(milliseconds(plan.happened_at), milliseconds(attempt.services.clock()))
    if happened_ms < int(shown.get("at") or 0):
        return
    values = custom_values(
        attempt,
        {
            "Last Refund Amount": f"{amount:.2f}",
            "Last Refund Date": f"{plan.happened_at:%Y-%m-%d}",
            "Last Refund Order": plan.order_id,
        },
    )
    client = attempt.services.ontraport[attempt.transmission.account]
    attempt.call(lambda call: client.update_contact(sale.contact_id, values, call))
    row = Ledger.row(attempt.transmission.account, f"refunds:{sale.contact_id}")
    attempt.complete([(row, "at", happened_ms)])


def _recorded(attempt: Attempt, plan: RefundPlan) -> list[Write]:
    """Refunded so far, and what the contact shows of it."""
    return [(attempt.row, name, str(plan.refunded)) for name in ("x:refunded", "x:shown")]


def _partial_tag(attempt: Attempt) -> str:
    return attempt.services.accounts[attempt.transmission.account].rules.partial_refund_tag
