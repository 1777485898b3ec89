"""A refunded order as a plan for ONTRAPORT: how much so far, of how much, and why; pure, for delivery.

Amounts are totals so far: what is new is known only when it is sent, from the ledger.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.errors import DeliveryFailure, FailureClass
from app.events import Skipped
from app.relay.contacts import ContactPlan, plan_contact
from app.relay.exclusions import excluded_order
from app.relay.facts import freshness, tells_of_a_sale
from app.relay.kits import value_of
from app.relay.money import amount, cents
from app.relay.refunded import REFUND, Cause, all_returned, cause_of, payment_status, told_refund
from app.relay.refusals import missing, unclear
from app.settings import MappingRules
from app.ultracart.chargebacks import load_chargeback
from app.ultracart.schemas import Order, load_order

CHARGEBACK = "chargeback_create"


@dataclass(frozen=True, slots=True)
class RefundPlan:
    """What an order's refund has come to. `refunded` is cumulative; `full`: nothing of `total` is left.

    Both are in base currency, `currency` is empty when the order tells only the customer's. The contact's
    e-mail is empty when the snapshot names nobody. `reason` is a sentence, or empty.
    """

    order_id: str
    contact: ContactPlan
    refunded: Decimal
    total: Decimal
    full: bool
    happened_at: datetime
    currency: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """What was said of an order: as it came, as it was read, and how the order ended otherwise."""

    payload: Mapping[str, Any]
    order: Order
    cause: Cause | None
    paid: bool
    happened_at: datetime | None
    reason_code: str = ""


def plan_refund(
    event_name: str, payload: Mapping[str, Any], rules: MappingRules, *, sold: bool = False
) -> RefundPlan | Skipped:
    """What an order's snapshot says of its refunds, or why nothing is to be done.

    `sold`: its sale is known, so it was paid even if the snapshot does not tell of its payment.
    Raises DeliveryFailure(MAPPING) in plain words when the snapshot does not say enough.
    """
    told = _chargeback(payload) if event_name == CHARGEBACK else _snapshot(event_name, payload, sold)
    if told.order.payment and told.order.payment.test_order:
        return Skipped("test order")
    skipped = excluded_order(told.order, rules)
    if skipped:
        return skipped
    if not told.paid and not told_refund(told.payload):
        return Skipped("not paid, so there is nothing to refund")
    total = _total(told.order)
    if not total:
        return Skipped("total is 0.00")
    refunded = _refunded(event_name, told, total, rules)
    return refunded if isinstance(refunded, Skipped) else _plan(told, total, *refunded)


def _plan(told: _Snapshot, total: int, refunded: int, whole: bool) -> RefundPlan:
    return RefundPlan(
        order_id=told.order.order_id or "",
        contact=_contact(told.order, freshness(told.payload)),
        refunded=amount(refunded),
        total=amount(total),
        full=whole or refunded >= total,
        happened_at=_happened_at(told),
        currency=_base_currency(told.order),
        reason=_reason(told, whole),
    )


def _snapshot(event_name: str, payload: Mapping[str, Any], sold: bool) -> _Snapshot:
    order, cause = load_order(payload), cause_of(event_name, payload)
    # Without the payment, a refund is told of by the event's name alone: money came back, so it was paid.
    told = sold or event_name == REFUND if order.payment is None else tells_of_a_sale(event_name, payload)
    stamps = (order.reject_dts, order.refund_dts) if cause else (order.refund_dts, order.reject_dts)
    return _Snapshot(payload, order, cause, told, stamps[0] or stamps[1])


def _chargeback(payload: Mapping[str, Any]) -> _Snapshot:
    dispute = load_chargeback(payload)
    if dispute.order is None:
        raise DeliveryFailure(
            FailureClass.MAPPING,
            f"The chargeback of order {dispute.order_id} came without it: the expansion `order` is missing.",
            hint="Add `order` to the expansion of the chargeback events in UltraCart.",
            field="order",
        )
    order = replace(dispute.order, order_id=dispute.order_id or dispute.order.order_id)
    if not order.order_id:
        raise unclear(order, "was charged back, but has no id (order_id)", field="order_id")
    return _Snapshot(
        payload["order"], order, Cause.CHARGED_BACK, True, dispute.chargeback_dts, dispute.reason_code or ""
    )


def _total(order: Order) -> int:
    """The order's total in cents."""
    if order.summary is None:
        raise missing(order, "was refunded, but came without its sums", "summary")
    total = value_of(order.summary.total)
    if total is None:
        raise unclear(order, "was refunded, but has no total (summary.total)", field="summary.total")
    if total < 0:
        raise unclear(order, f"was refunded, but has a negative total: {total}", field="summary.total")
    return cents(total)


def _refunded(
    event_name: str, told: _Snapshot, total: int, rules: MappingRules
) -> tuple[int, bool] | Skipped:
    """The refunded cents so far, and whether they are all of it whatever their sum."""
    refunded = told_refund(told.payload)
    if refunded is not None and refunded < 0:
        raise unclear(
            told.order, f"has a negative refunded total: {amount(refunded)}", field="total_refunded"
        )
    if told.cause and _counts(told.cause, rules):
        return max(total, refunded or 0), True
    if not refunded and (payment_status(told.payload) == "refunded" or all_returned(told.payload)):
        return total, True
    if told.cause and not refunded:
        return Skipped(f"{told.cause} after it was paid, which does not count as a refund (settings)")
    if refunded is None:
        return _untold(event_name, told)
    # 0 with a date is a refund that was taken back, which the ledger may know otherwise.
    return (refunded, False) if refunded or told.happened_at else Skipped("nothing was refunded")


def _counts(cause: Cause, rules: MappingRules) -> bool:
    return {
        Cause.REJECTED: rules.refund_on_reject,
        Cause.VOIDED: rules.refund_on_void,
        Cause.DELETED: rules.refund_on_delete,
        Cause.CHARGED_BACK: rules.refund_on_chargeback,
    }[cause]


def _untold(event_name: str, told: _Snapshot) -> Skipped:
    if event_name != REFUND and told.order.refund_dts is None:
        return Skipped("nothing was refunded")
    raise DeliveryFailure(
        FailureClass.MAPPING,
        f"{told.order.named} was refunded, but it does not say how much.",
        hint="Add `summary` and `item` to the webhook's expansion in UltraCart.",
        field="total_refunded",
    )


def _happened_at(told: _Snapshot) -> datetime:
    payment = told.order.payment
    happened_at = told.happened_at or (payment.payment_dts if payment else None) or told.order.creation_dts
    if happened_at is None:
        raise unclear(
            told.order, "says neither when it was refunded nor when it was made", field="refund_dts"
        )
    return happened_at


def _contact(order: Order, version: int) -> ContactPlan:
    """The customer, who is needed only where the ledger does not know the sale: nobody is no failure here."""
    try:
        return plan_contact(order, version, version)
    except DeliveryFailure:
        return ContactPlan(email="", groups={}, version=version)


def _base_currency(order: Order) -> str:
    total = order.summary.total if order.summary else None
    if total is None or total.localized not in (None, total.value):
        return ""
    return total.currency_code or ""


def _reason(told: _Snapshot, whole: bool) -> str:
    if told.cause and whole:
        code = told.reason_code or told.order.reject_reason
        return f"The order was {told.cause}{f' ({code})' if code else ''}."
    return f"Reason: {told.order.refund_reason}." if told.order.refund_reason else ""
