"""ONTRAPORT_METHOD=pixel: what had a receipt is not sold twice, what had none goes by API."""

import json

import pytest

from tests.integration.engine import ACCOUNT, LOG, arrivals
from tests.integration.orders import Order, delivery
from tests.servers import wait_until

pytestmark = pytest.mark.server


def with_auto_order(order, original):
    payload = order.payload()
    payload["auto_order"] = {"auto_order_oid": 77, "auto_order_code": "A77", "original_order_id": original}
    return json.dumps({"events": [{"order_create": payload}]}).encode()


def test_a_rebill_is_sold_and_a_first_order_is_not(engine):
    engine.environment["ONTRAPORT_METHOD"] = "pixel"
    first, rebill = Order(), Order()
    engine.worker()
    engine.inbox().admit(arrivals(with_auto_order(first, first.id)), "DEMO")
    engine.inbox().admit(arrivals(with_auto_order(rebill, first.id)), "DEMO")
    wait_until(
        lambda: engine.count("skipped") == 1 and engine.count("delivered") == 1, 30, "both settled", 0.2
    )
    assert engine.sales() == {rebill.id: 1}
    assert engine.transmission(first)["r"].startswith("sold by pixel")


def test_under_both_the_sale_goes_by_api(engine):
    engine.environment["ONTRAPORT_METHOD"] = "both"
    order = Order()
    engine.worker()
    engine.inbox().admit(arrivals(delivery(order)), "DEMO")
    engine.delivered(order)
    assert engine.requests(LOG) == 1
    assert ACCOUNT in engine.services.log.accounts()
