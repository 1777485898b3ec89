"""Workers at a CRM that fails in every way, frozen and killed anywhere, in any order: each effect once.

The engine, the attempt and the scripts are the real ones; the clocks and the CRM are the machine's own. What
happens while a worker is at a seam of its work is drawn: it dies, or it is frozen and others take over.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import orjson
import pytest
import redis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.delivery import attempt as attempts
from app.delivery.attempt import Attempt, Call
from app.delivery.contacts import write_contact
from app.errors import DeliveryFailure, FailureClass
from app.events import Delivered, Kind, Outcome
from app.relay.contacts import ContactPlan
from app.services import Services
from app.store.scripting import Scripts
from tests.contract.machines import try_out
from tests.contract.store_snapshot import Snapshot
from tests.drill.changed import TIME
from tests.servers import Valkey
from tests.stores import ACCOUNT, GROW, Kinds, Store, arrival, fact
from workers.engine import Engine
from workers.process import Process

pytestmark = pytest.mark.server

BEGIN = 1_800_000_000.0
CLOCK = "test:clock"
ORDERS, CUSTOMERS, MOST_REFUNDED = 4, 2, 3
# A write may be carried out that long after its connection broke; the clock is put forward by less in all.
LATEST_COMMIT, MOST_STEPS = 30, 20
UNKNOWN = ("done unseen", "done late", "not done")


class Death(BaseException):
    """The worker's process is killed."""


class Broken(BaseException):
    """A promise does not hold; no `except` of the engine hides it."""


def require(holds: bool, otherwise: str) -> None:
    """Raises Broken unless it holds."""
    if not holds:
        raise Broken(otherwise)


@dataclass
class Crm:
    """What stands in the CRM, and what will come late: (time, subject, effect)."""

    effects: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    late: list[tuple[float, str, str]] = field(default_factory=list)
    addresses: dict[str, int] = field(default_factory=dict)

    def do(self, subject: str, effect: str) -> None:
        """Carries out a write, however often it is asked for."""
        done = self.effects[subject]
        require(effect not in done, f"{effect} of {subject} stands twice")
        done.append(effect)
        require(done[0] == "sale", f"{effect} of {subject} stands without its sale")
        require(done == sorted(done, key=_size), f"{subject} is out of order: {done}")


def _size(effect: str) -> int:
    return 0 if effect == "sale" else int(effect)


