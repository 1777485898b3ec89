"""The receiver's side of the store, for an event loop that takes many deliveries at a time."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import redis

from app.events import Admission
from app.store.async_wire import AsyncWire, Connect
from app.store.connection import store_errors
from app.store.inbox import LONGEST_SECONDS, Answer, Inbox, Items, Part, admission_of, calls_of
from app.store.records import Codec
from app.store.scripting import Scripts

# So many do not wait for the end of the round, so that the store works while the loop reads on.
WORTH_A_CALL = 16


class AsyncInbox(Inbox):
    """An inbox whose `admit_async` is for the tasks of one event loop, beside what it is for threads.

    Deliveries that come in the same round of the loop go to the store in one call, up to so many events: a
    script takes longer to begin and to end than to admit an event.
    """

    def __init__(self, connect: Connect, client: redis.Redis, scripts: Scripts, **inbox: Any) -> None:
        super().__init__(client, scripts, **inbox)
        self._async_wire = AsyncWire(connect, scripts.source("admit"))
        # The loop packs one delivery at a time, and waits for no thread that does.
        self._loop_codec = Codec()
        self._round: list[_Waiting] = []
        self._rounds: set[asyncio.Task[None]] = set()

    async def admit_async(self, items: Items, merchant_id: str) -> Admission:
        """As `admit`; while the store works, other tasks do."""
        deadline = time.monotonic() + LONGEST_SECONDS
        with store_errors():
            if self._memory_check_is_due():
                told = await self._async_wire.ask((b"INFO", b"memory"), deadline)
                self._judge_memory(_fields(told))
            self._refuse_when_full()
            if len(items) < WORTH_A_CALL:
                return admission_of([await self._joined(Part(items, merchant_id), deadline)])
            parts = [Part(call, merchant_id) for call in calls_of(items)]
            return admission_of([await self._admit([part], deadline) for part in parts])

    async def close_async(self) -> None:
        """Ends the loop's connection; it may be used again."""
        await self._async_wire.close()

    async def _admit(self, parts: Sequence[Part], deadline: float) -> Answer:
        fates, ids = await self._async_wire.run(self._arguments(parts, self._loop_codec), deadline)
        return Answer(fates, ids)

    def _joined(self, part: Part, deadline: float) -> "asyncio.Future[Answer]":
        """What the store will say of a part that goes with the others of this round."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(part, deadline, loop.create_future())
        if not self._round:
            loop.call_soon(self._end_round)
        self._round.append(waiting)
        if sum(len(one.part.items) for one in self._round) >= WORTH_A_CALL:
            self._end_round()
        return waiting.answer

    def _end_round(self) -> None:
        together, self._round = self._round, []
        if together:
            task = asyncio.create_task(self._admit_together(together))
            self._rounds.add(task)
            task.add_done_callback(self._rounds.discard)

    async def _admit_together(self, together: Sequence["_Waiting"]) -> None:
        """One call for all; what one of them breaks is not the others' trouble."""
        try:
            answer = await self._admit([one.part for one in together], together[0].deadline)
            _hand_out(answer, together)
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            _fail(together, error)
        except Exception as error:
            if len(together) == 1:
                _fail(together, error)
            else:
                await asyncio.gather(*(self._admit_together([one]) for one in together))


class _Waiting(NamedTuple):
    """A small delivery, and who waits for what becomes of it."""

    part: Part
    deadline: float
    answer: "asyncio.Future[Answer]"


def _hand_out(answer: Answer, together: Sequence[_Waiting]) -> None:
    """To each what is said of its own items."""
    start = 0
    for one in together:
        end = start + len(one.part.items)
        if not one.answer.done():
            one.answer.set_result(Answer(answer.fates[start:end], answer.ids[start:end]))
        start = end


def _fail(together: Sequence[_Waiting], error: Exception) -> None:
    for one in together:
        if not one.answer.done():
            one.answer.set_exception(error)


def _fields(told: bytes) -> dict[str, str]:
    """The lines `name:value` of INFO."""
    return dict(line.split(":", 1) for line in told.decode().splitlines() if ":" in line)
