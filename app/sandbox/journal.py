"""What was written into the stand-in ONTRAPORT, in order; in memory; for app.sandbox only."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

LONGEST = 100_000


class Journal:
    """The last 100,000 writes that were carried out, whether their answer reached the caller or not."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._writes: deque[dict[str, Any]] = deque(maxlen=LONGEST)

    def add(self, route: str, body: Mapping[str, Any]) -> None:
        """One more write, named like `POST /transaction/processManual`."""
        with self._lock:
            self._writes.append({"at": self._clock().isoformat(), "route": route, "body": dict(body)})

    def rows(self) -> list[dict[str, Any]]:
        """All of them, the first first."""
        with self._lock:
            return list(self._writes)

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._writes.clear()
