"""Dead letters: what they say, and how a person sends them again."""

from decimal import Decimal

import pytest

from app.store.transmissions import Ending
from tests.stores import ACCOUNT, Kinds, Store, fact

pytestmark = pytest.mark.server


def test_a_dead_letter_says_what_and_why_and_how_much(store: Store):
    before = store.client.time()[0]
    event = store.admit(fact("order:DEMO-7", amount=Decimal("12.34")), order_id="DEMO-7")
    claimed = store.claim(f"{event}.1")
    store.settle(claimed, Ending.DEAD, "no e-mail address", failure="mapping")
    (letter,) = store.letters.list(ACCOUNT)
    assert letter == store.letters.show(f"{event}.1")
    assert (letter.kind, letter.account, letter.subject) == (Kinds.SALE, ACCOUNT, "order:DEMO-7")
    assert (letter.failure, letter.reason, letter.attempts) == ("mapping", "no e-mail address", 1)
    assert (letter.cents, letter.currency) == (1234, "USD")
    assert 0 <= letter.died_at.timestamp() - before < 5
    assert store.letters.payload(letter.event_id) == ("order_create", b'{"order_id":"DEMO-7"}')
    assert store.money() == {"USD": 1234}


def test_only_the_dead_are_shown(store: Store):
    tid = store.sale()
    assert store.letters.show(tid) is None
    assert store.letters.show("never.1") is None
    assert store.letters.payload("never") is None
    assert store.letters.list(ACCOUNT) == []


def test_the_latest_come_first_and_a_list_has_an_end(store: Store):
    tids = [store.sale(f"order:{n}") for n in range(4)]
    for died, tid in enumerate(tids, start=1):
        store.bury(tid)
        store.client.zadd(f"dead:{ACCOUNT}", {tid: died})
    assert [letter.id for letter in store.letters.list(ACCOUNT, limit=3)] == tids[:0:-1]
    assert store.letters.count(ACCOUNT) == 4


def test_a_replay_keeps_its_identity_and_begins_its_attempts_anew(store: Store):
    tid = store.sale()
    for _ in range(3):
        store.settle(store.claim(tid), Ending.RETRYING)
        store.pass_time(tid)
    store.bury(tid)
    before = store.client.time()[0] * 1000
    assert store.letters.replay(tid)
    assert store.state(tid) == "ready"
    assert store.letters.count(ACCOUNT) == 0
    assert store.counts() == {"ready": 1}
    assert store.money() == {"USD": 1000}
    claimed = store.claim(tid)
    assert claimed.attempt == 1
    assert claimed.replayed_ms >= before
    store.settle(claimed, Ending.DELIVERED)
    assert store.money() == {}


def test_a_replayed_poison_begins_without_its_deaths(store: Store):
    tid = store.sale()
    for alone in (False, False, False, True, True):
        store.claim(tid, alone=alone)
        store.pass_time(tid)
    assert store.letters.replay(tid)
    store.claim(tid)
    store.pass_time(tid)
    assert store.state(tid) == "ready"


@pytest.mark.parametrize("state", ["ready", "running", "retrying", "delivered", "unknown"])
def test_what_is_not_dead_is_not_replayed(store: Store, state: str):
    tid = "never.1" if state == "unknown" else store.sale()
    if state in ("running", "retrying", "delivered"):
        claimed = store.claim(tid)
    if state == "retrying":
        store.settle(claimed, Ending.RETRYING, delay_seconds=60)
    if state == "delivered":
        store.settle(claimed, Ending.DELIVERED)
    before = store.dump()
    assert not store.letters.replay(tid)
    assert store.dump() == before


def test_a_second_replay_does_nothing(store: Store):
    tid = store.sale()
    store.bury(tid)
    assert store.letters.replay(tid)
    assert not store.letters.replay(tid)
    assert store.wake_ups().count(tid) == 2
