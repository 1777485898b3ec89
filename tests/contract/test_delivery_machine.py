"""Workers at a CRM that fails in every way, frozen and killed anywhere, in any order: each effect once.

The engine, the attempt, a sale's contact and log, and the scripts are the real ones; the clocks and the CRM
are the machine's own. A worker is stopped at one seam of its attempt at most: it dies, or is frozen while
others take over. What is dangerous and rare by chance has a rule of its own.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, ClassVar, TypeVar, cast

import orjson
import pytest
import redis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.delivery import attempt as attempts
from app.delivery.attempt import Attempt, Call
from app.delivery.contacts import write_contact
from app.delivery.logged_sales import log_sale
from app.events import Delivered, Kind, Outcome
from app.relay.contacts import ContactPlan
from app.services import Services
from app.settings import MappingRules
from app.store.ledger import BURST, GateClosed, Go, Ledger, Pause
from app.store.lookups import Lookups
from app.store.scripting import Scripts
from tests.attempts import plan
from tests.contract.machines import try_out
from tests.contract.model_crm import Crm, Seam, require
from tests.contract.store_snapshot import Snapshot
from tests.drill.changed import TIME
from tests.servers import Valkey
from tests.stores import ACCOUNT, GROW, MARK, Kinds, Store, arrival, fact
from workers.engine import Engine
from workers.process import Process

pytestmark = pytest.mark.server

T = TypeVar("T")

BEGIN = 1_800_000_000.0
CLOCK = "test:clock"
# More orders than a worker with one thread has in its window.
ORDERS, CUSTOMERS, MOST_REFUNDED = 6, 2, 3
# Half of the workers are to be stopped somewhere.
TROUBLE = (*(None for _ in Seam), *Seam)
# The clock is put forward or back by no more in all.
MOST_STEPS = 20
RATE_PER_MINUTE = 30
# A worker that is stopped dies (None), or is frozen for so many seconds (less than a call may last, or more
# than its lease) while others work and do what is due then for so many rounds.
Stop = tuple[int, int] | None
SHORT, LONG = (60, 0), (100, 2)


class Death(BaseException):
    """The worker's process is killed."""


@dataclass
class Worker(Process):
    """A process with one thread. One of `stops` comes over it when it has passed `seam` so many times."""

    slots: int = 1
    name: str = "process"
    seam: Seam | None = None
    passes: int = 0
    stops: Sequence[Stop] = (None, SHORT, LONG)

    def pause(self, seconds: float) -> None:
        """The machine's time goes by."""
        Machine.here.pass_time(seconds)


