"""A relay of any version, process by process as its Procfile starts them, for two merchants and one CRM."""

import json
import subprocess
import sys
from collections.abc import Set
from pathlib import Path
from typing import Any

import requests

from tests.servers import Sandbox, Server, Valkey, free_port, wait_until

MERCHANTS = ("DEMO", "SHUT")
CONFIGURATION = """\
[merchants.{name}]
webhook_username = "demo"
webhook_password = "demo"
ultracart_simple_key = "sandbox"
ontraport_app_id = "sandbox"
ontraport_api_key = "sandbox"
ontraport_base_url = "{base}/ontraport/1"
ontraport_rate_per_minute = 60000
[merchants.{name}.order_statuses.shipped]
tag = "Shipped"
"""
# A gate stays closed for as long as the story takes.
PROBE_SECONDS = 3600


class Relay:
    """The code in `tree` on a store and a CRM; its processes are started one by one."""

    def __init__(self, tree: Path, directory: Path, valkey: Valkey, sandbox: Sandbox) -> None:
        self.store, self.sandbox, self.directory = valkey.client, sandbox, directory
        self.port = free_port()
        file = directory / "relay.toml"
        file.write_text("".join(CONFIGURATION.format(name=name, base=sandbox.base) for name in MERCHANTS))
        self.env = {
            "PYTHONPATH": str(tree),
            "PORT": str(self.port),
            "REDIS_URL": valkey.url,
            "RELAY_DATA_DIR": str(directory / "var"),
            "RELAY_CONFIG": str(file),
            "RELAY_INSTANCE": "frozen",
            "LIVE_SINCE": "2020-01-01T00:00:00+00:00",
            "ULTRACART_BASE_URL": f"{sandbox.base}/ultracart/rest/v2",
            "GATE_PROBE_SECONDS": str(PROBE_SECONDS),
            "WORKER_THREADS": "8",
        }
        self.web = Server(self._line("web"), directory / "web.log", self.env)
        self.worker = Server(self._line("worker"), directory / "worker.log", self.env)

    @staticmethod
    def _line(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "app.cli", *arguments]

    def start(self) -> None:
        """Receiver and worker."""
        self.start_web()
        self.worker.start()

    def start_web(self) -> None:
        """The receiver alone; returns when it takes deliveries."""
        self.web.start()
        wait_until(lambda: requests.get(self.at("/readyz"), timeout=3).ok, 60, "the receiver")

    def kill(self) -> None:
        """Both at once, whatever they do."""
        self.worker.kill()
        self.web.kill()

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs one command of that version to its end."""
        return subprocess.run(
            self._line(*arguments), cwd=self.directory, env=self.worker.env, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip

    def post(self, *told: tuple[str, dict[str, Any]], merchant: str = "DEMO") -> None:
        """One delivery of these events."""
        events = [{name: {**payload, "merchant_id": merchant}} for name, payload in told]
        self.post_body(json.dumps({"events": events}), merchant)

    def post_body(self, body: str, merchant: str = "DEMO") -> None:
        """One delivery, repeated until it is taken."""
        url, auth = self.at(f"/webhooks/ultracart/{merchant}"), ("demo", "demo")
        wait_until(lambda: requests.post(url, data=body, auth=auth, timeout=10).ok, 30, "a 200")

    def transmissions(self) -> list[dict[str, str]]:
        """Every transmission's record, read without the code of any version."""
        keys = sorted(self.store.scan_iter("t:*", count=1000))
        rows: Any = [self.store.hgetall(key) for key in keys]
        return [{name.decode(): value.decode() for name, value in row.items()} for row in rows]

    def await_state(self, order: str, state: str, kind: str = "sale") -> None:
        """Returns when that fact of the order is in this state."""
        wanted = {"k": kind, "s": f"order:{order}", "st": state}.items()
        wait_until(lambda: any(wanted <= t.items() for t in self.transmissions()), 30, f"{order} {state}")

    def await_quiet(self, besides: Set[str] = frozenset()) -> None:
        """Returns when everything that was told has ended, or is in one of the states `besides`."""
        ended = {"delivered", "skipped", *besides}
        wait_until(lambda: {t["st"] for t in self.transmissions()} <= ended, 30, "the end of it all")

    def await_requests(self, route: str, number: int) -> None:
        """Returns when the CRM has met so many requests of a route."""
        wait_until(lambda: self.requests(route) >= number, 30, f"{number} of {route}")

    def requests(self, route: str) -> int:
        """How many requests of a route the CRM has met."""
        return int(self.sandbox.ledger()["requests"]["by_route"].get(route, 0))

    def at(self, path: str) -> str:
        """The address of a path of the receiver."""
        return f"http://127.0.0.1:{self.port}{path}"
