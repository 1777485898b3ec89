"""The relay under drill: the real one under its supervisor, and what it says of itself in the end."""

import os
import signal
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import redis
import requests

from app.errors import RelayError
from app.services import Services, build_services
from app.settings import load_settings
from app.store.log import Log
from app.store.records import row
from tests.drill.changed import CLOCK, PACE
from tests.drill.verdict import Left, cents
from tests.servers import ROOT, Sandbox, Server, free_port, wait_until

ACCOUNT = "ontraport:DEMO"
STORE_ERRORS = (RelayError, redis.RedisError, OSError)
VICTIMS = ("web", "worker-1", "worker-2", "valkey")
OPEN = ("ready", "held", "running", "retrying")
CONFIGURATION = """\
[merchants.DEMO.order_statuses.shipped]
tag = "Shipped"
[merchants.DEMO.order_statuses.rejected]
tag = "Rejected"
"""


class Relay(Server):
    """`relay run` in a directory of its own, with the keys of a CRM that has no limit."""

    def __init__(self, directory: Path, sandbox: Sandbox, pace: float) -> None:
        self.run_dir = directory / "var" / "run"
        self.port = free_port()
        configuration = directory / "relay.toml"
        configuration.write_text(CONFIGURATION)
        environment = {
            "PORT": str(self.port),
            "FLOWER_PORT": str(free_port()),
            "RELAY_DATA_DIR": str(directory / "var"),
            "RELAY_CONFIG": str(configuration),
            "ULTRACART_MERCHANT_ID": "DEMO",
            "WEBHOOK_USERNAME": "demo",
            "WEBHOOK_PASSWORD": "demo",
            "ONTRAPORT_APP_ID": "sandbox",
            "ONTRAPORT_API_KEY": "sandbox",
            "ONTRAPORT_BASE_URL": f"{sandbox.base}/ontraport/1",
            "ONTRAPORT_RATE_PER_MINUTE": "60000",
            "GATE_PROBE_SECONDS": "5",
            "WORKER_PROCESSES": "2",
            # Its own store, whatever a developer's shell or `.env` says.
            "REDIS_URL": "",
            "PYTHONPATH": os.pathsep.join((str(ROOT / "tests" / "drill" / "site"), str(ROOT))),
            PACE: f"{pace:g}",
        }
        command = [sys.executable, "-m", "app.cli", "run"]
        super().__init__(command, directory / "relay.log", environment)

    def start(self) -> None:
        super().start()
        ready = f"http://127.0.0.1:{self.port}/readyz"
        wait_until(lambda: requests.get(ready, timeout=3).ok, 60, what="the relay")
        wait_until(lambda: all(map(self.pid_of, VICTIMS)), what="all processes")

    @property
    def url(self) -> str:
        """Where the shop posts to."""
        return f"http://127.0.0.1:{self.port}/webhooks/ultracart"

    def pid_of(self, name: str) -> int:
        """The process that does the work of that name; 0 while there is none."""
        try:
            pid = int((self.run_dir / f"{name}.pid").read_text() or 0)
            os.kill(pid, 0)
        except (OSError, ValueError):
            return 0
        return pid

    def signal(self, pid: int, number: signal.Signals) -> bool:
        """Sends a signal to one of its processes; False when it is gone."""
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        return True

    def services(self) -> Services:
        """The read side of its store."""
        url = (self.run_dir / "redis.url").read_text().strip()
        return build_services(load_settings({**self.env, "REDIS_URL": url}))


class Store:
    """What the relay's own store tells; every reading may fail while that store is being killed."""

    def __init__(self, services: Services) -> None:
        self._client = services.client
        self._log: Log = services.log

    def shift_clock(self, seconds: float) -> None:
        """Puts the store's clock forward, or back."""
        self._client.incrby(CLOCK, round(seconds * 1000))

    def states(self) -> dict[str, int]:
        """How many transmissions are in each state."""
        found: dict[str, int] = defaultdict(int)
        for states in self._log.counts(ACCOUNT).states.values():
            for state, number in states.items():
                found[state] += number
        return dict(found)

    def open(self) -> int:
        """How many are not yet done."""
        states = self.states()
        return sum(states.get(state, 0) for state in OPEN)

    def left(self, slack_seconds: float) -> Left:
        """What the relay says when all should be over; its clock was put back by so much."""
        found = self._transmissions()
        return Left(
            open=[_words(tid, t) for tid, t in found.items() if t["st"] in OPEN],
            dead=[_words(tid, t) for tid, t in found.items() if t["st"] == "dead"],
            quarantined=self._log.quarantined(),
            queued=self.queued(),
            lines=_lines(found),
            slack_ms=round(slack_seconds * 1000),
            notes_in_doubt=frozenset(self._notes_in_doubt(found)),
        )

    def queued(self) -> int:
        """How many wake-ups lie on the queues or were taken and not acknowledged."""
        kinds = self._log.counts(ACCOUNT).states
        return sum(int(self._client.llen(kind)) for kind in kinds) + int(self._client.hlen("unacked"))

    def _transmissions(self) -> dict[str, dict[str, str]]:
        keys = [key.decode() for key in self._client.scan_iter("t:*", count=1000)]
        return {key[2:]: row(self._client.hgetall(key)) for key in sorted(keys)}

    def _notes_in_doubt(self, found: dict[str, dict[str, str]]) -> Any:
        """The refunds whose note was announced, with no answer that says that it was written."""
        for tid, t in found.items():
            if t["k"] != "refund" or t["st"] != "delivered":
                continue
            notes = [one for one in self._log.exchanges(tid) if one["path"] == "/objects"]
            if not any(one["status"] == 200 for one in notes):
                order = t["s"].removeprefix("order:")
                ledger = row(self._client.hgetall(f"l:{ACCOUNT}:{t['s']}"))
                yield order, cents(ledger.get("x:refunded") or "0")


def _lines(found: dict[str, dict[str, str]]) -> dict[str, list[tuple[int, int]]]:
    lines: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for t in found.values():
        if t["st"] == "delivered":
            lines[t["s"]].append((int(t["c"]), int(t["dd"])))
    return lines


def _words(tid: str, t: dict[str, str]) -> str:
    return f"{t['k']} of {t['s']} is {t['st']} ({tid}, attempt {t.get('n', 0)}): {t.get('r', '')}"
