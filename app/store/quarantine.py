"""What was authenticated and could not be read: kept whole, with the reason, until a person acts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from app.events import State
from app.store.connection import store_errors
from app.store.letters import Closing
from app.store.records import Codec, moment, row, text
from app.store.scripting import Scripts

PAGE = 20
OPEN, CLOSED = "quarantine", "quarantine:closed"
# The end of what a newer release or other settings could read.
READ = "read"


@dataclass(frozen=True, slots=True)
class Unread:
    """One body that could not be read: when it came (UTC), why, for which merchant, and its bytes.

    `closing` is how a person ended it (`discarded` or `read`); its body is kept for PAYLOAD_DAYS after that
    (then b""), the rest for EXCHANGE_DAYS.
    """

    id: str
    arrived_at: datetime
    reason: str
    merchant_id: str
    body: bytes
    closing: Closing | None = None


@dataclass(slots=True)
class UnreadGroup:
    """What could not be read for one reason."""

    merchant_id: str
    reason: str
    oldest: datetime
    latest: datetime
    count: int = 0

    def add(self, one: Unread) -> None:
        """Counts one more."""
        self.count += 1
        self.oldest, self.latest = min(self.oldest, one.arrived_at), max(self.latest, one.arrived_at)


def grouped(unread: Iterable[Unread]) -> list[UnreadGroup]:
    """By merchant and reason, the largest first."""
    groups: dict[tuple[str, str], UnreadGroup] = {}
    for one in unread:
        new = UnreadGroup(one.merchant_id, one.reason, one.arrived_at, one.arrived_at)
        groups.setdefault((one.merchant_id, one.reason), new).add(one)
    return sorted(groups.values(), key=lambda group: -group.count)


class Quarantine:
    """Reads and empties the quarantine. Retention is in seconds."""

    def __init__(
        self, client: redis.Redis, scripts: Scripts, *, payload_seconds: int, exchange_seconds: int
    ) -> None:
        self._client = client
        self._scripts = scripts
        self._seconds = (payload_seconds, exchange_seconds)

    def find(self, limit: int | None = None, *, closed: bool = False) -> Iterator[Unread]:
        """What is kept, the latest first, read in pages; with `closed` what people ended instead."""
        with store_errors():
            found: Any = self._client.zrevrange(
                CLOSED if closed else OPEN, 0, -1 if limit is None else limit - 1
            )
        for start in range(0, len(found), PAGE):
            yield from self._read([text(name) for name in found[start : start + PAGE]])

    def show(self, event_id: str) -> Unread | None:
        """One of them, also after its end; None when there is none of that id."""
        return next(self._read([event_id]), None)

    def discard(self, event_id: str, *, actor: str, reason: str) -> bool:
        """Ends one that is of no use; False when it is not there or has ended."""
        return self._close(event_id, State.DISCARDED, actor, reason)

    def was_read(self, event_id: str, *, actor: str, reason: str) -> bool:
        """Ends one whose events were admitted after all; False when it is not there or has ended."""
        return self._close(event_id, READ, actor, reason)

    def _close(self, event_id: str, state: str, actor: str, reason: str) -> bool:
        one = self.show(event_id)
        if one is None:
            return False
        with store_errors():
            return bool(
                self._scripts.run(
                    "close_unread",
                    event_id,
                    state,
                    actor,
                    reason,
                    *self._seconds,
                    one.reason,
                    one.merchant_id,
                )
            )

    def _read(self, ids: Sequence[str]) -> Iterator[Unread]:
        with store_errors(), self._client.pipeline(transaction=False) as pipe:
            for event_id in ids:
                pipe.zscore(OPEN, event_id)
                pipe.get(f"q:{event_id}")
                pipe.hgetall(f"qc:{event_id}")
            answers = pipe.execute()
        codec = Codec()
        for event_id, arrived, record, ended in zip(
            ids, answers[::3], answers[1::3], answers[2::3], strict=True
        ):
            end = row(ended)
            reason, merchant_id, body = codec.unpack_event(record) if record else ("", "", b"")
            if arrived is not None and record:
                yield Unread(event_id, moment(arrived), reason, merchant_id, body)
            elif end:
                closing = Closing(end["st"], end["by"], end["wy"], "", moment(end["ct"]))
                yield Unread(event_id, moment(end["ar"]), end["re"], end["me"], body, closing)
