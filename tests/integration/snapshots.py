"""What the shop tells of its objects as they change: orders, auto orders, customers, items.

Each function gives one event: its name and the REST object. Dates are ISO 8601 texts with an offset.
"""

import itertools
import json
from collections.abc import Iterable
from typing import Any

from tests.integration.orders import Order, money

Told = tuple[str, dict[str, Any]]

_oids = itertools.count(70_001)


def new_oid() -> int:
    """An id that no other object of this run has."""
    return next(_oids)


def delivery_of(told: Iterable[Told]) -> bytes:
    """One POST with these events, in this order."""
    return json.dumps({"events": [{name: payload} for name, payload in told]}).encode()


def paid(order: Order, name: str = "order_create", **more: Any) -> Told:
    """The order as it was paid."""
    return name, order.payload() | more


def refunded(
    order: Order,
    amount: float,
    at: str = "2026-03-09T11:00:00-04:00",
    name: str = "order_refund",
    **more: Any,
) -> Told:
    """The order with `amount` refunded of it so far."""
    payload = order.payload() | {"refund_dts": at, "refund_reason": "Too small"} | more
    payload["summary"]["total_refunded"] = money(amount)
    if amount >= float(order.total):
        payload["payment"]["payment_status"] = "Refunded"
    return name, payload


def edited(order: Order, total: float, at: str = "2026-03-06T10:00:00-05:00") -> Told:
    """The order after it was changed to another total."""
    payload = order.payload()
    payload["items"][0]["cost"] = payload["items"][0]["total_cost_with_discount"] = money(total)
    payload["summary"]["subtotal"] = payload["summary"]["total"] = money(total)
    payload["current_stage_histories"][0]["transition_dts"] = at
    return "order_update", payload


def rejected(order: Order, at: str = "2026-03-07T10:00:00-05:00", reason: str = "Fraud") -> Told:
    """The order as it was rejected after its payment."""
    stage = {"before_stage": "Fraud Review", "after_stage": "Rejected", "transition_dts": at}
    return "order_reject", order.payload() | {
        "current_stage": "Rejected",
        "current_stage_histories": [stage],
        "reject_dts": at,
        "reject_reason": reason,
    }


def shipped(order: Order, *parcels: str, at: str = "2026-03-04T10:00:00-05:00") -> Told:
    """The order on its way."""
    payload = order.payload()
    payload["shipping"]["tracking_numbers"] = list(parcels)
    payload["current_stage"] = "Completed Order"
    payload["current_stage_histories"][0] |= {"after_stage": "Completed Order", "transition_dts": at}
    return "order_ship", payload


def auto_order(
    name: str, oid: int, order: Order, at: str, status: str = "active", enabled: bool = True, **more: Any
) -> Told:
    """An auto order to whom something happened `at`; `order` is the first one."""
    return name, {
        "merchant_id": "DEMO",
        "auto_order_oid": oid,
        "auto_order_code": f"AO{oid}",
        "original_order_id": order.id,
        "status": status,
        "enabled": enabled,
        "items": [{"original_item_id": order.item, "original_quantity": 1.0, "frequency": "Monthly"}],
        "logs": [{"log_dts": at, "log_message": name}],
        "original_order": order.payload(),
    } | more


def customer(
    oid: int, email: str, at: str = "2026-03-01T09:00:00-05:00", name: str = "customer_update", **billing: Any
) -> Told:
    """A customer's profile with one address."""
    address = {
        "first_name": "Jane", "last_name": "Doe", "address1": "1 Main St", "city": "Austin",
        "state_region": "TX", "postal_code": "78758", "country_code": "US", "default_billing": True,
    }  # fmt: skip
    return name, {
        "merchant_id": "DEMO",
        "customer_profile_oid": oid,
        "email": email,
        "last_modified_dts": at,
        "billing": [address | billing],
    }


def item(item_id: str, at: str, name: str = "item_update", cost: float = 9.99, **more: Any) -> Told:
    """An item of the catalogue."""
    return name, {
        "merchant_id": "DEMO",
        "merchant_item_id": item_id,
        "description": f"The item {item_id}",
        "inactive": False,
        "pricing": {"cost": cost, "currency_code": "USD"},
        "last_modified_dts": at,
    } | more
