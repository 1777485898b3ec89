"""What goes wrong in a drill, and when: deaths, freezes, a clock that jumps, a CRM that fails in every way.

All of it follows from the seed. The CRM's faults are of a sort that harms nobody for good: whoever announces
and looks loses nothing. A write that commits late is one that must not be repeated; one that may would be
overwritten by chance, and no relay could help that. Notes fail only in ways that say so: ONTRAPORT cannot
find a note again, and one of unknown outcome is not repeated.
"""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.drill.relay import STORE_ERRORS, VICTIMS, Relay, Store
from tests.drill.truth import Event, Refunded, Sold
from tests.servers import Sandbox

LOG, REFUND = "/transaction/processManual", "/transaction/refund"
# Everything but notes.
REPEATABLE = "/(?:Contacts|Contacts/saveorupdate|Products|Transactions|objects/.*)"
LEASE_SECONDS = 80.0
# The share of orders whose sale or refund meets a fault of its own.
FAULTY_ORDERS = 0.12

Act = tuple[float, str, Callable[[], None]]


def order_faults(events: Sequence[Event], chance: Random, pace: float) -> Iterator[dict[str, Any]]:
    """A fault of its own for the sale or the refund of some orders."""
    sold = {m.order: m for event in events for m in event.means if isinstance(m, Sold | Refunded)}
    for order in sold:
        if chance.random() < FAULTY_ORDERS:
            match = {"path": LOG, "body_contains": f'"{order}"'}
            yield {"match": match, "times": 1, "do": chance.choice(_endings(pace))}


def refund_faults(chance: Random, pace: float) -> Iterator[dict[str, Any]]:
    """Refunds do not name their order: now and then one of them meets a fault."""
    for nth in range(6):
        rule = {"match": {"path": REFUND}, "after": chance.randint(3 * nth, 9 * nth), "times": 1}
        yield rule | {"do": chance.choice(_endings(pace))}


def _endings(pace: float) -> list[dict[str, Any]]:
    """How a write that nobody may repeat can end: before the work, after it, later than its connection."""
    return [
        {"kind": "reset", "commit": False},
        {"kind": "reset", "commit": True},
        {"kind": "late_commit", "seconds": 15 / pace},
        {"kind": "hang", "seconds": 20 / pace, "commit": True},
        {"kind": "answer", "status": 500, "body": "Error"},
        {"kind": "answer", "status": 502, "body": "Bad Gateway", "commit": True},
        {"kind": "no_id"},
        {"kind": "answer", "status": 429, "body": "Slow down", "headers": {"X-Rate-Limit-Reset": 2}},
    ]


def weather(chance: Random, pace: float) -> list[dict[str, Any]]:
    """One period in which the CRM fails in one way, for everybody."""
    seconds = chance.uniform(4, 10)
    some = {"match": {"path": REPEATABLE}, "for_seconds": seconds}
    return chance.choice(
        [
            [{"for_seconds": seconds, "do": {"kind": "answer", "status": 401, "body": "No."}}],
            [{"times": 20, "do": {"kind": "answer", "status": 429, "headers": {"X-Rate-Limit-Reset": 3}}}],
            [some | {"do": {"kind": "answer", "status": 503, "body": "Busy"}}],
            [some | {"times": 10, "do": {"kind": "reset", "commit": True}}],
            [some | {"times": 10, "do": {"kind": "answer", "status": 500, "commit": True}}],
            [{"for_seconds": seconds, "do": {"kind": "latency", "seconds": 10 / pace}}],
            [some | {"do": {"kind": "lag", "seconds": 5 / pace}}],
        ]
    )


@dataclass
class Mischief:
    """Does what was planned, at its time; `done` counts it."""

    relay: Relay
    sandbox: Sandbox
    store: Callable[[], Store]
    chance: Random
    pace: float
    standing: list[dict[str, Any]]
    done: Counter[str] = field(default_factory=Counter)
    put_back: float = 0.0

    def plan(self, seconds: float) -> list[Act]:
        """Every act with its time, from the seed alone."""
        acts: list[Act] = []
        at = 2.0
        while at < seconds:
            acts.append((at, *self._act()))
            at += self.chance.uniform(1, 4)
        return acts

    def run(self, acts: Sequence[Act], stop: threading.Event) -> None:
        """Does all of it; what cannot be done just now (its victim is dead already) is left out."""
        begin = time.monotonic()
        for at, name, act in acts:
            if stop.wait(max(0.0, begin + at - time.monotonic())):
                return
            try:
                act()
            except STORE_ERRORS:
                self.done["left out"] += 1
            else:
                self.done[name] += 1

    def calm(self) -> None:
        """No more faults of the CRM; the clock goes on from where it is."""
        self.sandbox.faults()

    def _act(self) -> tuple[str, Callable[[], None]]:
        kind = self.chance.choices(("kill", "freeze", "weather", "clock"), (50, 20, 25, 5))[0]
        if kind == "kill":
            victim = self.chance.choice(VICTIMS)
            return "killed", lambda: self._kill(victim)
        if kind == "freeze":
            victim = self.chance.choice(VICTIMS)
            # Workers now and then for longer than their leases, so that others take over what they hold.
            long = victim.startswith("worker") and self.chance.random() < 0.4
            seconds = 1.2 * LEASE_SECONDS / self.pace if long else self.chance.uniform(0.5, 4)
            return "frozen", lambda: self._freeze(victim, seconds)
        if kind == "clock":
            # Together less than the quiet time before a write in doubt is repeated.
            step = self.chance.choice((-20, -5, 5, 20)) / self.pace
            return "clock steps", lambda: self._shift(step)
        rules = weather(self.chance, self.pace)
        return "weather", lambda: self.sandbox.faults(*rules, *self.standing)

    def _shift(self, seconds: float) -> None:
        self.store().shift_clock(seconds)
        self.put_back += max(0.0, -seconds)

    def _kill(self, victim: str) -> None:
        pid = self.relay.pid_of(victim)
        if not pid or not self.relay.signal(pid, signal.SIGKILL):
            raise OSError(victim)

    def _freeze(self, victim: str, seconds: float) -> None:
        pid = self.relay.pid_of(victim)
        if not pid or not self.relay.signal(pid, signal.SIGSTOP):
            raise OSError(victim)
        thaw = threading.Timer(seconds, lambda: self.relay.signal(pid, signal.SIGCONT))
        thaw.daemon = True
        thaw.start()
