"""Admission's own connections: the library's, without what it does around a command. For app.store only."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha1
from typing import Any
from weakref import finalize

import redis

# A connection that lay still for longer is looked at before it is used: the server may have closed it.
STILL_SECONDS = 0.1

Argument = str | bytes | int


class Wire:
    """Runs one script on connections that a thread has to itself while it waits. Safe to share.

    redis-py connects, authenticates, encrypts, selects, packs and parses. Its pool, retries and metrics
    around a command are left out: they cost more than the command. Nothing is tried again by itself.
    """

    def __init__(self, client: redis.Redis, script: str) -> None:
        pool = client.connection_pool
        self._make: Callable[[], Any] = partial(pool.connection_class, **pool.connection_kwargs)
        self._script = script
        self._sha = digest_of(script)
        self._idle: deque[tuple[Any, float]] = deque()
        # A door to the store that is given up for a new one leaves no connection behind.
        finalize(self, _end, self._idle)

    def run(self, arguments: Sequence[Argument], deadline: float) -> Any:
        """The script's answer, by `deadline` on the monotonic clock; raises redis.RedisError or OSError.

        After any error but the server's own it is unknown whether it ran, and the connection is closed: what
        comes late can never be taken for another call's answer.
        """
        connection = self._take()
        try:
            answer = self._run(connection, arguments, deadline)
        except redis.ResponseError:
            self._idle.append((connection, time.monotonic()))
            raise
        except BaseException:
            connection.disconnect()
            raise
        self._idle.append((connection, time.monotonic()))
        return answer

    def close(self) -> None:
        """Ends the idle connections; it may be used again."""
        _end(self._idle)

    def _take(self) -> Any:
        while self._idle:
            connection, used = self._idle.pop()
            if time.monotonic() - used < STILL_SECONDS or _is_quiet(connection):
                return connection
            connection.disconnect()
        return self._make()

    def _run(self, connection: Any, arguments: Sequence[Argument], deadline: float) -> Any:
        try:
            return _ask(connection, deadline, b"EVALSHA", self._sha, 0, *arguments)
        except redis.exceptions.NoScriptError:
            _ask(connection, deadline, b"SCRIPT", b"LOAD", self._script)
            return _ask(connection, deadline, b"EVALSHA", self._sha, 0, *arguments)


def digest_of(script: str) -> bytes:
    """What the server calls the script."""
    return sha1(script.encode(), usedforsecurity=False).hexdigest().encode()


def _end(idle: deque[tuple[Any, float]]) -> None:
    while idle:
        idle.pop()[0].disconnect()


def _ask(connection: Any, deadline: float, *command: Argument) -> Any:
    """One command and its answer."""
    connection.send_packed_command(connection.pack_command(*command), check_health=False)
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise redis.TimeoutError("no time left to wait for the answer")
    return connection.read_response(timeout=seconds)


def _is_quiet(connection: Any) -> bool:
    """Whether it is open with nothing to read: what would come now is no answer to us."""
    try:
        return not connection.can_read(0)
    except (redis.RedisError, OSError):
        return False
