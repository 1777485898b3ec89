"""`relay shadow` against the sandbox: what it says of each order, and that it writes nothing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from app.delivery.shadow import Shadow
from app.services import Services
from tests.integration.orders import Order
from tests.servers import Sandbox

pytestmark = pytest.mark.server

PAID_AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KEYS = {"Api-Appid": "sandbox", "Api-Key": "sandbox"}


def log(sandbox: Sandbox, order: Order, total: Decimal, at: datetime = PAID_AT) -> None:
    """The other integration has logged this order, with this total."""
    base = f"{sandbox.base}/ontraport/1"

    def post(path: str, body: dict[str, Any]) -> Any:
        answer = requests.post(base + path, json=body, headers=KEYS, timeout=10)
        answer.raise_for_status()
        return answer.json()["data"]

    contact = post("/Contacts/saveorupdate", {"email": order.address})
    product = post("/Products", {"name": "BONE"})
    line = {
        "id": product["id"],
        "quantity": 1,
        "type": "single",
        "price": [{"price": str(total), "payment_count": 1, "unit": "day"}],
    }
    sale = {
        "contact_id": contact["id"],
        "chargeNow": "chargeLog",
        "trans_date": int(at.timestamp() * 1000),
        "invoice_template": -1,
        "external_order_id": order.id,
        "offer": {"products": [line]},
    }
    post("/transaction/processManual", sale)


def test_every_order_is_compared_and_nothing_is_written(services: Services, sandbox: Sandbox):
    same, differs, missing = (Order(paid_at=PAID_AT) for _ in range(3))
    log(sandbox, same, same.total)
    log(sandbox, differs, differs.total + 1)
    shop = {"orders": [order.payload() for order in (same, differs, missing)]}
    requests.post(f"{sandbox.base}/ultracart/fill", json=shop, timeout=10).raise_for_status()
    before = sandbox.ledger()
    shadow = Shadow(services, services.settings.merchants["DEMO"], sleep=lambda seconds: None)
    day = timedelta(days=1)
    found = {one.order_id: one for one in map(shadow.compare, shadow.orders(PAID_AT - day, PAID_AT + day))}
    assert {order_id: one.verdict for order_id, one in found.items()} == {
        same.id: "same",
        differs.id: "differs",
        missing.id: "missing",
    }
    assert (found[differs.id].ours, found[differs.id].theirs) == (differs.total, differs.total + 1)
    after = sandbox.ledger()
    assert after["counts"] == before["counts"]
    assert {route for route in after["requests"]["by_route"] if not route.startswith("GET ")} == {
        route for route in before["requests"]["by_route"] if not route.startswith("GET ")
    }
