"""A shipped or rejected order as what the merchant wants of it at the contact; pure, for delivery."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.events import Skipped
from app.relay.contacts import ContactPlan, plan_contact
from app.relay.contents import tracking_numbers
from app.relay.exclusions import excluded_order
from app.relay.facts import freshness, told_at
from app.settings import MappingRules, OrderStatusRule
from app.ultracart.schemas import Order, load_order

STATUSES = {"order_reject": "rejected", "order_ship": "shipped"}


@dataclass(frozen=True, slots=True)
class OrderStatusPlan:
    """What a stage of an order does. `fields` are contact fields by their names; `note` may be empty."""

    order_id: str
    status: str
    contact: ContactPlan
    tracking_numbers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    note: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


def plan_order_status(
    event_name: str, payload: Mapping[str, Any], rules: MappingRules
) -> OrderStatusPlan | Skipped:
    """What is configured for the stage that an order has reached, or why nothing is to be done.

    Raises DeliveryFailure(MAPPING) in plain words when the order does not say whose it is.
    """
    status = STATUSES.get(event_name, "")
    rule = rules.order_statuses.get(status, OrderStatusRule())
    if rule == OrderStatusRule():
        return Skipped(f"nothing is configured for {event_name} (order_statuses in the settings)")
    order = load_order(payload)
    if order.payment and order.payment.test_order:
        return Skipped("test order")
    return excluded_order(order, rules) or _plan(order, payload, status, rule)


def _plan(order: Order, payload: Mapping[str, Any], status: str, rule: OrderStatusRule) -> OrderStatusPlan:
    parcels = tuple(tracking_numbers(payload)) if status == "shipped" else ()
    values = {rule.field: status, rule.tracking_field: ", ".join(parcels)}
    return OrderStatusPlan(
        order_id=order.order_id or "",
        status=status,
        contact=plan_contact(order, told_at(payload), freshness(payload)),
        tracking_numbers=parcels,
        tags=(rule.tag,) if rule.tag else (),
        note=_note(order, status, parcels) if rule.note else "",
        fields={name: value for name, value in values.items() if name and value},
    )


def _note(order: Order, status: str, parcels: tuple[str, ...]) -> str:
    reason = f" ({order.reject_reason})" if status == "rejected" and order.reject_reason else ""
    parcel = f" Tracking: {', '.join(parcels)}." if parcels else ""
    return f"Order {order.order_id} was {status}{reason}.{parcel}"
