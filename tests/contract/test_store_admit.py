"""Admission: counts, ids, dedupe, and a delivery that is taken whole or not at all."""

from decimal import Decimal

import pytest

from app.errors import InstanceMismatch
from app.events import Arrival, Unreadable
from app.store.inbox import EVENTS_PER_CALL
from tests.stores import ACCOUNT, Kinds, Store, arrival, fact

pytestmark = pytest.mark.server


def test_a_new_fact_becomes_one_ready_transmission_with_a_wake_up(store: Store):
    tid = store.sale("order:DEMO-1")
    assert store.state(tid) == "ready"
    assert store.handed() == store.wake_ups() == [tid]
    assert store.counts() == {"ready": 1}
    assert store.money() == {"USD": 1000}
    assert store.log.accounts() == [ACCOUNT]


def test_counts_and_ids_come_in_the_order_of_the_events(store: Store):
    first = arrival(fact("order:1"))
    answer = store.inbox.admit([first], "DEMO")
    items: list[Arrival | Unreadable] = [
        arrival(ignored=True),
        Unreadable("not JSON", b"{"),
        first,
        arrival(),
        arrival(fact("order:2")),
    ]
    admission = store.inbox.admit(items, "DEMO")
    assert (admission.accepted, admission.duplicates) == (2, 1)
    assert (admission.ignored, admission.quarantined) == (1, 1)
    assert admission.ids[2] == answer.ids[0]
    assert len(set(admission.ids)) == len(items)
    assert store.log.events() == {"accepted": 3, "duplicates": 1, "ignored": 1, "quarantined": 1}


def test_a_repeated_delivery_changes_nothing_but_its_count(store: Store):
    delivery = [arrival(fact("order:1")), arrival(fact("order:2"))]
    first = store.inbox.admit(delivery, "DEMO")
    before = store.dump()
    again = store.inbox.admit(delivery, "DEMO")
    assert again.ids == first.ids
    assert again.duplicates == 2
    after = store.dump()
    assert {key for key in after if after[key] != before.get(key)} == {b"n:events"}
    assert before.keys() == after.keys()


def test_the_same_event_twice_in_one_delivery_counts_once(store: Store):
    event = arrival(fact("order:1"))
    admission = store.inbox.admit([event, event], "DEMO")
    assert (admission.accepted, admission.duplicates) == (1, 1)
    assert admission.ids[0] == admission.ids[1]
    assert store.counts() == {"ready": 1}


def test_other_events_of_an_order_that_is_sold_leave_nothing_but_their_mark(store: Store):
    store.deliver(store.sale(version=5))
    keys = set(store.dump())
    event_id = store.admit(fact(version=9))
    assert {key[:2] for key in set(store.dump()) - keys} == {b"d:"}
    assert store.client.exists(f"e:{event_id}") == 0
    assert store.counts() == {"delivered": 1}


@pytest.mark.parametrize("events", [EVENTS_PER_CALL, EVENTS_PER_CALL + 1, 3 * EVENTS_PER_CALL - 7])
def test_thousands_of_events_are_taken_in_several_scripts(store: Store, events: int):
    delivery = [arrival(fact(f"order:{n}")) for n in range(events)]
    admission = store.inbox.admit(delivery, "DEMO")
    assert admission.accepted == len(set(admission.ids)) == events
    assert store.counts() == {"ready": events}
    assert store.money() == {"USD": 1000 * events}
    assert store.inbox.admit(delivery, "DEMO").ids == admission.ids


def test_unreadable_bodies_are_kept_whole(store: Store):
    (event_id,) = store.inbox.admit([Unreadable("it is not JSON", b"\xff\x00{")], "DEMO").ids
    assert store.log.quarantined() == 1
    assert store.client.ttl(f"q:{event_id}") == -1


def test_one_event_may_tell_of_several_facts(store: Store):
    event_id = store.admit(fact(), fact(kind=Kinds.REFUND, amount=Decimal("2.50")))
    assert store.state(f"{event_id}.1") == "ready"
    assert store.state(f"{event_id}.2") == "held"
    assert store.line() == [f"{event_id}.1", f"{event_id}.2"]
    assert store.money() == {"USD": 1250}


@pytest.mark.parametrize(
    ("amount", "cents"),
    [
        ("0.01", 1),
        ("1000000.00", 10**8),
        ("123456789.01", 12345678901),
        ("-5.00", -500),
        ("0", 0),
        # More than a counter can hold: it is sold by its payload, and not counted.
        ("99999999999999999999", 0),
        ("1E+400", 0),
        ("-1E+999999", 0),
    ],
)
def test_every_amount_is_counted_or_left_out_but_never_refused(store: Store, amount: str, cents: int):
    tid = store.sale(amount=Decimal(amount))
    assert store.money() == ({"USD": cents} if cents else {})
    assert store.state(tid) == "ready"
    store.deliver(tid)
    assert store.money() == {}


def test_facts_without_a_currency_are_not_counted_as_money(store: Store):
    store.deliver(store.sale(currency=""))
    assert store.money() == {}


def test_another_store_takes_nothing(store: Store):
    store.client.set("relay:instance", "somebody else's")
    before = store.dump()
    with pytest.raises(InstanceMismatch):
        store.sale()
    with pytest.raises(InstanceMismatch):
        store.inbox.ready()
    assert store.dump() == before


def test_a_store_that_came_back_empty_takes_nothing(store: Store):
    store.client.flushall()
    with pytest.raises(InstanceMismatch):
        store.sale()
    assert store.dump() == {}


def test_scripts_that_the_server_forgot_are_loaded_again(store: Store):
    tid = store.sale()
    store.client.script_flush()
    claimed = store.claim(tid)
    store.client.script_flush()
    store.announce(claimed, "log_sale 1")
    store.client.script_flush()
    store.ledger.complete(claimed.id, claimed.token)
    store.client.script_flush()
    store.tick()
    store.client.script_flush()
    assert store.sale("order:2")
