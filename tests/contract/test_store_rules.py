"""What is news: a total that only grows, and states of which the last one counts."""

from decimal import Decimal

import pytest

from app.store.transmissions import Ending
from tests.stores import ACCOUNT, GROW, STATE, Kinds, Store, arrival, fact

pytestmark = pytest.mark.server

REFUND, STATUS = Kinds.REFUND, Kinds.ORDER_STATUS


def refunded(store: Store, cents: int, version: int = 1) -> str:
    """The order is refunded to so much; the transmission that this would make."""
    amount = Decimal(cents) / 100
    return store.admit(fact(kind=REFUND, version=version, rule=GROW, value=str(cents), amount=amount)) + ".1"


def status(store: Store, content: str, version: int = 1) -> str:
    """The order's status has this content."""
    return store.admit(fact(kind=STATUS, version=version, rule=STATE, value=content, currency="")) + ".1"


class TestGrow:
    """Refunded to X: totals are taken from every snapshot and never go back."""

    def test_a_total_that_is_known_is_no_news(self, store: Store):
        store.deliver(refunded(store, 2500))
        assert store.state(refunded(store, 2500, version=2)) == ""
        assert store.counts(REFUND) == {"delivered": 1}

    def test_nothing_refunded_is_no_news(self, store: Store):
        assert store.state(refunded(store, 0)) == ""

    def test_a_larger_one_waits_for_the_smaller_that_is_on_its_way(self, store: Store):
        first = refunded(store, 1000)
        claimed = store.claim(first)
        second = refunded(store, 2500, version=2)
        assert store.state(second) == "held"
        store.settle(claimed, Ending.DELIVERED)
        assert store.state(second) == "ready"
        store.deliver(second)
        assert store.counts(REFUND) == {"delivered": 2}
        assert store.money() == {}

    @pytest.mark.parametrize("version", [0, 2])
    def test_a_larger_one_takes_the_place_of_what_waits_whatever_its_age(self, store: Store, version: int):
        first = refunded(store, 1000)
        assert store.state(refunded(store, 2500, version=version)) == ""
        assert store.counts(REFUND) == {"ready": 1}
        assert store.money() == {"USD": 2500}
        store.deliver(first)
        assert store.money() == {}

    def test_a_larger_one_repairs_a_dead_one(self, store: Store):
        first = refunded(store, 1000)
        store.bury(first)
        refunded(store, 2500)
        assert store.state(first) == "ready"

    def test_a_write_in_doubt_is_finished_before_the_larger_one(self, store: Store):
        first = refunded(store, 1000)
        claimed = store.claim(first)
        store.announce(claimed, "refund 42")
        store.settle(claimed, Ending.POSTPONED, failure="unknown", delay_seconds=90)
        second = refunded(store, 2500)
        assert (store.state(first), store.state(second)) == ("retrying", "held")

    def test_an_older_smaller_one_is_no_news(self, store: Store):
        store.deliver(refunded(store, 2500, version=5))
        assert store.state(refunded(store, 1000, version=5)) == ""
        assert store.state(refunded(store, 1000, version=4)) == ""

    def test_a_newer_smaller_one_is_for_whoever_decides(self, store: Store):
        store.deliver(refunded(store, 2500, version=5))
        assert store.state(refunded(store, 1000, version=6)) == "ready"


