"""Claim, settle and the fencing token: one worker owns an attempt, and whoever lost it writes nothing."""

import pytest

from app.errors import InstanceMismatch, LeaseLost
from app.store.ledger import Go
from app.store.records import milliseconds
from app.store.transmissions import CLAIM_LEASE_MS, Ending, Nothing, Settlement
from tests.stores import ACCOUNT, MARK, Kinds, Store, fact

pytestmark = pytest.mark.server


def lease_ms(store: Store, tid: str) -> float:
    """How long the lease still lasts, by the store's clock."""
    seconds, microseconds = store.client.time()
    score = store.client.zscore("due", tid)
    assert score is not None
    assert float(store.field(tid, "le")) == score
    return score - (seconds * 1000 + microseconds / 1000)


def test_a_claim_gives_all_that_a_worker_needs(store: Store):
    before = store.client.time()[0]
    tid = store.admit(fact("order:DEMO-7", version=3), order_id="DEMO-7", total="1.5") + ".1"
    claimed = store.claim(tid, "mine")
    assert (claimed.id, claimed.token, claimed.attempt) == (tid, "mine", 1)
    assert (claimed.kind, claimed.account, claimed.subject) == ("sale", ACCOUNT, "order:DEMO-7")
    assert (claimed.event_name, claimed.merchant_id) == ("order_create", "DEMO")
    assert claimed.payload == {"order_id": "DEMO-7", "total": "1.5"}
    assert before <= milliseconds(claimed.created_at) / 1000 <= before + 2
    assert claimed.ledger["f:sale"] == tid
    assert claimed.replayed_ms == 0
    assert store.state(tid) == "running"
    assert store.counts() == {"running": 1}
    assert store.handed() == store.waiting() == []
    assert CLAIM_LEASE_MS - 2000 < lease_ms(store, tid) <= CLAIM_LEASE_MS


def test_what_is_claimed_cannot_be_claimed_again(store: Store):
    tid = store.sale()
    store.claim(tid)
    assert store.refused(tid) == "running"


def test_what_does_not_exist_cannot_be_claimed(store: Store):
    assert store.refused("never.1") == "unknown"


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        (Ending.DELIVERED, "delivered"),
        (Ending.SKIPPED, "skipped"),
        (Ending.RETRYING, "retrying"),
        (Ending.POSTPONED, "retrying"),
        (Ending.DEAD, "dead"),
    ],
)
def test_a_doubled_wake_up_after_the_end_finds_nothing(store: Store, ending: Ending, state: str):
    tid = store.sale()
    store.settle(store.claim(tid), ending, delay_seconds=60)
    before = store.dump()
    assert store.refused(tid) == state
    assert store.dump() == before


def test_a_wake_up_of_what_is_held_finds_nothing(store: Store):
    store.sale()
    held = store.admit(fact(kind=Kinds.REFUND)) + ".1"
    assert store.refused(held) == "held"


def test_a_stale_wake_up_may_claim_what_is_ready_again(store: Store):
    tid = store.sale()
    store.settle(store.claim(tid), Ending.RETRYING)
    store.tick()
    store.client.zrem(f"handed:{ACCOUNT}:sale", tid)
    store.client.zadd(f"ready:{ACCOUNT}:sale", {tid: 1})
    assert store.claim(tid).attempt == 2
    assert store.waiting() == store.handed() == []


def test_two_claims_at_once_give_one_owner(store: Store):
    tid = store.sale()
    answers = [store.transmissions.claim(tid, f"token{n}", "process") for n in range(5)]
    assert sum(isinstance(answer, Nothing) for answer in answers) == 4


def test_another_store_gives_nothing(store: Store):
    tid = store.sale()
    store.client.set("relay:instance", "somebody else's")
    with pytest.raises(InstanceMismatch):
        store.transmissions.claim(tid, "mine", "process")
    store.client.set("relay:instance", MARK)
    claimed = store.claim(tid)
    store.client.set("relay:instance", "somebody else's")
    with pytest.raises(InstanceMismatch):
        store.announce(claimed, "log_sale 1")
    assert "fs" not in store.row()


