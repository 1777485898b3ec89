"""The account's rate limit: so many requests per rolling minute; for app.sandbox only."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW = 60.0
# What the headers say when there is no limit: a client that paces itself by them must not slow down.
UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether one request was let in, and the figures of the three X-Rate-Limit headers after it."""

    allowed: bool
    limit: int
    remaining: int
    reset_seconds: int

    def headers(self) -> dict[str, str]:
        """The headers of every answer; Reset is in seconds from now, not a point in time."""
        return {
            "X-Rate-Limit-Limit": str(self.limit),
            "X-Rate-Limit-Remaining": str(self.remaining),
            "X-Rate-Limit-Reset": str(self.reset_seconds),
        }


class RateLimiter:
    """A rolling window of 60 seconds; a request that is refused does not count. `limit` 0 is no limit."""

    def __init__(self, limit: int, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self.reset(limit)

    def reset(self, limit: int) -> None:
        """Forget every request and go on with this limit."""
        with self._lock:
            self.limit = limit
            self._admitted: deque[float] = deque()
            self._first: float | None = None
            self._by_minute: list[int] = []
            self._peak = 0

    def admit(self) -> Standing:
        """Let one more request in, or not."""
        with self._lock:
            now = self._now()
            self._forget_before(now - WINDOW)
            allowed = not self.limit or len(self._admitted) < self.limit
            if allowed:
                self._count(now)
            reset = math.ceil(self._admitted[0] + WINDOW - now)
            limit = self.limit or UNLIMITED
            return Standing(allowed, limit, max(0, limit - len(self._admitted)), reset)

    def figures(self) -> dict[str, int | list[int]]:
        """Requests let in: the last 60 s, the busiest 60 s, each minute counted from the first request."""
        with self._lock:
            self._forget_before(self._now() - WINDOW)
            return {
                "limit": self.limit,
                "last_minute": len(self._admitted),
                "peak_minute": self._peak,
                "by_minute": list(self._by_minute),
            }

    def _forget_before(self, start: float) -> None:
        while self._admitted and self._admitted[0] <= start:
            self._admitted.popleft()

    def _count(self, now: float) -> None:
        self._admitted.append(now)
        self._peak = max(self._peak, len(self._admitted))
        if self._first is None:
            self._first = now
        minute = int((now - self._first) // WINDOW)
        self._by_minute.extend([0] * (minute + 1 - len(self._by_minute)))
        self._by_minute[minute] += 1
