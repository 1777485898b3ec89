"""Counts of what arrived and what was answered; for app.sandbox only."""

import threading
from collections import Counter
from typing import Any


class Traffic:
    """Requests by route, answers by status, and who caused the 429s."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Start at zero."""
        with self._lock:
            self._routes: Counter[str] = Counter()
            self._statuses: Counter[str] = Counter()
            self._throttled = {"by_limit": 0, "by_fault": 0}

    def arrived(self, route: str) -> None:
        """One request, named like `POST /transaction/processManual`."""
        with self._lock:
            self._routes[route] += 1

    def answered(self, status: int, over_limit: bool) -> None:
        """One answer that was made, even if a fault kept it from the caller."""
        with self._lock:
            self._statuses[str(status)] += 1
            if status == 429:
                self._throttled["by_limit" if over_limit else "by_fault"] += 1

    def figures(self) -> dict[str, Any]:
        """The counts since the last reset."""
        with self._lock:
            return {
                "total": sum(self._routes.values()),
                "by_route": dict(self._routes),
                "by_status": dict(self._statuses),
                "throttled": dict(self._throttled),
            }
