"""A newer snapshot of what is not delivered yet takes the older one's place, wherever that one stands."""

from decimal import Decimal
from typing import Any

import pytest

from app.store.transmissions import Ending
from tests.stores import ACCOUNT, EXCHANGE_SECONDS, Kinds, Store, fact

pytestmark = pytest.mark.server


def newer(store: Store, version: int = 2, **changes: Any) -> str:
    """A newer snapshot of the sale; its event."""
    return store.admit(fact(version=version, **changes), snapshot=version)


def events(store: Store) -> set[str]:
    """The events whose payload is kept without an end."""
    keys = [key.decode() for key in store.client.scan_iter("e:*")]
    return {key[2:] for key in keys if store.client.ttl(key) == -1}


def test_in_the_ready_list(store: Store):
    tid = store.sale(version=1)
    event = newer(store, amount=Decimal(12))
    assert store.handed() == [tid]
    assert store.counts() == {"ready": 1}
    assert store.money() == {"USD": 1200}
    assert events(store) == {event}
    assert store.claim(tid).payload["snapshot"] == 2


@pytest.mark.parametrize(
    ("version", "changes", "tied"),
    [
        (1, {"person": "ann"}, False),
        (1, {"person": "bob"}, True),
        (1, {"person": "ann", "amount": Decimal(12)}, True),
        (2, {"person": "bob"}, False),
    ],
)
@pytest.mark.parametrize("running", [False, True])
def test_of_one_age_it_is_tied_when_it_tells_of_another_total_or_person(
    store: Store, running: bool, version: int, changes: dict[str, Any], tied: bool
):
    tid = store.sale(version=1, person="ann")
    claimed = store.claim(tid) if running else None
    newer(store, version, **changes)
    if claimed:
        store.settle(claimed, Ending.POSTPONED, failure="busy", delay_seconds=0)
        store.transmissions.tick("worker", 1)
    assert store.claim(tid).tied is tied


def test_a_tie_lasts_until_a_newer_one_ends_it(store: Store):
    tid = store.sale(version=1, person="ann")
    for version, person, tied in ((1, "bob", "1"), (1, "bob", "1"), (2, "bob", ""), (2, "ann", "1")):
        newer(store, version, person=person)
        assert store.field(tid, "ti") == tied


def test_behind_another_one(store: Store):
    store.admit(fact(kind=Kinds.ORDER_STATUS))
    tid = store.sale(version=1)
    event = newer(store)
    assert store.state(tid) == "held"
    assert store.field(tid, "e") == event


def test_while_it_retries_it_goes_at_once(store: Store):
    tid = store.sale(version=1)
    store.settle(store.claim(tid), Ending.RETRYING, "no", failure="retryable", delay_seconds=3600)
    event = newer(store)
    assert store.state(tid) == "ready"
    assert store.client.zscore("due", tid) is None
    assert events(store) == {event}
    assert store.claim(tid).attempt == 1


def test_a_write_in_doubt_keeps_the_time_of_its_look(store: Store):
    tid = store.sale(version=1)
    claimed = store.claim(tid)
    store.announce(claimed, "log_sale 1")
    store.settle(claimed, Ending.POSTPONED, failure="unknown", delay_seconds=90)
    event = newer(store)
    assert store.state(tid) == "retrying"
    assert store.field(tid, "e") == event
    store.pass_time(tid)
    again = store.claim(tid)
    assert again.payload["snapshot"] == 2
    assert again.ledger["fs"] == "log_sale 1"


def test_it_repairs_a_dead_letter(store: Store):
    tid = store.sale(version=1)
    store.bury(tid, "mapping")
    event = newer(store)
    assert store.state(tid) == "ready"
    assert store.letters.count(ACCOUNT) == 0
    assert store.counts() == {"ready": 1}
    assert store.money() == {"USD": 1000}
    assert events(store) == {event}
    assert store.claim(tid).attempt == 1


def test_a_repaired_poison_starts_without_its_deaths(store: Store):
    tid = store.sale(version=1)
    for alone in (False, False, False, True, True):
        store.claim(tid, alone=alone)
        store.pass_time(tid)
    assert store.state(tid) == "dead"
    newer(store)
    store.claim(tid)
    store.pass_time(tid)
    assert store.state(tid) == "ready"
    store.deliver(tid)


