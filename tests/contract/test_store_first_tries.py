"""How first attempts are counted: each once, by the minute, and nothing that was not tried."""

from datetime import timedelta

import pytest

from app.alerts.readings import Tries
from app.services import utc_now
from app.store.records import moment
from app.store.transmissions import Ending
from tests.stores import ACCOUNT, Store, fact

pytestmark = pytest.mark.server


def counted(store: Store) -> Tries:
    """All of the last hour."""
    minutes = store.log.first_tries(ACCOUNT, utc_now())
    return Tries(*(sum(getattr(one, name) for one in minutes) for name in ("good", "bad", "other")))


@pytest.mark.parametrize(
    ("ending", "failure", "expected"),
    [
        (Ending.DELIVERED, "", Tries(good=1)),
        (Ending.RETRYING, "retryable", Tries(bad=1)),
        (Ending.POSTPONED, "unknown", Tries(bad=1)),
        (Ending.DEAD, "invalid", Tries(bad=1)),
        (Ending.DEAD, "poison", Tries(bad=1)),
        (Ending.DEAD, "mapping", Tries(other=1)),
        (Ending.SKIPPED, "", Tries(other=1)),
        # Behind a gate, throttled, or another writer's turn: not tried.
        (Ending.POSTPONED, "", Tries()),
        (Ending.POSTPONED, "auth", Tries()),
        (Ending.POSTPONED, "throttled", Tries()),
    ],
)
def test_how_a_first_attempt_counts(store: Store, ending: Ending, failure: str, expected: Tries):
    store.settle(store.claim(store.sale()), ending, "why", failure=failure)
    assert counted(store) == expected


def test_only_the_first_attempt_counts_whatever_comes_after(store: Store):
    tid = store.sale()
    for _ in range(3):
        store.settle(store.claim(tid), Ending.RETRYING, failure="retryable")
        store.pass_time(tid)
    store.deliver(tid)
    assert counted(store) == Tries(bad=1)


def test_what_was_throttled_first_is_tried_later(store: Store):
    tid = store.sale()
    store.settle(store.claim(tid), Ending.POSTPONED, failure="throttled")
    store.pass_time(tid)
    store.deliver(tid)
    assert counted(store) == Tries(good=1)


def test_an_unknown_outcome_is_one_attempt_however_often_it_is_looked_up(store: Store):
    tid = store.sale()
    for _ in range(3):
        store.settle(store.claim(tid), Ending.POSTPONED, failure="unknown")
        store.pass_time(tid)
    store.deliver(tid)
    assert counted(store) == Tries(bad=1)


def test_what_a_person_sends_again_is_no_first_attempt(store: Store):
    tid = store.sale()
    store.bury(tid)
    assert store.letters.replay(tid)
    store.bury(tid)
    assert counted(store) == Tries(bad=1)


def test_minutes_go_after_an_hour_and_accounts_have_their_own(store: Store):
    now = utc_now()
    minute = int(now.timestamp() // 60)
    for ago in (60, 61, 500):
        store.client.hset(f"first:{ACCOUNT}", f"{minute - ago} good", 1)
    store.deliver(store.sale())
    store.deliver(store.admit(fact("order:2", account="ontraport:OTHER")) + ".1")
    assert store.client.hlen(f"first:{ACCOUNT}") == 1
    assert store.client.hvals("first:ontraport:OTHER") == [b"1"]
    assert store.client.ttl(f"first:{ACCOUNT}") > 3600
    later = moment(store.client.time()[0] * 1000) + timedelta(hours=2)
    assert set(store.log.first_tries(ACCOUNT, later)) == {Tries()}
