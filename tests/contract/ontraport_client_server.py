"""A server that answers by script, down to the single byte; for the tests of the ONTRAPORT client."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from app.errors import LeaseLost
from app.events import Exchange
from app.ontraport.client import OntraportClient
from app.ontraport.context import RateLimit, boot_seconds
from app.ontraport.transport import Transport
from app.settings import OntraportAccount, Secret

APP_ID = "2_app-id-of-the-test"
API_KEY = "key-of-the-test-account"


@dataclass
class Request:
    """What came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    def json(self):
        return json.loads(self.body)


# A step gets the connection's socket after a whole request was read; True keeps the connection.
Step = Callable[[socket.socket], bool]


def reply(
    status=200, body: object = None, headers: Sequence[tuple[str, str]] = (), keep: bool = True
) -> Step:
    """A whole answer; `body` is JSON unless it is bytes."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} Some words",
        f"Content-Length: {len(raw)}",
        *(f"{k}: {v}" for k, v in headers),
    ]
    return send("\r\n".join(lines).encode() + b"\r\n\r\n" + raw, keep=keep)


def send(raw: bytes, keep: bool = False) -> Step:
    """Bytes as they are, in one piece."""

    def step(sock: socket.socket) -> bool:
        sock.sendall(raw)
        return keep

    return step


def drip(raw: bytes, start: bytes = b"", seconds=0.05) -> Step:
    """`start` at once, then a byte at a time, again and again, until the client hangs up."""

    def step(sock: socket.socket) -> bool:
        sock.sendall(start)
        for place in range(400):
            sock.sendall(raw[place % len(raw) : place % len(raw) + 1])
            time.sleep(seconds)
        return False

    return step


def reset(sock: socket.socket) -> bool:
    """A TCP reset instead of an answer."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hang_up(sock: socket.socket) -> bool:
    """The connection ends properly, without an answer."""
    return False


def silence(sock: socket.socket) -> bool:
    """No answer for as long as the client waits."""
    sock.recv(1)
    return False


@dataclass
class ScriptedServer:
    """Takes one step of `steps` for each request; what comes after the last is a hang-up."""

    steps: list[Step] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    greeting: Callable[[socket.socket], object] | None = None
    wrap: Callable[[socket.socket], socket.socket] = lambda sock: sock

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}/1"

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                with self._lock:
                    self.connections += 1
                    self._open.append(sock)
                    number = self.connections
                threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        with suppress(OSError), self.wrap(sock) as sock:
            if self.greeting is not None and not self.greeting(sock):
                return
            reader = sock.makefile("rb")
            with reader:
                while (request := _read(reader, number)) is not None:
                    with self._lock:
                        self.requests.append(request)
                        step = self.steps.pop(0) if self.steps else hang_up
                    if not step(sock):
                        return


def _read(reader, connection: int) -> Request | None:
    first = reader.readline().decode().split()
    if len(first) != 3:
        return None
    headers = {}
    while (line := reader.readline().decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = reader.read(int(headers.get("content-length", "0")))
    return Request(first[0], first[1], headers, body, connection)


@dataclass
class Attempt:
    """A CallContext that remembers; `lost` makes its check trip."""

    deadline: float = field(default_factory=lambda: boot_seconds() + 60)
    lost: bool = False
    checks: int = 0
    exchanges: list[Exchange] = field(default_factory=list)
    limits: list[RateLimit] = field(default_factory=list)

    def check(self) -> None:
        self.checks += 1
        if self.lost:
            raise LeaseLost("another worker has it")

    def record(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)

    def observe(self, limits: RateLimit) -> None:
        self.limits.append(limits)


def client_of(base: str, **transport) -> OntraportClient:
    """A client that does not wait for long."""
    account = OntraportAccount(Secret(APP_ID), Secret(API_KEY), base, 170)
    options = {"call_seconds": 5.0, "connect_seconds": 1.0} | transport
    return OntraportClient(account, transport=Transport(account, **options))
