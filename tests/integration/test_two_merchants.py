"""Two merchants in one relay: what befalls one account, the other does not notice."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.status import read_status, show
from app.events import Arrival, Event
from app.relay.facts import facts
from app.services import Services, build_services
from app.settings import load_settings
from app.ultracart.parse import parse_delivery
from tests.integration.engine import Engine
from tests.integration.orders import Order, delivery
from tests.servers import Sandbox, Valkey, wait_until

pytestmark = pytest.mark.server

CONFIG = """
[merchants.{name}]
webhook_username = "{name}"
webhook_password = "secret"
ontraport_app_id = "sandbox"
ontraport_api_key = "sandbox"
ontraport_base_url = "{base}/ontraport/1"
ontraport_rate_per_minute = {rate}
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Sandbox]:
    """The other merchant's CRM."""
    server = Sandbox(tmp_path)
    server.start()
    yield server
    server.kill()


def relay_for(tmp_path: Path, valkey: Valkey, sandbox: Sandbox, config: str) -> Iterator[Engine]:
    """A relay for the merchants of this settings file."""
    path = tmp_path / "relay.toml"
    path.write_text(config)
    environment = {
        "REDIS_URL": valkey.url,
        "RELAY_DATA_DIR": str(tmp_path / "var"),
        "RELAY_CONFIG": str(path),
        "LIVE_SINCE": "2020-01-01T00:00:00+00:00",
    }
    services = build_services(load_settings(environment))
    built = Engine(tmp_path, environment, valkey, sandbox, services)
    yield built
    built.close()
    services.client.close()


@pytest.fixture
def engine(tmp_path: Path, valkey: Valkey, sandbox: Sandbox, other: Sandbox) -> Iterator[Engine]:
    """A relay for two merchants: ONE with `sandbox` as its CRM, TWO with `other`."""
    config = CONFIG.format(name="ONE", base=sandbox.base, rate=6000)
    config += CONFIG.format(name="TWO", base=other.base, rate=600)
    yield from relay_for(tmp_path, valkey, sandbox, config)


@pytest.fixture
def hanging() -> Iterator[str]:
    """The address of a CRM that accepts every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def beside_hanging(tmp_path: Path, valkey: Valkey, sandbox: Sandbox, hanging: str) -> Iterator[Engine]:
    """A relay for two merchants: ONE whose CRM hangs, TWO with `sandbox` as its CRM."""
    config = CONFIG.format(name="ONE", base=hanging, rate=6000)
    config += CONFIG.format(name="TWO", base=sandbox.base, rate=6000)
    yield from relay_for(tmp_path, valkey, sandbox, config)


@pytest.fixture
def beside_waiting(tmp_path: Path, valkey: Valkey, sandbox: Sandbox, other: Sandbox) -> Iterator[Engine]:
    """A relay for two merchants: ONE that may make one request a minute, TWO with `sandbox` as its CRM."""
    config = CONFIG.format(name="ONE", base=other.base, rate=1)
    config += CONFIG.format(name="TWO", base=sandbox.base, rate=6000)
    yield from relay_for(tmp_path, valkey, sandbox, config)


def admit(services: Services, merchant_id: str, *orders: Order) -> None:
    """Takes these orders for one of the merchants."""
    account = services.settings.merchants[merchant_id].account
    body = delivery(*orders).replace(b'"merchant_id":"DEMO"', b'"merchant_id":"%s"' % merchant_id.encode())
    arrivals = [
        Arrival(event, facts(event, account))
        for event in parse_delivery(body, merchant_id)
        if isinstance(event, Event)
    ]
    assert services.inbox.admit(arrivals, merchant_id).accepted == len(orders)


def running(services: Services, merchant_id: str) -> int:
    """How many of this merchant's sales workers are at."""
    account = services.settings.merchants[merchant_id].account
    return services.log.counts(account).states.get("sale", {}).get("running", 0)


def sold(crm: Sandbox) -> list[str]:
    """The orders in a CRM."""
    return sorted(sale["external_order_id"] for sale in crm.ledger()["transactions"])


def test_a_closed_gate_of_one_leaves_the_other_its_whole_budget(engine: Engine, other: Sandbox):
    services = engine.services
    ones, twos = [Order() for _ in range(100)], [Order() for _ in range(10)]
    services.gates.close("ontraport:ONE", "auth", "closed by the test", 600)
    admit(services, "ONE", *ones)
    admit(services, "TWO", *twos)
    engine.worker()
    wait_until(lambda: len(sold(other)) == len(twos), 60, "the other's sales")
    assert sold(other) == sorted(order.id for order in twos)
    assert other.ledger()["requests"]["throttled"] == {"by_limit": 0, "by_fault": 0}
    assert engine.requests() == 0
    states = services.log.counts("ontraport:ONE").states["sale"]
    assert {state: number for state, number in states.items() if number} == {"ready": 100}
    assert services.gates.read("ontraport:TWO") is None

    services.gates.open("ontraport:ONE")
    wait_until(lambda: len(sold(engine.sandbox)) == len(ones), 90, "the first one's sales")


def test_refused_keys_of_one_close_its_own_gate_only(engine: Engine, other: Sandbox):
    services = engine.services
    engine.sandbox.faults({"do": {"kind": "answer", "status": 401, "body": "no"}})
    engine.worker()
    admit(services, "ONE", Order(), Order())
    wait_until(lambda: services.gates.read("ontraport:ONE"), what="its gate")
    one = Order()
    admit(services, "TWO", one)
    wait_until(lambda: sold(other) == [one.id], what="the other's sale")
    assert services.gates.read("ontraport:TWO") is None


# Calls last, and a budget is waited for, until the test is over.
ENDLESS: dict[str, float] = {
    "app.delivery.attempt.CALL_SECONDS": 3_600,
    "app.store.ledger.CALL_LEASE_MS": 3_600_000,
    "app.store.ledger.LONGEST_WAIT_MS": 3_600_000,
}


@pytest.mark.parametrize("name", ["beside_hanging", "beside_waiting"])
def test_one_that_holds_its_threads_leaves_the_other_threads_enough(
    request: pytest.FixtureRequest, name: str, capsys: pytest.CaptureFixture[str]
):
    engine: Engine = request.getfixturevalue(name)
    services, valkey = engine.services, engine.valkey.client
    # Each of its own item: two that make one product wait for each other, not for the CRM.
    ones, twos = [Order(item=f"BONE-{n}") for n in range(40)], [Order() for _ in range(40)]
    admit(services, "TWO", twos[0])
    admit(services, "ONE", *ones)
    engine.worker(threads=4, constants=ENDLESS)
    wait_until(lambda: len(sold(engine.sandbox)) == 1, 30, "the healthy one's first sale")
    wait_until(lambda: running(services, "ONE") == 2 and not valkey.llen("sale"), 30, "the one at its share")
    admit(services, "TWO", *twos[1:])
    wait_until(lambda: len(sold(engine.sandbox)) == len(twos), 30, "the healthy one's sales")
    assert sold(engine.sandbox) == sorted(order.id for order in twos)
    assert running(services, "ONE") == 2
    states = services.log.counts("ontraport:ONE").states["sale"]
    assert {state: number for state, number in states.items() if number} == {"running": 2, "ready": 38}
    show(read_status(services))
    assert "threads: 2 of 4 at work (2 for ontraport:ONE)" in capsys.readouterr().out
