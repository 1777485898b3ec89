"""A write that is committed long after its connection broke, a list that does not show it yet: one sale."""

import pytest

from tests.integration.engine import LISTS, LOG, Engine, breaks
from tests.integration.orders import Order
from tests.servers import wait_until


@pytest.mark.server
@pytest.mark.slow
def test_a_write_that_commits_after_40_s_and_a_list_that_lags_make_one_sale(engine: Engine):
    late, lagging = Order(), Order()
    engine.sandbox.faults(
        breaks(late, kind="late_commit", seconds=40),
        breaks(lagging, kind="reset", commit=True),
        {"match": LISTS, "do": {"kind": "lag", "seconds": 20}},
    )
    engine.worker()
    engine.admit(late, lagging)
    wait_until(lambda: engine.sandbox.ledger()["pending_commits"] == 1, what="the late write")
    engine.delivered(late, lagging, seconds=150)
    assert engine.requests(LOG) == 2
