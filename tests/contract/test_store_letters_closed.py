"""Dead letters that a person ends: discarded, or done by hand; and what later snapshots make of them."""

from decimal import Decimal
from typing import Any

import pytest

from app.store.ledger import Ledger
from app.store.transmissions import Ending
from tests.stores import (
    ACCOUNT,
    EXCHANGE_SECONDS,
    GROW,
    LEDGER_SECONDS,
    PAYLOAD_SECONDS,
    STATE,
    Kinds,
    Store,
    fact,
)

pytestmark = pytest.mark.server

ROW = Ledger.row(ACCOUNT, "order:1")
CONTACT = Ledger.contact_row(ACCOUNT, "hash")


def dead_sale(store: Store, **changes: Any) -> str:
    """A dead sale of 10.00."""
    tid = store.sale(**{"version": 1, "value": "1000", **changes})
    store.bury(tid)
    return tid


def refunded(store: Store, cents: int, version: int = 1) -> str:
    """Tells that the order is refunded to that; the id that it would have."""
    told = fact(kind=Kinds.REFUND, rule=GROW, value=str(cents), amount=Decimal(cents) / 100, version=version)
    return store.admit(told) + ".1"


def discard(store: Store, tid: str) -> str:
    """Ann discards it."""
    return store.letters.discard(tid, actor="ann", reason="sold at the fair")


def done(store: Store, tid: str, **more: Any) -> str:
    """Ann has done it by hand."""
    return store.letters.done_by_hand(tid, actor="ann", record_id="77", **more)


@pytest.mark.parametrize(("end", "state"), [(discard, "discarded"), (done, "done by hand")])
class TestEitherWay:
    def test_it_is_over_and_says_by_whom(self, store: Store, end: Any, state: str):
        tid = dead_sale(store)
        before = int(store.client.time()[0])
        assert end(store, tid) == "closed"
        assert store.state(tid) == state
        assert store.counts() == {state: 1}
        assert store.money() == {}
        assert store.letters.count(ACCOUNT) == 0
        assert store.letters.show(tid) is None
        assert (store.field(tid, "by"), store.field(tid, "ri")) == ("ann", "77" if end is done else "")
        assert 0 <= int(store.field(tid, "ct")) / 1000 - before < 5
        assert store.line() == []

    def test_it_is_kept_like_what_is_over(self, store: Store, end: Any, state: str):
        tid = store.sale()
        claimed = store.claim(tid)
        store.ledger.complete(tid, claimed.token, exchanges=[b"x"])
        store.settle(claimed, Ending.DEAD, "no", failure="invalid")
        end(store, tid)
        kept = {f"t:{tid}": EXCHANGE_SECONDS, f"x:{tid}": EXCHANGE_SECONDS, ROW: LEDGER_SECONDS}
        kept[f"e:{tid.partition('.')[0]}"] = PAYLOAD_SECONDS
        for key, seconds in kept.items():
            assert seconds - 5 < store.client.ttl(key) <= seconds, key

    def test_its_followers_go_on(self, store: Store, end: Any, state: str):
        tid = dead_sale(store)
        refund = refunded(store, 500)
        (letter,) = store.letters.list(ACCOUNT)
        assert [(one.id, one.kind, one.cents, one.currency) for one in letter.followers] == [
            (refund, "refund", 500, "USD")
        ]
        end(store, tid)
        assert store.state(refund) == "ready"
        assert store.wake_ups(Kinds.REFUND) == [refund]
        store.deliver(refund)
        assert store.client.ttl(ROW) > 0

    def test_only_the_dead_end_so_and_only_once(self, store: Store, end: Any, state: str):
        ready, running = store.sale("order:2"), store.sale("order:3")
        store.claim(running)
        tid = dead_sale(store)
        assert end(store, tid) == "closed"
        before = store.dump()
        found = [end(store, one) for one in (tid, ready, running, "never.1")]
        assert found == [state, "ready", "running", ""]
        assert store.dump() == before

    def test_a_write_in_doubt_is_in_doubt_no_more(self, store: Store, end: Any, state: str):
        tid = store.sale()
        claimed = store.claim(tid)
        store.announce(claimed, "log_sale 1")
        store.settle(claimed, Ending.DEAD, "?", failure="unknown")
        end(store, tid)
        assert not {"fs", "fa", "ft", "fl"} & set(store.row())

    @pytest.mark.parametrize("value", ["1000", ""])
    @pytest.mark.parametrize("forgotten", [False, True])
    def test_a_later_snapshot_of_the_same_sale_is_no_news(
        self, store: Store, end: Any, state: str, value: str, forgotten: bool
    ):
        tid = dead_sale(store)
        end(store, tid)
        if forgotten:
            store.client.delete(f"t:{tid}")
        later = store.sale(version=9, value=value)
        assert store.state(later) == ""
        assert store.line() == []
        assert store.money() == {}

    def test_a_refund_that_grew_is_news(self, store: Store, end: Any, state: str):
        tid = refunded(store, 500)
        store.bury(tid)
        end(store, tid)
        assert store.state(refunded(store, 500, version=9)) == ""
        grown = refunded(store, 700, version=10)
        assert store.state(grown) == "ready"

    def test_a_newer_status_is_news(self, store: Store, end: Any, state: str):
        def status(content: str, version: int) -> str:
            told = fact(kind=Kinds.ORDER_STATUS, rule=STATE, value=content, version=version, currency="")
            return store.admit(told) + ".1"

        tid = status("a", 1)
        store.bury(tid)
        end(store, tid)
        assert store.state(status("a", 2)) == ""
        assert store.state(status("b", 3)) == "ready"


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_discarded_sale_stays_so_whatever_its_total_becomes(store: Store, forgotten: bool):
    tid = dead_sale(store)
    discard(store, tid)
    if forgotten:
        store.client.delete(f"t:{tid}")
    assert store.state(store.sale(version=9, value="1200", amount=Decimal(12))) == ""


