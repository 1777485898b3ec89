"""Admission's connection for an event loop: many calls under way on it, none of which holds a thread.

For app.store only.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, cast
from weakref import finalize

import hiredis
import redis
from redis.asyncio import Connection

from app.store.wire import Argument, digest_of

Connect = Callable[[], Connection]

GIVEN_UP = redis.ConnectionError("the wire is given up")


class AsyncWire:
    """Runs one script on one connection, for the tasks of one event loop; not for threads.

    Calls go out as they come and are answered in that order. A store that syncs its disk does it once for all
    that it has read by then: many short calls, or one long one. Nothing is tried again by itself.
    """

    def __init__(self, connect: Connect, script: str) -> None:
        self._connect = connect
        self._script = script
        self._sha = digest_of(script)
        self._opening = asyncio.Lock()
        # One or none; a list, so that who clears up after the wire needs no reference to it.
        self._lines: list[_Line] = []
        finalize(self, _end, self._lines)

    async def run(self, arguments: Sequence[Argument], deadline: float) -> Any:
        """The script's answer, by `deadline` on the monotonic clock; raises redis.RedisError or OSError.

        After any error but the server's own it is unknown whether it ran. What comes late is nobody's answer.
        """
        try:
            return await self.ask((b"EVALSHA", self._sha, 0, *arguments), deadline)
        except redis.ResponseError as error:
            if str(error).startswith("READONLY"):
                # After a failover the name leads to another server; this one would refuse for ever.
                await self.close()
            if not str(error).startswith("NOSCRIPT"):
                raise
        await self.ask((b"SCRIPT", b"LOAD", self._script), deadline)
        return await self.ask((b"EVALSHA", self._sha, 0, *arguments), deadline)

    async def ask(self, command: Sequence[Argument], deadline: float) -> Any:
        """Any command's answer, as `run`."""
        line = self._lines[0] if self._lines and not self._lines[0].ended else await self._open(deadline)
        return await line.ask(command, deadline)

    async def close(self) -> None:
        """Ends the connection; it may be used again."""
        for line in self._lines:
            line.end(GIVEN_UP)
        # The loop closes what has ended in its next round.
        await asyncio.sleep(0)

    async def _open(self, deadline: float) -> "_Line":
        try:
            async with asyncio.timeout(deadline - time.monotonic()), self._opening:
                if not self._lines or self._lines[0].ended:
                    self._lines[:] = [await _opened(self._connect())]
                return self._lines[0]
        except TimeoutError as error:
            raise redis.TimeoutError("no connection in time") from error


class _Call(NamedTuple):
    """One command under way. `answered` is how many answers had come before it went out."""

    answer: asyncio.Future[Any]
    deadline: float
    answered: int


class _Line(asyncio.Protocol):
    """An open connection, and who waits for its answers, the first first."""

    def __init__(self, connection: Connection) -> None:
        self.ended = False
        self.loop = asyncio.get_running_loop()
        # redis-py connects, encrypts and authenticates; what it does around each command is left out. There
        # is no public way to its stream, which is ours to close from here on: redis-py takes a task to close
        # it, and one that begins as the loop ends never runs.
        self._stream = cast(asyncio.StreamWriter, connection._writer)
        connection._reader = connection._writer = None
        self._stream.transport.set_protocol(self)
        self._reader = hiredis.Reader(replyError=redis.ResponseError)
        self._calls: deque[_Call] = deque()
        self._answered = 0
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, command: Sequence[Argument], deadline: float) -> asyncio.Future[Any]:
        """What the server will answer."""
        call = _Call(self.loop.create_future(), deadline, self._answered)
        self._calls.append(call)
        self._stream.write(hiredis.pack_command(cast(Any, tuple(command))))
        self._wake_at(deadline)
        return call.answer

    def data_received(self, data: bytes) -> None:
        """Answers, whole or in parts."""
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not False:
            self._answered += 1
            waiting = self._calls.popleft().answer
            if waiting.done():
                continue
            if isinstance(answer, Exception):
                waiting.set_exception(answer)
            else:
                waiting.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """The server is gone, or we have hung up."""
        self.end(redis.ConnectionError(f"the connection is closed: {error or 'by the server'}"))

    def _wake_at(self, deadline: float) -> None:
        """One timer for all: that of who has to be told first."""
        if self._timer is None or deadline < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_at(deadline, self._watch)

    def _watch(self) -> None:
        self._timer = None
        now = self.loop.time()
        for call in [call for call in self._calls if call.deadline <= now]:
            self._give_up(call)
        due = [call.deadline for call in self._calls if not call.answer.done()]
        if due:
            self._wake_at(min(due))

    def _give_up(self, call: _Call) -> None:
        if not call.answer.done():
            call.answer.set_exception(redis.TimeoutError("no answer in time"))
            # Where nobody at all has been answered since, nobody will be.
            if self._answered == call.answered:
                self.end(redis.TimeoutError("the server answers nothing"))

    def end(self, error: Exception) -> None:
        """Nobody is answered any more."""
        if self.ended:
            return
        self.ended = True
        for call in self._calls:
            if not call.answer.done():
                call.answer.set_exception(error)
        self._calls.clear()
        # What has not gone out by now is not to be kept for a server that does not read.
        self._stream.transport.abort()


async def _opened(connection: Connection) -> _Line:
    try:
        await connection.connect()  # type: ignore[no-untyped-call]  # redis-py's
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    return _Line(connection)


def _end(lines: list[_Line]) -> None:
    """From any thread, and when the loop is gone: then its connections are too."""
    for line in lines:
        with suppress(RuntimeError):
            line.loop.call_soon_threadsafe(line.end, GIVEN_UP)
