"""One relay for the tests of a module: real store, real worker, sandbox; each test has its own orders."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.events import Admission
from app.services import Services, build_services
from app.settings import load_settings
from tests.integration.engine import ACCOUNT, arrivals
from tests.integration.orders import Order
from tests.integration.snapshots import Told, delivery_of
from tests.servers import Sandbox, Valkey, Worker, wait_until

OPEN = ("ready", "held", "running", "retrying")


class Relay:
    """What a test tells it, and what it then finds in the CRM and in the store."""

    def __init__(self, services: Services, sandbox: Sandbox) -> None:
        self.services = services
        self.sandbox = sandbox

    def tell(self, *told: Told) -> Admission:
        """Takes one delivery of these events, as the receiver does."""
        return self.services.inbox.admit(arrivals(delivery_of(told)), "DEMO")

    def settle(self, *told: Told) -> None:
        """Tells it, and returns when nothing is on its way any more."""
        if told:
            self.tell(*told)
        wait_until(lambda: not self.open(), 30, "the end of all transmissions", 0.03)

    def open(self) -> int:
        """How many transmissions are on their way."""
        counts = self.services.log.counts(ACCOUNT).states.values()
        return sum(states.get(state, 0) for states in counts for state in OPEN)

    def last(self, kind: str, subject: str) -> dict[str, str]:
        """The last transmission of a kind about a subject: `st` its state, `r` the reason, `n` attempts."""
        tid = self.row(subject)[f"f:{kind}"]
        return dict(self.services.ledger.read(f"t:{tid}")) | {"id": tid}

    def row(self, subject: str) -> dict[str, str]:
        """The subject's row of the ledger."""
        return dict(self.services.ledger.read(f"l:{ACCOUNT}:{subject}"))

    def sale(self, order: Order) -> dict[str, Any]:
        """The one sale of an order in the CRM."""
        [found] = self.sales(order)
        return found

    def sales(self, order: Order) -> list[dict[str, Any]]:
        """Every sale of an order in the CRM."""
        rows: list[dict[str, Any]] = self.sandbox.ledger()["transactions"]
        return [row for row in rows if row["external_order_id"] == order.id]

    def contact(self, email: str | None) -> dict[str, Any]:
        """The one contact with this address: id, tags, notes, and its fields by the names that people see."""
        ledger = self.sandbox.ledger()
        [found] = [row for row in ledger["contacts"] if row["email"] == email]
        aliases = ledger["custom_fields"]
        named = {aliases.get(name, name): value for name, value in found["fields"].items()}
        return {**found, "fields": named}

    def requests(self, route: str = "") -> int:
        """How many requests the CRM has seen, of one route or in all."""
        seen: dict[str, Any] = self.sandbox.ledger()["requests"]
        return int(seen["by_route"].get(route, 0) if route else seen["total"])

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Nothing goes out within: what comes waits behind the account's gate, and goes at the end."""
        self.services.gates.close(ACCOUNT, "auth", "closed by the test", 600)
        try:
            yield
        finally:
            self.services.gates.open(ACCOUNT)


@contextmanager
def running_relay(directory: Path, valkey: Valkey, sandbox: Sandbox, rules: str = "") -> Iterator[Relay]:
    """An empty relay with a worker; `rules` is the merchant's part of the settings file."""
    valkey.client.flushall()
    sandbox.reset()
    config = directory / "relay.toml"
    config.write_text(f"[merchants.DEMO]\n{rules}\n")
    environment = {
        "REDIS_URL": valkey.url,
        "RELAY_DATA_DIR": str(directory / "var"),
        "RELAY_CONFIG": str(config),
        "SANDBOX_PORT": str(sandbox.port),
        "ONTRAPORT_RATE_PER_MINUTE": "60000",
    }
    services = build_services(load_settings(environment))
    worker = Worker(directory, environment)
    worker.start()
    wait_until(lambda: valkey.client.zcard("relay:processes"), 30, "the worker")
    try:
        yield Relay(services, sandbox)
    finally:
        worker.kill()
        services.client.close()
