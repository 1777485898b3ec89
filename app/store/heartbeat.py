"""Since when nobody took deliveries: the receiver's heartbeat, and the gaps in it; for app.web and tasks."""

from datetime import datetime

import redis

from app.store.connection import store_errors
from app.store.records import moment, text
from app.store.scripting import Scripts

# A restart or a deploy takes less.
GAP_SECONDS = 300


class Heartbeat:
    """Kept by whichever receiver runs; a gap is a span in which none had a store to write to."""

    def __init__(self, client: redis.Redis, scripts: Scripts, *, mark: str) -> None:
        self._client = client
        self._scripts = scripts
        self._mark = mark

    def beat(self) -> bool:
        """A receiver is there now; True when none had been for more than GAP_SECONDS."""
        with store_errors():
            return bool(self._scripts.run("heartbeat", self._mark, GAP_SECONDS * 1000))

    def last(self) -> datetime | None:
        """The last beat; None before the first."""
        with store_errors():
            found = self._client.get("receiver:alive")
        return moment(found) if found else None

    def gaps(self) -> list[tuple[datetime, datetime]]:
        """The gaps of the last 30 days, each from its last beat to its first, the oldest first."""
        with store_errors():
            found = self._client.zrange("receiver:gaps", 0, -1)
        spans = [text(one).split(" ") for one in found]
        return [(moment(begin), moment(end)) for begin, end in spans]
