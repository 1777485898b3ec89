"""What an event means for a CRM: pure and cheap, for the receiver; no schema, no clock, no failure."""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from app.events import Event, Fact, Kind
from app.ultracart.catalogue import ORDER_EVENTS
from app.ultracart.dates import read_milliseconds

PAID = "processed"
PAID_BY_NAME = "order_payment_process"

# Without the payment they cannot be told from a sale, so the worker has to say what is missing.
_MAY_TELL_OF_A_SALE = frozenset({"order_create", PAID_BY_NAME, "order_stage_change", "order_update"})
_NEEDED = ("payment", "summary", "items")

# Older than every real snapshot: one that lacks an expansion must not take the place of one that has it.
INCOMPLETE = 1


def facts(event: Event, account: str) -> tuple[Fact, ...]:
    """The facts that one event tells `account` about."""
    if event.name not in ORDER_EVENTS or not tells_of_a_sale(event.name, event.payload):
        return ()
    amount, currency = _money(event.payload)
    return (
        Fact(
            kind=Kind.SALE,
            account=account,
            subject=f"order:{event.object_key}",
            version=_sale_version(event.payload),
            amount=amount,
            currency=currency,
        ),
    )


def tells_of_a_sale(event_name: str, payload: Mapping[str, Any]) -> bool:
    """Whether the order was paid, or whether it cannot be told for want of its payment."""
    payment = payload.get("payment")
    if payment is None:
        return event_name in _MAY_TELL_OF_A_SALE
    if event_name == PAID_BY_NAME or not isinstance(payment, Mapping):
        return True
    return bool(payment.get("payment_dts")) or str(payment.get("payment_status")).casefold() == PAID


def freshness(order: Mapping[str, Any]) -> int:
    """The latest of an order's own date stamps, in milliseconds; 0 when it has none."""
    latest = 0
    for text in _stamps(order):
        try:
            latest = max(latest, read_milliseconds(text))
        except ValueError:
            continue
    return latest


def _sale_version(order: Mapping[str, Any]) -> int:
    complete = all(order.get(name) is not None for name in _NEEDED)
    has_person = order.get("billing") is not None or order.get("customer_profile") is not None
    return freshness(order) if complete and has_person else INCOMPLETE


def _stamps(order: Mapping[str, Any]) -> Iterator[str]:
    payment = order.get("payment")
    histories = order.get("current_stage_histories")
    found = [order.get("creation_dts"), order.get("refund_dts"), order.get("reject_dts")]
    if isinstance(payment, Mapping):
        found.append(payment.get("payment_dts"))
    if isinstance(histories, list):
        found += [entry.get("transition_dts") for entry in histories if isinstance(entry, Mapping)]
    return (text for text in found if isinstance(text, str))


def _money(order: Mapping[str, Any]) -> tuple[Decimal, str]:
    """The total in base currency, and its currency where the order says which one that is."""
    summary = order.get("summary")
    total = summary.get("total") if isinstance(summary, Mapping) else None
    if not isinstance(total, Mapping):
        return Decimal(0), ""
    try:
        amount = Decimal(str(total.get("value") or 0))
    except InvalidOperation:
        return Decimal(0), ""
    if not amount.is_finite():
        return Decimal(0), ""
    foreign = total.get("localized") not in (None, total.get("value"))
    code = total.get("currency_code")
    return amount, code if isinstance(code, str) and not foreign else ""
