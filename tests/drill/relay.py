"""The relay under drill: the real one under its supervisor, and what it says of itself in the end."""

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis
import requests

from app.alerts.rules import find_alerts
from app.errors import RelayError
from app.queue import WORKER_QUEUES
from app.services import Services, build_services
from app.settings import load_settings
from app.store.log import Log
from app.store.records import row
from tests.drill.alerts import LASTING
from tests.drill.changed import CLOCK, HALTS, PACE
from tests.drill.verdict import Left, cents
from tests.servers import ROOT, Sandbox, Server, free_port, wait_until

ACCOUNT = "ontraport:DEMO"
SITE = os.pathsep.join((str(ROOT / "tests" / "drill" / "site"), str(ROOT)))
POLL_SECONDS, PROBE_SECONDS = 10, 5
WORKER_SLOTS = 8
# The share of a delivery's steps that halt for longer than a lease; more where leases are shorter.
HALTS_A_STEP = 0.0004
STORE_ERRORS = (RelayError, redis.RedisError, OSError)
PROCESSES = ("web", "worker-1", "worker-2", "valkey", "items", "beat", "flower")
# A worker dies with its dispatcher and its watch for alerts, which are threads of it.
VICTIMS = (*PROCESSES, "web", "worker-1", "worker-2", "valkey")
OPEN = ("ready", "held", "running", "retrying")
CONFIGURATION = """\
[merchants.DEMO.order_statuses.shipped]
tag = "Shipped"
[merchants.DEMO.order_statuses.rejected]
tag = "Rejected"
"""


