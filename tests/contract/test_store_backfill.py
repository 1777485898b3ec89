"""What was backfilled in the store: it goes out behind all that is live, and is known for what it is."""

import pytest

from app.store.transmissions import Ending
from tests.contract.store_snapshot import Snapshot
from tests.stores import Kinds, Store, arrival, fact

pytestmark = pytest.mark.server


def backfilled(store: Store, *facts) -> str:
    """Admits one backfilled event with these facts; the id of its first transmission."""
    (event_id,) = store.inbox.admit([arrival(*facts)._replace(backfill=True)], "DEMO").ids
    return event_id + ".1"


@pytest.fixture
def busy(store: Store):
    """A store whose window of four is full: two sales and two wake-ups each."""
    store.tick(slots=1)
    return [store.sale(f"order:busy{n}") for n in range(4)]


def test_it_is_known_for_what_it_is(store: Store):
    live, old = store.sale("order:1"), backfilled(store, fact("order:2"))
    assert (store.claim(live).backfill, store.claim(old).backfill) == (False, True)


@pytest.mark.usefixtures("busy")
def test_what_came_later_and_live_goes_first(store: Store):
    old, live = backfilled(store, fact("order:old")), store.sale("order:live")
    assert store.waiting() == [live, old]


def test_no_backfill_is_handed_while_anything_live_waits(store: Store, busy: list[str]):
    old = backfilled(store, fact("order:old"))
    waiting = [store.sale(f"order:more{n}") for n in range(2)]
    for tid in busy:
        store.deliver(tid)
    assert store.handed() == waiting
    for tid in waiting:
        store.deliver(tid)
    assert store.handed() == [old]


def test_another_kind_that_is_live_goes_before_backfilled_money(store: Store, busy: list[str]):
    old = [backfilled(store, fact(f"order:old{n}")) for n in range(3)]
    status = store.admit(fact("order:s", Kinds.ORDER_STATUS)) + ".1"
    assert store.handed(Kinds.ORDER_STATUS) == [status]
    for tid in busy:
        store.deliver(tid)
    assert store.handed() == old[:1]


def test_backfill_takes_a_quarter_of_the_window(store: Store):
    store.tick(slots=2)
    for n in range(9):
        backfilled(store, fact(f"order:{n}"))
    assert len(store.handed()) == 2
    live = store.sale("order:live")
    assert live in store.handed()


@pytest.mark.usefixtures("busy")
def test_a_retry_and_a_closed_gate_leave_it_behind(store: Store):
    old = backfilled(store, fact("order:old"))
    store.settle(store.claim(old), Ending.RETRYING, "later", delay_seconds=60)
    store.pass_time(old)
    live = store.sale("order:live")
    assert store.waiting() == [live, old]


@pytest.mark.usefixtures("busy")
def test_one_that_something_live_waits_for_goes_as_if_it_were_live(store: Store):
    old, other = backfilled(store, fact("order:1")), backfilled(store, fact("order:2"))
    refund = store.admit(fact("order:1", Kinds.REFUND, rule="grow", value="500")) + ".1"
    live = store.sale("order:3")
    assert store.state(refund) == "held"
    assert store.waiting() == [old, live, other]
    assert store.claim(old).backfill
    Snapshot.of(store.client).check()


@pytest.mark.usefixtures("busy")
def test_what_is_live_already_keeps_its_place(store: Store):
    live = store.sale("order:1")
    backfilled(store, fact("order:1", version=2))
    later = store.sale("order:2")
    assert store.waiting() == [live, later]
    assert not store.claim(live).backfill


def test_what_was_skipped_is_readied_as_backfill(store: Store):
    tid = store.sale("order:1")
    store.settle(store.claim(tid), Ending.SKIPPED, "paid before the relay was switched on")
    backfilled(store, fact("order:1"))
    assert store.state(tid) == "ready"
    assert store.claim(tid).backfill


def test_what_is_delivered_is_not_sent_again(store: Store):
    tid = store.sale("order:1", value="1000")
    store.deliver(tid)
    backfilled(store, fact("order:1", value="1000", version=9))
    assert store.counts() == {"delivered": 1}


@pytest.mark.usefixtures("busy")
def test_the_number_of_what_is_backfilled_is_told(store: Store):
    for n in range(3):
        backfilled(store, fact(f"order:{n}"))
    assert store.log.counts("ontraport:DEMO").backfill == 3
