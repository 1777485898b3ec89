"""A refund: in full on the logged sale; in part as a note, a tag and fields, since ONTRAPORT knows no partial one."""

from decimal import Decimal

from app.delivery.attempt import Attempt
from app.delivery.refunds import find_sale, record_partial, refund_in_full
from app.errors import DeliveryFailure, FailureClass
from app.events import Delivered, Outcome, Skipped
from app.relay.refunds import plan_refund


def deliver(attempt: Attempt) -> Outcome:
    """Brings an order's refunded total to ONTRAPORT; only what is new since the last one is sent."""
    transmission = attempt.transmission
    rules = attempt.services.accounts[transmission.account].rules
    plan = plan_refund(transmission.event_name, transmission.payload, rules)
    if isinstance(plan, Skipped):
        return plan
    done = Decimal(transmission.ledger.get("x:refunded", "0"))
    if plan.refunded < done:
        raise DeliveryFailure(
            FailureClass.DECREASED,
            f"{plan.order_id}: the refunded total went down from {done} to {plan.refunded}",
            hint="ONTRAPORT cannot take a refund back: correct the sale there by hand",
        )
    if plan.refunded == done:
        return Skipped(f"{done} was already refunded")
    sale = find_sale(attempt, plan)
    if sale is None:
        return Skipped("its sale was not logged by the relay and is not in ONTRAPORT")
    if plan.full:
        refund_in_full(attempt, plan, sale)
        return Delivered(f"invoice {sale.invoice} refunded")
    if rules.refund_partial == "ignore":
        return Skipped(f"partial refund of {plan.refunded - done} ignored (REFUND_PARTIAL)")
    record_partial(attempt, plan, sale, done)
    return Delivered(f"partial refund of {plan.refunded - done} noted at contact {sale.contact_id}")