def test_what_was_skipped_is_looked_at_again(store: Store):
    tid = store.sale(version=1)
    store.settle(store.claim(tid), Ending.SKIPPED, "test order")
    event = newer(store, amount=Decimal(12))
    assert store.state(tid) == "ready"
    assert store.line() == [tid]
    assert store.money() == {"USD": 1200}
    assert store.counts() == {"ready": 1}
    assert events(store) == {event}
    assert store.client.ttl(f"t:{tid}") == -1
    store.deliver(tid)
    assert store.money() == {}


def test_what_was_skipped_is_looked_at_again_even_much_later(store: Store):
    tid = store.sale(version=1)
    store.settle(store.claim(tid), Ending.SKIPPED, "test order")
    assert store.client.ttl(f"t:{tid}") > EXCHANGE_SECONDS
    newer(store)
    assert store.state(tid) == "ready"


def test_a_skipped_one_lets_go_of_its_event_once(store: Store):
    event = store.admit(fact(version=1), fact("order:2"))
    store.settle(store.claim(event + ".1"), Ending.SKIPPED, "test order")
    newer(store)
    assert store.claim(event + ".2").payload


def test_what_is_delivered_or_was_older_changes_nothing(store: Store):
    tid = store.sale(version=5)
    before = events(store)
    newer(store, version=4)
    assert events(store) == before
    store.deliver(tid)
    newer(store, version=6)
    assert events(store) == set()
    assert store.counts() == {"delivered": 1}


def test_of_the_same_age_the_later_one_counts(store: Store):
    tid = store.sale(version=5)
    event = newer(store, version=5)
    assert store.field(tid, "e") == event


class TestWhileItRuns:
    """The attempt goes on with what it has; what came meanwhile waits for its end."""

    def test_delivered_drops_it(self, store: Store):
        tid = store.sale(version=1)
        claimed = store.claim(tid)
        newer(store)
        store.settle(claimed, Ending.DELIVERED)
        assert events(store) == set()
        assert store.field(tid, "ne") == ""
        assert store.counts() == {"delivered": 1}
        assert store.money() == {}

    def test_skipped_takes_it_up(self, store: Store):
        tid = store.sale(version=1)
        claimed = store.claim(tid)
        event = newer(store, amount=Decimal(12))
        store.settle(claimed, Ending.SKIPPED, "test order")
        assert store.state(tid) == "ready"
        assert store.field(tid, "e") == event
        assert store.counts() == {"ready": 1}
        store.deliver(tid)
        assert store.money() == {}

    @pytest.mark.parametrize("ending", [Ending.RETRYING, Ending.POSTPONED, Ending.DEAD])
    def test_failed_takes_it_up(self, store: Store, ending: Ending):
        tid = store.sale(version=1)
        claimed = store.claim(tid)
        event = newer(store)
        store.settle(claimed, ending, "no", delay_seconds=30)
        assert store.state(tid) == "retrying"
        assert events(store) == {event}
        assert store.letters.count(ACCOUNT) == 0
        store.pass_time(tid)
        assert store.claim(tid).payload["snapshot"] == 2

    def test_a_death_takes_it_up(self, store: Store):
        tid = store.sale(version=1)
        store.claim(tid)
        event = newer(store)
        store.pass_time(tid)
        assert events(store) == {event}
        assert store.claim(tid).payload["snapshot"] == 2

    def test_a_poisoned_one_is_tried_once_more_with_it(self, store: Store):
        tid = store.sale(version=1)
        for alone in (False, False, False, True):
            store.claim(tid, alone=alone)
            store.pass_time(tid)
        store.claim(tid, alone=True)
        newer(store)
        assert store.pass_time(tid).poisoned == 0
        assert store.claim(tid, alone=True).payload["snapshot"] == 2
        assert store.pass_time(tid).poisoned == 1

    def test_the_newest_of_several_counts(self, store: Store):
        tid = store.sale(version=1)
        claimed = store.claim(tid)
        newest = newer(store, version=9)
        newer(store, version=5)
        store.settle(claimed, Ending.RETRYING)
        assert events(store) == {newest}
        assert store.field(tid, "v") == "9"

    def test_a_still_newer_one_after_a_death_is_not_undone(self, store: Store):
        tid = store.sale(version=1)
        store.claim(tid)
        newer(store, version=2)
        store.pass_time(tid)
        event = newer(store, version=3)
        store.settle(store.claim(tid), Ending.RETRYING)
        assert store.field(tid, "e") == event
        assert events(store) == {event}
