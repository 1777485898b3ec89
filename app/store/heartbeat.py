"""Since when nobody took deliveries: the receiver's heartbeat and its gaps, and when each shop was heard.

For app.web, app.store.survey and tasks.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import redis

from app.alerts.readings import Rhythm
from app.store.connection import store_errors
from app.store.records import moment, row, text
from app.store.scripting import Scripts

# A restart or a deploy takes less.
GAP_SECONDS = 300


class Heartbeat:
    """Kept by whichever receiver runs; a gap is a span in which none had a store to write to."""

    def __init__(self, client: redis.Redis, scripts: Scripts, *, mark: str) -> None:
        self._client = client
        self._scripts = scripts
        self._mark = mark

    def beat(self, heard: Mapping[str, bool] | None = None) -> bool:
        """A receiver is there now; True when none had been for more than GAP_SECONDS.

        `heard` has every merchant that it listens to: whether a delivery came since its last beat.
        """
        told: list[str | int] = []
        for merchant_id, came in (heard or {}).items():
            told += [merchant_id, int(came)]
        with store_errors():
            return bool(self._scripts.run("heartbeat", self._mark, GAP_SECONDS * 1000, *told))

    def rhythm(self, merchant_id: str) -> Rhythm | None:
        """How a shop has been heard; None until a receiver has listened to it."""
        with store_errors():
            fields = row(self._client.hgetall(f"heard:{merchant_id}"))
        if not fields:
            return None
        return Rhythm(
            quiet_since=moment(fields["quiet"]),
            heard_at=moment(fields["last"]) if "last" in fields else None,
            longest={int(name): timedelta(seconds=int(n)) for name, n in fields.items() if name.isdigit()},
        )

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
