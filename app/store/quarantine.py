"""What was authenticated and could not be read: kept whole, with the reason, until a person acts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from app.store.connection import store_errors
from app.store.records import Codec, moment, text

PAGE = 20


@dataclass(frozen=True, slots=True)
class Unread:
    """One body that could not be read: when it came (UTC), why, for which merchant, and its bytes."""

    id: str
    arrived_at: datetime
    reason: str
    merchant_id: str
    body: bytes


class Quarantine:
    """Reads and empties the quarantine."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def find(self, limit: int | None = None) -> Iterator[Unread]:
        """What is kept, the latest first, read in pages as it is asked for."""
        with store_errors():
            found: Any = self._client.zrevrange(
                "quarantine", 0, -1 if limit is None else limit - 1, withscores=True
            )
        for start in range(0, len(found), PAGE):
            yield from self._read([(text(name), score) for name, score in found[start : start + PAGE]])

    def show(self, event_id: str) -> Unread | None:
        """One of them; None when there is none of that id."""
        with store_errors():
            score: Any = self._client.zscore("quarantine", event_id)
        return next(iter(self._read([(event_id, score)])), None) if score is not None else None

    def discard(self, event_id: str) -> bool:
        """Throws one away; False when there is none of that id."""
        with store_errors(), self._client.pipeline() as pipe:
            pipe.zrem("quarantine", event_id)
            pipe.delete(f"q:{event_id}")
            removed, _ = pipe.execute()
        return bool(removed)

    def _read(self, found: Sequence[tuple[str, float]]) -> Iterator[Unread]:
        with store_errors():
            records: Any = self._client.mget([f"q:{event_id}" for event_id, _ in found])
        codec = Codec()
        for (event_id, arrived), record in zip(found, records, strict=True):
            if record is not None:
                reason, merchant_id, body = codec.unpack_event(record)
                yield Unread(event_id, moment(arrived), reason, merchant_id, body)
