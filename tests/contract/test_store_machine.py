"""Anything in any order: whatever happens, everything in the store is in one place and adds up."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
import redis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.errors import InstanceMismatch, LeaseLost
from app.events import Arrival, Fact, Transmission
from app.store.ledger import Ledger
from app.store.transmissions import Ending
from tests.contract.machines import try_out
from tests.contract.store_snapshot import Snapshot
from tests.servers import Valkey
from tests.stores import ACCOUNT, GROW, MARK, STATE, Kinds, Store, arrival, fact, three_kinds

pytestmark = pytest.mark.server

subjects = st.sampled_from(["order:1", "order:2"])
versions = st.integers(0, 4)


def sales() -> st.SearchStrategy[Fact]:
    """A sale that happens once, in one of two currencies."""
    amounts = st.sampled_from([Decimal(0), Decimal("7.50"), Decimal(10)])
    currencies = st.sampled_from(["USD", "EUR"])
    return st.builds(
        lambda subject, version, amount, currency: fact(
            subject, version=version, amount=amount, currency=currency
        ),
        subjects, versions, amounts, currencies,
    )  # fmt: skip


def refunds() -> st.SearchStrategy[Fact]:
    """A refunded total that grows."""
    return st.builds(
        lambda subject, version, cents: fact(
            subject, Kinds.REFUND, version, rule=GROW, value=str(cents), amount=Decimal(cents) / 100
        ),
        subjects, versions, st.sampled_from([0, 250, 500]),
    )  # fmt: skip


def statuses() -> st.SearchStrategy[Fact]:
    """A status of which the last one counts."""
    return st.builds(
        lambda subject, version, content: fact(
            subject, Kinds.ORDER_STATUS, version, rule=STATE, value=content, currency=""
        ),
        subjects, versions, st.sampled_from("abc"),
    )  # fmt: skip


def distinct(facts: list[Fact]) -> list[Fact]:
    """One event tells of one fact a kind and subject."""
    return list({(one.kind, one.subject): one for one in facts}.values())


events = st.lists(st.one_of(sales(), refunds(), statuses()), max_size=3).map(distinct)
deliveries = st.lists(events, min_size=1, max_size=4)
endings = st.sampled_from(list(Ending))


class Machine(RuleBasedStateMachine):
    """Receiver, workers, dispatchers, brokers and people at one store."""

    client: redis.Redis

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.store = Store.on(self.client)
        self.deliveries: list[list[Arrival]] = []
        self.claims: list[Transmission] = []
        self.tokens = itertools.count()
        self.widest = 0

    def in_state(self, *states: str) -> list[str]:
        """The transmissions in these states, in order."""
        return sorted(tid for tid, t in Snapshot.of(self.client).transmissions.items() if t["st"] in states)

    def one(self, data: st.DataObject, *states: str) -> str | None:
        """One of the transmissions in these states, if there is any."""
        found: list[str | None] = [*self.in_state(*states)]
        return data.draw(st.sampled_from(found or [None]))

    @initialize(slots=st.sampled_from([0, 1, 4]), told=deliveries)
    def begin(self, slots: int, told: list[list[Fact]]) -> None:
        """Some workers, or none that has said so, and something to do."""
        self.store.tick(slots)
        self.widest = int(self.client.get("relay:window") or 32)
        self.deliver(told)

    @rule(told=deliveries)
    def deliver(self, told: list[list[Fact]]) -> None:
        """A delivery comes."""
        delivery = [arrival(*facts) for facts in told]
        self.deliveries.append(delivery)
        self.store.inbox.admit(delivery, "DEMO")

    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        """A delivery comes once more: no news, unless a state without a stamp has changed since."""
        delivery = data.draw(st.sampled_from(self.deliveries or [[]]))
        stamped = [one for one in delivery if all(fact.version or fact.rule != "state" for fact in one.facts)]
        self.store.inbox.admit(delivery, "DEMO")
        before = Snapshot.of(self.client).transmissions
        assert self.store.inbox.admit(stamped, "DEMO").duplicates == len(stamped)
        assert Snapshot.of(self.client).transmissions == before

    @rule(data=st.data(), alone=st.booleans())
    def claim(self, data: st.DataObject, alone: bool) -> None:
        """A worker has a wake-up for it, be it late or doubled."""
        if not (tid := self.one(data, "ready")):
            return
        claimed = self.store.transmissions.claim(tid, f"token{next(self.tokens)}", "process", alone=alone)
        if isinstance(claimed, Transmission):
            self.claims.append(claimed)

    @rule(data=st.data(), ending=endings)
    def attempt(self, data: st.DataObject, ending: Ending) -> None:
        """A worker does its work from the claim to the end."""
        if not (tid := self.one(data, "ready")):
            return
        claimed = self.store.transmissions.claim(tid, f"token{next(self.tokens)}", "process", alone=True)
        if isinstance(claimed, Transmission):
            self.store.settle(claimed, ending, delay_seconds=60)

    @rule(data=st.data())
    def claim_what_is_not_ready(self, data: st.DataObject) -> None:
        """A wake-up comes too late."""
        if not (
            tid := self.one(
                data,
                "running",
                "retrying",
                "held",
                "dead",
                "delivered",
                "skipped",
                "discarded",
                "done by hand",
            )
        ):
            return
        before = Snapshot.of(self.client).transmissions
        self.store.refused(tid)
        assert Snapshot.of(self.client).transmissions == before

    @rule(data=st.data(), ending=endings, in_doubt=st.booleans())
    def settle(self, data: st.DataObject, ending: Ending, in_doubt: bool) -> None:
        """A worker ends an attempt, or finds that it lost it."""
        if not self.claims:
            return
        claimed = data.draw(st.sampled_from(self.claims))
        row = Ledger.row(ACCOUNT, claimed.subject)
        try:
            if in_doubt and claimed.kind.value != "order_status":
                self.store.announce(claimed, "write")
            self.store.settle(claimed, ending, announced_row="" if in_doubt else row, delay_seconds=60)
        except LeaseLost:
            pass
        self.claims.remove(claimed)

    @rule(data=st.data(), act=st.sampled_from(["renew", "announce", "complete", "acquire", "settle"]))
    def write_without_a_lease(self, data: st.DataObject, act: str) -> None:
        """A worker whose lease is over, or who never had one, changes nothing."""
        if not self.claims:
            return
        claimed = data.draw(st.sampled_from(self.claims))
        owned = self.client.hget(f"t:{claimed.id}", "tk") == claimed.token.encode()
        stranger = replace(claimed, token="nobody") if owned else claimed
        tid, token, row = stranger.id, stranger.token, Ledger.row(ACCOUNT, claimed.subject)
        ledger = self.store.ledger
        acts: dict[str, Callable[[], object]] = {
            "renew": lambda: ledger.complete(tid, token),
            "announce": lambda: self.store.announce(stranger, "write"),
            "complete": lambda: ledger.complete(tid, token, announced_row=row, writes=[(row, "x:sale", "7")]),
            "acquire": lambda: ledger.acquire(tid, token, "c:contact"),
            "settle": lambda: self.store.settle(stranger, Ending.DELIVERED),
        }
        before = self.store.dump()
        with pytest.raises(LeaseLost):
            acts[act]()
        assert self.store.dump() == before

    @rule(data=st.data(), told=deliveries)
    def meet_another_store(self, data: st.DataObject, told: list[list[Fact]]) -> None:
        """The store is not ours any more: nothing is taken, begun or announced."""
        self.client.set("relay:instance", "another")
        before = self.store.dump()
        with pytest.raises(InstanceMismatch):
            self.store.inbox.admit([arrival(*facts) for facts in told], "DEMO")
        if tid := self.one(data, "ready"):
            with pytest.raises(InstanceMismatch):
                self.store.transmissions.claim(tid, "token", "process")
        if self.claims:
            with pytest.raises(InstanceMismatch):
                self.store.announce(self.claims[0], "write")
        assert self.store.dump() == before
        self.client.set("relay:instance", MARK)

    @rule(data=st.data())
    def time_comes(self, data: st.DataObject) -> None:
        """A worker dies, or the time of a retry comes."""
        if tid := self.one(data, "running", "retrying"):
            self.store.pass_time(tid)

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """A person sends a dead letter again."""
        if tid := self.one(data, "dead"):
            assert self.store.letters.replay(tid)

    @rule(data=st.data(), by_hand=st.booleans())
    def close(self, data: st.DataObject, by_hand: bool) -> None:
        """A person discards a dead letter, or has done it by hand."""
        if not (tid := self.one(data, "dead")):
            return
        letters = self.store.letters
        if by_hand:
            assert letters.done_by_hand(tid, actor="ann", record_id="7") == "closed"
        else:
            assert letters.discard(tid, actor="ann", reason="a test") == "closed"

    @rule(closed=st.sampled_from([False, False, True]), slots=st.sampled_from([0, 1, 4]))
    def gate(self, closed: bool, slots: int) -> None:
        """The gate closes or opens."""
        if closed:
            self.store.gates.close(ACCOUNT, "auth", "401", 300)
        else:
            self.store.gates.open(ACCOUNT)
        self.store.tick(slots)

    @rule()
    def lose_wake_ups(self) -> None:
        """The broker forgets everything, and a minute goes by."""
        for kind in Kinds:
            self.client.delete(kind)
            for tid in self.store.handed(kind):
                self.client.zadd(f"handed:{ACCOUNT}:{kind}", {tid: 1})
        self.store.tick()
        for kind in Kinds:
            assert set(self.store.handed(kind)) <= set(self.store.wake_ups(kind))
            assert len(self.store.wake_ups(kind)) == len(set(self.store.wake_ups(kind)))

    @invariant()
    def everything_is_in_its_place(self) -> None:
        """Places, lines, counters, money and events agree with the states."""
        Snapshot.of(self.client).check()

    @invariant()
    def only_a_window_is_handed_out(self) -> None:
        """However much is ready, of each kind no more is on its queue than the window ever allowed."""
        window = int(self.client.get("relay:window") or 32)
        self.widest = max(self.widest, window)
        for kind in Kinds:
            assert len(self.store.handed(kind)) <= self.widest
            assert len(self.store.wake_ups(kind)) <= 2 * self.widest


def test_whatever_happens_everything_is_in_one_place_and_adds_up(
    fast_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
):
    three_kinds(monkeypatch)
    try_out(Machine, fast_valkey, monkeypatch, examples=150, steps=30)
