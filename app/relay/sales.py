"""A paid order as a plan for ONTRAPORT: contact, lines, date, tags; pure, for delivery and the console."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.events import Skipped
from app.relay.contacts import ContactPlan, plan_contact
from app.relay.exclusions import excluded_order
from app.relay.facts import PAID_BY_NAME, freshness, tells_of_a_sale, told_at
from app.relay.kits import value_of
from app.relay.lines import SaleLine, sale_lines
from app.relay.money import amount, cents
from app.relay.refusals import missing, unclear
from app.settings import MappingRules
from app.ultracart.schemas import Order, load_order


@dataclass(frozen=True, slots=True)
class SalePlan:
    """Everything that one logged sale needs. `total` is in the shop's base currency, Σ of the lines.

    `currency` is the customer's (the shop's own when it is not told); `paid_at` is aware UTC;
    `affiliate_id` is UltraCart's, not ONTRAPORT's; `note` is what a person should know about it.
    """

    order_id: str
    contact: ContactPlan
    affiliate_id: str | None
    lines: tuple[SaleLine, ...]
    total: Decimal
    currency: str
    paid_at: datetime
    tags: tuple[str, ...] = ()
    note: str = ""
    from_channel_partner: bool = False


def plan_sale(
    event_name: str, payload: Mapping[str, Any], rules: MappingRules, live_since: datetime | None
) -> SalePlan | Skipped:
    """What to log for an order's snapshot, or why nothing is to be logged.

    Raises DeliveryFailure(MAPPING) in plain words when the snapshot does not say enough.
    """
    order = load_order(payload)
    total = excluded_order(order, rules) or _total(order, event_name, payload)
    if isinstance(total, Skipped):
        return total
    paid_at = _paid_at(order)
    if live_since is not None and paid_at < live_since and not _paid_just_now(order, event_name):
        return Skipped(f"paid on {paid_at:%Y-%m-%d %H:%M} UTC, before the relay was switched on")
    lines, remarks = sale_lines(order, total, rules)
    return SalePlan(
        order_id=order.order_id or "",
        contact=plan_contact(order, told_at(payload), freshness(payload)),
        affiliate_id=order.affiliates[0].affiliate_oid if order.affiliates else None,
        lines=lines,
        total=total,
        currency=_currency(order),
        paid_at=paid_at,
        tags=_tags(order, rules),
        note=". ".join([*_circumstances(order, rules), *remarks]),
        from_channel_partner=_is_ours(order, rules),
    )


def _total(order: Order, event_name: str, payload: Mapping[str, Any]) -> Decimal | Skipped:
    """The total to log, in whole cents, once it is sure that this is a sale."""
    _require(order, order.payment, "payment")
    if order.payment and order.payment.test_order:
        return Skipped("test order")
    if not tells_of_a_sale(event_name, payload):
        return Skipped("not paid")
    _require(order, order.summary, "summary")
    _require(order, order.items, "item")
    total = value_of(order.summary.total if order.summary else None)
    if total is None:
        raise unclear(order, "has no total (summary.total)", field="summary.total")
    if total < 0:
        raise unclear(order, f"has a negative total: {total}", field="summary.total")
    return amount(cents(total)) if cents(total) else Skipped("total is 0.00")


def _require(order: Order, part: object, expansion: str) -> None:
    if part is None:
        raise missing(order, "came without a part that its sale needs", expansion)


def _paid_at(order: Order) -> datetime:
    paid_at = (order.payment.payment_dts if order.payment else None) or order.creation_dts
    if paid_at is None:
        raise unclear(order, "says neither when it was paid nor when it was made", field="payment_dts")
    return paid_at


def _paid_just_now(order: Order, event_name: str) -> bool:
    """An old order whose payment came in now, which has no date of its own."""
    return event_name == PAID_BY_NAME and not (order.payment and order.payment.payment_dts)


def _currency(order: Order) -> str:
    total = order.summary.total if order.summary else None
    return order.currency_code or (total.currency_code if total else None) or ""


def _tags(order: Order, rules: MappingRules) -> tuple[str, ...]:
    by_item = [
        tag for item in order.items or () for tag in rules.item_tags.get(item.merchant_item_id or "", ())
    ]
    return tuple(dict.fromkeys([*rules.order_tags, *by_item]))


def _is_ours(order: Order, rules: MappingRules) -> bool:
    """Whether the order came to the shop from us: its sale may be known to the CRM already."""
    partner = order.channel_partner
    code = (partner.channel_partner_code or "").casefold() if partner else ""
    return bool(code) and code in {ours.casefold() for ours in rules.channel_partner_codes}


def _circumstances(order: Order, rules: MappingRules) -> Iterator[str]:
    original = order.auto_order.original_order_id if order.auto_order else None
    if original and original != order.order_id:
        yield f"Rebill of {original}"
    if _is_ours(order, rules) and order.channel_partner:
        yield f"Came to the shop from us as {order.channel_partner.channel_partner_order_id or 'an order'}"
    codes = [coupon.coupon_code for coupon in order.coupons or () if coupon.coupon_code]
    if codes:
        yield f"Coupon {', '.join(codes)}"
    yield from _payments(order)


def _payments(order: Order) -> Iterator[str]:
    summary = order.summary
    gift = value_of(summary.internal_gift_certificate_amount) if summary else None
    if gift:
        yield f"{amount(cents(gift))} by gift certificate"
    total = summary.total if summary else None
    if total and total.localized is not None and total.localized != total.value:
        yield f"The customer saw {amount(cents(total.localized))} {_currency(order)}".strip()
