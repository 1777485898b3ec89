"""Several accounts share the workers' threads: none holds so many that the others find none."""

import pytest

from app.store.transmissions import Ending
from tests.contract.store_workers import Workers
from tests.stores import ACCOUNT, Kinds, Store, arrival, fact

pytestmark = pytest.mark.server

OTHER, THIRD = "ontraport:OTHER", "ontraport:THIRD"
SHARE = "its account runs its share of what the workers can do"


@pytest.fixture
def workers(store: Store) -> Workers:
    """No process yet, at an empty store."""
    return Workers(store)


def fill(store: Store, account: str, number: int, kind: Kinds = Kinds.SALE) -> list[str]:
    """Admits so many facts of the account, each of its own subject."""
    items = [arrival(fact(f"{kind}:{n}", kind, account=account)) for n in range(number)]
    return [f"{event}.1" for event in store.inbox.admit(items, "DEMO").ids]


def known(workers: Workers, *accounts: str) -> None:
    """Each of these accounts has had something once, and is through with it."""
    for account in accounts:
        workers.store.deliver(*fill(workers.store, account, 1, Kinds.ORDER_STATUS))
    workers.store.client.delete(Kinds.ORDER_STATUS)


def pushed(store: Store) -> int:
    """How many wake-ups were ever sent."""
    return int(store.client.get("relay:sequence") or 0)


def test_a_lone_account_has_every_thread(store: Store, workers: Workers):
    workers.start(4)
    workers.start(4)
    fill(store, ACCOUNT, 50)
    workers.work()
    assert workers.running() == {ACCOUNT: 8}


@pytest.mark.parametrize(("slots", "most"), [(1, 1), (2, 1), (3, 2), (4, 2), (8, 4), (9, 5), (16, 8)])
def test_one_that_hangs_holds_half_of_the_threads(store: Store, workers: Workers, slots: int, most: int):
    known(workers, OTHER)
    workers.start(slots)
    fill(store, ACCOUNT, 50)
    for _ in range(3):
        workers.work()
        workers.tick()
    assert workers.running() == {ACCOUNT: most}
    assert not workers.refused


def test_a_process_counts_from_its_first_claim(store: Store, workers: Workers):
    known(workers, OTHER)
    fill(store, ACCOUNT, 50)
    workers.start(4, dispatched=False)
    workers.work()
    assert workers.running() == {ACCOUNT: 2}


def test_two_that_hang_leave_a_third_for_the_others(store: Store, workers: Workers):
    known(workers, THIRD)
    workers.start(9)
    fill(store, ACCOUNT, 50)
    fill(store, OTHER, 50)
    for _ in range(20):
        workers.work()
        workers.settle(ACCOUNT)
        workers.tick()
    workers.work()
    assert workers.running() == {ACCOUNT: 3, OTHER: 3}
    fill(store, THIRD, 1)
    workers.work()
    assert workers.running()[THIRD] == 1


def test_all_that_is_told_of_the_healthy_one_goes_while_the_other_hangs(store: Store, workers: Workers):
    workers.start(4)
    workers.start(4)
    fill(store, ACCOUNT, 100)
    fill(store, OTHER, 100)
    for _ in range(100):
        workers.work()
        assert workers.settle(OTHER)
    assert store.log.counts(OTHER).states["sale"]["delivered"] == 100
    assert workers.running() == {ACCOUNT: 4}


def test_what_hangs_costs_no_wake_ups(store: Store, workers: Workers):
    known(workers, OTHER)
    workers.start(8)
    fill(store, ACCOUNT, 100)
    workers.work()
    before = pushed(store)
    for _ in range(10):
        workers.tick()
        workers.work()
    assert pushed(store) == before
    assert len(store.waiting()) == 96


def test_its_next_goes_when_one_of_it_ends(store: Store, workers: Workers):
    known(workers, OTHER)
    workers.start(8)
    fill(store, ACCOUNT, 100)
    workers.work()
    assert workers.settle(ACCOUNT)
    assert len(store.handed()) == 1
    workers.work()
    assert workers.running() == {ACCOUNT: 4}
    assert not workers.refused


def test_what_is_refused_waits_in_its_place_at_no_attempt(store: Store, workers: Workers):
    process = workers.start(8)
    tids = fill(store, ACCOUNT, 30)
    known(workers, OTHER)
    for tid in tids[:4]:
        assert workers.claim(process, tid)
    workers.claim(process, tids[4])
    assert workers.refused == {SHARE: 1}
    assert (store.state(tids[4]), store.field(tids[4], "n")) == ("ready", "")
    assert store.waiting() == [tids[4]]
    workers.tick()
    assert store.waiting() == [tids[4]]
    workers.settle(ACCOUNT)
    assert workers.claim(process, tids[4]).attempt == 1  # type: ignore[union-attr]


