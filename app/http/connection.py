"""Connections that keep one deadline and ask before their first byte; for app.http.transport only.

The timeouts of urllib3 bound one `recv`, not a call: a body or a header line that drips keeps a
thread for ever. Here every read and write gets what remains of the call, and no more.
"""

import io
import socket
from contextvars import ContextVar
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from app.http.context import CallContext, boot_seconds

IDLE_SECONDS = 5.0
# What headers and chunk lines may add to a body.
_OVERHEAD_BYTES = 128 * 1024


class OversizeAnswer(OSError):
    """The answer is larger than any that is expected; the connection is of no more use."""


@dataclass(slots=True)
class Flight:
    """One call on the wire: when it ends, whether its first byte may have left, what has come back."""

    context: CallContext
    deadline: float
    most_bytes: int
    sent: bool = False
    received: int = 0

    def remaining(self) -> float:
        """Seconds that are left, more than 0; TimeoutError when none is."""
        left = self.deadline - boot_seconds()
        if left <= 0:
            raise TimeoutError("the deadline of the call has passed")
        return left

    def depart(self) -> None:
        """Ask the lease before the first byte; from here on the request may have been executed."""
        if self.sent:
            return
        self.context.check()
        self.remaining()
        self.sent = True

    def arrived(self, count: int) -> None:
        """Count bytes of the answer, headers and chunk lines included."""
        self.received += count
        if self.received > self.most_bytes + _OVERHEAD_BYTES:
            raise OversizeAnswer("the answer is too large")


# The calls of many threads share one pool; urllib3 has no way to hand an object down to the socket.
FLIGHT: ContextVar[Flight] = ContextVar("flight")


class _BoundedReader(io.RawIOBase):
    """The raw stream under http.client's buffer: each read waits no longer than the call may last."""

    def __init__(self, raw: Any, sock: socket.socket, flight: Flight) -> None:
        self._raw = raw
        self._sock = sock
        self._flight = flight

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._flight.remaining())
        count: int | None = self._raw.readinto(buffer)
        self._flight.arrived(count or 0)
        return count

    def close(self) -> None:
        try:
            self._raw.close()
        finally:
            super().close()


class _BoundedResponse(HTTPResponse):
    """http.client's response, reading its status line, headers and body through `_BoundedReader`."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_BoundedReader(raw, sock, FLIGHT.get()))


class _Bounded:
    """What the plain and the TLS connection share: the way the request leaves."""

    response_class = _BoundedResponse
    idle_since = 0.0
    sock: Any

    def send(self, data: bytes) -> None:
        """Replaces http.client's `send`, the only place where bytes of a request leave."""
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        flight = FLIGHT.get()
        flight.depart()
        left = memoryview(data)
        while left:
            self.sock.settimeout(flight.remaining())
            left = left[self.sock.send(left) :]


class _PlainConnection(_Bounded, HTTPConnection):  # type: ignore[misc]
    """A connection without TLS, for stand-ins and tunnels on the same machine."""


class _TlsConnection(_Bounded, HTTPSConnection):  # type: ignore[misc]
    """A connection with TLS, verified as `requests` sets it up."""


class _FreshPool:
    """Hands out no connection that has been idle for 5 s.

    Servers drop idle connections at about such ages, and the reset that a request then meets
    cannot be told from one that came after the request was executed.
    """

    def _get_conn(self, timeout: float | None = None) -> Any:
        conn: Any = super()._get_conn(timeout)  # type: ignore[misc]
        if not conn.is_closed and boot_seconds() - conn.idle_since >= IDLE_SECONDS:
            conn.close()
        return conn

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.idle_since = boot_seconds()
        super()._put_conn(conn)  # type: ignore[misc]


class _PlainPool(_FreshPool, HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(_FreshPool, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class BoundedAdapter(HTTPAdapter):
    """A `requests` adapter over these pools; its calls need `FLIGHT` to be set. It repeats nothing."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
