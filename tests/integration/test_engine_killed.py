"""Workers that die in the middle of a sale: another one takes over, and one sale stands in the CRM.

The fast tests shorten the leases; the slow one lives through the true ones.
"""

import pytest

from tests.integration.engine import LOG, SHORT_CALL, SHORT_CLAIM, SHORT_RECORD, Engine, Fault, breaks
from tests.integration.orders import Order
from tests.servers import wait_until

pytestmark = pytest.mark.server


def test_a_worker_killed_after_its_claim_loses_its_lease_and_another_one_delivers(engine: Engine):
    order = Order()
    fault = Fault("claimed", order)
    engine.worker(1, fault=fault, constants=SHORT_CLAIM)
    engine.admit(order)
    engine.await_fault(fault)
    engine.worker(2)
    engine.delivered(order)
    assert engine.services.log.engine()["ended leases"] == 1
    assert engine.requests(LOG) == 1


def test_a_worker_killed_after_the_record_leaves_nothing_to_send(engine: Engine):
    order = Order()
    fault = Fault("recorded", order)
    engine.worker(1, fault=fault, constants=SHORT_RECORD)
    engine.admit(order)
    engine.await_fault(fault)
    before = engine.requests()
    engine.worker(2)
    engine.delivered(order)
    assert engine.requests() == before


def test_a_worker_killed_between_write_and_record_leaves_a_sale_that_is_adopted(engine: Engine):
    order = Order()
    fault = Fault("answered", order)
    engine.worker(1, fault=fault, constants=SHORT_CALL)
    engine.admit(order)
    engine.await_fault(fault)
    engine.worker(2)
    engine.delivered(order)
    assert engine.requests(LOG) == 1


@pytest.mark.slow
def test_true_leases_of_a_killed_worker_and_a_write_that_commits_40_s_after_its_worker_died(engine: Engine):
    """The late one is taken over early, so that the first looks find nothing."""
    order, late = Order(), Order()
    written, dying = Fault("answered", order), Fault("answered", late)
    engine.sandbox.faults(breaks(late, kind="late_commit", seconds=40))
    engine.worker(1, fault=written)
    engine.admit(order)
    engine.await_fault(written)
    engine.worker(2, fault=dying, constants=SHORT_CALL)
    engine.admit(late)
    engine.await_fault(dying)
    engine.worker(3)
    wait_until(lambda: engine.count("retrying") == 1, what="an empty look")
    assert engine.sandbox.ledger()["pending_commits"] == 1
    engine.delivered(order, late, seconds=120)
    assert engine.requests(LOG) == 2