def test_threads_that_another_sets_free_are_found_by_the_next_round(store: Store, workers: Workers):
    workers.start(9)
    fill(store, OTHER, 8)
    workers.work()
    fill(store, ACCOUNT, 50)
    workers.work()
    assert workers.running() == {OTHER: 8, ACCOUNT: 1}
    while workers.settle(OTHER):
        pass
    workers.tick()
    workers.work()
    assert workers.running() == {ACCOUNT: 5}


def test_whoever_has_nothing_running_is_next_where_all_threads_are_at_work(store: Store, workers: Workers):
    known(workers, OTHER)
    workers.start(1)
    fill(store, ACCOUNT, 10)
    workers.work()
    fill(store, OTHER, 10)
    turns = []
    for _ in range(6):
        [account] = workers.running()
        turns.append(account)
        workers.settle(account)
        workers.work()
    assert turns == [ACCOUNT, OTHER] * 3


def test_a_dead_worker_holds_no_threads(store: Store, workers: Workers):
    dies = workers.start(8)
    known(workers, OTHER)
    fill(store, ACCOUNT, 50)
    workers.work()
    lost = workers.at[dies]
    workers.kill(dies)
    workers.start(4)
    for _ in range(3):
        workers.tick()
        workers.work()
    assert store.counts()["running"] == len(lost) + 2
    assert workers.running() == {ACCOUNT: 2}
    for claimed in lost:
        store.pass_time(claimed.id)
    workers.tick()
    workers.work()
    assert store.counts()["running"] == 2


def test_wake_ups_that_were_lost_hold_up_nothing_for_long(store: Store, workers: Workers):
    known(workers, OTHER)
    workers.start(8)
    fill(store, ACCOUNT, 50)
    store.client.delete(Kinds.SALE)
    for tid in store.handed():
        store.client.zincrby(f"handed:{ACCOUNT}:sale", -5_001, tid)
    workers.tick()
    workers.work()
    assert workers.running() == {ACCOUNT: 4}


def test_a_suspect_waits_for_its_share_and_then_runs_alone(store: Store, workers: Workers):
    known(workers, OTHER)
    process = workers.start(4)
    suspect, *others = fill(store, ACCOUNT, 4)
    for _ in range(3):
        workers.end(workers.claim(process, suspect), Ending.RETRYING)  # type: ignore[arg-type]
        store.client.hincrby(f"t:{suspect}", "dn", 1)
        store.pass_time(suspect)
    for tid in others[:2]:
        workers.claim(process, tid)
    assert store.refused(suspect) == SHARE
    workers.settle(ACCOUNT)
    assert store.refused(suspect) == "suspect"
    assert workers.claim(process, others[2])
    assert workers.claim(process, suspect, alone=True)


def test_money_goes_first_and_the_rest_keeps_a_tenth_also_within_a_share(store: Store, workers: Workers):
    known(workers, OTHER)
    workers.start(8)
    fill(store, ACCOUNT, 120, Kinds.SALE)
    fill(store, ACCOUNT, 60, Kinds.ORDER_STATUS)
    while store.counts(Kinds.SALE).get("delivered", 0) < 90:
        workers.work()
        assert workers.settle(ACCOUNT)
    assert 8 <= store.counts(Kinds.ORDER_STATUS)["delivered"] - 1 <= 12


def test_money_that_comes_all_the_time_leaves_the_rest_its_tenth(store: Store, workers: Workers):
    known(workers, OTHER)
    workers.start(2)
    fill(store, ACCOUNT, 20, Kinds.ORDER_STATUS)
    for n in range(90):
        store.admit(fact(f"order:new{n}"))
        workers.work()
        workers.settle(ACCOUNT)
    assert 5 <= store.counts(Kinds.ORDER_STATUS)["delivered"] <= 14


@pytest.mark.parametrize("ending", list(Ending))
def test_each_end_sets_its_thread_free(store: Store, workers: Workers, ending: Ending):
    known(workers, OTHER)
    workers.start(4)
    fill(store, ACCOUNT, 10)
    for _ in range(5):
        workers.work()
        assert workers.running() == {ACCOUNT: 2}
        workers.settle(ACCOUNT, ending)
    assert store.client.hlen("running") == 1


def test_what_an_older_version_ended_is_forgotten(store: Store, workers: Workers):
    workers.start(4)
    (tid,) = fill(store, ACCOUNT, 1)
    workers.work()
    store.client.hset(f"t:{tid}", "st", "delivered")
    workers.tick()
    assert store.client.hlen("running") == 0
