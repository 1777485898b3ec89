"""A receiver and a worker that come to a store of the other mode while they run: nothing goes in or out."""

import pytest

from app.store import instance
from tests.integration.engine import Engine
from tests.integration.orders import Order, delivery
from tests.servers import wait_until

pytestmark = pytest.mark.server

WORD = "ONTRAPORT_APP_ID and ONTRAPORT_API_KEY are missing"


def test_a_relay_without_keys_takes_and_delivers_nothing_of_a_real_accounts_store(engine: Engine):
    """Its keys were lost by mistake, and it started while the store was away."""
    waiting = Order()
    engine.admit(waiting)
    engine.valkey.client.set(instance.MODE, instance.LIVE)
    web, worker = engine.web(), engine.worker()
    for _ in range(3):
        refused = web.post(delivery(Order()))
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
    wait_until(lambda: WORD in worker.log.read_text(), what="the worker's word")
    wait_until(lambda: WORD in web.log.read_text(), what="the receiver's word")
    assert engine.requests() == 0
    assert engine.transmission(waiting)["st"] == "ready"

    # The mistake is mended: both come good by themselves, and what waited goes out.
    engine.valkey.client.set(instance.MODE, instance.SANDBOX)
    engine.age_wake_ups()
    engine.delivered(waiting)
    web.deliver(delivery(another := Order()))
    engine.delivered(waiting, another)
