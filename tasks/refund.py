"""A refund: in full on the logged sale; in part, which ONTRAPORT does not know, as note, tag and fields."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from app.delivery.attempt import Attempt
from app.delivery.refunds import (
    LoggedSale,
    find_again,
    find_sale,
    record_partial,
    refund_in_full,
    show_full,
)
from app.delivery.shop import full_order
from app.errors import DeliveryFailure, FailureClass
from app.events import Delivered, Outcome, Skipped
from app.relay.refunded import REFUND, cause_of
from app.relay.refunds import CHARGEBACK, RefundPlan, plan_refund


def deliver(attempt: Attempt) -> Outcome:
    """Brings an order's refunded total to ONTRAPORT; only what is new since the last one is sent."""
    transmission = attempt.transmission
    rules = attempt.services.rules(transmission.account)
    order, sold = _order(attempt), bool(transmission.ledger.get("x:sale"))
    if cause_of(transmission.event_name, order) and _all_refunded(attempt):
        return Skipped("all of it was refunded already")
    plan = plan_refund(transmission.event_name, order, rules, sold=sold)
    if isinstance(plan, Skipped):
        return plan
    done = Decimal(transmission.ledger.get("x:refunded", "0"))
    if plan.refunded < done:
        raise DeliveryFailure(
            FailureClass.DECREASED,
            f"Order {plan.order_id}: its refunded total went down from {done} to {plan.refunded}",
            hint="ONTRAPORT cannot take a refund back: correct the sale there by hand",
        )
    if plan.refunded == done and transmission.ledger.get("x:shown") == str(done):
        return Skipped(f"{done} was refunded already")
    if not plan.full and rules.refund_partial == "ignore":
        return Skipped(f"partial refund of {plan.refunded - done} ignored (REFUND_PARTIAL)")
    sale = find_sale(attempt, plan)
    if sale is None:
        return Skipped("its sale was not logged by the relay and is not in ONTRAPORT")
    return _refund(attempt, plan, sale, done)


def _refund(attempt: Attempt, plan: RefundPlan, sale: LoggedSale, done: Decimal) -> Outcome:
    if not plan.full:
        _at_contact(attempt, plan, sale, lambda here: record_partial(attempt, plan, here, done))
        return Delivered(f"partial refund of {plan.refunded - done} noted at contact {sale.contact_id}")
    if not attempt.transmission.ledger.get("x:refund"):
        refund_in_full(attempt, plan, sale)
    _at_contact(attempt, plan, sale, lambda here: show_full(attempt, plan, here))
    return Delivered(f"invoice {sale.invoice} refunded")


def _all_refunded(attempt: Attempt) -> bool:
    ledger = attempt.transmission.ledger
    return bool(ledger.get("x:refund")) and ledger.get("x:shown") == ledger.get("x:refunded")


def _order(attempt: Attempt) -> Mapping[str, Any]:
    """The snapshot; fetched from the shop where it does not tell how much was refunded, or whose it is."""
    if attempt.transmission.event_name == CHARGEBACK:
        return attempt.transmission.payload
    known = bool(attempt.transmission.ledger.get("x:sale"))

    def lacks(order: Mapping[str, Any]) -> bool:
        nobody = order.get("billing") is None and order.get("customer_profile") is None
        doubtful = order.get("payment") is None and attempt.transmission.event_name != REFUND
        return order.get("summary") is None or (not known and (nobody or doubtful))

    return full_order(attempt, lacks)


def _at_contact(
    attempt: Attempt, plan: RefundPlan, sale: LoggedSale, tell: Callable[[LoggedSale], None]
) -> None:
    """`tell` at the sale's contact; a contact that was merged or deleted is looked up once."""
    try:
        tell(sale)
    except DeliveryFailure as failure:
        found = find_again(attempt, plan, sale) if failure.failure is FailureClass.GONE else None
        if found is None:
            raise
        tell(found)
