"""An earlier copy of the store is put back under live processes: it is noticed, nothing is sold twice."""

import shutil
from pathlib import Path

import pytest

from app.store import look_first
from tests.integration.engine import LOG, Engine
from tests.integration.orders import Order
from tests.servers import wait_until

pytestmark = pytest.mark.server


@pytest.fixture
def engine(engine_alone: Engine) -> Engine:
    """A relay with a store of its own, whose files the test exchanges."""
    return engine_alone


def test_a_copy_of_a_moment_ago_under_running_processes_is_noticed_and_nothing_is_sold_twice(
    engine: Engine, tmp_path: Path
):
    """Its server syncs each write and was away for seconds only, as after a plain restart."""
    sold, lost, later = Order(), Order(), Order()
    worker = engine.worker()
    engine.admit(sold)
    engine.delivered(sold)
    wait_until(lambda: (tmp_path / "var" / "store-seen").exists(), what="the first rounds")
    engine.valkey.kill()
    shutil.copytree(tmp_path / "appendonlydir", tmp_path / "copy")
    engine.valkey.start()
    restarted = server_id(engine)
    wait_until(lambda: engine.services.client.hget("relay:server", "id") == restarted, what="a round")
    assert look_first.since(engine.services.client) is None

    engine.admit(lost)
    engine.delivered(sold, lost)
    engine.valkey.kill()
    shutil.rmtree(tmp_path / "appendonlydir")
    shutil.copytree(tmp_path / "copy", tmp_path / "appendonlydir")
    engine.valkey.start()
    wait_until(lambda: look_first.since(engine.services.client), what="a worker that notices")
    assert engine.count("delivered") == 1

    engine.services.client.decrby("relay:look_first", 105_000)
    engine.admit(lost, later)
    wait_until(lambda: engine.count("delivered") == 3, 60, "all three")
    engine.holds(sold, lost, later)
    assert engine.requests(LOG) == 3
    assert worker.process is not None
    assert worker.process.poll() is None


def server_id(engine: Engine) -> bytes:
    """The id that the store's server has given itself."""
    return str(engine.services.client.info("server")["run_id"]).encode()