class PacedSandbox(Sandbox):
    """The sandbox with the account's limit; at a pace of 10 its rolling minute has six seconds."""

    def __init__(self, directory: Path, rate: int, pace: float) -> None:
        super().__init__(directory, rate)
        self.env |= {PACE: f"{pace:g}", "PYTHONPATH": SITE}

    def fill(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        """The shop has these rows from now on."""
        requests.post(f"{self.base}/ultracart/fill", json=rows, timeout=30).raise_for_status()


class Relay(Server):
    """`relay run` in a directory of its own, with so many requests a minute."""

    queues = (*WORKER_QUEUES,)

    def __init__(self, directory: Path, sandbox: Sandbox, pace: float, rate: int, alerts_to: str) -> None:
        self.run_dir = directory / "var" / "run"
        self.port, self.flower_port = free_port(), free_port()
        configuration = directory / "relay.toml"
        configuration.write_text(CONFIGURATION)
        poll_seconds = str(max(1, round(POLL_SECONDS / pace)))
        environment = {
            "PORT": str(self.port),
            "FLOWER_PORT": str(self.flower_port),
            "RELAY_DATA_DIR": str(directory / "var"),
            "RELAY_CONFIG": str(configuration),
            "ULTRACART_MERCHANT_ID": "DEMO",
            "ULTRACART_SIMPLE_KEY": "sandbox",
            "ULTRACART_BASE_URL": f"{sandbox.base}/ultracart/rest/v2",
            "ITEM_POLL_SECONDS": poll_seconds,
            "AFFILIATE_POLL_SECONDS": poll_seconds,
            "WEBHOOK_USERNAME": "demo",
            "WEBHOOK_PASSWORD": "demo",
            "ONTRAPORT_APP_ID": "sandbox",
            "ONTRAPORT_API_KEY": "sandbox",
            "ONTRAPORT_BASE_URL": f"{sandbox.base}/ontraport/1",
            "ONTRAPORT_RATE_PER_MINUTE": str(rate),
            "GATE_PROBE_SECONDS": str(PROBE_SECONDS),
            "ALERT_WEBHOOK_URL": alerts_to,
            "WORKER_PROCESSES": "2",
            "WORKER_THREADS": str(WORKER_SLOTS // 2),
            # Its own store, whatever a developer's shell or `.env` says.
            "REDIS_URL": "",
            "PYTHONPATH": SITE,
            PACE: f"{pace:g}",
            HALTS: f"{HALTS_A_STEP * pace:g}",
        }
        command = [sys.executable, "-m", "app.cli", "run"]
        super().__init__(command, directory / "relay.log", environment)

    def start(self) -> None:
        super().start()
        ready = f"http://127.0.0.1:{self.port}/readyz"
        wait_until(lambda: requests.get(ready, timeout=3).ok, 60, what="the relay")
        wait_until(lambda: not self.away(), what="all processes")

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

    def away(self) -> list[str]:
        """Which processes are not there, or do not answer."""
        doors = {"web": f"{self.port}/readyz", "flower": f"{self.flower_port}/"}
        silent = [name for name, door in doors.items() if not _answers(f"http://127.0.0.1:{door}")]
        return [*silent, *(name for name in PROCESSES if not self.pid_of(name))]

    def services(self) -> Services:
        """The read side of its store."""
        return build_services(load_settings({**self.env, "REDIS_URL": self._url()}))

    def client(self, database: int = 0) -> redis.Redis:
        """A door to its store for whoever cannot wait until that is ours again."""
        url = self._url().removesuffix("/0") + f"/{database}"
        return redis.Redis.from_url(url, socket_timeout=5)

    def cli(self, *words: str) -> tuple[int, dict[str, Any]]:
        """`relay …` on this machine: the exit code and the JSON document."""
        told = subprocess.run(
            [sys.executable, "-m", "app.cli", *words, "--json"],
            env={**self.env, "REDIS_URL": self._url()}, cwd=self.cwd, capture_output=True, check=False,
        )  # fmt: skip
        document: dict[str, Any] = json.loads(told.stdout or b"{}")
        return told.returncode, document

    def _url(self) -> str:
        return (self.run_dir / "redis.url").read_text().strip()


class Store:
    """What the relay's own store tells; every reading may fail while that store is being killed."""

    def __init__(self, services: Services) -> None:
        self._services = services
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

    def wrong(self) -> list[str]:
        """Alerts that are open or not told yet, without those that stay for an hour."""
        book = self._services.alerts.read()
        found = [*find_alerts(self._services.survey.read())]
        found += [group.alert for group in book.groups.values() if group.open]
        unsent = [f"{len(book.unsent)} messages unsent"] if book.unsent else []
        return [*unsent, *sorted({alert.group for alert in found if alert.name not in LASTING})]

    def polled_since(self, at: float) -> bool:
        """Whether both polls have ended well after that time (unix seconds)."""
        reports = self._services.polling.reports("DEMO")
        ended = [reports[name] for name in ("items", "affiliates") if name in reports]
        since = datetime.fromtimestamp(at, UTC).isoformat()
        return sum(bool(one["ending"] == "done" and one["ended_at"] > since) for one in ended) == 2

    def lost_wake_ups(self) -> int:
        """How many wake-ups Celery lost."""
        return self._log.engine().get("lost wake-ups", 0)

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
        waiting = sum(int(self._client.llen(kind)) for kind in WORKER_QUEUES)
        # Message, exchange and routing key each, as kombu writes them; polls come and go all the time.
        taken = [json.loads(one)[2] for one in self._client.hvals("unacked")]
        return waiting + sum(queue in WORKER_QUEUES for queue in taken)

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


def _answers(url: str) -> bool:
    try:
        return bool(requests.get(url, timeout=5).ok)
    except requests.RequestException:
        return False


def _lines(found: dict[str, dict[str, str]]) -> dict[str, list[tuple[int, int]]]:
    lines: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for t in found.values():
        if t["st"] == "delivered":
            lines[t["s"]].append((int(t["c"]), int(t["dd"])))
    return lines


def _words(tid: str, t: dict[str, str]) -> str:
    return f"{t['k']} of {t['s']} is {t['st']} ({tid}, attempt {t.get('n', 0)}): {t.get('r', '')}"
