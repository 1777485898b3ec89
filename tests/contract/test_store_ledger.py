"""The ledger: announcements that survive whatever ends an attempt, results, and one writer per shared row."""

import pytest

from app.store.holds import HOLD_MS, Holds
from app.store.ledger import Go, Ledger
from app.store.transmissions import Ending
from tests.stores import ACCOUNT, MARK, Kinds, Store, fact

pytestmark = pytest.mark.server

ROW = Ledger.row(ACCOUNT, "order:1")
CONTACT = Ledger.contact_row(ACCOUNT, "hash")
FLIGHT = {"fs", "fa", "ft", "fl"}


def test_a_call_that_may_be_repeated_announces_nothing(store: Store):
    claimed = store.claim(store.sale())
    before = dict(store.row())
    assert isinstance(store.announce(claimed), Go)
    assert store.row() == before


def test_an_announcement_says_what_when_and_by_whom(store: Store):
    claimed = store.claim(store.sale())
    answer = store.announce(claimed, "log_sale 7 10.00 1772388000")
    row = store.row()
    assert (row["fs"], row["ft"], row["fl"]) == ("log_sale 7 10.00 1772388000", claimed.id, "0")
    assert isinstance(answer, Go)
    assert int(row["fa"]) == answer.announced_ms
    assert abs(answer.announced_ms / 1000 - store.client.time()[0]) < 2


@pytest.mark.parametrize("ending", ["worker died", *Ending])
def test_an_announcement_stays_until_somebody_says_how_it_ended(store: Store, ending: str):
    tid = store.sale()
    claimed = store.claim(tid)
    store.announce(claimed, "log_sale 1")
    if ending == "worker died":
        store.pass_time(tid)
    else:
        store.settle(claimed, Ending(ending))
    assert set(store.row()) >= FLIGHT


def test_an_announcement_stays_through_burial_repair_and_replay(store: Store):
    tid = store.sale(version=1)
    claimed = store.claim(tid)
    store.announce(claimed, "log_sale 1")
    store.settle(claimed, Ending.DEAD, failure="unknown")
    store.admit(fact(version=2))
    assert store.claim(tid).ledger["fs"] == "log_sale 1"
    store.pass_time(tid)
    store.bury(tid)
    store.letters.replay(tid)
    assert store.claim(tid).ledger["fs"] == "log_sale 1"


def test_a_completed_call_writes_its_results_ends_its_announcement_and_keeps_its_exchanges(store: Store):
    claimed = store.claim(store.sale())
    store.announce(claimed, "log_sale 1")
    writes = [(ROW, "x:sale", "42"), (CONTACT, "id", "7"), (f"p:{ACCOUNT}", "BONE", "3")]
    store.ledger.complete(claimed.id, claimed.token, announced_row=ROW, writes=writes, exchanges=[b"x"])
    assert store.row()["x:sale"] == "42"
    assert not FLIGHT & set(store.row())
    assert store.ledger.read(CONTACT) == {"id": "7"}
    assert store.ledger.products(ACCOUNT, ["BONE", "BALL"]) == {"BONE": "3"}
    assert store.client.lrange(f"x:{claimed.id}", 0, -1) == [b"x"]


def test_results_of_other_calls_leave_the_announcement(store: Store):
    claimed = store.claim(store.sale())
    store.announce(claimed, "log_sale 1")
    store.ledger.complete(claimed.id, claimed.token, writes=[(CONTACT, "id", "7")])
    assert set(store.row()) >= FLIGHT


def test_a_row_that_is_not_there_reads_as_empty(store: Store):
    assert store.ledger.read("l:nobody") == {}
    assert store.ledger.products(ACCOUNT, ["BONE"]) == {}


