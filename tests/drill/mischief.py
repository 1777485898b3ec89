"""What goes wrong in a drill, and when: deaths, freezes, a clock that jumps, another store in the
place of the relay's own, a CRM that fails in every way and refuses the keys until somebody was told of it.

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

from app.store.instance import KEY as MARK
from tests.drill.lookout import Lookout
from tests.drill.relay import PROBE_SECONDS, STORE_ERRORS, VICTIMS, WORKER_SLOTS, Relay, Store
from tests.drill.truth import Event, Refunded, Shown, Sold
from tests.servers import Sandbox

LOG, REFUND, SAVE = "/transaction/processManual", "/transaction/refund", "/Contacts/saveorupdate"
# Everything but notes.
REPEATABLE = "/(?:Contacts|Contacts/saveorupdate|Products|Transactions|objects/.*)"
LEASE_SECONDS = 80.0
# A watch that dies has the turn for this long, and the gate's probe that dies for a little less.
TURN_SECONDS = 120.0
REFUSED = {"match": {"path": "/ontraport/1/.*"}, "do": {"kind": "answer", "status": 401, "body": "No."}}
# The share of orders, and of addresses, that meet a fault of their own.
FAULTY_ORDERS, FAULTY_ADDRESSES = 0.2, 0.15

Act = tuple[float, str, Callable[[], None]]


def order_faults(events: Sequence[Event], chance: Random, pace: float) -> Iterator[dict[str, Any]]:
    """A fault of its own for the sale or the refund of some orders."""
    sold = {m.order: m for event in events for m in event.means if isinstance(m, Sold | Refunded)}
    for order in sold:
        if chance.random() < FAULTY_ORDERS:
            match = {"path": LOG, "body_contains": f'"{order}"'}
            yield {"match": match, "times": 1, "do": chance.choice(_endings(chance, pace))}


def contact_faults(events: Sequence[Event], chance: Random) -> Iterator[dict[str, Any]]:
    """Addresses whose write is carried out and not answered; contacts that are made at leisure."""
    yield {"match": {"path": SAVE}, "do": {"kind": "race", "seconds": 0.2}}
    newer = {m.value: m for event in events for m in event.means if isinstance(m, Shown) and m.version}
    for address in newer:
        if chance.random() < FAULTY_ADDRESSES:
            match = {"path": f"(?:/Contacts|{SAVE})", "body_contains": f'"{address}"'}
            yield {"match": match, "times": 1, "do": {"kind": "reset", "commit": True}}


def refund_faults(chance: Random, pace: float) -> Iterator[dict[str, Any]]:
    """Refunds do not name their order: now and then one of them meets a fault."""
    for nth in range(6):
        rule = {"match": {"path": REFUND}, "after": chance.randint(3 * nth, 9 * nth), "times": 1}
        yield rule | {"do": chance.choice(_endings(chance, pace))}


def _endings(chance: Random, pace: float) -> list[dict[str, Any]]:
    """How a write that nobody may repeat can end: before the work, after it, later than its connection."""
    return [
        {"kind": "reset", "commit": False},
        {"kind": "reset", "commit": True},
        # The worst of them, so the likeliest.
        *({"kind": "late_commit", "seconds": chance.uniform(15, 40) / pace} for _ in range(3)),
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
            [REFUSED | {"for_seconds": seconds}],
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
    """Does what was planned, at its time; `done` counts it.

    `was_told` answers whether somebody was told that the keys are refused; `refusals` are the spans of that,
    each with the time that a gate may take to open again (unix seconds).
    """

    relay: Relay
    sandbox: Sandbox
    store: Callable[[], Store]
    lookout: Lookout
    was_told: Callable[[], bool]
    chance: Random
    pace: float
    standing: list[dict[str, Any]]
    done: Counter[str] = field(default_factory=Counter)
    put_back: float = 0.0
    refusals: list[tuple[float, float]] = field(default_factory=list)
    knocks: int = 0
    _refusing: bool = False
    _calm: bool = False
    _under_way: list[threading.Thread] = field(default_factory=list)

    def plan(self, seconds: float) -> list[Act]:
        """Every act with its time, from the seed alone; each drill has a foreign store and refused keys."""
        acts: list[Act] = [
            (self.chance.uniform(0.05, 0.2) * seconds, "foreign stores", lambda: self._swap_store(3.0)),
            (self.chance.uniform(0.25, 0.4) * seconds, "keys refused", self._refuse_keys),
        ]
        at = 2.0
        while at < seconds:
            acts.append((at, *self._act()))
            at += self.chance.uniform(1, 4)
        return sorted(acts, key=lambda act: act[0])

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
        """Only the orders' own faults are left; the relay has its own store; the clock goes on from here."""
        for thread in self._under_way:
            thread.join()
        self._under_way.clear()
        if not self._calm:
            self.sandbox.faults(*self.standing)
        self._calm = True

    def _act(self) -> tuple[str, Callable[[], None]]:
        kind = self.chance.choices(("kill", "freeze", "weather", "clock", "swap"), (50, 20, 22, 5, 3))[0]
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
        if kind == "swap":
            seconds = self.chance.uniform(2, 6)
            return "foreign stores", lambda: self._swap_store(seconds)
        rules = weather(self.chance, self.pace)
        return "weather", lambda: self._weather(rules)

    def _weather(self, rules: list[dict[str, Any]]) -> None:
        if self._refusing:
            return
        self.sandbox.faults(*rules, *self.standing)
        if rules[0]["do"] == REFUSED["do"]:
            self._was_refused(time.time(), time.time() + rules[0]["for_seconds"])

    def _was_refused(self, begin: float, end: float) -> None:
        # Until a probe opens the gate, or the place of one that died is free, and until the watch has looked.
        self.refusals.append((begin, end + PROBE_SECONDS + 30.0 + TURN_SECONDS / self.pace))

    def _refuse_keys(self) -> None:
        """Until somebody was told of it; for so long at the most that it cannot be told any more."""
        self._refusing = True
        before = self._refused()
        self.sandbox.faults(REFUSED, *self.standing)
        self._beside(lambda: self._accept_keys(time.time(), before))

    def _accept_keys(self, begin: float, before: int) -> None:
        end = time.monotonic() + 2 * TURN_SECONDS / self.pace + 30
        time.sleep(self.chance.uniform(3, 6))
        while not self.was_told() and time.monotonic() < end:
            time.sleep(0.5)
        self._was_refused(begin, time.time())
        self.sandbox.faults(*self.standing)
        self._refusing = False
        # What was under way met the refusal, and each probe; whoever claims or asks anew is not to.
        allowed = 2 * WORKER_SLOTS + (time.time() - begin) / PROBE_SECONDS + 2
        self.knocks = max(0, self._refused() - before - round(allowed))

    def _refused(self) -> int:
        statuses = self.sandbox.ledger()["requests"]["by_status"]
        return int(statuses.get("401", 0))

    def _swap_store(self, seconds: float) -> None:
        """An empty store in the place of the relay's, as if it had come back without its file."""
        with self.relay.client() as client:
            if client.get(MARK) is None:
                raise OSError("it is away already")
            client.swapdb(0, 1)
        self._beside(lambda: self._give_back(seconds))

    def _give_back(self, seconds: float) -> None:
        time.sleep(seconds)
        while True:
            try:
                with self.relay.client() as client:
                    if client.get(MARK) is None:
                        client.swapdb(0, 1)
                with self.relay.client(1) as client:
                    client.flushdb()
                return
            except STORE_ERRORS:
                time.sleep(0.5)

    def _beside(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._under_way.append(thread)
        thread.start()

    def _shift(self, seconds: float) -> None:
        self.store().shift_clock(seconds)
        self.put_back += max(0.0, -seconds)
        if seconds > 0:
            self.lookout.clock_put_forward()

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
