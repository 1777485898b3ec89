"""Several accounts and processes in any order: none is above its share, and whoever is below it gets it."""

from collections.abc import Mapping

import pytest
import redis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.events import Transmission
from app.store.transmissions import Ending
from tests.contract.machines import try_out
from tests.contract.store_snapshot import Snapshot
from tests.contract.store_workers import Workers
from tests.servers import Valkey
from tests.stores import Kinds, Store, arrival, fact, three_kinds

pytestmark = pytest.mark.server

ACCOUNTS = ("ontraport:ONE", "ontraport:TWO", "ontraport:THREE")
MOST_PROCESSES, MOST_ROUNDS, MOST_SUSPECTS = 3, 60, 5

accounts = st.sampled_from(ACCOUNTS)
kinds = st.sampled_from([Kinds.SALE, Kinds.SALE, Kinds.ORDER_STATUS])


class Machine(RuleBasedStateMachine):
    """Accounts that have much to do, processes that come and go, CRMs that answer or do not."""

    client: redis.Redis

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.store = Store.on(self.client)
        self.workers = Workers(self.store)
        self.orphans: list[Transmission] = []
        self.told = 0

    @initialize(slots=st.integers(1, 5), numbers=st.tuples(*[st.sampled_from([0, 1, 12])] * 3))
    def begin(self, slots: int, numbers: tuple[int, ...]) -> None:
        """A process, and something to do."""
        self.workers.start(slots)
        for account, number in zip(ACCOUNTS, numbers, strict=True):
            self.tell(account, Kinds.SALE, number)

    @rule(account=accounts, kind=kinds, number=st.integers(1, 12))
    def tell(self, account: str, kind: Kinds, number: int) -> None:
        """So much more is told of an account, each of a subject of its own."""
        self.told += number
        items = [arrival(fact(f"of:{self.told - n}", kind, account=account)) for n in range(number)]
        self.store.inbox.admit(items, "DEMO")

    @rule(data=st.data(), kind=kinds, number=st.integers(1, 4))
    def take(self, data: st.DataObject, kind: Kinds, number: int) -> None:
        """So many threads take a wake-up each."""
        process = self._process(data)
        for _ in range(number):
            self.workers.take(process, kind)

    @rule(data=st.data(), alone=st.sampled_from([False, False, False, True]))
    def claim(self, data: st.DataObject, alone: bool) -> None:
        """A wake-up of anything that is ready, be it late or doubled: the claim is given by the rule."""
        process = self._process(data)
        known = Snapshot.of(self.client).transmissions
        ready = [tid for tid, t in known.items() if t["st"] == "ready"]
        if not ready or self.workers.free(process) < 1:
            return
        tid = data.draw(st.sampled_from(sorted(ready)))
        account, suspect = known[tid]["a"], _is_suspect(known[tid])
        expected = not self._closed(account) and (alone or (not suspect and self._may_begin(account)))
        before = self.store.field(tid, "n")
        claimed = self.workers.claim(process, tid, alone=alone)
        assert bool(claimed) == expected
        assert claimed or (self.store.state(tid), self.store.field(tid, "n")) == ("ready", before)

    @rule(data=st.data(), ending=st.sampled_from(list(Ending)))
    def settle(self, data: st.DataObject, ending: Ending) -> None:
        """An attempt ends."""
        at = [one for claims in self.workers.at.values() for one in claims]
        if at:
            self.workers.end(data.draw(st.sampled_from(at)), ending)

    @rule()
    def tick(self) -> None:
        """The dispatchers' rounds."""
        self.workers.tick()

    @rule(data=st.data())
    def lease_ends(self, data: st.DataObject) -> None:
        """The lease of what a dead or a living worker was at is over."""
        at = [*self.orphans, *(one for claims in self.workers.at.values() for one in claims)]
        if not at:
            return
        claimed = data.draw(st.sampled_from(at))
        self.store.pass_time(claimed.id)
        if claimed in self.orphans:
            self.orphans.remove(claimed)
        else:
            self.workers.end(claimed)

    @rule(slots=st.integers(1, 5))
    def start(self, slots: int) -> None:
        """One more process."""
        if len(self.workers.slots) < MOST_PROCESSES:
            self.workers.start(slots)

    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        """A process is killed, and another one sees that it is gone."""
        if len(self.workers.slots) > 1:
            process = self._process(data)
            self.orphans += self.workers.at[process]
            self.workers.kill(process)
            self.workers.tick()

    @rule(account=accounts, closed=st.booleans())
    def gate(self, account: str, closed: bool) -> None:
        """A gate closes or opens."""
        if closed:
            self.store.gates.close(account, "auth", "401", 300)
        else:
            self.store.gates.open(account)

    @rule(seconds=st.sampled_from([6, 61]))
    def lose_wake_ups(self, seconds: int) -> None:
        """The broker forgets everything, and some time goes by."""
        self.client.delete(*Kinds)
        self._age_wake_ups(seconds)

    @rule()
    def let_all_work(self) -> None:
        """Every thread takes what it gets: then nobody waits who may begin, and nothing goes in circles."""
        self.lose_wake_ups(61)
        for _ in range(MOST_SUSPECTS):
            self._work_on()
            # For so long the wake-up of what has to run alone counts as one that will be taken.
            self._age_wake_ups(6)
        for account in ACCOUNTS:
            if self._free() and self._waits(account) and not self._closed(account):
                assert not self._may_begin(account), f"{account} is starved"

    @invariant()
    def what_living_workers_are_at_is_known(self) -> None:
        """The store's list of what runs is what runs."""
        known = set(Snapshot.of(self.client).row("running"))
        at = {one.id for claims in self.workers.at.values() for one in claims}
        assert known == at

    def _work_on(self) -> None:
        for _ in range(MOST_ROUNDS):
            before = self._pushed()
            self.workers.tick()
            self.workers.work()
            if self._pushed() == before:
                return
        raise AssertionError("wake-ups are sent again and again")

    def _process(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.workers.slots)))

    def _closed(self, account: str) -> bool:
        return self.store.gates.read(account) is not None

    def _may_begin(self, account: str) -> bool:
        """The rule itself, from what the workers are at."""
        lone = self.client.scard("accounts") < 2
        return lone or self.workers.running()[account] < self._free()

    def _free(self) -> int:
        return sum(self.workers.slots.values()) - sum(self.workers.running().values())

    def _waits(self, account: str) -> bool:
        """Whether it has something to do that need not run alone."""
        known = Snapshot.of(self.client).transmissions.values()
        return any(t["st"] == "ready" and t["a"] == account and not _is_suspect(t) for t in known)

    def _pushed(self) -> int:
        return int(self.client.get("relay:sequence") or 0)

    def _age_wake_ups(self, seconds: int) -> None:
        snapshot = Snapshot.of(self.client)
        for key in (f"handed:{account}:{kind}" for account in ACCOUNTS for kind in Kinds):
            for tid in snapshot.members(key):
                self.client.zincrby(key, -1000 * seconds, tid)


def _is_suspect(transmission: Mapping[str, str]) -> bool:
    """Whether so many leases of it ended that it is only claimed by a process that does nothing else."""
    return int(transmission.get("dn", "0")) >= 3


def test_nobody_is_above_its_share_and_whoever_is_below_gets_it(
    fast_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
):
    three_kinds(monkeypatch)
    try_out(Machine, fast_valkey, monkeypatch, examples=200, steps=30)
