"""Deliveries fail while the shop logs them: a poll brings each sale into the CRM once, and says so."""

import json
import signal
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from tests.contract.failing_webhooks import HERE, told
from tests.contract.shops import ShopAt
from tests.integration.engine import Engine
from tests.integration.orders import Order, delivery, money
from tests.integration.test_reconciliation import relay
from tests.servers import Web, wait_until

pytestmark = pytest.mark.server


class Shop:
    """Delivers as UltraCart does, and logs each delivery with its body."""

    def __init__(self, engine: Engine, web: Web) -> None:
        self.at = ShopAt(engine.sandbox)
        self.web = web
        self.number = 0
        self.at.fill(webhooks=[{"webhook_oid": 7, "webhook_url": f"{HERE}/webhooks/ultracart"}])

    def deliver(self, body: bytes, **more: Any) -> int:
        """The status of the answer, 0 without one."""
        try:
            status = self.web.post(body).status_code
        except requests.RequestException:
            status = 0
        self.number += 1
        entry = {
            "webhook_oid": 7, "request_id": f"r{self.number}", "delivery_dts": datetime.now(UTC).isoformat(),
            "status_code": status, "success": status == 200, "request": body.decode(), **told(body), **more,
        }  # fmt: skip
        self.at.fill(webhook_logs=[entry])
        return status


def poll(engine: Engine) -> dict[str, Any]:
    """`relay poll webhook`."""
    done = relay(engine, "poll", "webhook", "--json")
    assert done.returncode == 0, done.stderr
    [report] = json.loads(done.stdout)
    found: dict[str, Any] = report
    return found


def refunded(order: Order) -> bytes:
    """The whole order was paid back."""
    payload = order.payload()
    payload["summary"]["total_refunded"] = money(float(order.total))
    payload["refund_dts"] = datetime.now(UTC).isoformat()
    return json.dumps({"events": [{"order_refund": payload}]}).encode()


def test_what_could_not_be_delivered_is_in_the_crm_once(engine: Engine):
    engine.environment["RELAY_PUBLIC_URL"] = HERE
    web = engine.web()
    shop = Shop(engine, web)
    came, repeated, back = Order(), Order(), Order()
    lost, unlogged = [Order() for _ in range(5)], Order()
    assert shop.deliver(delivery(came)) == 200

    engine.valkey.send(signal.SIGSTOP)
    try:
        assert [shop.deliver(delivery(one)) for one in (lost[0], repeated)] == [503, 503]
    finally:
        engine.valkey.send(signal.SIGCONT)
    web.kill()
    assert {shop.deliver(delivery(one)) for one in (*lost[1:], back, back)} == {0}
    shop.deliver(refunded(back))
    shop.deliver(delivery(unlogged), request=None)
    shop.at.fill(orders=[unlogged.payload()])
    web.start()
    wait_until(lambda: shop.deliver(delivery(repeated)) == 200, 30, "a 200")
    engine.worker()

    report = poll(engine)
    assert (report["ending"], report["failed"], report["incomplete"]) == ("done", 10, 0)
    # The repeated ones; what a frozen store was told it may have taken after all.
    assert report["arrived"] in (2, 3, 4)
    everyone = (came, repeated, back, unlogged, *lost)
    engine.delivered(*everyone, seconds=60)
    wait_until(lambda: refunds(engine) == 1, 30, "the refund")

    sent = engine.requests()
    assert poll(engine)["failed"] == 0
    assert "0 failed" not in relay(engine, "poll", "webhook").stdout
    engine.holds(*everyone)
    assert (engine.requests(), refunds(engine)) == (sent, 1)
    assert "UltraCart logged" in relay(engine, "status").stdout


def refunds(engine: Engine) -> int:
    """How many refunds are delivered."""
    states = engine.services.log.counts("ontraport:DEMO").states
    return states.get("refund", {}).get("delivered", 0)
