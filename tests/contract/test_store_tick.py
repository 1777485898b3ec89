"""The dispatcher's round: window, priority, what is due, ended leases, lost wake-ups, poison."""

import pytest

from app.store.transmissions import Ending
from tests.stores import ACCOUNT, STATE, Kinds, Store, arrival, fact

pytestmark = pytest.mark.server

DEFAULT_WINDOW = 32


def fill(store: Store, number: int, kind: Kinds = Kinds.SALE) -> list[str]:
    """Admits so many facts of one kind, each of its own subject; their ids in the order of the ready list."""
    items = [arrival(fact(f"{kind}:{n}", kind)) for n in range(number)]
    return sorted(f"{event}.1" for event in store.inbox.admit(items, "DEMO").ids)


def forget_wake_ups(store: Store, *kinds: Kinds) -> None:
    """The broker loses what lies on these queues, and a minute goes by."""
    for kind in kinds or (Kinds.SALE,):
        store.client.delete(kind)
        for tid in store.handed(kind):
            store.client.zincrby(f"handed:{ACCOUNT}:{kind}", -60_001, tid)


def test_only_a_window_of_the_backlog_is_on_celery(store: Store):
    tids = fill(store, 100)
    assert store.handed() == store.wake_ups() == tids[:DEFAULT_WINDOW]
    assert store.waiting() == tids[DEFAULT_WINDOW:]


def test_the_window_is_four_times_the_slots_of_all_processes(store: Store):
    store.transmissions.tick("one", 2)
    store.transmissions.tick("two", 3)
    fill(store, 100)
    assert len(store.handed()) == 4 * 5


def test_a_process_that_is_gone_no_longer_counts(store: Store):
    store.transmissions.tick("gone", 50)
    store.client.zincrby("relay:processes", -16_000, "gone 50")
    store.transmissions.tick("here", 1)
    fill(store, 100)
    assert len(store.handed()) == 4


def test_a_process_that_stops_does_not_count_itself(store: Store):
    store.transmissions.tick("stopping", 0)
    assert store.client.exists("relay:processes") == 0


def test_each_settle_hands_out_the_next(store: Store):
    tids = fill(store, 40)
    for n in range(5):
        store.deliver(tids[n])
    assert store.handed() == tids[5 : 5 + DEFAULT_WINDOW]
    assert store.wake_ups() == tids[: 5 + DEFAULT_WINDOW]


def test_everything_is_handed_out_in_the_end(store: Store):
    store.tick(slots=2)
    tids = fill(store, 50)
    done = []
    while store.handed():
        done.append(store.handed()[0])
        store.client.rpop(Kinds.SALE)
        store.deliver(done[-1])
    assert done == tids


def test_money_goes_first_and_the_rest_keeps_a_tenth(store: Store):
    store.tick(slots=5)
    fill(store, 30, Kinds.SALE)
    fill(store, 30, Kinds.ORDER_STATUS)
    assert len(store.handed(Kinds.SALE)) == 20
    assert len(store.handed(Kinds.ORDER_STATUS)) == 2


def test_money_goes_first_though_workers_take_from_all_queues_in_turn(store: Store):
    store.tick(slots=5)
    fill(store, 120, Kinds.SALE)
    fill(store, 60, Kinds.ORDER_STATUS)
    done = {Kinds.SALE: 0, Kinds.ORDER_STATUS: 0}
    while done[Kinds.SALE] < 90:
        for kind in done:
            for tid in store.handed(kind)[:1]:
                store.client.rpop(kind)
                store.deliver(tid)
                done[kind] += 1
    assert 8 <= done[Kinds.ORDER_STATUS] <= 12


def test_without_a_backlog_of_money_the_rest_has_its_whole_window(store: Store):
    store.tick(slots=5)
    fill(store, 3, Kinds.SALE)
    fill(store, 30, Kinds.ORDER_STATUS)
    assert len(store.handed(Kinds.ORDER_STATUS)) == 20


def test_what_is_due_goes_and_what_is_not_stays(store: Store):
    soon, later = fill(store, 2)
    store.settle(store.claim(soon), Ending.RETRYING, delay_seconds=0)
    store.settle(store.claim(later), Ending.RETRYING, delay_seconds=60)
    store.tick()
    assert (store.state(soon), store.state(later)) == ("ready", "retrying")
    assert store.handed() == [soon]
    assert store.client.zscore("due", soon) is None


def test_what_comes_back_goes_before_what_came_later(store: Store):
    store.tick(slots=1)
    tids = fill(store, 10)
    for tid in tids[:4]:
        store.settle(store.claim(tid), Ending.RETRYING, delay_seconds=60)
    for tid in store.handed():
        store.deliver(tid)
    store.client.delete(Kinds.SALE)
    store.pass_time(tids[3])
    store.pass_time(tids[0])
    assert set(store.handed()) == {*tids[8:], tids[0], tids[3]}


