"""The receiver's side of the store: takes whole deliveries, up to 500 events in one script."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
import redis

from app.errors import StoreUnavailable
from app.events import MOST_AMOUNT, Admission, Arrival, Fact, Unreadable
from app.store.connection import store_errors
from app.store.records import Codec, id_maker
from app.store.scripting import Scripts
from app.store.wire import Argument, Wire

EVENTS_PER_CALL = 500
DEDUPE_SECONDS = 7 * 86400
MEMORY_LIMIT = 0.85
MEMORY_CHECK_SECONDS = 0.5
# What a whole delivery may wait for the store.
LONGEST_SECONDS = 2.0
READY_SECONDS = 1.0

Items = Sequence[Arrival | Unreadable]


class Part(NamedTuple):
    """Some items of one delivery, and whose it is."""

    items: Items
    merchant_id: str


class Answer(NamedTuple):
    """What admit.lua says of each item: the first letter of its fate (as Admission names them), its id."""

    fates: bytes
    ids: Sequence[bytes]


class Inbox:
    """Owns admission. Safe to share between threads."""

    def __init__(
        self,
        client: redis.Redis,
        scripts: Scripts,
        *,
        mark: str,
        payload_seconds: int,
        exchange_seconds: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._wire = Wire(client, scripts.source("admit"))
        self._ready = Wire(client, scripts.source("ready"))
        self._mark = mark
        self._head = (mark, DEDUPE_SECONDS, payload_seconds, exchange_seconds)
        self._clock = clock
        self._codec = Codec()
        self._packing = threading.Lock()
        self._memory_checked = 0.0
        self._memory_full = False

    def admit(self, items: Items, merchant_id: str) -> Admission:
        """Takes a delivery: when it returns, everything is on disk.

        Idempotent by content: after an error the same delivery can come again and completes.
        Raises StoreUnavailable (down, read-only, full, slower than 2 s) or InstanceMismatch.
        """
        deadline = time.monotonic() + LONGEST_SECONDS
        with store_errors():
            self._check_memory()
            answers = [self._call(Part(call, merchant_id), deadline) for call in calls_of(items)]
        return admission_of(answers)

    def ready(self) -> None:
        """A durable write within a second, or StoreUnavailable; also says when this is not our store."""
        with store_errors():
            self._ready.run((self._mark,), time.monotonic() + READY_SECONDS)
            self._check_memory()

    def close(self) -> None:
        """Ends the idle connections; it may be used again."""
        self._wire.close()
        self._ready.close()

    def _call(self, part: Part, deadline: float) -> Answer:
        with self._packing:
            arguments = self._arguments([part], self._codec)
        fates, ids = self._wire.run(arguments, deadline)
        return Answer(fates, ids)

    def _arguments(self, parts: Iterable[Part], codec: Codec) -> Sequence[Argument]:
        """What admit.lua takes."""
        name = id_maker(self._clock())
        heads: list[str | int] = []
        contents: list[bytes] = []
        for items, merchant_id in parts:
            for item in items:
                heads += _head(item, name())
                contents += _content(item, codec, merchant_id)
        return (*self._head, orjson.dumps(heads), *contents)

    def _check_memory(self) -> None:
        """Admission stops before Redis does: what is already owned needs room to be delivered."""
        if self._memory_check_is_due():
            self._judge_memory(self._client.info("memory"))
        self._refuse_when_full()

    def _memory_check_is_due(self) -> bool:
        now = time.monotonic()
        if now - self._memory_checked <= MEMORY_CHECK_SECONDS:
            return False
        # Others need not ask beside us; whoever gets no answer is not going to admit anything either.
        self._memory_checked = now
        return True

    def _judge_memory(self, memory: Mapping[str, Any]) -> None:
        limit = int(memory.get("maxmemory", 0))
        self._memory_full = bool(limit) and int(memory["used_memory"]) > limit * MEMORY_LIMIT

    def _refuse_when_full(self) -> None:
        if self._memory_full:
            raise StoreUnavailable(
                "Redis uses more than 85 % of its memory: raise maxmemory or let the backlog drain"
            )


def calls_of(items: Items) -> Iterator[Items]:
    """A delivery in parts that are not too long for one script."""
    return (items[i : i + EVENTS_PER_CALL] for i in range(0, len(items), EVENTS_PER_CALL))


def admission_of(answers: Sequence[Answer]) -> Admission:
    """What the script answered to the parts of one delivery, as one."""
    fates = b"".join(answer.fates for answer in answers)
    ids = tuple(one.decode() for answer in answers for one in answer.ids)
    return Admission(fates.count(b"a"), fates.count(b"d"), fates.count(b"i"), fates.count(b"q"), ids)


def _content(item: Arrival | Unreadable, codec: Codec, merchant_id: str) -> tuple[bytes, bytes]:
    """Digest and record."""
    if isinstance(item, Unreadable):
        return item.digest, codec.pack_event(item.reason, merchant_id, item.body)
    return item.event.digest, codec.pack_event(item.event.name, merchant_id, item.event.raw)


def _head(item: Arrival | Unreadable, event_id: str) -> list[str | int]:
    """What admit.lua reads of an item; flat, which it decodes in half the time."""
    if isinstance(item, Unreadable):
        return ["Q", event_id, 0]
    if item.ignored:
        return ["I", event_id, 0]
    _, facts, _, is_backfill = item
    head: list[str | int] = ["B" if is_backfill else "E", event_id, len(facts)]
    for fact in facts:
        head += _packed(fact)
    return head


def _packed(fact: Fact) -> tuple[str | int, ...]:
    """A fact as admit.lua reads it; the version as text, since Lua would round it."""
    kind, account, subject, version, amount, currency, rule, value, person = fact
    return (kind, account, subject, str(version), _cents(amount), currency, rule, value, person)


def _cents(amount: Decimal) -> int:
    """What the counters of waiting money take; 0 for what no sale can be worth, or they would overflow."""
    return int(amount * 100) if abs(amount) <= MOST_AMOUNT else 0
