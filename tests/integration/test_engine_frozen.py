"""Workers that are frozen for longer than their lease and thawed again: they must not write any more."""

import os
import signal

import pytest

from tests.integration.engine import LOG, SHORT_CALL, SHORT_CLAIM, SHORT_RECORD, Engine, Fault
from tests.integration.orders import Order
from tests.servers import wait_until

pytestmark = pytest.mark.server


def test_a_worker_frozen_before_it_announces_may_not_announce_any_more(engine: Engine):
    order = Order()
    fault = Fault("announcing", order, do="SIGSTOP")
    frozen = engine.worker(1, fault=fault, constants=SHORT_CLAIM | SHORT_RECORD)
    engine.admit(order)
    engine.await_fault(fault)
    engine.worker(2)
    # The frozen worker's connection may still take a wake-up, which is lost then.
    wait_until(lambda: engine.age_wake_ups() or engine.count("delivered"), what="the end of the lease")
    engine.delivered(order)
    thawed_is_done(engine, order, pid=frozen.pid)


def test_a_worker_frozen_after_the_write_may_not_record_any_more(engine: Engine):
    order = Order()
    fault = Fault("answered", order, do="SIGSTOP")
    frozen = engine.worker(1, fault=fault, constants=SHORT_CALL)
    engine.admit(order)
    engine.await_fault(fault)
    engine.worker(2)
    # The frozen worker's connection may still take a wake-up, which is lost then.
    wait_until(lambda: engine.age_wake_ups() or engine.count("delivered"), what="the end of the lease")
    engine.delivered(order)
    thawed_is_done(engine, order, pid=frozen.pid)


@pytest.mark.slow
def test_a_worker_frozen_for_longer_than_its_lease_between_announcing_and_sending(engine: Engine):
    order, swallowed = Order(), Order()
    fault = Fault("announced", order, do="SIGSTOP")
    frozen = engine.worker(1, fault=fault)
    engine.admit(order)
    engine.await_fault(fault)
    # The frozen worker's connection still takes one wake-up: this one, which is found to be lost.
    engine.admit(swallowed)
    wait_until(lambda: not engine.valkey.client.llen("sale"), what="the loss of a wake-up")
    engine.worker(2)
    engine.delivered(order, swallowed, seconds=150)
    assert engine.services.log.engine()["lost wake-ups"] >= 1
    thawed_is_done(engine, order, swallowed, pid=frozen.pid)


def thawed_is_done(engine: Engine, *orders: Order, pid: int) -> None:
    """Lets the frozen worker go on, awaits that it gave its attempt up, and checks that nothing changed."""
    os.kill(pid, signal.SIGCONT)
    log = engine.directory / "worker-1.log"
    wait_until(lambda: "attempt.lease_lost" in log.read_text(), 15, "the end of the thawed attempt")
    engine.holds(*orders)
    assert engine.requests(LOG) == len(orders)
    assert (engine.count("delivered"), engine.count("ready"), engine.count("running")) == (len(orders), 0, 0)
