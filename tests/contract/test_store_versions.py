"""Two versions of the relay on one store: the older one leaves alone what it cannot read."""

import pytest

from app.store import scripting
from app.store.transmissions import Ending
from tests.stores import ACCOUNT, Kinds, Store, fact

pytestmark = pytest.mark.server

LEFT = "left to a newer version of the relay"


@pytest.fixture
def newer(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Processes of the next version on the same store: their records need it."""
    with monkeypatch.context() as patch:
        patch.setattr(scripting, "RECORD_VERSION", scripting.RECORD_VERSION + 1)
        return Store.on(store.client)


def test_what_a_newer_receiver_took_is_left_to_a_newer_worker(store: Store, newer: Store):
    tid = newer.sale()
    # An older worker cannot even read the event.
    store.client.set(f"e:{newer.field(tid, 'e')}", b"of tomorrow")
    for _ in range(5):
        assert store.refused(tid) == LEFT
        assert (store.state(tid), store.field(tid, "r"), store.field(tid, "n")) == ("retrying", LEFT, "")
        assert (store.counts(), store.handed()) == ({"retrying": 1}, [])
        store.pass_time(tid)
    assert store.counts() == {"ready": 1}
    assert store.line() == [tid]


def test_a_newer_worker_takes_what_is_left_to_it_and_what_older_ones_took(store: Store, newer: Store):
    left, older = newer.sale("order:left"), store.sale("order:older")
    assert store.refused(left) == LEFT
    store.pass_time(left)
    newer.deliver(left)
    newer.deliver(older)
    assert store.counts() == {"delivered": 2}


def test_a_write_that_newer_code_announced_is_looked_up_by_newer_code(store: Store, newer: Store):
    """The older one may not understand what was announced: it must not write."""
    tid = store.sale()
    newer.announce(newer.claim(tid), "log_sale of tomorrow")
    store.pass_time(tid)
    assert store.refused(tid) == LEFT
    store.pass_time(tid)
    assert newer.claim(tid).ledger["fs"] == "log_sale of tomorrow"


def test_an_older_snapshot_does_not_make_it_readable_again(store: Store, newer: Store):
    tid = store.sale()
    claimed = newer.claim(tid)
    newer.announce(claimed, "log_sale of tomorrow")
    newer.settle(claimed, Ending.RETRYING, delay_seconds=0)
    store.admit(fact(version=2))
    store.tick()
    assert store.refused(tid) == LEFT


def test_a_kind_that_only_newer_code_knows_waits_for_it(store: Store):
    tid = store.sale()
    claimed = store.claim(tid)
    store.settle(claimed, Ending.RETRYING, delay_seconds=0)
    store.client.hset(f"t:{tid}", "k", "of tomorrow")
    store.tick()
    assert store.client.zrange(f"ready:{ACCOUNT}:of tomorrow", 0, -1) == [tid.encode()]
    assert store.refused(tid) == LEFT
    assert store.state(tid) == "retrying"


def test_fields_that_are_not_known_survive_everything(store: Store):
    tid = store.sale()
    keys = (f"t:{tid}", f"l:{ACCOUNT}:order:1")
    for key in keys:
        store.client.hset(key, "of tomorrow", "kept")
    claimed = store.claim(tid)
    store.announce(claimed, "log_sale 7 10.00 1")
    store.admit(fact(version=2))
    store.settle(claimed, Ending.DEAD, "no", failure="invalid")
    store.admit(fact(version=3))
    store.tick()
    store.bury(tid)
    store.letters.replay(tid)
    store.admit(fact(kind=Kinds.REFUND))
    store.deliver(tid)
    assert [store.client.hget(key, "of tomorrow") for key in keys] == [b"kept", b"kept"]
