"""SIGTERM to a worker with calls in flight: it ends in time, nothing is doubled, the next one goes on."""

import os
import signal
import time

import pytest

from tests.integration.engine import LOG, Engine
from tests.integration.orders import Order
from tests.servers import Worker, wait_until

pytestmark = pytest.mark.server

LOGGING = {"path": "/transaction/processManual"}


def terminated(worker: Worker, seconds: float = 30) -> float:
    """How long the worker took to end after SIGTERM; it must do so by itself."""
    started = time.monotonic()
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.process
    worker.process.wait(seconds)
    assert worker.process.returncode == 0
    return time.monotonic() - started


def test_calls_in_flight_are_finished_and_the_rest_is_left_to_the_next_worker(engine: Engine):
    orders = [Order() for _ in range(30)]
    engine.sandbox.faults({"match": LOGGING, "do": {"kind": "latency", "seconds": 3}})
    worker = engine.worker()
    engine.admit(*orders)
    wait_until(lambda: engine.requests(LOG) >= 4, what="calls in flight")
    assert terminated(worker) < 10
    assert 4 <= engine.count("delivered") < 30
    assert engine.count("running") == 0

    engine.sandbox.faults()
    engine.worker(2)
    engine.delivered(*orders)
    assert engine.requests(LOG) == 30


@pytest.mark.slow
def test_a_call_that_does_not_end_in_time_is_given_up_as_unknown(engine: Engine):
    """The CRM takes the sale and answers after Heroku's 30 s: the next worker looks before it writes."""
    order = Order()
    engine.sandbox.faults({"match": LOGGING, "times": 1, "do": {"kind": "hang", "seconds": 70}})
    worker = engine.worker()
    engine.admit(order)
    wait_until(lambda: engine.requests(LOG) == 1, what="the call in flight")
    assert terminated(worker) < 30
    assert engine.transmission(order)["st"] == "retrying"
    assert engine.services.ledger.read(f"l:ontraport:DEMO:order:{order.id}")["fs"].startswith("log_sale")
    # The look-up is due some 80 s later; nobody waits for that here.
    engine.valkey.client.zadd("due", {engine.transmission(order)["id"]: 0})
    engine.worker(2)
    engine.delivered(order)
    assert engine.requests(LOG) == 1


@pytest.mark.slow
def test_a_call_of_twenty_seconds_is_finished(engine: Engine):
    order, waiting = Order(), Order()
    engine.sandbox.faults({"match": LOGGING, "do": {"kind": "latency", "seconds": 20}})
    worker = engine.worker(threads=1)
    engine.admit(order)
    wait_until(lambda: engine.requests(LOG) == 1, what="the call in flight")
    engine.admit(waiting)
    assert terminated(worker) < 30
    engine.delivered(order)
    assert engine.transmission(waiting)["st"] == "ready"


@pytest.mark.slow
def test_a_worker_whose_store_is_gone_ends_in_time_too(engine: Engine):
    """Its call hangs, and nobody can be told: its lease and its announcement do that."""
    order = Order()
    engine.sandbox.faults({"match": LOGGING, "times": 1, "do": {"kind": "hang", "seconds": 70}})
    worker = engine.worker()
    engine.admit(order)
    wait_until(lambda: engine.requests(LOG) == 1, what="the call in flight")
    # As a store that is frozen: it takes connections and answers nothing.
    os.kill(engine.valkey.pid, signal.SIGSTOP)
    try:
        assert terminated(worker) < 30
    finally:
        os.kill(engine.valkey.pid, signal.SIGCONT)
    assert engine.services.ledger.read(f"l:ontraport:DEMO:order:{order.id}")["fs"].startswith("log_sale")
