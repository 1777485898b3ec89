"""Waiting that a reset ends at once, and work put off that a reset calls off; for app.sandbox only."""

import threading
from collections.abc import Callable


class Patience:
    """Every wait and every delayed piece of work of one sandbox."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._waiting: set[threading.Timer] = set()

    def wait(self, seconds: float) -> None:
        """Sleep for that long, or until the next reset."""
        self._over.wait(seconds)

    def later(self, seconds: float, work: Callable[[], object]) -> None:
        """Do the work in that many seconds, unless a reset comes first."""
        with self._lock:
            timer = threading.Timer(seconds, lambda: self._run(timer, work))
            timer.daemon = True
            self._waiting.add(timer)
            timer.start()

    @property
    def pending(self) -> int:
        """How many pieces of work are still to be done."""
        with self._lock:
            return len(self._waiting)

    def reset(self) -> None:
        """End every wait and call off all work that was put off."""
        with self._lock:
            self._over.set()
            self._over = threading.Event()
            for timer in self._waiting:
                timer.cancel()
            self._waiting.clear()

    def _run(self, timer: threading.Timer, work: Callable[[], object]) -> None:
        with self._lock:
            if timer not in self._waiting:
                return
        try:
            work()
        finally:
            with self._lock:
                self._waiting.discard(timer)