def test_the_work_of_a_round_is_bounded(store: Store):
    tids = fill(store, 10)
    for tid in tids:
        store.settle(store.claim(tid), Ending.RETRYING)
    store.transmissions.tick("process", 0, limit=4)
    assert store.counts() == {"ready": 4, "retrying": 6}


def test_a_lost_wake_up_is_sent_again_after_a_minute(store: Store):
    tids = fill(store, 3)
    store.client.delete("sale")
    assert store.tick().lost_wake_ups == 0
    forget_wake_ups(store)
    assert store.tick().lost_wake_ups == 3
    assert sorted(store.wake_ups()) == sorted(tids)
    assert store.tick().lost_wake_ups == 0
    assert store.log.engine() == {"lost wake-ups": 3}


def test_lost_wake_ups_of_every_kind_are_found(store: Store):
    fill(store, 1, Kinds.SALE)
    fill(store, 1, Kinds.ORDER_STATUS)
    forget_wake_ups(store, *Kinds)
    assert store.tick().lost_wake_ups == 2
    assert store.wake_ups(Kinds.ORDER_STATUS) == store.handed(Kinds.ORDER_STATUS)


def test_slow_workers_do_not_make_the_queue_grow(store: Store):
    store.tick(slots=1)
    fill(store, 20)
    for _ in range(5):
        for tid in store.handed():
            store.client.zincrby(f"handed:{ACCOUNT}:sale", -60_001, tid)
        store.tick(slots=1)
    assert len(store.wake_ups()) == 2 * 4


def test_nor_do_wake_ups_that_are_sent_again_beside_new_ones(store: Store):
    store.tick(slots=1)
    fill(store, 20)
    for tid in store.handed():
        store.client.zincrby(f"handed:{ACCOUNT}:sale", -60_001, tid)
    store.tick(slots=1)
    # Its doubled wake-up is still on the queue: there is room in the window, but none on the queue.
    store.claim(store.handed()[0])
    store.tick(slots=1)
    assert len(store.handed()) == 3
    assert len(store.wake_ups()) == 2 * 4


def test_states_that_are_superseded_while_nobody_works_do_not_make_the_queue_grow(store: Store):
    store.tick(slots=1)
    for n in range(1, 30):
        store.admit(fact("order:1", Kinds.ORDER_STATUS, n, rule=STATE, value=str(n), currency=""))
    assert len(store.wake_ups(Kinds.ORDER_STATUS)) == 2 * 4
    store.client.delete(Kinds.ORDER_STATUS)
    store.tick(slots=1)
    assert store.handed(Kinds.ORDER_STATUS) == store.wake_ups(Kinds.ORDER_STATUS)


def test_a_record_that_is_gone_leaves_the_window(store: Store):
    tids = fill(store, 2)
    store.client.delete(f"t:{tids[0]}")
    forget_wake_ups(store)
    store.tick()
    assert store.handed() == [tids[1]]


def test_a_worker_that_dies_gives_its_transmission_back(store: Store):
    (tid,) = fill(store, 1)
    store.claim(tid)
    assert store.tick().ended_leases == 0
    assert store.pass_time(tid).ended_leases == 1
    assert store.counts() == {"ready": 1}
    assert store.handed() == [tid]
    assert store.claim(tid).attempt == 2
    assert store.log.engine()["ended leases"] == 1


def test_three_deaths_make_it_suspect_and_two_more_alone_bury_it(store: Store):
    (tid,) = fill(store, 1)
    for _ in range(3):
        store.claim(tid)
        store.pass_time(tid)
    assert store.refused(tid) == "suspect"
    assert store.handed() == [tid]
    store.claim(tid, alone=True)
    assert store.pass_time(tid).poisoned == 0
    store.claim(tid, alone=True)
    assert store.pass_time(tid).poisoned == 1
    (letter,) = store.letters.list(ACCOUNT)
    assert (letter.id, letter.failure, letter.cents) == (tid, "poison", 1000)
    assert store.counts() == {"dead": 1}
    assert store.client.zcard("due") == 0


def test_a_suspect_that_ends_alone_is_none_any_more(store: Store):
    (tid,) = fill(store, 1)
    for _ in range(3):
        store.claim(tid)
        store.pass_time(tid)
    store.settle(store.claim(tid, alone=True), Ending.DELIVERED)
    assert store.state(tid) == "delivered"
    assert store.field(tid, "dn") == store.field(tid, "al") == ""


def test_any_number_of_dispatchers_may_run(store: Store):
    (tid,) = fill(store, 1)
    store.claim(tid)
    store.client.zadd("due", {tid: 1})
    rounds = [store.transmissions.tick(f"process {n}", 1) for n in range(3)]
    assert sum(found.ended_leases for found in rounds) == 1
    assert store.wake_ups() == [tid, tid]
    assert store.field(tid, "dn") == "1"
