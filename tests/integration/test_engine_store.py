"""The store goes away and comes back: 503 meanwhile, nothing lost, and no process has to be restarted."""

from functools import partial

import pytest

from tests.integration.engine import LOG, Engine
from tests.integration.orders import Order, delivery
from tests.servers import Web, wait_until

pytestmark = pytest.mark.server


@pytest.fixture
def engine(engine_alone: Engine) -> Engine:
    """A relay with a store of its own, which the test may kill."""
    return engine_alone


def accepts(web: Web, body: bytes) -> bool:
    """Whether the receiver owns this delivery now."""
    return web.post(body).status_code == 200


def test_503_while_the_store_is_down_and_everything_is_delivered_after_it_is_back(engine: Engine):
    web = engine.web()
    worker = engine.worker()
    before, during, after = [Order() for _ in range(5)], [Order() for _ in range(5)], Order()
    engine.admit(before[0])
    engine.delivered(before[0])
    # The CRM is slow, so that the store dies while calls are in flight.
    engine.sandbox.faults(
        {"match": {"path": "/transaction/processManual"}, "do": {"kind": "latency", "seconds": 2}}
    )
    web.deliver(delivery(*before[1:]))
    wait_until(lambda: engine.requests(LOG) == len(before), what="calls in flight")
    engine.valkey.kill()
    for order in during:
        refused = web.post(delivery(order))
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
        assert refused.elapsed.total_seconds() < 3
    wait_until(lambda: len(engine.sales()) == len(before), what="answers that cannot be recorded yet")
    engine.valkey.start()
    engine.sandbox.faults()

    for body in map(delivery, (*during, after)):
        wait_until(partial(accepts, web, body), what="the receiver")
    engine.delivered(*before, *during, after, seconds=90)
    assert all(server.process and server.process.poll() is None for server in (web, worker))
    assert engine.requests(LOG) == len(before) + len(during) + 1


def test_what_the_store_broke_off_goes_on_at_once_and_is_no_death(engine: Engine):
    first, order = Order(), Order()
    worker = engine.worker(constants={"app.delivery.attempt.STORE_RETRY_SECONDS": 0.5})
    engine.admit(first)
    engine.delivered(first)
    engine.sandbox.faults(
        {"match": {"path": "/transaction/processManual"}, "do": {"kind": "latency", "seconds": 2}}
    )
    engine.admit(order)
    wait_until(lambda: engine.requests(LOG) == 2, what="a call in flight")
    engine.valkey.kill()
    wait_until(lambda: "attempt.store_unavailable" in worker.log.read_text(), what="the attempt's end")
    engine.valkey.start()
    engine.delivered(first, order)
    assert engine.requests(LOG) == 2
    # The lease of its call would have lasted for 75 seconds, and its end would count as its worker's death.
    assert engine.valkey.client.hget("n:engine", "ended leases") is None
    # The same process, which says what it met in Celery's words too.
    assert worker.process is not None
    assert worker.process.poll() is None
    assert "Connection to broker lost" in worker.log.read_text()


def test_a_receiver_and_a_worker_that_start_before_their_store_come_good(engine: Engine):
    order = Order()
    engine.valkey.kill()
    web = engine.web()
    engine.worker()
    assert web.post(delivery(order)).status_code == 503
    engine.valkey.start()
    wait_until(partial(accepts, web, delivery(order)), what="the receiver")
    engine.delivered(order, seconds=60)


def test_a_store_that_came_back_empty_sells_nothing_again(engine: Engine):
    web, order = engine.web(), Order()
    engine.worker()
    web.deliver(delivery(order))
    engine.delivered(order)
    engine.valkey.client.flushall()
    refused = web.post(delivery(order))
    assert refused.status_code == 503
    before = engine.requests()
    assert web.post(delivery(Order())).status_code == 503
    assert engine.requests() == before
