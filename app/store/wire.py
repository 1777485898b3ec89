"""Admission's way to the server: whoever waits at the same time goes in one write. For app.store only.

redis-py connects, authenticates, encrypts, selects, packs and parses; its pool, retries and metrics around a
command are left out, since they cost more than the command. Nothing is ever tried again by itself.
"""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha1
from typing import Any

import redis

# A connection that lay still for longer is looked at before it is used: the server may have closed it.
STILL_SECONDS = 0.1

Argument = str | bytes | int


class Call:
    """One run of the script, from when it is asked for until it is answered."""

    __slots__ = ("answer", "answered", "command", "leads")

    def __init__(self, command: bytes) -> None:
        self.command = command
        self.answer: Any = None
        self.leads = False
        self.answered = threading.Lock()
        self.answered.acquire()

    def result(self) -> Any:
        """The answer, or raises it when it is an error."""
        if self.answer is None:
            raise redis.ConnectionError("the call was broken off")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Wire:
    """Runs one script for many threads over one connection. Safe to share.

    While one batch is under way, the calls of other threads queue up and make the next one: one write, one
    answer, and in the server one sync to disk. No call waits for a batch to fill. One thread at a time leads:
    it takes the queue over, and passes the lead to the first of those who queued up meanwhile.
    """

    def __init__(self, client: redis.Redis, script: str) -> None:
        self._crossing = Crossing(client, script)
        self._lock = threading.Lock()
        self._queue: list[Call] = []
        self._is_led = False

    def run(self, arguments: Sequence[Argument], deadline: float) -> Any:
        """The script's answer (never nil), by `deadline` on the monotonic clock; raises redis.RedisError.

        After any error but the script's own it is unknown whether it ran.
        """
        call = Call(self._crossing.pack(arguments))
        with self._lock:
            self._queue.append(call)
            call.leads, self._is_led = not self._is_led, True
        if not call.leads and not call.answered.acquire(timeout=max(0.0, deadline - time.monotonic())):
            self._give_up(call)
        if call.leads:
            self._lead(deadline)
        return call.result()

    def _give_up(self, call: Call) -> None:
        """Leave the queue, unless the lead came in this very moment: one that nobody takes stops everybody."""
        with self._lock:
            if call.leads:
                return
            if call in self._queue:
                self._queue.remove(call)
            call.answer = call.answer or redis.TimeoutError("the answer did not come in time")

    def _lead(self, deadline: float) -> None:
        with self._lock:
            batch, self._queue = self._queue, []
        try:
            self._crossing.carry(batch, deadline)
        except Exception as error:
            for call in batch:
                call.answer = call.answer or error
        finally:
            self._pass_on(batch)

    def _pass_on(self, batch: Sequence[Call]) -> None:
        with self._lock:
            self._is_led = bool(self._queue)
            if self._queue:
                self._queue[0].leads = True
                self._queue[0].answered.release()
        for call in batch:
            if not call.leads:
                call.answered.release()


class Crossing:
    """The connection, and what a batch does on it. For one thread at a time."""

    def __init__(self, client: redis.Redis, script: str) -> None:
        pool = client.connection_pool
        self._connect: Callable[[], Any] = partial(pool.connection_class, **pool.connection_kwargs)
        self._connection = self._connect()
        self._used = 0.0
        self._script = script
        self._sha = sha1(script.encode(), usedforsecurity=False).hexdigest().encode()

    def pack(self, arguments: Sequence[Argument]) -> bytes:
        """The command that runs the script; any thread may pack its own."""
        return b"".join(self._connection.pack_command(b"EVALSHA", self._sha, 0, *arguments))

    def carry(self, batch: Sequence[Call], deadline: float) -> None:
        """Put its answer, or the error that the server says, into every call of the batch.

        Raises redis.RedisError or OSError, after which the connection is a new one: what comes late on the
        old one can never be taken for another call's answer.
        """
        try:
            self._look()
            self._ask(batch, deadline)
            unknown = [call for call in batch if isinstance(call.answer, redis.exceptions.NoScriptError)]
            if unknown:
                self._connection.send_command(b"SCRIPT", b"LOAD", self._script, check_health=False)
                self._answer(deadline)
                self._ask(unknown, deadline)
        except BaseException:
            self._connection.disconnect()
            raise
        self._used = time.monotonic()

    def _ask(self, batch: Sequence[Call], deadline: float) -> None:
        commands = b"".join([call.command for call in batch])
        self._connection.send_packed_command([commands], check_health=False)
        for call in batch:
            call.answer = self._answer(deadline)

    def _answer(self, deadline: float) -> Any:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise redis.TimeoutError("no time left to wait for the answer")
        try:
            return self._connection.read_response(timeout=seconds)
        except redis.ResponseError as error:
            return error

    def _look(self) -> None:
        """Leave a connection that the server closed, or where something lies to be read."""
        if self._used and time.monotonic() - self._used > STILL_SECONDS:
            try:
                is_open = not self._connection.can_read(0)
            except (redis.RedisError, OSError):
                is_open = False
            if not is_open:
                self._connection.disconnect()
