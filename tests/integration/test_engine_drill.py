"""`relay run` with its own store while receiver, workers and store are killed: nothing lost or doubled."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import pytest
import requests

from app.services import Services, build_services
from app.settings import load_settings
from tests.integration.engine import ACCOUNT
from tests.integration.orders import Order, batches
from tests.servers import Sandbox, Server, free_port, wait_until

pytestmark = [pytest.mark.server, pytest.mark.slow]

ORDERS, CUSTOMERS, PER_POST, POSTERS = 1_000, 400, 5, 4
VICTIMS = ("web", "worker-1", "worker-2", "valkey")
DEATHS_EACH = 4


class Relay(Server):
    """A whole relay under its supervisor, with keys of a CRM that has no limit."""

    def __init__(self, directory: Path, sandbox: Sandbox) -> None:
        self.run_dir = directory / "var" / "run"
        self.port = free_port()
        environment = {
            "PORT": str(self.port),
            "FLOWER_PORT": str(free_port()),
            "RELAY_DATA_DIR": str(directory / "var"),
            "ULTRACART_MERCHANT_ID": "DEMO",
            "WEBHOOK_USERNAME": "demo",
            "WEBHOOK_PASSWORD": "demo",
            "ONTRAPORT_APP_ID": "sandbox",
            "ONTRAPORT_API_KEY": "sandbox",
            "ONTRAPORT_BASE_URL": f"{sandbox.base}/ontraport/1",
            "ONTRAPORT_RATE_PER_MINUTE": "60000",
            "WORKER_PROCESSES": "2",
            # Its own store, whatever a developer's shell says.
            "REDIS_URL": "",
        }
        command = [sys.executable, "-m", "app.cli", "run"]
        super().__init__(command, directory / "relay.log", environment)

    def start(self) -> None:
        super().start()
        ready = f"http://127.0.0.1:{self.port}/readyz"
        wait_until(lambda: requests.get(ready, timeout=3).ok, 60, what="the relay")
        wait_until(lambda: all(map(self.pid_of, VICTIMS)), what="all processes")

    def pid_of(self, name: str) -> int:
        """The process that does the work of that name; 0 while there is none."""
        file = self.run_dir / f"{name}.pid"
        return int(file.read_text()) if file.exists() else 0

    def has_another(self, name: str, pid: int) -> bool:
        """Whether a process of that name runs that is not `pid`."""
        return self.pid_of(name) not in (0, pid)

    def post(self, body: bytes) -> bool:
        """Whether a delivery was taken."""
        url = f"http://127.0.0.1:{self.port}/webhooks/ultracart"
        try:
            return requests.post(url, data=body, auth=("demo", "demo"), timeout=30).status_code == 200
        except requests.RequestException:
            return False

    def services(self) -> Services:
        """The read side of its store."""
        url = (self.run_dir / "redis.url").read_text().strip()
        return build_services(load_settings({**self.env, "REDIS_URL": url}))


@pytest.fixture
def relay(tmp_path: Path, sandbox: Sandbox) -> Iterator[Relay]:
    built = Relay(tmp_path, sandbox)
    built.start()
    yield built
    built.stop(40)


def post_all(relay: Relay, bodies: list[bytes]) -> None:
    """Posts every delivery as often as it takes, as the shop does, spread over some twenty seconds."""
    while bodies:
        body = bodies.pop()
        while not relay.post(body):
            time.sleep(0.3)
        time.sleep(0.4)


def kill_all(relay: Relay, random: Random) -> None:
    """Kills each victim several times, in any order, as soon as it is there."""
    names = [*VICTIMS] * DEATHS_EACH
    random.shuffle(names)
    for name in names:
        pid = wait_until(partial(relay.pid_of, name), what=f"the next {name}")
        os.kill(pid, signal.SIGKILL)
        wait_until(partial(relay.has_another, name, pid), what=f"another {name}")
        time.sleep(random.uniform(0.2, 1.2))


def test_a_thousand_orders_are_sold_once_each_while_everything_is_killed(relay: Relay, sandbox: Sandbox):
    seed = time.time_ns() % 100_000
    # Not in the past: of orders older than its ledger the relay would ask the CRM first.
    paid_at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
    orders = [
        Order(email=f"customer.{number % CUSTOMERS}@example.com", paid_at=paid_at) for number in range(ORDERS)
    ]
    sandbox.faults({"do": {"kind": "latency", "seconds": 0.02}})
    bodies = list(batches(orders, PER_POST))
    posters = [threading.Thread(target=post_all, args=(relay, bodies), daemon=True) for _ in range(POSTERS)]
    for poster in posters:
        poster.start()
    kill_all(relay, Random(seed))
    for poster in posters:
        poster.join(60)
    assert not bodies
    assert not any(poster.is_alive() for poster in posters)

    log = relay.services().log
    wait_until(
        lambda: log.counts(ACCOUNT).states["sale"].get("delivered") == ORDERS,
        200,
        f"the rest, seed {seed}",
        1.0,
    )
    ledger = sandbox.ledger()
    found = sorted((sale["external_order_id"], sale["total"]) for sale in ledger["transactions"])
    assert found == sorted((order.id, f"{order.total:.2f}") for order in orders), f"seed {seed}"
    assert not any(ledger["duplicates"].values()), f"seed {seed}"
    assert ledger["counts"]["contacts"] == CUSTOMERS
