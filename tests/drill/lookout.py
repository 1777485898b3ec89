"""Looks on while a drill runs: how long the queues are, whether the gate is closed, which 429s came."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import redis
import requests

from app.store.instance import KEY as MARK
from tests.drill.relay import ACCOUNT, Relay
from tests.servers import Sandbox

EVERY_SECONDS = 0.5
MINUTE = 60.0


@dataclass
class Lookout:
    """Samples, twice a second. Times are unix seconds.

    `eased` says until when a 429 is nobody's fault but the drill's: it has put the store's clock forward.
    """

    relay: Relay
    sandbox: Sandbox
    pace: float
    closed: list[float] = field(default_factory=list)
    throttled: list[str] = field(default_factory=list)
    most: dict[str, int] = field(default_factory=dict)
    window: int = 0
    eased: float = 0.0
    _known_429s: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to look."""
        self._thread = threading.Thread(target=self._look_on, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """One more look, and no further ones."""
        self._stop.set()
        if self._thread:
            self._thread.join(30)
        self._look()

    def clock_put_forward(self) -> None:
        """What was booked for later goes out now as well: for a minute there may be too many requests."""
        self.eased = time.time() + MINUTE / self.pace + 1

    def long_queues(self) -> Iterator[str]:
        """Queues that ever held more than two windows, and what dead workers had taken.

        The window follows the number of workers, so that the largest one that was seen counts.
        """
        allowed = 2 * self.window + self.window // 4
        for name, most in self.most.items():
            if self.window and most > allowed:
                yield f"the queue {name} held {most} wake-ups, with a window of {self.window}"

    def _look_on(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            self._look()

    def _look(self) -> None:
        for look in (self._look_at_store, self._look_at_crm):
            try:
                look()
            except (redis.RedisError, requests.RequestException, OSError):
                continue

    def _look_at_store(self) -> None:
        with self.relay.client() as client, client.pipeline() as pipe:
            pipe.get(MARK)
            pipe.get("relay:window")
            pipe.hget(f"g:{ACCOUNT}", "state")
            kinds = self.relay.queues
            for kind in kinds:
                pipe.llen(kind)
            mark, window, gate, *lengths = pipe.execute()
        if mark is None:
            return
        self.window = max(self.window, int(window or 0))
        for kind, length in zip(kinds, lengths, strict=True):
            self.most[kind] = max(self.most.get(kind, 0), length)
        if gate == b"closed":
            self.closed.append(time.time())

    def _look_at_crm(self) -> None:
        found: Any = requests.get(f"{self.sandbox.base}/ledger?summary=1", timeout=5).json()
        number = found["requests"]["throttled"]["by_limit"]
        if number > self._known_429s and time.time() > self.eased:
            self.throttled += ["a request over the account's limit"] * (number - self._known_429s)
        self._known_429s = number
