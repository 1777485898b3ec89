"""The engine without Celery, driven by the test: which attempt runs when, and what arrives meanwhile."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from app.delivery.attempt import Attempt
from app.errors import StoreUnavailable
from app.events import Kind, Outcome
from app.queue import WORKER_QUEUES
from app.services import Services
from app.store.records import text
from tasks.registry import HANDLERS
from tests.integration.engine import ACCOUNT, arrivals
from tests.integration.relay import OPEN
from workers.engine import Engine
from workers.process import Process

SLOTS = 8


@dataclass
class Driver:
    """Admits deliveries and makes attempts in an order that `chance` decides."""

    services: Services
    chance: random.Random
    arriving: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        handlers = {kind: self._while_something_arrives(handler) for kind, handler in HANDLERS.items()}
        self._engine = Engine(self.services, handlers, Process(slots=SLOTS))

    def run(self, deliveries: list[bytes]) -> None:
        """Until all is told and nothing is open."""
        self.arriving = list(reversed(deliveries))
        while self.arriving or self.open():
            if self.arriving and self.chance.random() < 0.5:
                self._arrive()
            handed = self._handed()
            for tid in handed[: self.chance.randint(0, len(handed)) if self.arriving else None]:
                self._attempt(tid)
            if not handed and not self.arriving:
                time.sleep(0.02)

    def open(self) -> int:
        """How many transmissions are on their way."""
        counts = self.services.log.counts(ACCOUNT).states.values()
        return sum(states.get(state, 0) for states in counts for state in OPEN)

    def _arrive(self) -> None:
        body = self.arriving.pop()
        try:
            self.services.inbox.admit(arrivals(body), "DEMO")
        except StoreUnavailable:
            # Answered by 503 on a machine that stood still: the shop tells it again.
            self.arriving.append(body)

    def _attempt(self, tid: str) -> None:
        # What breaks off for that reason goes on when its lease has ended.
        with suppress(StoreUnavailable):
            self._engine.attempt(tid)

    def _handed(self) -> list[str]:
        """The ids that are out on the queues, in an order that no queue would give them."""
        self.services.transmissions.tick("driver", SLOTS)
        self.services.client.delete(*WORKER_QUEUES)
        handed = [tid for kind in Kind for tid in self._window(kind)]
        self.chance.shuffle(handed)
        return handed

    def _window(self, kind: Kind) -> Iterator[str]:
        for tid in self.services.client.zrange(f"handed:{ACCOUNT}:{kind}", 0, -1):
            yield text(tid)

    def _while_something_arrives(self, handler: Callable[[Attempt], Outcome]) -> Callable[[Attempt], Outcome]:
        """What is told while a transmission runs, before its first call or after its last one."""

        def deliver(attempt: Attempt) -> Outcome:
            if self.arriving and self.chance.random() < 0.2:
                self._arrive()
            outcome = handler(attempt)
            if self.arriving and self.chance.random() < 0.2:
                self._arrive()
            return outcome

        return deliver
