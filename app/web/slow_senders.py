"""Ends requests that do not come to their end: each would hold one of the server's threads; for app.web only.

The server waits for a body without a limit of time, and its read cannot be broken off. So the connections
are looked at from outside, by what the kernel counts of each: a delivery on its usual way costs nothing.
Where the kernel does not tell (it is not Linux) nothing is ended.
"""

import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import structlog

from app.web.body import LONGEST_SECONDS

ROUNDS = 10
# Milliseconds since data was sent and since some came; how many segments with data came and were sent.
# https://github.com/torvalds/linux/blob/master/include/uapi/linux/tcp.h (struct tcp_info)
_TCP_INFO = struct.Struct("=44xI4xI96xII")
_OPEN_FILES = "/proc/self/fd"

log = structlog.get_logger()


class SlowSenders:
    """Ends the reading of every connection whose request is unanswered for longer than `longest` seconds.

    What has come of the body by then is half a delivery (app.web.body refuses it), so it comes again. So
    does a whole one that has waited as long for a thread: from outside they look alike, and its sender has
    given up.
    """

    def __init__(self, longest: float = LONGEST_SECONDS, now: Callable[[], float] = time.monotonic) -> None:
        self._longest = longest
        self._now = now
        # By the sender's address and port: how much was answered before, and since when an answer is due.
        self._waiting: dict[object, tuple[int, float]] = {}

    def watch(self) -> None:
        """Looks again and again, in a thread of its own, until the process ends."""
        threading.Thread(target=self._run, name="slow-senders", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(self._longest / ROUNDS)
            self.round()

    def round(self) -> None:
        """One look at all connections."""
        waiting = {}
        with ExitStack() as opened:
            for connection in _served(opened):
                with suppress(OSError):
                    answered = _unanswered(connection)
                    if answered is not None:
                        sender = connection.getpeername()
                        waiting[sender] = self._judge(connection, answered, self._waiting.get(sender))
        self._waiting = waiting

    def _judge(
        self, connection: socket.socket, answered: int, before: tuple[int, float] | None
    ) -> tuple[int, float]:
        now = self._now()
        if before is None or before[0] != answered:
            return answered, now
        if now - before[1] >= self._longest:
            connection.shutdown(socket.SHUT_RD)
            log.warning("receiver.slow_sender", seconds=round(now - before[1]))
        return before


def _unanswered(connection: socket.socket) -> int | None:
    """How many segments were sent before the request that is still unanswered; None when there is none."""
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    if len(told) < _TCP_INFO.size:
        return None
    sent_ago, came_ago, came, sent = _TCP_INFO.unpack(told)
    return sent if came and (not sent or came_ago < sent_ago) else None


def _served(opened: ExitStack) -> Iterator[socket.socket]:
    """The connections of those who came to a port of ours, as copies that `opened` closes."""
    ours = [own for own in _sockets(opened) if own.family in (socket.AF_INET, socket.AF_INET6)]
    listening = [own for own in ours if own.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)]
    ports = {own.getsockname()[1] for own in listening}
    return (own for own in ours if own not in listening and own.getsockname()[1] in ports)


def _sockets(opened: ExitStack) -> Iterator[socket.socket]:
    numbers = os.listdir(_OPEN_FILES) if os.path.isdir(_OPEN_FILES) else []
    for number in map(int, numbers):
        # Any of them may be closed in the meantime.
        with suppress(OSError):
            if os.readlink(f"{_OPEN_FILES}/{number}").startswith("socket:"):
                yield opened.enter_context(socket.socket(fileno=os.dup(number)))