class Machine(RuleBasedStateMachine):
    """One store, one CRM, any number of workers."""

    client: redis.Redis
    here: ClassVar["Machine"]

    def __init__(self) -> None:
        super().__init__()
        type(self).here = self
        self.client.flushall()
        self.boot, self.shift = BEGIN, 0.0
        self._set_clock()
        self.store = Store.on(self.client, self._clock)
        self.crm = Crm()
        self.told: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self.permits: dict[str, Call] = {}
        self.tokens = itertools.count()
        self.calm, self.depth = False, 0
        account = SimpleNamespace(ontraport=SimpleNamespace(rate_per_minute=0))
        self.services = SimpleNamespace(
            transmissions=self.store.transmissions,
            ledger=self.store.ledger,
            gates=self.store.gates,
            ontraport={ACCOUNT: SimpleNamespace(upsert_contact=self._upsert)},
            accounts={ACCOUNT: account},
            clock=self._clock,
        )

    # What happens.

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """One worker with one thread, so that the window is small; and something to do."""
        self.data = data
        self.store.tick(1)
        self.tell(data, 0, 0)

    @rule(data=st.data(), order=st.integers(0, ORDERS - 1), more=st.sampled_from([0, 0, 1, 2]))
    def tell(self, data: st.DataObject, order: int, more: int) -> None:
        """The shop tells of an order, as it is or with more refunded of it."""
        self.data = data
        told = self.told[f"order:{order}"]
        told.append((round(self.boot), min(told[-1][1] + more if told else more, MOST_REFUNDED)))
        self._deliver(order, *told[-1])

    @rule(data=st.data(), order=st.integers(0, ORDERS - 1))
    def tell_again(self, data: st.DataObject, order: int) -> None:
        """A snapshot comes late, or once more in other words."""
        if told := self.told[f"order:{order}"]:
            self._deliver(order, *data.draw(st.sampled_from(told)))

    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        """A worker takes a wake-up."""
        self.data = data
        self._work()

    @rule(data=st.data(), seconds=st.sampled_from([1, 20, 61, 100]))
    def wait(self, data: st.DataObject, seconds: int) -> None:
        """Time goes by, and a dispatcher looks."""
        self.data = data
        self._pass(seconds)

    @rule(step=st.sampled_from([-10, 5, 10]))
    def step_clock(self, step: int) -> None:
        """Somebody puts the store's clock forward or back."""
        if abs(self.shift + step) <= MOST_STEPS:
            self.shift += step
            self._set_clock()

    @rule(closed=st.booleans())
    def gate(self, closed: bool) -> None:
        """The keys are refused, or accepted again."""
        if closed:
            self.store.gates.close(ACCOUNT, "auth", "401", 300)
        else:
            self.store.gates.open(ACCOUNT)

    @rule(kind=st.sampled_from([Kinds.SALE, Kinds.REFUND]))
    def lose_wake_ups(self, kind: Kinds) -> None:
        """The broker forgets what it has."""
        self.client.delete(kind)

    def teardown(self) -> None:
        """In the end the CRM works and nobody dies: everything that was told of stands there, once."""
        self.calm = True
        self.store.gates.open(ACCOUNT)
        for _ in range(80):
            if not self._open():
                break
            self._pass(61)
            while self._work():
                pass
        assert not self._open(), "something is stuck"
        for subject, told in self.told.items():
            if not told:
                continue
            refunded = told[-1][1]
            assert self.crm.effects[subject][:1] == ["sale"], f"the sale of {subject} is lost"
            if refunded:
                assert self.crm.effects[subject][-1] == str(refunded), f"a refund of {subject} is lost"

    @invariant()
    def everything_is_in_its_place(self) -> None:
        """Places, lines, counters, money and payloads agree with the states."""
        Snapshot.of(self.client).check()

    def _deliver(self, order: int, version: int, refunded: int) -> None:
        subject = f"order:{order}"
        facts = [fact(subject, Kinds.SALE, version, value="1000")]
        if refunded:
            facts.append(fact(subject, Kinds.REFUND, version, rule=GROW, value=str(refunded)))
        self.store.inbox.admit([arrival(*facts, number=order, version=version, refunded=refunded)], "DEMO")

    # What workers do.

    def _work(self) -> bool:
        """One worker takes a wake-up, if there is any, and makes the attempt; a death ends it anywhere."""
        message: Any = self.client.rpop(Kinds.SALE) or self.client.rpop(Kinds.REFUND)
        if message is None:
            return False
        handlers = {Kind.SALE: self._sell, Kind.REFUND: self._refund}
        engine = Engine(cast(Services, self.services), handlers, Process(slots=1))
        self.depth, permits = self.depth + 1, dict(self.permits)
        with suppress(Death):
            self._seam()
            engine.attempt(orjson.loads(message)["headers"]["id"])
        # Whoever is dead or done sends nothing more; who is frozen further up still may.
        self.depth, self.permits = self.depth - 1, permits
        return True

    def _sell(self, attempt: Attempt) -> Outcome:
        payload = attempt.transmission.payload
        self._write_contact(attempt, int(payload["version"]), payload["number"] % CUSTOMERS)
        return self._once(attempt, "sale")

    def _refund(self, attempt: Attempt) -> Outcome:
        return self._once(attempt, str(attempt.transmission.payload["refunded"]))

    def _write_contact(self, attempt: Attempt, version: int, customer: int) -> None:
        """The newest address at the contact, by the code that does it for every kind."""
        address = {"address": {"address": str(version)}}
        write_contact(attempt, ContactPlan(f"{customer}@example.com", address, version))

    def _upsert(self, body: Mapping[str, Any], call: Call) -> str:
        """What the CRM's client does: asks before the first byte leaves."""
        email, version = str(body["email"]), int(body.get("address", 0))
        self._permitted(email, call)
        self._seam()
        call.check()
        self.permits.pop(email, None)
        if version:
            require(self.crm.addresses.get(email, 0) <= version, f"{email} got an old address")
            self.crm.addresses[email] = version
        self._seam()
        return email

    def _once(self, attempt: Attempt, effect: str) -> Outcome:
        subject = attempt.transmission.subject

        def act(call: Call) -> str:
            self._permitted(attempt.row, call)
            self._seam()
            call.check()
            self.permits.pop(attempt.row, None)
            self._answer(subject, effect)
            self._seam()
            return effect

        def look(announced: str) -> str | None:
            attempt.permit()
            self._seam()
            effect = announced.partition(" ")[2]
            return effect if effect in self.crm.effects[subject] else None

        attempt.once(
            attempt.row, attempt.transmission.ledger, f"write {effect}",
            act=act, look=look, writes=lambda done: [(attempt.row, f"x:{done}", "1")], trusted=lambda: True,
        )  # fmt: skip
        return Delivered(effect)

    def _permitted(self, row: str, call: Call) -> None:
        """A call may be made: the gate is open, and nobody else may still make one for the same row."""
        require(self.store.gates.read(ACCOUNT) is None, "a call through a closed gate")
        other = self.permits.get(row)
        require(other is None or other.deadline <= self.boot, f"two may write {row} at once")
        self.permits[row] = call

    def _answer(self, subject: str, effect: str) -> None:
        """What the CRM does with a write, and what it says; returns only what was done and said."""
        fate = "done" if self.calm else self.data.draw(st.sampled_from(["done", "throttled", *UNKNOWN]))
        if fate in ("done", "done unseen"):
            self.crm.do(subject, effect)
        elif fate == "done late":
            after = self.data.draw(st.sampled_from([2, LATEST_COMMIT]))
            self.crm.late.append((self.boot + after, subject, effect))
        elif fate == "throttled":
            raise DeliveryFailure(FailureClass.THROTTLED, "slow down", wait_seconds=5)
        if fate in UNKNOWN:
            raise DeliveryFailure(FailureClass.UNKNOWN, "no answer")

    # Where things go wrong.

    def _seam(self) -> None:
        """Here a worker dies, or is frozen while time goes by and others work."""
        if self.calm:
            return
        fate = self.data.draw(st.sampled_from(["on", "on", "on", "frozen", "dies"]))
        if fate == "dies":
            raise Death
        if fate == "frozen" and self.depth == 1:
            for seconds in self.data.draw(st.sampled_from([[1, 1], [1, 20], [100, 20], [100, 20, 20]])):
                self._pass(seconds)
                self._work()

    def _pass(self, seconds: float) -> None:
        """Time goes by for every clock, the CRM does what it does late, a dispatcher looks."""
        self.boot += seconds
        self._set_clock()
        due = [one for one in self.crm.late if one[0] <= self.boot]
        self.crm.late = [one for one in self.crm.late if one[0] > self.boot]
        for _, subject, effect in sorted(due):
            self.crm.do(subject, effect)
        self.store.tick(1)
        window = int(self.client.get("relay:window") or 0)
        for kind in (Kinds.SALE, Kinds.REFUND):
            require(len(self.store.handed(kind)) <= window, "more is handed than the window holds")
            require(len(self.store.wake_ups(kind)) <= 2 * window, "the queue grows with the backlog")

    def _open(self) -> Mapping[str, Any]:
        found = Snapshot.of(self.client).transmissions
        return {tid: t for tid, t in found.items() if t["st"] not in ("delivered", "skipped")}

    def _clock(self) -> datetime:
        return datetime.fromtimestamp(self.boot + self.shift, UTC)

    def _set_clock(self) -> None:
        self.client.set(CLOCK, round((self.boot + self.shift) * 1000))


def test_whatever_happens_each_effect_stands_once(fast_valkey: Valkey, monkeypatch: pytest.MonkeyPatch):
    original = Scripts.source
    by_hand = f"return tonumber(redis.call('GET', '{CLOCK}'))"
    monkeypatch.setattr(Scripts, "source", lambda self, name: original(self, name).replace(TIME, by_hand))
    monkeypatch.setattr(attempts, "boot_seconds", lambda: Machine.here.boot)
    try_out(Machine, fast_valkey, monkeypatch, examples=200, steps=40)
