"""Redis comes back empty, or without its last writes, under running processes: loudly, and nothing twice."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial

import pytest

from app.services import build_services
from app.settings import load_settings
from app.store import look_first
from tests.integration.engine import ACCOUNT, LOG, Engine
from tests.integration.orders import Order, delivery
from tests.servers import REAL, ROOT, Web, wait_until

pytestmark = pytest.mark.server

LIST = "GET /Transactions"


def relay(environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Runs `relay` with this environment."""
    command = [sys.executable, "-m", "app.cli", *words]
    return subprocess.run(
        command, env={**os.environ, **environment}, cwd=ROOT, text=True, capture_output=True, timeout=60
    )


def settle_down(engine: Engine) -> None:
    """The time passes in which calls of before may still end."""
    engine.valkey.client.decrby("relay:look_first", 105_000)


def accepts(web: Web, order: Order) -> bool:
    """Whether the receiver owns it now."""
    return web.post(delivery(order)).status_code == 200


def test_an_empty_store_stops_everything_until_a_person_accepts_it_and_nothing_is_sold_twice(engine: Engine):
    web, worker, sold = engine.web(), engine.worker(), Order()
    web.deliver(delivery(sold))
    engine.delivered(sold)
    engine.valkey.client.flushall()
    before, fresh = engine.requests(), Order()
    for order in (sold, fresh):
        refused = web.post(delivery(order))
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
    wait_until(lambda: "relay init --accept-empty" in worker.log.read_text(), what="the worker's word")
    wait_until(lambda: "relay init --accept-empty" in web.log.read_text(), what="the receiver's word")
    for command in ("status", "doctor"):
        told = relay(engine.environment, command)
        assert told.returncode == 1
        assert "relay init --accept-empty" in told.stdout + told.stderr
    # Celery may have put its own keys there; nothing of ours has come.
    assert not engine.valkey.client.keys("relay:*") + engine.valkey.client.keys("n:*")
    assert engine.requests() == before

    accepted = relay(engine.environment, "init", "--accept-empty")
    assert (accepted.returncode, accepted.stderr) == (0, "")
    wait_until(partial(accepts, web, sold), what="the receiver")
    assert accepts(web, fresh)
    wait_until(lambda: engine.valkey.client.zcard("relay:processes"), what="the worker's dispatcher")
    assert engine.requests() == before
    settle_down(engine)
    wait_until(lambda: engine.count("delivered") == 2, 30, "both")
    engine.holds(sold, fresh)
    assert engine.requests(LOG) == 2
    assert [server.process and server.process.poll() for server in (web, worker)] == [None, None]


def test_another_machine_that_knew_the_lost_store_comes_good_too(engine: Engine):
    """Its data directory holds the mark that the new one has taken the place of."""
    engine.environment["RELAY_DATA_DIR"] += "-elsewhere"
    web, order = engine.web(), Order()
    assert web.post(delivery(order)).status_code == 200
    engine.valkey.client.flushall()
    assert web.post(delivery(order)).status_code == 503
    here = engine.environment | {"RELAY_DATA_DIR": str(engine.services.settings.data_dir)}
    assert relay(here, "init").returncode == 1
    assert relay(here, "init", "--accept-empty").returncode == 0
    wait_until(partial(accepts, web, order), what="the receiver elsewhere")


def test_what_was_sold_by_a_store_that_lost_its_last_writes_is_found_in_the_crm(engine: Engine):
    """As after a failover: the sale is in the CRM, and the store knows its order as waiting."""
    order, later = Order(), Order()
    engine.admit(order)
    before = {key: engine.valkey.client.dump(key) for key in engine.valkey.client.scan_iter()}
    worker = engine.worker()
    engine.delivered(order)
    worker.kill()
    engine.valkey.client.flushall()
    for key, value in before.items():
        engine.valkey.client.restore(key, 0, value or b"")
    engine.valkey.client.hset("relay:server", mapping={"id": "another", "seen": 1})

    engine.worker(2)
    wait_until(lambda: look_first.since(engine.services.client), what="a worker that notices")
    settle_down(engine)
    engine.admit(later)
    engine.delivered(order, later)
    assert engine.requests(LOG) == 2
    assert engine.requests(LIST) >= 1
    assert engine.services.ledger.read(f"l:{ACCOUNT}:order:{order.id}")["x:sale"]


def test_what_was_paid_before_an_empty_store_was_accepted_is_still_sold(engine: Engine):
    """The moment of the switch-on outlives the store."""
    engine.valkey.client.flushall()
    environment = {**engine.environment, **REAL, "RELAY_DATA_DIR": str(engine.directory / "live")}
    first = build_services(load_settings(environment))
    since = engine.valkey.client.get(f"live:{ACCOUNT}")
    engine.valkey.client.flushall()
    assert relay(environment, "init", "--accept-empty").returncode == 0
    again = build_services(load_settings(environment))
    assert again.mark != first.mark
    assert since
    assert engine.valkey.client.get(f"live:{ACCOUNT}") == since


def test_an_exported_ledger_makes_an_empty_store_know_what_was_sold(engine: Engine):
    web, sold, later = engine.web(), Order(), Order()
    engine.worker()
    web.deliver(delivery(sold))
    engine.delivered(sold)
    file = str(engine.directory / "ledger.jsonl.gz")
    exported = relay(engine.environment, "ledger", "export", file, "--json")
    assert (exported.returncode, exported.stderr) == (0, "")
    engine.valkey.client.flushall()
    assert relay(engine.environment, "init", "--accept-empty").returncode == 0

    imported = relay(engine.environment, "ledger", "import", file, "--json")
    counts = json.loads(imported.stdout)
    assert (imported.returncode, counts["contradictions"]) == (0, [])
    assert sum(counts[fate] for fate in ("new", "merged", "known")) == json.loads(exported.stdout)["rows"]
    wait_until(partial(accepts, web, sold), what="the receiver")
    settle_down(engine)
    before = engine.requests()
    web.deliver(delivery(later))
    wait_until(lambda: engine.count("delivered") == 1, 30, "the later one")
    engine.holds(sold, later)
    # Its product is known: contact, look, sale. The order that was sold costs nothing.
    assert engine.requests() - before == 3
    assert "look-first" in relay(engine.environment, "status").stdout
