"""The way from the server to the receiver: one event loop, past Flask; for app.web only.

Threads that each wait for the disk hand the interpreter to one another at every step, which costs more than
to read a delivery. So a task on the loop takes each one; what takes long to read gets a thread, and so do the
pages, which are Flask's. https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote

from flask import Flask

from app.delivery.intake import understand
from app.errors import RelayError
from app.events import Admission, Arrival, Unreadable
from app.settings import Merchant
from app.ultracart.gzipped import MAGIC
from app.ultracart.webhooks import PATH
from app.web.answer import Refusal, Reply
from app.web.body import read_async
from app.web.hooks import NOTHING, Asked, Receiver, or_unavailable
from app.web.pages import Pages

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

Found = TypeVar("Found")

# What is longer takes more than a few milliseconds to read, for which nobody else shall wait.
QUICK_BYTES = 256 * 1024
# How many bodies that are longer, or of unknown length, are in memory at a time.
LARGE_AT_ONCE = 16
READERS = 2
# How packed events begin, behind an envelope or without one.
PACKED, BEGINNING = b"H4sI", 64


class Lane:
    """The RSGI application: deliveries on the loop, everything else to the pages.

    `failed` answers for an error that nobody foresaw.
    """

    def __init__(self, receiver: Receiver, pages: Pages, failed: Callable[[Exception], Reply]) -> None:
        self._receiver = receiver
        self._pages = pages
        self._failed = failed
        self._doors = {path(merchant_id): merchant_id for merchant_id in receiver.merchants}
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._readers = ThreadPoolExecutor(READERS, "reader")

    async def __rsgi__(self, scope: "Scope", protocol: "HTTPProtocol") -> None:
        """Answer one request."""
        asked = unquote(scope.path)
        if scope.method == "POST" and asked in self._doors:
            reply = await self._receive(self._doors[asked], scope, protocol)
        else:
            reply = await self._pages.answer(scope)
        protocol.response_bytes(reply.status, reply.headers, reply.body)

    async def _receive(self, merchant_id: str | None, scope: "Scope", protocol: "HTTPProtocol") -> Reply:
        started = perf_counter()
        try:
            return await self._take(merchant_id, scope, protocol, started)
        except Refusal as refusal:
            return self._receiver.refused(refusal, started)
        except Exception as error:
            return self._failed(error)

    async def _take(
        self, merchant_id: str | None, scope: "Scope", protocol: "HTTPProtocol", started: float
    ) -> Reply:
        told = scope.headers.get
        asked = Asked(told("authorization"), told("content-length"), told("transfer-encoding"))
        merchant, announced = self._receiver.let_in(merchant_id, asked)
        is_small = announced is not None and announced <= QUICK_BYTES
        async with nullcontext() if is_small else self._large:
            body = await read_async(protocol, announced, self._receiver.limit)
            items = await self._understood(body, merchant)
            admission = await self._owned(items, body, merchant)
        return self._receiver.taken(admission, merchant, body, started)

    async def _understood(self, body: bytes, merchant: Merchant) -> Sequence[Arrival | Unreadable]:
        if _is_quick(body):
            return understand(body, merchant)
        return await self._apart(understand, body, merchant)

    async def _owned(
        self, items: Sequence[Arrival | Unreadable], body: bytes, merchant: Merchant
    ) -> Admission:
        if not items:
            return NOTHING
        with or_unavailable(merchant):
            try:
                return await self._receiver.inbox.admit_async(items, merchant.id)
            except RelayError:
                raise
            except Exception:
                # What the store chokes on is kept whole, which is the slower way's.
                return await self._apart(self._receiver.own, items, body, merchant)

    async def _apart(self, work: Callable[..., Found], *arguments: Any) -> Found:
        """In a thread, since it takes long."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work, *arguments)


def lane_of(app: Flask) -> Lane:
    """What the server calls for an application of `create_app`."""
    return Lane(app.extensions["receiver"], Pages(app), app.extensions["failed"])


def path(merchant_id: str | None) -> str:
    """Where a merchant's deliveries come in."""
    return PATH if merchant_id is None else f"{PATH}/{merchant_id}"


def _is_quick(body: bytes) -> bool:
    """Whether it is short and cannot become long."""
    packed = body.startswith(MAGIC) or PACKED in body[:BEGINNING]
    return len(body) <= QUICK_BYTES and not packed
