"""UltraCart's limits: so many requests in any hour and day, and never two at once; for app.sandbox only.

UltraCart says that its bucket leaks; these windows roll, so who passes here passes there too.
https://www.ultracart.com/api/rate_limiting.html
"""

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HOUR, DAY = 3600, 86400
AN_HOUR, A_DAY = 1_000, 10_000
CONCURRENT = "concurrent requests are not allowed."


@dataclass(frozen=True, slots=True)
class Closed:
    """Why a request is not let in; `retry_after` in whole seconds."""

    text: str
    retry_after: int


class Door:
    """Counts who is let in and who is inside; a request that is refused does not count. A limit 0 is none."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._inside = 0
        self.reset()

    def reset(self, an_hour: int = AN_HOUR, a_day: int = A_DAY) -> None:
        """Forget every request and go on with these limits; who is inside stays inside."""
        with self._lock:
            self._limits = {HOUR: an_hour, DAY: a_day}
            self._admitted: deque[float] = deque()
            self._refused: Counter[str] = Counter()
            self._total = 0

    def enter(self) -> Closed | None:
        """Let one more request in, who must `leave`; or say why not, and then it is not inside."""
        with self._lock:
            closed = self._closed(self._now())
            if closed is None:
                self._inside += 1
                self._total += 1
                self._admitted.append(self._now())
            else:
                self._refused["at_once" if closed.text == CONCURRENT else "by_rate"] += 1
            return closed

    def stay(self) -> None:
        """Someone who was let in takes longer, and must `leave` once more."""
        with self._lock:
            self._inside += 1

    def leave(self) -> None:
        """The request has been answered."""
        with self._lock:
            self._inside -= 1

    def figures(self) -> dict[str, Any]:
        """Requests let in and refused since the last reset, those inside now, and the limits."""
        with self._lock:
            refused = {"at_once": 0, "by_rate": 0} | dict(self._refused)
            limits = {"an_hour": self._limits[HOUR], "a_day": self._limits[DAY]}
            return {
                "admitted": self._total,
                "inside": self._inside,
                "refused": refused,
                "limits": limits,
            }

    def _closed(self, now: float) -> Closed | None:
        if self._inside:
            return Closed(CONCURRENT, 1)
        while self._admitted and self._admitted[0] <= now - DAY:
            self._admitted.popleft()
        for seconds, limit in self._limits.items():
            recent = [at for at in self._admitted if at > now - seconds]
            if limit and len(recent) >= limit:
                text = f"rate of {limit} per {seconds} second(s) exceeded."
                return Closed(text, math.ceil(recent[-limit] + seconds - now))
        return None
