"""How much of an order was refunded, as its snapshot tells; cheap and pure, for app.relay alone.

Refunds are totals so far, not steps. An order that was rejected, voided or deleted after it was paid tells
so in other ways than by a refunded amount.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from app.relay.money import cents
from app.relay.raw import elements, money_cents, whole_cents

# Something was refunded, but the snapshot does not say how much: less than any real amount.
UNTOLD = 1

REFUND = "order_refund"
_PARTS = ("tax_refunded", "shipping_handling_refunded", "other_refunded")


class Cause(StrEnum):
    """Why all of an order counts as refunded."""

    REJECTED = "rejected"
    VOIDED = "voided"
    DELETED = "deleted"
    CHARGED_BACK = "charged back"


def cause_of(event_name: str, order: Mapping[str, Any]) -> Cause | None:
    """Whether the order ended otherwise than by a refund."""
    return _cause(event_name, order, payment_status(order))


def _cause(event_name: str, order: Mapping[str, Any], status: str) -> Cause | None:
    if event_name == "order_delete":
        return Cause.DELETED
    if event_name == "order_reject" or _word(order.get("current_stage")) == "rejected":
        return Cause.REJECTED
    return Cause.VOIDED if status == "voided" else None


def payment_status(order: Mapping[str, Any]) -> str:
    """The payment's status in small letters; "" when it is not told."""
    payment = order.get("payment")
    return _word(payment.get("payment_status")) if isinstance(payment, dict) else ""


def told_refund(order: Mapping[str, Any]) -> int | None:
    """The refunded total in cents, of the summary, else of the lines; None when neither tells one."""
    told = money_cents(order.get("summary"), "total_refunded")
    return _refunded_parts(order) if told is None else told


def _refunded_parts(order: Mapping[str, Any]) -> int | None:
    summary = order.get("summary")
    parts = [money_cents(summary, name) for name in _PARTS] + [
        _line_refund(item) for item in elements(order, "items")
    ]
    known = [part for part in parts if part is not None]
    return sum(known) if any(known) else None


def all_returned(order: Mapping[str, Any]) -> bool:
    """Whether every line was refunded in its whole quantity, where the summary tells no amount."""
    return money_cents(order.get("summary"), "total_refunded") is None and _lines_returned(order)


def _lines_returned(order: Mapping[str, Any]) -> bool:
    lines = [
        (whole_cents(item.get("quantity_refunded")), whole_cents(item.get("quantity")))
        for item in elements(order, "items")
    ]
    sold = [(returned, quantity) for returned, quantity in lines if quantity]
    return bool(sold) and all(returned is not None and returned >= quantity for returned, quantity in sold)


def refunded_cents(event_name: str, order: Mapping[str, Any]) -> int | None:
    """What a refund fact tells: the total so far in cents; None when the order tells of no refund.

    0 is told of an order whose refund may have been taken back. No merchant's rules are asked here.
    """
    summed, status = money_cents(order.get("summary"), "total_refunded"), payment_status(order)
    told = _refunded_parts(order) if summed is None else summed
    if _cause(event_name, order, status):
        return max(_total(order), told or 0)
    if told:
        return told
    if status == "refunded" or (summed is None and _lines_returned(order)):
        return _total(order)
    if told is None:
        return UNTOLD if event_name == REFUND or order.get("refund_dts") else None
    return 0 if order.get("refund_dts") or order.get("reject_dts") else None


def _total(order: Mapping[str, Any]) -> int:
    return money_cents(order.get("summary"), "total") or UNTOLD


def _line_refund(item: Mapping[str, Any]) -> int | None:
    told = money_cents(item, "total_refunded")
    if told is not None:
        return told
    returned, quantity = whole_cents(item.get("quantity_refunded")), whole_cents(item.get("quantity"))
    total = money_cents(item, "total_cost_with_discount")
    if not returned or not quantity or total is None:
        return None
    return cents(Decimal(total) * returned / quantity / 100)


def _word(value: Any) -> str:
    return value.strip().casefold() if isinstance(value, str) else ""