class TestState:
    """Only the last content is sent, and it is judged against the last one admitted."""

    def test_the_same_content_is_no_news(self, store: Store):
        store.deliver(status(store, "A"))
        assert store.state(status(store, "A", version=2)) == ""

    @pytest.mark.parametrize(("version", "repaired"), [(4, False), (5, True), (6, True)])
    def test_the_same_content_repairs_a_dead_one_unless_it_is_older(
        self, store: Store, version: int, repaired: bool
    ):
        tid = status(store, "A", 5)
        store.bury(tid)
        assert store.state(status(store, "A", version)) == ""
        assert store.state(tid) == ("ready" if repaired else "dead")
        assert store.counts(STATUS) == {"ready" if repaired else "dead": 1}

    def test_there_and_back_again_is_sent(self, store: Store):
        for version, content in enumerate("ABA"):
            tid = status(store, content, version)
            assert store.state(tid) == "ready"
            store.deliver(tid)
        assert store.counts(STATUS) == {"delivered": 3}

    def test_without_a_stamp_the_very_same_words_are_news_once_it_changed_in_between(self, store: Store):
        states = [fact(kind=STATUS, version=0, rule=STATE, value=content, currency="") for content in "AB"]
        a, b = (arrival(state) for state in states)
        for told, number in ((a, 1), (a, 1), (b, 2), (a, 3), (a, 3)):
            store.inbox.admit([told], "DEMO")
            for tid in [*store.waiting(STATUS), *store.handed(STATUS)]:
                store.deliver(tid)
            assert store.counts(STATUS) == {"delivered": number}

    def test_an_older_content_is_not_sent_over_a_newer_one(self, store: Store):
        store.deliver(status(store, "B", version=5))
        assert store.state(status(store, "A", version=4)) == ""
        assert store.log.events()["stale"] == 1

    @pytest.mark.parametrize(
        ("before", "now", "tied"),
        [
            (("A", 5), ("B", 6), False),
            (("A", 5), ("B", 5), True),
            (("A", 5), ("B", 0), True),
            (("A", 0), ("B", 5), True),
            (("A", 0), ("B", 0), True),
            (("A@5", 5), ("B@5", 5), True),
            (("A@5", 5), ("A@6", 6), False),
            (("A", 0), ("A@5", 5), False),
        ],
    )
    def test_what_no_date_puts_in_order_is_tied(self, store: Store, before, now, tied):
        first, second = status(store, *before), status(store, *now)
        assert [store.field(tid, "ti") for tid in (first, second)] == ["", "1" if tied else ""]
        assert store.claim(second).tied is tied

    def test_a_state_without_a_date_that_says_the_same_is_no_news(self, store: Store):
        store.deliver(status(store, "A@5", 5))
        assert store.state(status(store, "A", 0)) == ""
        assert store.state(status(store, "A@5", 5)) == ""

    @pytest.mark.parametrize("waiting", ["ready", "held", "retrying", "dead"])
    def test_what_still_waits_gives_way(self, store: Store, waiting: str):
        head = store.sale() if waiting == "held" else ""
        first = status(store, "A")
        if waiting == "retrying":
            store.settle(store.claim(first), Ending.RETRYING, delay_seconds=60)
        if waiting == "dead":
            store.bury(first)
        assert store.state(first) == waiting
        second = status(store, "B", version=2)
        assert store.state(first) == "skipped"
        assert store.field(first, "r") == "superseded"
        assert store.state(second) == ("held" if waiting == "held" else "ready")
        assert store.line() == [*([head] if head else []), second]
        assert first not in store.handed(STATUS) + store.waiting(STATUS)
        assert store.client.zscore("due", first) is None
        assert store.letters.count(ACCOUNT) == 0

    def test_what_is_running_is_finished_first(self, store: Store):
        first = status(store, "A")
        claimed = store.claim(first)
        second = status(store, "B", version=2)
        assert (store.state(first), store.state(second)) == ("running", "held")
        store.settle(claimed, Ending.DEAD)
        assert store.state(second) == "ready"

    def test_a_wake_up_of_what_gave_way_finds_nothing(self, store: Store):
        first = status(store, "A")
        status(store, "B", version=2)
        assert store.refused(first) == "skipped"

    def test_a_lot_of_changes_send_the_last_one(self, store: Store):
        tids = [status(store, str(version), version) for version in range(1, 20)]
        assert [store.state(tid) for tid in tids] == ["skipped"] * 18 + ["ready"]
        assert store.line() == tids[-1:]
        assert len([key for key in store.client.scan_iter("e:*") if store.client.ttl(key) == -1]) == 1
