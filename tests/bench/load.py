"""A load generator cheap enough not to be what is measured: raw sockets, one thread; for tests.bench only."""

import gc
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from selectors import EVENT_READ, DefaultSelector

ANSWER_TIMEOUT_SECONDS = 30.0


@dataclass(slots=True)
class Round:
    """What one round of load saw. `latencies` are the seconds of each answer that was 2xx."""

    events_per_post: int
    seconds: float = 0.0
    refused: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def posts_per_second(self) -> float:
        """Posts answered with 2xx, per second."""
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    @property
    def events_per_second(self) -> float:
        """Events owned, per second."""
        return self.posts_per_second * self.events_per_post

    @property
    def events(self) -> int:
        """How many events the server said it owns."""
        return len(self.latencies) * self.events_per_post

    def latency_ms(self, share: float) -> float:
        """The latency, in milliseconds, that this share of the answers stayed below."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0


class Target:
    """Where to post: the port, and the unchanging part of the requests (path, host, credentials)."""

    def __init__(self, port: int, path: str, username: str, password: str) -> None:
        self.port = port
        token = b64encode(f"{username}:{password}".encode()).decode()
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()

    def request(self, body: bytes) -> bytes:
        """The bytes of one request."""
        return b"%b%d\r\n\r\n%b" % (self._head, len(body), body)


class Connection:
    """One keep-alive connection with at most one request in flight."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=ANSWER_TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self._received = b""
        self._sent_at = 0.0

    def send(self, request: bytes) -> None:
        """Put one request on the wire and start its clock."""
        self._received = b""
        self._sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> tuple[bool, float] | None:
        """(was it 2xx, its seconds) once the answer is whole; None while it is not."""
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        self._received += chunk
        if not _is_whole(self._received):
            return None
        return self._received.startswith(b"HTTP/1.1 2"), time.perf_counter() - self._sent_at

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


def run_round(
    target: Target, bodies: Iterator[bytes], events_per_post: int, connections: int, seconds: float
) -> Round:
    """Post for so many seconds over keep-alive connections; answers under way at the end still count."""
    pool = [Connection(target.port) for _ in range(connections)]
    gc.collect()
    gc.disable()
    try:
        return _drive(pool, target, bodies, Round(events_per_post), seconds)
    finally:
        gc.enable()
        for connection in pool:
            connection.close()


def post_all(target: Target, bodies: Iterator[bytes], events_per_post: int, connections: int) -> Round:
    """Post every body of a finite iterator; the round has the seconds that it took."""
    return run_round(target, bodies, events_per_post, connections, float("inf"))


def _drive(
    connections: list[Connection], target: Target, bodies: Iterator[bytes], result: Round, seconds: float
) -> Round:
    selector = DefaultSelector()
    started = time.perf_counter()
    for connection in connections:
        if (body := next(bodies, None)) is not None:
            selector.register(connection.socket, EVENT_READ, connection)
            connection.send(target.request(body))
    while selector.get_map():
        ready = selector.select(ANSWER_TIMEOUT_SECONDS)
        if not ready:
            raise TimeoutError(f"no answer within {ANSWER_TIMEOUT_SECONDS:.0f} s")
        for key, _ in ready:
            connection = key.data
            if (answer := connection.receive()) is None:
                continue
            _count(result, *answer)
            body = next(bodies, None) if time.perf_counter() - started < seconds else None
            if body is None:
                selector.unregister(connection.socket)
            else:
                connection.send(target.request(body))
    result.seconds = time.perf_counter() - started
    return result


def _count(result: Round, good: bool, seconds: float) -> None:
    if good:
        result.latencies.append(seconds)
    else:
        result.refused += 1


def _is_whole(received: bytes) -> bool:
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line[15:])
    raise ValueError("an answer without Content-Length")
