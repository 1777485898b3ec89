"""Worker processes as the store sees them: threads that take wake-ups and hold what they claimed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from app.errors import LeaseLost
from app.events import Transmission
from app.store.transmissions import Ending
from tests.stores import Kinds, Store


@dataclass
class Workers:
    """`slots` are the threads of each living process, `at` what they have claimed and not ended."""

    store: Store
    slots: dict[str, int] = field(default_factory=dict)
    at: dict[str, list[Transmission]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    _tokens: int = 0

    def start(self, slots: int, *, dispatched: bool = True) -> str:
        """One more process, and its dispatcher's first round."""
        process = f"process-{len(self.at)}"
        self.slots[process], self.at[process] = slots, []
        if dispatched:
            self.store.transmissions.tick(process, slots)
        return process

    def kill(self, process: str) -> None:
        """It is gone, and 15 s go by; what it had claimed stays under its lease."""
        slots = self.slots.pop(process)
        self.store.client.zincrby("relay:processes", -15_001, f"{process} {slots}")
        self.at[process] = []

    def tick(self) -> None:
        """One round of each dispatcher."""
        for process, slots in self.slots.items():
            self.store.transmissions.tick(process, slots)

    def free(self, process: str) -> int:
        """How many threads of the process do nothing."""
        return self.slots[process] - len(self.at[process])

    def running(self) -> Mapping[str, int]:
        """How many transmissions of each account living workers are at."""
        return Counter(one.account for claims in self.at.values() for one in claims)

    def take(self, process: str, kind: Kinds = Kinds.SALE) -> bool:
        """A free thread takes a wake-up and claims; False when there is none."""
        message = self.store.client.rpop(kind) if self.free(process) > 0 else None
        if message is None:
            return False
        self.claim(process, orjson.loads(message)["headers"]["id"])  # type: ignore[arg-type]
        return True

    def claim(self, process: str, tid: str, *, alone: bool = False) -> Transmission | None:
        """A thread claims it and is at it, or is refused."""
        self._tokens += 1
        claimed = self.store.transmissions.claim(
            tid, f"token{self._tokens}", process, self.slots[process], alone=alone
        )
        if isinstance(claimed, Transmission):
            self.at[process].append(claimed)
            return claimed
        self.refused[claimed.why] += 1
        return None

    def work(self) -> None:
        """Every thread takes what it can get, until nothing is on the queues or all are at something."""
        while sum(self.take(process, kind) for process in self.slots for kind in Kinds):
            pass

    def settle(self, account: str, ending: Ending = Ending.DELIVERED) -> bool:
        """One that is at something of this account ends it; False when nobody is."""
        for claims in self.at.values():
            for one in claims:
                if one.account == account:
                    self.end(one, ending)
                    return True
        return False

    def end(self, claimed: Transmission, ending: Ending = Ending.DELIVERED) -> None:
        """The thread ends its attempt, or finds that it lost it, and is free."""
        for claims in self.at.values():
            if claimed in claims:
                claims.remove(claimed)
        try:
            self.store.settle(claimed, ending, delay_seconds=60)
        except LeaseLost:
            pass
