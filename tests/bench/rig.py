"""A whole relay for the engine's figures: Valkey, stand-in CRM, receiver, workers; for tests.bench only."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from subprocess import Popen
from typing import Any
from urllib.request import Request, urlopen

from tests.bench.load import Round, Target, post_all
from tests.bench.orders import delivery, event_json, order
from tests.bench.processes import Children, free_port, own_kib
from tests.bench.systems import PASSWORD, USERNAME, Shape, relay_environment, relay_web_command
from tests.bench.valkey import start_valkey, used_memory

EVENTS_PER_POST = 20
CONNECTIONS = 4
WORKER_THREADS = 8
UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True)
class Crm:
    """What the stand-in CRM has seen so far."""

    sales: int
    contacts: int
    requests: int
    throttled: int
    by_minute: tuple[int, ...]
    by_route: dict[str, int]
    twice: int


class Rig:
    """One relay with its own everything. `account_rate` 0: a CRM without limit; `our_rate`: our budget."""

    def __init__(
        self,
        children: Children,
        work: Path,
        *,
        account_rate: int,
        our_rate: int,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._children = children
        self._work = work
        self._workers: list[Popen[bytes]] = []
        work.mkdir()
        self.redis_url = start_valkey(children, work.name, work / "valkey")
        self._crm_port = free_port()
        crm = [
            sys.executable,
            "-m",
            "app.sandbox",
            "--port",
            str(self._crm_port),
            "--rate",
            str(account_rate),
        ]
        children.await_port(self._crm_port, children.start(f"crm-{work.name}", crm, {}))
        self._port = free_port()
        data = work / "data"
        data.mkdir()
        crm_url = f"http://127.0.0.1:{self._crm_port}/ontraport/1"
        self._env = relay_environment(self.redis_url, data, crm_url)
        self._env |= {"PORT": str(self._port), "ONTRAPORT_RATE_PER_MINUTE": str(our_rate)}
        self._env["WORKER_THREADS"] = str(WORKER_THREADS)
        self._env |= environment or {}
        web = children.start(f"web-{work.name}", relay_web_command(self._port, Shape()), self._env)
        children.await_port(self._port, web)

    def admit(self, numbers: Sequence[int], customer: Callable[[int], int] = lambda number: number) -> Round:
        """Post these orders, 20 a delivery, again while some are refused, as the shop does (a busy disk).

        Raises RuntimeError when some still are. Repetitions change nothing.
        """
        for _ in range(3):
            done = self._post(event_json(order(number, customer(number))) for number in numbers)
            if not done.refused:
                break
        if done.refused:
            raise RuntimeError(f"{done.refused} deliveries were refused")
        return done

    def post(self, events: Sequence[bytes]) -> None:
        """Post these events, 20 a delivery; raises RuntimeError when some are refused."""
        if self._post(iter(events)).refused:
            raise RuntimeError("deliveries were refused")

    def _post(self, events: Iterator[bytes]) -> Round:
        target = Target(self._port, "/webhooks/ultracart", USERNAME, PASSWORD)
        return post_all(target, _deliveries(events), EVENTS_PER_POST, CONNECTIONS)

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """The CRM behaves like that from now on; well, without arguments."""
        body = json.dumps(rules).encode()
        address = f"http://127.0.0.1:{self._crm_port}/faults"
        asked = Request(address, body, {"Content-Type": "application/json"})
        urlopen(asked, timeout=10).close()  # noqa: S310 - our own

    def sales(self) -> list[str]:
        """The order ids of the logged sales, in the order in which they were logged."""
        with urlopen(f"http://127.0.0.1:{self._crm_port}/ledger", timeout=60) as answer:
            return [sale["external_order_id"] for sale in json.load(answer)["transactions"]]

    def start_workers(self, count: int) -> None:
        """Start so many worker processes, as the supervisor does."""
        self._workers = [
            self._children.start(f"worker-{number}-{self._work.name}", _worker_command(number), self._env)
            for number in range(1, count + 1)
        ]

    def stop_workers(self) -> None:
        """SIGTERM, and wait until they are gone."""
        for worker in self._workers:
            self._children.end(worker, 30)
        self._workers = []

    def workers_kib(self) -> int:
        """Memory of the worker processes' own; NotServing when one is gone."""
        self.check_workers()
        return sum(own_kib(worker.pid) for worker in self._workers)

    def check_workers(self) -> None:
        """NotServing when a worker has ended."""
        self._children.check(self._workers)

    def crm(self) -> Crm:
        """What the CRM has seen until now."""
        seen = self._ledger()
        return Crm(
            sales=seen["counts"]["transactions"],
            contacts=seen["counts"]["contacts"],
            requests=seen["requests"]["total"],
            throttled=seen["requests"]["throttled"]["by_limit"],
            by_minute=tuple(seen["requests"]["by_minute"]),
            by_route=seen["requests"]["by_route"],
            twice=len(seen["duplicates"]["orders"]),
        )

    def await_sales(self, sales: int, seconds: float) -> float:
        """Wait until the CRM holds so many sales; the seconds since its first request of this wait."""
        deadline, before, first = time.monotonic() + seconds, self.crm().requests, 0.0
        while time.monotonic() < deadline:
            self.check_workers()
            seen, now = self.crm(), time.monotonic()
            if not first and seen.requests > before:
                first = now
            if seen.sales >= sales:
                return now - first
            time.sleep(0.25)
        raise TimeoutError(f"{self.crm().sales} of {sales} sales after {seconds:.0f} s")

    def memory(self, settle_seconds: float = 2.0) -> int:
        """What Redis uses now, the least of several looks: passing buffers do not count."""
        looks = []
        for _ in range(5):
            time.sleep(settle_seconds / 5)
            looks.append(used_memory(self.redis_url))
        return min(looks)

    def _ledger(self) -> dict[str, Any]:
        with urlopen(f"http://127.0.0.1:{self._crm_port}/ledger?summary=1", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


def _worker_command(number: int) -> list[str]:
    return [sys.executable, "-m", "app.cli", "worker", "--name", f"worker-{number}"]


def _deliveries(events: Iterator[bytes]) -> Iterator[bytes]:
    while batch := list(islice(events, EVENTS_PER_POST)):
        yield delivery(batch)
