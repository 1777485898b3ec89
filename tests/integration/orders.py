"""Paid UltraCart orders for the tests of the engine: each with an id, a customer and a total of its own."""

import copy
import itertools
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

PAYLOAD = Path(__file__).parent.parent / "payloads" / "ultracart" / "order_create__paid.json"

_numbers = itertools.count(1)
_run = uuid.uuid4().hex[:6]


def _template() -> dict[str, Any]:
    order: dict[str, Any] = json.loads(PAYLOAD.read_text())["events"][0]["order_create"]
    return order


_TEMPLATE = _template()


def _number() -> int:
    return next(_numbers)


@dataclass(frozen=True)
class Order:
    """One paid order. `email` None leaves the customer without an address.

    `price` in cents; 0 gives a total that no other order of the run has. `paid_at` None keeps the payload's
    own dates, long past.
    """

    number: int = field(default_factory=_number)
    email: str | None = ""
    item: str = "BONE"
    first_name: str = "Jane"
    event: str = "order_create"
    price: int = 0
    paid_at: datetime | None = None

    @property
    def id(self) -> str:
        """The order id, of this run alone."""
        return f"DEMO-{_run}-{self.number:06d}"

    @property
    def address(self) -> str | None:
        """The customer's e-mail address."""
        return f"buyer.{_run}.{self.number}@example.com" if self.email == "" else self.email

    @property
    def total(self) -> Decimal:
        """The total in the shop's currency."""
        return Decimal(self.price or 1_000 + self.number) / 100

    def payload(self) -> dict[str, Any]:
        """The REST object of the order."""
        order = copy.deepcopy(_TEMPLATE)
        amount = float(self.total)
        line = order["items"][0]
        line |= {
            "merchant_item_id": self.item,
            "description": f"{self.item} of the best kind",
            "quantity": 1.0,
        }
        line["cost"] = line["total_cost_with_discount"] = money(amount)
        order["summary"]["subtotal"] = order["summary"]["total"] = money(amount)
        order["order_id"] = self.id
        order["billing"] |= {"email": self.address, "first_name": self.first_name}
        # The profile would lend its own address to an order that has none.
        order.pop("customer_profile", None)
        if self.paid_at is not None:
            order["creation_dts"] = order["payment"]["payment_dts"] = self.paid_at.isoformat()
        return order


def money(amount: float) -> dict[str, Any]:
    """An amount as UltraCart renders it."""
    return {
        "value": amount, "localized": amount, "localized_formatted": f"{amount:.2f}", "currency_code": "USD",
        "exchange_rate": 1.0,
    }  # fmt: skip


def corrected(order: Order, at: str = "2026-03-02T10:00:00-05:00", **billing: Any) -> bytes:
    """A delivery with a newer snapshot of the order, its billing changed by the shop."""
    payload = order.payload()
    payload["billing"] |= billing
    payload["current_stage_histories"][0]["transition_dts"] = at
    return json.dumps({"events": [{"order_update": payload}]}).encode()


def delivery(*orders: Order) -> bytes:
    """The body of one POST that tells of these orders."""
    events = [{order.event: order.payload()} for order in orders]
    return json.dumps({"events": events}, separators=(",", ":")).encode()


def batches(orders: list[Order], size: int) -> Iterator[bytes]:
    """Deliveries of at most `size` orders each."""
    for start in range(0, len(orders), size):
        yield delivery(*orders[start : start + size])
