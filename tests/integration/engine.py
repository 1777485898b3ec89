"""A relay of real processes for the tests of the engine: receiver, workers, store and CRM."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.events import Admission, Arrival, Unreadable
from app.relay.facts import facts
from app.services import Services, build_inbox
from app.store.inbox import Inbox
from app.ultracart.parse import parse_delivery
from tests.integration.orders import Order, delivery
from tests.servers import Sandbox, Server, Valkey, Web, Worker, wait_until

ACCOUNT = "ontraport:DEMO"
UPSERT = "POST /Contacts/saveorupdate"
LOG = "POST /transaction/processManual"
LISTS = {"method": "GET", "path": "/Transactions"}
SHORT_CLAIM: dict[str, float] = {"app.store.transmissions.CLAIM_LEASE_MS": 1_500}
SHORT_RECORD: dict[str, float] = {"app.store.ledger.BETWEEN_CALLS_LEASE_MS": 1_500}
SHORT_CALL: dict[str, float] = {"app.store.ledger.CALL_LEASE_MS": 3_000}
# All durations of an attempt, shortened in proportion.
SHORT: dict[str, float] = {
    **SHORT_CLAIM,
    **SHORT_RECORD,
    **SHORT_CALL,
    "app.delivery.attempt.CALL_SECONDS": 2.5,
    "app.delivery.attempt.FIRST_LOOK_SECONDS": 1.0,
    "app.delivery.attempt.QUIET_MS": 4_000,
    "app.delivery.attempt.BETWEEN_LOOKS_MS": 1_000,
}

FAULTY = "tests.integration.faulty_app"


@dataclass(frozen=True)
class Fault:
    """What happens to a worker process at a seam of its work on one order.

    Seams: `claimed`, `announcing` (before a sale is announced), `announced` (before its first byte is sent),
    `answered` (the CRM did, nothing is recorded yet), `recorded` (in the ledger, not settled).
    """

    seam: str
    order: Order
    do: str = "SIGKILL"
    times: int = 1


@dataclass
class Engine:
    """Everything that a test of the engine starts; `close` ends it."""

    directory: Path
    environment: dict[str, str]
    valkey: Valkey
    sandbox: Sandbox
    services: Services
    servers: list[Server] = field(default_factory=list)

    def worker(
        self,
        number: int = 1,
        *,
        threads: int = 4,
        fault: Fault | None = None,
        constants: Mapping[str, float] | None = None,
    ) -> Worker:
        """A started worker process; `constants` maps dotted names of the engine to other values."""
        wrapped = {
            "TEST_FAULT": json.dumps(self._described(fault)) if fault else "",
            "TEST_CONSTANTS": json.dumps(constants or {}),
        }
        app = FAULTY if fault or constants else ""
        worker = Worker(self.directory, self.environment | wrapped, number, threads, app)
        self.servers.append(worker)
        worker.start()
        return worker

    def web(self) -> Web:
        """A started receiver."""
        web = Web(self.directory, self.environment)
        self.servers.append(web)
        web.start()
        return web

    def inbox(self) -> Inbox:
        """The receiver's door to the store, in this process."""
        return build_inbox(self.services.settings)

    def admit(self, *orders: Order, inbox: Inbox | None = None) -> Admission:
        """Takes these orders as the receiver does, without its process."""
        return (inbox or self.inbox()).admit(arrivals(delivery(*orders)), "DEMO")

    def fired(self, fault: Fault) -> int:
        """How often the fault has struck."""
        return len(list(self.directory.glob(f"fault-{fault.seam}-{fault.order.id}-*")))

    def await_fault(self, fault: Fault, seconds: float = 30) -> None:
        """Returns when the fault has struck."""
        wait_until(lambda: self.fired(fault), seconds, f"the worker at `{fault.seam}`")

    def sales(self) -> Counter[str]:
        """How many sales of each order stand in the CRM."""
        return Counter(sale["external_order_id"] for sale in self.sandbox.ledger()["transactions"])

    def delivered(self, *orders: Order, seconds: float = 30) -> None:
        """Awaits that each of these orders is in the CRM exactly once, with its total, and settled here."""
        wait_until(lambda: self.count("delivered") >= len(orders), seconds, f"{len(orders)} delivered", 0.2)
        self.holds(*orders)

    def holds(self, *orders: Order) -> None:
        """Checks that the CRM holds one sale of each of these orders, with its total, and nothing twice."""
        ledger = self.sandbox.ledger()
        found = [(sale["external_order_id"], sale["total"]) for sale in ledger["transactions"]]
        assert sorted(found) == sorted((order.id, f"{order.total:.2f}") for order in orders)
        assert not any(ledger["duplicates"].values()), ledger["duplicates"]

    def count(self, state: str) -> int:
        """How many sales are in this state, by the store's own counters."""
        return self.services.log.counts(ACCOUNT).states.get("sale", {}).get(state, 0)

    def requests(self, route: str = "") -> int:
        """How many requests the CRM has seen, of one route or in all."""
        seen: dict[str, Any] = self.sandbox.ledger()["requests"]
        return int(seen["by_route"].get(route, 0) if route else seen["total"])

    def transmission(self, order: Order) -> dict[str, str]:
        """The record of the order's sale in the store."""
        tid = self.services.ledger.read(f"l:{ACCOUNT}:order:{order.id}")["f:sale"]
        return dict(self.services.ledger.read(f"t:{tid}")) | {"id": tid}

    def age_wake_ups(self, seconds: float = 61) -> int:
        """Puts the time of every wake-up that is out that far into the past, and says how many are out."""
        key = f"handed:{ACCOUNT}:sale"
        handed: Any = self.valkey.client.zrange(key, 0, -1)
        for tid in handed:
            self.valkey.client.zincrby(key, -seconds * 1000, tid)
        return len(handed)

    def close(self) -> None:
        """Kills every process."""
        for server in self.servers:
            server.kill()

    def _described(self, fault: Fault) -> dict[str, Any]:
        return {
            "seam": fault.seam,
            "order": fault.order.id,
            "do": fault.do,
            "times": fault.times,
            "marks": str(self.directory / f"fault-{fault.seam}-{fault.order.id}"),
        }


def breaks(order: Order, **do: Any) -> Mapping[str, Any]:
    """A fault of the sandbox: the first write of this order's sale ends like that."""
    match = {"path": "/transaction/processManual", "body_contains": order.id}
    return {"match": match, "times": 1, "do": do}


def arrivals(body: bytes) -> list[Arrival | Unreadable]:
    """A delivery as the receiver hands it to the store."""
    return [
        event if isinstance(event, Unreadable) else Arrival(event, facts(event, ACCOUNT))
        for event in parse_delivery(body, "DEMO")
    ]
