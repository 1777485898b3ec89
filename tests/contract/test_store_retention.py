"""What is kept for how long: payloads, exchanges, records and rows; and when an event is let go."""

import pytest

from app.services import DAY
from app.store.inbox import DEDUPE_SECONDS
from app.store.ledger import Ledger
from app.store.transmissions import Ending
from tests.stores import (
    ACCOUNT,
    EXCHANGE_SECONDS,
    LEDGER_SECONDS,
    PAYLOAD_SECONDS,
    STATE,
    Kinds,
    Store,
    arrival,
    fact,
)

pytestmark = pytest.mark.server

NEVER, GONE = -1, -2
ROW = Ledger.row(ACCOUNT, "order:1")


def ttl(store: Store, key: str) -> int:
    """Seconds until a key goes; NEVER, or GONE."""
    return int(store.client.ttl(key))


def event_of(tid: str) -> str:
    """The event behind a transmission's id."""
    return tid.partition(".")[0]


def test_nothing_that_is_open_ever_goes(store: Store):
    tids = [store.sale(f"order:{n}") for n in range(5)]
    store.claim(tids[1])
    claimed = store.claim(tids[2])
    store.announce(claimed, "log_sale 1")
    store.settle(claimed, Ending.RETRYING, delay_seconds=60)
    store.bury(tids[3])
    held = store.admit(fact("order:4", Kinds.REFUND)) + ".1"
    for n, tid in enumerate([*tids, held]):
        row = Ledger.row(ACCOUNT, f"order:{min(n, 4)}")
        keys = (f"t:{tid}", f"e:{event_of(tid)}", row)
        assert [ttl(store, key) for key in keys] == [NEVER, NEVER, NEVER], tid


@pytest.mark.parametrize(
    ("ending", "record"), [(Ending.DELIVERED, EXCHANGE_SECONDS), (Ending.SKIPPED, LEDGER_SECONDS)]
)
def test_what_is_over_goes_in_its_time(store: Store, ending: Ending, record: int):
    tid = store.sale()
    claimed = store.claim(tid)
    store.ledger.complete(tid, claimed.token, exchanges=[b"x"])
    store.settle(claimed, ending)
    assert PAYLOAD_SECONDS - 5 < ttl(store, f"e:{event_of(tid)}") <= PAYLOAD_SECONDS
    assert EXCHANGE_SECONDS - 5 < ttl(store, f"x:{tid}") <= EXCHANGE_SECONDS
    assert record - 5 < ttl(store, f"t:{tid}") <= record
    assert LEDGER_SECONDS - 5 < ttl(store, ROW) <= LEDGER_SECONDS


def test_exchanges_of_what_goes_on_stay(store: Store):
    tid = store.sale()
    claimed = store.claim(tid)
    store.ledger.complete(tid, claimed.token, exchanges=[b"x"])
    store.settle(claimed, Ending.DEAD)
    assert ttl(store, f"x:{tid}") == NEVER


def test_a_row_with_a_dead_letter_stays_when_another_of_its_subject_is_over(store: Store):
    refund = store.admit(fact(kind=Kinds.REFUND)) + ".1"
    store.bury(refund)
    sale = store.sale()
    store.deliver(sale)
    assert ttl(store, ROW) == NEVER
    store.letters.replay(refund)
    store.deliver(refund)
    assert ttl(store, ROW) > LEDGER_SECONDS - 5


def test_a_row_whose_end_was_near_stays_when_something_new_comes(store: Store):
    store.deliver(store.sale())
    store.admit(fact(kind=Kinds.REFUND))
    assert ttl(store, ROW) == NEVER


def test_marks_of_what_was_taken_last_a_week(store: Store):
    store.inbox.admit([arrival(digest=b"0123456789abcdef")], "DEMO")
    assert DEDUPE_SECONDS == 7 * DAY
    assert DEDUPE_SECONDS - 5 < ttl(store, "d:0123456789abcdef") <= DEDUPE_SECONDS


def test_events_of_unknown_names_are_kept_for_a_while(store: Store):
    (event,) = store.inbox.admit([arrival(ignored=True)], "DEMO").ids
    assert PAYLOAD_SECONDS - 5 < ttl(store, f"e:{event}") <= PAYLOAD_SECONDS


class TestAnEventOfSeveralFacts:
    """Its payload lasts as long as any of them needs it."""

    def test_the_last_one_that_ends_lets_it_go(self, store: Store):
        event = store.admit(fact("order:1"), fact("order:2"), fact("order:3"))
        for n in (1, 2):
            store.deliver(f"{event}.{n}")
            assert ttl(store, f"e:{event}") == NEVER
        store.deliver(f"{event}.3")
        assert ttl(store, f"e:{event}") > 0
        assert ttl(store, f"er:{event}") == GONE

    def test_a_dead_one_keeps_it(self, store: Store):
        event = store.admit(fact("order:1"), fact("order:2"))
        store.bury(f"{event}.1")
        store.deliver(f"{event}.2")
        assert ttl(store, f"e:{event}") == NEVER
        store.letters.replay(f"{event}.1")
        assert store.claim(f"{event}.1").payload

    def test_a_replaced_one_leaves_it_to_the_others(self, store: Store):
        event = store.admit(fact("order:1"), fact("order:2"))
        store.sale("order:1", version=2)
        assert store.claim(f"{event}.2").payload
        store.sale("order:2", version=2)
        assert ttl(store, f"e:{event}") == NEVER

    def test_facts_that_say_nothing_new_do_not_keep_it(self, store: Store):
        store.deliver(store.sale("order:1"))
        event = store.admit(fact("order:1", version=2), fact("order:2"))
        store.deliver(f"{event}.2")
        assert ttl(store, f"e:{event}") > 0
        assert ttl(store, f"er:{event}") == GONE


def test_a_superseded_state_goes_in_its_time(store: Store):
    def status(version: int) -> str:
        return (
            store.admit(fact("order:1", Kinds.ORDER_STATUS, version, rule=STATE, value=str(version))) + ".1"
        )

    first = status(1)
    claimed = store.claim(first)
    store.ledger.complete(first, claimed.token, exchanges=[b"x"])
    store.settle(claimed, Ending.RETRYING, delay_seconds=60)
    second = status(2)
    assert (store.state(first), store.state(second)) == ("skipped", "ready")
    assert [ttl(store, f"{prefix}:{first}") > 0 for prefix in "tx"] == [True, True]
    assert ttl(store, f"e:{event_of(first)}") > 0
    assert store.counts(Kinds.ORDER_STATUS) == {"skipped": 1, "ready": 1}
