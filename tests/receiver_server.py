"""A receiver with an inbox in memory under the real server: `python -m tests.receiver_server PORT NOTICE`.

`running` starts it as a process of its own, for tests that need a server's ways with bytes and signals.
"""

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import orjson

from app.events import Admission, Arrival, Unreadable
from app.logs import configure_logs
from app.web import body, create_app, server
from app.web.body import LONGEST_SECONDS
from app.web.lane import Lane, lane_of
from app.web.lifetime import Lifetime
from tests.receiver import FakeInbox, settings

SLOW_SECONDS = 1.0
NOTICE_SECONDS = 60.0
PATIENCE_SECONDS = 20.0


class SlowInbox(FakeInbox):
    """Takes its time over an order of the name SLOW."""

    begun = 0

    def admit(self, items: Sequence[Arrival | Unreadable], merchant_id: str) -> Admission:
        self.begun += 1
        slow = any(isinstance(item, Arrival) and item.event.object_key == "SLOW" for item in items)
        time.sleep(SLOW_SECONDS if slow else 0)
        return super().admit(items, merchant_id)


def create() -> Lane:
    """The receiver in the server's worker; `/kept` tells what the inbox holds."""
    configure_logs(patient=True)
    lifetime = Lifetime()
    lifetime.watch()
    body.LONGEST_SECONDS = float(os.environ["TEST_LONGEST_SECONDS"])
    inbox = SlowInbox()
    app = create_app(settings(), inbox, lifetime=lifetime)

    @app.get("/kept")
    def kept() -> bytes:
        keys = [arrival.event.object_key for arrival in inbox.arrivals]
        return orjson.dumps({"arrivals": keys, "quarantine": len(inbox.quarantine), "begun": inbox.begun})

    return lane_of(app)


class Running:
    """The server's process, seen from outside."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: IO[bytes]) -> None:
        self.process = process
        self.port = port
        self._log = log

    def connect(self) -> socket.socket:
        """A connection that gives up after a while."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def ask(self, *pieces: bytes) -> bytes:
        """Send on a connection of its own; everything that comes back until the server closes."""
        with self.connect() as connection:
            for piece in pieces:
                connection.sendall(piece)
            return drained(connection)

    def kept(self) -> tuple[list[str], int]:
        """Object keys that were admitted, and how much is in quarantine."""
        told = self._told()
        return told["arrivals"], told["quarantine"]

    def begun(self) -> int:
        """How many admissions were begun."""
        return int(self._told()["begun"])

    def _told(self) -> dict[str, Any]:
        answer = self.ask(b"GET /kept HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        told: dict[str, Any] = orjson.loads(answer.partition(b"\r\n\r\n")[2])
        return told

    def children(self) -> list[int]:
        """The server's worker processes."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def logged(self) -> list[dict[str, Any]]:
        """The lines that the server and its workers wrote; each must be JSON."""
        self._log.seek(0)
        return [orjson.loads(line) for line in self._log]

    def alive(self) -> bool:
        """Whether it serves: a port can be open for a moment before there is somebody behind it."""
        try:
            answer = self.ask(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        except OSError:
            return False
        return answer.startswith(b"HTTP/1.1 200")

    def listens(self) -> bool:
        """Whether somebody answers at the port."""
        try:
            self.connect().close()
        except OSError:
            return False
        return True


def drained(connection: socket.socket) -> bytes:
    """What the server sends until it closes; a reset after the answer is an end like another."""
    received = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds; fails when it does not within a generous time."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@contextmanager
def running(
    notice_seconds: float = NOTICE_SECONDS, longest_seconds: float = LONGEST_SECONDS
) -> Iterator[Running]:
    """The server at a free port, in a process group of its own; a body may take `longest_seconds`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.receiver_server", str(port), str(notice_seconds)]
    environ = {**os.environ, "TEST_LONGEST_SECONDS": str(longest_seconds)}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=log, env=environ
        )
        try:
            up = Running(process, port, log)
            wait_for(up.alive)
            yield up
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE_SECONDS)


if __name__ == "__main__":
    configured = dataclasses.replace(settings(), port=int(sys.argv[1]))
    main = server.build_server(configured, "127.0.0.1", "tests.receiver_server:create")
    main.notice_seconds = float(sys.argv[2])
    main.serve()