@pytest.mark.parametrize("ending", list(Ending))
def test_whoever_lost_the_lease_settles_nothing(store: Store, ending: Ending):
    tid = store.sale()
    first = store.claim(tid)
    store.pass_time(tid)
    before = store.dump()
    with pytest.raises(LeaseLost):
        store.settle(first, ending)
    assert store.dump() == before
    second = store.claim(tid)
    with pytest.raises(LeaseLost):
        store.settle(first, ending)
    store.settle(second, Ending.DELIVERED)
    assert store.counts() == {"delivered": 1}


def test_whoever_lost_the_lease_announces_completes_and_acquires_nothing(store: Store):
    tid = store.sale()
    first = store.claim(tid)
    store.pass_time(tid)
    store.claim(tid)
    before = store.dump()
    with pytest.raises(LeaseLost):
        store.announce(first, "log_sale 1")
    with pytest.raises(LeaseLost):
        store.ledger.complete(first.id, first.token, writes=[("c:x", "id", "1")], exchanges=[b"x"])
    with pytest.raises(LeaseLost):
        store.ledger.acquire(first.id, first.token, "c:x")
    assert store.dump() == before


def test_a_second_settle_is_told_that_it_is_over(store: Store):
    claimed = store.claim(store.sale())
    store.settle(claimed, Ending.DELIVERED)
    before = store.dump()
    with pytest.raises(LeaseLost):
        store.settle(claimed, Ending.DELIVERED)
    assert store.dump() == before


@pytest.mark.parametrize(
    ("ending", "state", "attempts", "money"),
    [
        (Ending.DELIVERED, "delivered", "1", {}),
        (Ending.SKIPPED, "skipped", "1", {}),
        (Ending.RETRYING, "retrying", "1", {"USD": 1000}),
        (Ending.POSTPONED, "retrying", "0", {"USD": 1000}),
        (Ending.DEAD, "dead", "1", {"USD": 1000}),
    ],
)
def test_each_ending_leaves_its_state_its_counters_and_its_money(
    store: Store, ending: Ending, state: str, attempts: str, money: dict[str, int]
):
    tid = store.sale()
    store.settle(store.claim(tid), ending, "because", failure="invalid", delay_seconds=7)
    assert store.state(tid) == state
    assert store.field(tid, "n") == attempts
    assert store.field(tid, "r") == "because"
    assert store.counts() == {state: 1}
    assert store.money() == money
    assert store.field(tid, "tk") == store.field(tid, "le") == ""
    assert (store.client.zscore("due", tid) is not None) == (state == "retrying")


def test_postponing_for_ever_counts_no_attempt(store: Store):
    tid = store.sale()
    for _ in range(5):
        store.settle(store.claim(tid), Ending.POSTPONED)
        store.pass_time(tid)
    assert store.claim(tid).attempt == 1


def test_each_attempt_of_a_retry_is_counted(store: Store):
    tid = store.sale()
    for attempt in (1, 2, 3):
        claimed = store.claim(tid)
        assert claimed.attempt == attempt
        store.settle(claimed, Ending.RETRYING)
        store.pass_time(tid)


def test_the_lease_reaches_beyond_the_deadline_of_each_call_and_no_further(store: Store):
    claimed = store.claim(store.sale())
    assert isinstance(store.announce(claimed), Go)
    assert 75_000 < lease_ms(store, claimed.id) <= 80_000
    store.ledger.complete(claimed.id, claimed.token)
    assert 28_000 < lease_ms(store, claimed.id) <= 30_000


def test_a_settled_attempt_ends_its_announcement_where_that_is_said(store: Store):
    claimed = store.claim(store.sale())
    store.announce(claimed, "log_sale 1")
    row = f"l:{ACCOUNT}:order:1"
    store.settle(claimed, Ending.RETRYING, announced_row=row)
    assert not {"fs", "fa", "ft", "fl", "fe"} & set(store.row())


def test_a_settled_attempt_keeps_the_exchanges_that_it_made(store: Store):
    claimed = store.claim(store.sale())
    store.ledger.complete(claimed.id, claimed.token, exchanges=[b"one"])
    store.transmissions.settle(claimed.id, claimed.token, Settlement(Ending.RETRYING), [b"two", b"three"])
    assert store.client.lrange(f"x:{claimed.id}", 0, -1) == [b"one", b"two", b"three"]