class WatchedLedger(Ledger):
    """The ledger, with a seam behind each record; permissions are counted."""

    def announce(self, *args: Any, **more: Any) -> Go | Pause | GateClosed:
        """As the ledger says; within the gate and the budget."""
        answer = super().announce(*args, **more)
        if isinstance(answer, Go):
            Machine.here.permitted()
        return answer

    def complete(self, *args: Any, **more: Any) -> None:
        """As the ledger does it."""
        super().complete(*args, **more)
        Machine.here.seam(Seam.RECORDED)


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
        self.crm = Crm(self)
        self.told: dict[int, list[tuple[int, int]]] = defaultdict(list)
        self.versions = itertools.count(1)
        self.workers: list[Worker] = []
        self.permits: dict[str, Call] = {}
        self.asked: list[float] = []
        self.calm = False
        account = SimpleNamespace(ontraport=SimpleNamespace(rate_per_minute=RATE_PER_MINUTE))
        self.services = SimpleNamespace(
            transmissions=self.store.transmissions,
            ledger=WatchedLedger(self.client, self.store.scripts, mark=MARK),
            lookups=Lookups(self.client),
            gates=self.store.gates,
            ontraport={ACCOUNT: self.crm},
            accounts={ACCOUNT: account},
            settings=SimpleNamespace(sandbox=True, relay_release="test"),
            rules=lambda account: MappingRules(),
            born=None,
            clock=self._clock,
        )

    # What happens.

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """One worker with one thread, so that the window is small; and two orders of each customer."""
        self.data = data
        self.store.tick(1)
        for order in range(ORDERS):
            self.tell(data, order, 0)

    @rule(data=st.data(), order=st.integers(0, ORDERS - 1), more=st.sampled_from([0, 0, 1, 2]))
    def tell(self, data: st.DataObject, order: int, more: int) -> None:
        """The shop tells of an order, as it is or with more refunded of it."""
        self.data = data
        told = self.told[order]
        told.append((next(self.versions), min(told[-1][1] + more if told else more, MOST_REFUNDED)))
        self._deliver(order, *told[-1])

    @rule(data=st.data(), order=st.integers(0, ORDERS - 1))
    def tell_again(self, data: st.DataObject, order: int) -> None:
        """A snapshot comes late, or once more in other words."""
        if told := self.told[order]:
            self._deliver(order, *data.draw(st.sampled_from(told)))

    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        """A worker takes a wake-up."""
        self.data = data
        self._work()

    @rule(data=st.data(), passes=st.integers(0, 1))
    def freeze_for_long(self, data: st.DataObject, passes: int) -> None:
        """A worker may send, and is frozen; others take over what it does, then it goes on."""
        self.data = data
        self._work(Worker(seam=Seam.SENDS, passes=passes, stops=(LONG,)))

    @rule(data=st.data(), passes=st.integers(0, 1))
    def freeze_for_short(self, data: st.DataObject, passes: int) -> None:
        """A worker may send, and is frozen; others work beside it, then it goes on."""
        self.data = data
        self._work(Worker(seam=Seam.SENDS, passes=passes, stops=(SHORT,)))

    @rule(data=st.data())
    def lose_an_answer(self, data: st.DataObject) -> None:
        """The next write breaks off and is done as late as can be; it is looked for when it is due."""
        self.crm.fates.append("done late")
        self.go_on(data, 4)

    @rule(data=st.data(), rounds=st.integers(1, 5))
    def go_on(self, data: st.DataObject, rounds: int) -> None:
        """What is due is done, round after round."""
        self.data = data
        for _ in range(rounds):
            self._do_what_is_due()

    @rule(data=st.data(), seconds=st.sampled_from([1, 20, 100]))
    def wait(self, data: st.DataObject, seconds: int) -> None:
        """Time goes by, and a dispatcher looks."""
        self.data = data
        self.pass_time(seconds)

    @rule(step=st.sampled_from([-10, 5, 10]))
    def step_clock(self, step: int) -> None:
        """Somebody puts the store's clock forward or back."""
        if abs(self.shift + step) <= MOST_STEPS:
            self.shift += step
            self._set_clock()

    @rule(reason=st.sampled_from(["", "throttled", "auth"]))
    def gate(self, reason: str) -> None:
        """The CRM asks for a minute, the keys are refused, or all is well again."""
        if reason:
            self.store.gates.close(ACCOUNT, reason, "no", 60)
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
            if not (still := self._open()):
                break
            for tid in (tid for tid, one in still.items() if one["st"] == "dead"):
                assert still[tid]["f"] == "poison", still[tid]
                self.store.letters.replay(tid)
            self.pass_time(61)
            while self._work():
                pass
        assert not self._open(), "something is stuck"
        for order, told in self.told.items():
            stands = self.crm.orders[f"order:{order}"]
            assert len(stands.sales) == bool(told), f"the sale of order {order} is lost"
            refunded = [int(total) for _, total in stands.refunds]
            assert max(refunded, default=0) == (told[-1][1] if told else 0), f"a refund of {order} is lost"

    @invariant()
    def everything_is_in_its_place(self) -> None:
        """Places, lines, counters, money and payloads agree with the states; a sale is one transmission."""
        snapshot = Snapshot.of(self.client)
        snapshot.check()
        sales = Counter(t["s"] for t in snapshot.transmissions.values() if t["k"] == Kinds.SALE)
        assert all(number == 1 for number in sales.values()), f"a sale that is known is told again: {sales}"

    def _deliver(self, order: int, version: int, refunded: int) -> None:
        subject = f"order:{order}"
        facts = [fact(subject, Kinds.SALE, version, value="1000")]
        if refunded:
            facts.append(fact(subject, Kinds.REFUND, version, rule=GROW, value=str(refunded)))
        self.store.inbox.admit([arrival(*facts, number=order, version=version, refunded=refunded)], "DEMO")

    # What workers do.

    def _do_what_is_due(self) -> None:
        """Time goes by until a retry or the end of a lease, then workers do what there is to do."""
        due: Any = self.client.zrange("due", 0, 0, withscores=True)
        self.pass_time(max(0.0, due[0][1] / 1000 - self.now()) if due else 1.0)
        self._work_off()

    def _work_off(self) -> None:
        """Workers do what there is to do."""
        for _ in range(2 * ORDERS):
            if not self._work():
                break

    def _work(self, worker: Worker | None = None) -> bool:
        """One worker takes a wake-up, if there is any, and makes the attempt; a death ends it anywhere."""
        message: Any = self.client.rpop(Kinds.SALE) or self.client.rpop(Kinds.REFUND)
        if message is None:
            return False
        handlers = {Kind.SALE: self._sell, Kind.REFUND: self._refund}
        worker = worker or Worker(seam=self.choose(TROUBLE), passes=self.choose((0, 1)))
        permits = dict(self.permits)
        self.workers.append(worker)
        engine = Engine(cast(Services, self.services), handlers, worker)
        with suppress(Death):
            self.seam(Seam.TAKES)
            engine.attempt(orjson.loads(message)["headers"]["id"])
        # Whoever is dead or done sends nothing more; who is frozen further up still may.
        self.workers.pop()
        self.permits = permits
        return True

    def _sell(self, attempt: Attempt) -> Outcome:
        payload, row = attempt.transmission.payload, attempt.transmission.ledger
        order, version = int(payload["number"]), int(payload["version"])
        address = {"address": {"address": str(version)}}
        sale = plan(
            order_id=attempt.transmission.subject,
            contact=ContactPlan(f"{order % CUSTOMERS}@example.com", address, version),
        )
        if not row.get("x:sale"):
            log_sale(attempt, sale, write_contact(attempt, sale.contact), {"BONE": "1"})
        return Delivered("sold")

    def _refund(self, attempt: Attempt) -> Outcome:
        order, row = attempt.transmission.subject, attempt.transmission.ledger
        total = str(attempt.transmission.payload["refunded"])

        def look(announced: str) -> str | None:
            sent = announced.partition(" ")[2]
            return sent if sent in self.crm.refunds(order, attempt.permit) else None

        if row.get("x:refunded") != total:
            attempt.once(
                attempt.row, row, f"refund {total}",
                act=lambda call: self.crm.refund(order, total, call), look=look,
                writes=lambda done: [(attempt.row, "x:refunded", done)], trusted=lambda: True,
            )  # fmt: skip
        return Delivered(total)

    # Where things go wrong, and what the CRM sees of the world.

    def seam(self, seam: Seam) -> None:
        """Here a worker dies, or is frozen while time goes by and others work."""
        worker = self.workers[-1]
        if seam is not worker.seam or self.calm:
            return
        worker.passes -= 1
        if worker.passes >= 0:
            return
        worker.seam = None
        # Who takes over from one that is frozen is not frozen as well.
        stop = self.choose(worker.stops) if len(self.workers) == 1 else None
        if stop is None:
            raise Death
        seconds, rounds = stop
        self.pass_time(seconds)
        self._work_off()
        for _ in range(rounds):
            self._do_what_is_due()

    def permitted(self) -> None:
        """A request may be made: the gate is open, and the account's budget has room."""
        require(self.store.gates.read(ACCOUNT) is None, "a request through a closed gate")
        self.asked.append(self.now())
        interval = 60 / RATE_PER_MINUTE
        for number, before in enumerate(reversed(self.asked), start=1):
            least = (number - BURST) * interval
            require(self.now() - before > least - 0.01, f"{number} requests in {self.now() - before} s")

    def send(self, what: str, call: Call) -> None:
        """Between permission and first byte a worker may be stopped; meanwhile nobody else may write it."""
        other = self.permits.get(what)
        require(other is None or other.deadline <= self.boot, f"two may write {what} at once")
        self.permits[what] = call
        self.seam(Seam.SENDS)
        call.check()
        self.permits.pop(what, None)

    def choose(self, among: Sequence[T]) -> T:
        """One of them; the first when all is calm."""
        return among[0] if self.calm else self.data.draw(st.sampled_from(among))

    def now(self) -> float:
        """Seconds by the store's clock."""
        return self.boot + self.shift

    def latest(self, call: Call) -> float:
        """The call's deadline by the store's clock: what it is put forward by, the looks come earlier."""
        return call.deadline + self.shift

    def pass_time(self, seconds: float) -> None:
        """Time goes by for every clock, the CRM does what it does late, a dispatcher looks."""
        self.boot += seconds
        self._set_clock()
        self.crm.go_on()
        self.store.tick(1)
        window = int(self.client.get("relay:window") or 0)
        for kind in (Kinds.SALE, Kinds.REFUND):
            require(len(self.store.handed(kind)) <= window, "more is handed than the window holds")
            require(len(self.store.wake_ups(kind)) <= 2 * window, "the queue grows with the backlog")

    def _open(self) -> Mapping[str, Any]:
        found = Snapshot.of(self.client).transmissions
        return {tid: t for tid, t in found.items() if t["st"] not in ("delivered", "skipped")}

    def _clock(self) -> datetime:
        return datetime.fromtimestamp(self.now(), UTC)

    def _set_clock(self) -> None:
        self.client.set(CLOCK, round(self.now() * 1000))


def test_whatever_happens_each_effect_stands_once(fast_valkey: Valkey, monkeypatch: pytest.MonkeyPatch):
    original = Scripts.source
    by_hand = f"return tonumber(redis.call('GET', '{CLOCK}'))"
    monkeypatch.setattr(Scripts, "source", lambda self, name: original(self, name).replace(TIME, by_hand))
    monkeypatch.setattr(attempts, "boot_seconds", lambda: Machine.here.boot)
    try_out(Machine, fast_valkey, monkeypatch, examples=180, steps=20)