def test_a_discarded_refund_that_is_taken_back_is_no_news(store: Store):
    tid = refunded(store, 500)
    store.bury(tid)
    discard(store, tid)
    assert store.state(refunded(store, 300, version=9)) == ""


def test_what_grew_after_a_discard_may_go_down_again(store: Store):
    tid = refunded(store, 500)
    store.bury(tid)
    discard(store, tid)
    store.deliver(refunded(store, 700, version=9))
    assert store.state(refunded(store, 600, version=10)) == "ready"


def test_a_sale_done_by_hand_with_another_total_is_told(store: Store):
    """Nothing is sold: the ledger has its invoice, so a person hears of the change."""
    tid = dead_sale(store)
    done(store, tid, writes=[(ROW, "x:sale", "77"), (ROW, "x:contact", "5"), (ROW, "x:total", "10.00")])
    later = store.sale(version=9, value="1200", amount=Decimal(12))
    claimed = store.claim(later)
    assert {name: claimed.ledger[name] for name in ("x:sale", "x:contact", "x:total")} == {
        "x:sale": "77",
        "x:contact": "5",
        "x:total": "10.00",
    }


def test_what_was_done_is_in_the_ledger_before_a_follower_goes(store: Store):
    tid = dead_sale(store)
    refund = refunded(store, 500)
    done(store, tid, writes=[(ROW, "x:sale", "77"), ("p:other", "BONE", "9")])
    assert store.claim(refund).ledger["x:sale"] == "77"
    assert store.client.hget("p:other", "BONE") == b"9"


class TestTheContactsInvoices:
    def test_the_record_is_added(self, store: Store):
        first, second = dead_sale(store), dead_sale(store, subject="order:2")
        assert done(store, first, contact_row=CONTACT) == "closed"
        assert done(store, second, contact_row=CONTACT) == "closed"
        assert store.ledger.read(CONTACT)["inv"] == "77 77"

    def test_not_while_another_order_is_writing_the_contact(self, store: Store):
        tid, other = dead_sale(store), store.claim(store.sale("order:2"))
        store.ledger.acquire(other.id, other.token, CONTACT)
        before = store.dump()
        assert done(store, tid, contact_row=CONTACT) == "busy"
        assert store.dump() == before
        store.settle(other, Ending.DELIVERED)
        assert done(store, tid, contact_row=CONTACT) == "closed"
