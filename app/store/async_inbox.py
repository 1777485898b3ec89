"""The receiver's side of the store, for an event loop that takes many deliveries at a time."""

import time
from collections.abc import Sequence
from typing import Any

import redis

from app.events import Admission, Arrival, Unreadable
from app.store.async_wire import AsyncWire, Connect
from app.store.connection import store_errors
from app.store.inbox import LONGEST_SECONDS, Inbox, admission_of, calls_of
from app.store.records import Codec
from app.store.scripting import Scripts


class AsyncInbox(Inbox):
    """An inbox whose `admit_async` is for the tasks of one event loop, beside what it is for threads."""

    def __init__(self, connect: Connect, client: redis.Redis, scripts: Scripts, **inbox: Any) -> None:
        super().__init__(client, scripts, **inbox)
        self._async_wire = AsyncWire(connect, scripts.source("admit"))
        # The loop packs one delivery at a time, and waits for no thread that does.
        self._loop_codec = Codec()

    async def admit_async(self, items: Sequence[Arrival | Unreadable], merchant_id: str) -> Admission:
        """As `admit`; while the store works, other tasks do."""
        deadline = time.monotonic() + LONGEST_SECONDS
        with store_errors():
            if self._memory_check_is_due():
                told = await self._async_wire.ask((b"INFO", b"memory"), deadline)
                self._judge_memory(_fields(told))
            self._refuse_when_full()
            answers = [
                await self._async_wire.run(self._arguments(call, merchant_id, self._loop_codec), deadline)
                for call in calls_of(items)
            ]
        return admission_of(answers)

    async def close_async(self) -> None:
        """Ends the loop's connection; it may be used again."""
        await self._async_wire.close()


def _fields(told: bytes) -> dict[str, str]:
    """The lines `name:value` of INFO."""
    return dict(line.split(":", 1) for line in told.decode().splitlines() if ":" in line)