class TestOneWriter:
    """A contact or a product is written by one transmission at a time."""

    def test_the_second_waits_until_the_first_has_settled(self, store: Store):
        first, second = store.claim(store.sale("order:1")), store.claim(store.sale("order:2"))
        assert store.ledger.acquire(first.id, first.token, CONTACT) is not None
        assert store.ledger.acquire(second.id, second.token, CONTACT) is None
        store.ledger.complete(first.id, first.token, writes=[(CONTACT, "id", "7")])
        assert store.ledger.acquire(second.id, second.token, CONTACT) is None
        store.settle(first, Ending.DELIVERED)
        fields = store.ledger.acquire(second.id, second.token, CONTACT)
        assert fields is not None
        assert fields["id"] == "7"

    def test_the_owner_may_come_again(self, store: Store):
        first = store.claim(store.sale())
        assert store.ledger.acquire(first.id, first.token, CONTACT) is not None
        assert store.ledger.acquire(first.id, first.token, CONTACT) is not None

    def test_a_dead_workers_row_is_free_when_its_lease_has_ended(self, store: Store):
        first, second = store.claim(store.sale("order:1")), store.claim(store.sale("order:2"))
        store.ledger.acquire(first.id, first.token, CONTACT)
        store.pass_time(first.id)
        assert store.ledger.acquire(second.id, second.token, CONTACT) is not None

    def test_a_worker_late_for_its_lease_is_never_joined_by_a_second_writer(self, store: Store):
        """Until a dispatcher has ended the lease, its owner may announce again: both would write."""
        first, second = store.claim(store.sale("order:1")), store.claim(store.sale("order:2"))
        store.ledger.acquire(first.id, first.token, CONTACT)
        store.client.hset(f"t:{first.id}", "le", 1)
        taken = store.ledger.acquire(second.id, second.token, CONTACT) is not None
        goes_on = isinstance(store.announce(first), Go)
        assert goes_on != taken

    def test_its_own_next_attempt_gets_it(self, store: Store):
        tid = store.sale()
        first = store.claim(tid)
        store.ledger.acquire(tid, first.token, CONTACT)
        store.pass_time(tid)
        again = store.claim(tid)
        assert store.ledger.acquire(tid, again.token, CONTACT) is not None

    def test_a_command_and_a_worker_wait_for_each_other(self, store: Store):
        holds = Holds(store.client, store.scripts, mark=MARK)
        first = store.claim(store.sale())
        with holds.hold(CONTACT) as held, holds.hold(CONTACT) as second:
            assert held is not None
            assert second is None
            held.write("x:made", 5)
            assert store.ledger.acquire(first.id, first.token, CONTACT) is None
        fields = store.ledger.acquire(first.id, first.token, CONTACT)
        assert fields is not None
        assert fields["x:made"] == "5"
        with holds.hold(CONTACT) as held:
            assert held is None

    def test_a_command_that_died_holds_nothing_for_ever(self, store: Store):
        with Holds(store.client, store.scripts, mark=MARK).hold(CONTACT):
            (key,) = store.client.scan_iter("t:command-*")
            assert 0 < store.client.pttl(key) <= HOLD_MS

    def test_other_rows_are_free(self, store: Store):
        first, second = store.claim(store.sale("order:1")), store.claim(store.sale("order:2"))
        store.ledger.acquire(first.id, first.token, CONTACT)
        other = Ledger.contact_row(ACCOUNT, "other")
        assert store.ledger.acquire(second.id, second.token, other) is not None


def test_the_row_at_the_claim_shows_what_earlier_attempts_did(store: Store):
    tid = store.sale()
    claimed = store.claim(tid)
    store.ledger.complete(tid, claimed.token, writes=[(ROW, "x:contact", "7")])
    store.pass_time(tid)
    assert store.claim(tid).ledger["x:contact"] == "7"


def test_what_follows_on_the_subject_sees_what_was_done(store: Store):
    tid = store.sale()
    refund = store.admit(fact(kind=Kinds.REFUND)) + ".1"
    claimed = store.claim(tid)
    store.ledger.complete(tid, claimed.token, writes=[(ROW, "x:sale", "42")])
    store.settle(claimed, Ending.DELIVERED)
    assert store.claim(refund).ledger["x:sale"] == "42"
