"""What the receiver needs of the store, and how it waits for one that is not there yet; for app.web only."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import structlog

from app.errors import InstanceMismatch, RelayError, StoreUnavailable
from app.events import Admission, Arrival, Unreadable

# Whoever waits longer than this for another's attempt is better told to come again.
OPENING_SECONDS = 1.0

log = structlog.get_logger()


class Inbox(Protocol):
    """The store's side that faces the receiver."""

    def admit(self, items: Sequence[Arrival | Unreadable], merchant_id: str) -> Admission:
        """Put the delivery on disk, all of it; raises RelayError when that did not happen."""

    async def admit_async(self, items: Sequence[Arrival | Unreadable], merchant_id: str) -> Admission:
        """The same for the tasks of an event loop."""

    def ready(self) -> None:
        """A durable write within a second; raises RelayError when that did not happen."""


class LateInbox:
    """An inbox that is opened by the first one who needs it, and again until that succeeds.

    A receiver that starts while the store is down answers 503 and comes good by itself; one that refused to
    start would leave the shop with a closed port. So it is with a store that is not ours, until a person has
    accepted it (`relay init --accept-empty`).
    """

    def __init__(self, build: Callable[[], Inbox]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._inbox: Inbox | None = None
        self._opening: asyncio.Task[Inbox] | None = None

    def admit(self, items: Sequence[Arrival | Unreadable], merchant_id: str) -> Admission:
        """As the inbox does it; StoreUnavailable also while it cannot be opened."""
        with self._given_up_if_not_ours():
            return self._opened().admit(items, merchant_id)

    async def admit_async(self, items: Sequence[Arrival | Unreadable], merchant_id: str) -> Admission:
        """The same for the tasks of an event loop."""
        with self._given_up_if_not_ours():
            return await (self._inbox or await self._opened_async()).admit_async(items, merchant_id)

    def ready(self) -> None:
        """As the inbox says it; StoreUnavailable also while it cannot be opened."""
        with self._given_up_if_not_ours():
            self._opened().ready()

    def open_early(self) -> None:
        """Open it now if the store is there and ours."""
        try:
            with self._given_up_if_not_ours():
                self._opened()
        except RelayError as error:
            log.warning("receiver.store_not_open_at_start", error=type(error).__name__)

    @contextmanager
    def _given_up_if_not_ours(self) -> Iterator[None]:
        """What was opened on a store that is not ours any more is opened anew by the next one who comes."""
        try:
            yield
        except InstanceMismatch as error:
            self._inbox = None
            log.error("receiver.store_is_not_ours", what_to_do=str(error))
            raise

    async def _opened_async(self) -> Inbox:
        """All tasks wait for one thread that opens it."""
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(asyncio.to_thread(self._opened))
        try:
            async with asyncio.timeout(OPENING_SECONDS):
                return await asyncio.shield(self._opening)
        except TimeoutError as error:
            raise StoreUnavailable("the store is being opened") from error

    def _opened(self) -> Inbox:
        inbox = self._inbox
        if inbox is not None:
            return inbox
        if not self._lock.acquire(timeout=OPENING_SECONDS):
            raise StoreUnavailable("the store is being opened")
        try:
            self._inbox = self._inbox or self._build()
            return self._inbox
        finally:
            self._lock.release()
