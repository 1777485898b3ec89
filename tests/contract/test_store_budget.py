"""The account's budget: GCRA in the announcing script, on the store's own clock. Times are milliseconds."""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.events import Transmission
from app.store.budget import LOW_WATER, Budget
from app.store.ledger import BURST, LONGEST_WAIT_MS, Go, Pause
from tests.stores import ACCOUNT, MARK, Store

pytestmark = pytest.mark.server

MINUTE = 60_000
ACCOUNT_LIMIT = 180
INTERVAL = MINUTE / 170
FOR_EVER = 10**9


def slot(store: Store, claimed: Transmission, interval: float = INTERVAL) -> float:
    """When the next call may go: now, or after the wait that the script names, which is not waited for."""
    word, when = store.scripts.run(
        "announce", MARK, claimed.id, claimed.token, "l:x", "", 80_000, FOR_EVER, 0, interval, BURST
    )
    if word == b"go":
        return float(when)
    assert word == b"wait"
    after: bytes = store.client.get(f"b:{ACCOUNT}")  # type: ignore[assignment]
    return float(after) - interval * BURST


def most_in(slots: Sequence[float], span: float) -> int:
    """The largest number of slots within any rolling span."""
    ordered = sorted(slots)
    first = most = 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= span:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_a_backlog_uses_its_rate_evenly_and_never_more_than_the_account_allows(store: Store):
    claimed = store.claim(store.sale())
    slots = [slot(store, claimed) for _ in range(600)]
    assert most_in(slots, MINUTE) <= 170 + BURST < ACCOUNT_LIMIT
    assert most_in(slots, INTERVAL * 0.9) <= BURST
    span = max(slots) - min(slots)
    assert len(slots) / span * MINUTE > 170 * 0.99
    gaps = [later - earlier for earlier, later in zip(slots[BURST:], slots[BURST + 1 :], strict=False)]
    assert max(gaps) - min(gaps) <= 2


def test_many_threads_share_one_rate(store: Store):
    claimed = store.claim(store.sale())
    first = slot(store, claimed, 200.0)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: slot(store, claimed, 200.0), range(200)))
    assert slot(store, claimed, 200.0) - first == 200.0 * (201 - BURST + 1)


def test_idle_time_saves_up_no_more_than_a_burst(store: Store):
    claimed = store.claim(store.sale())
    slot(store, claimed, 5.0)
    time.sleep(0.1)
    answers = [store.announce(claimed, interval_ms=10_000.0) for _ in range(BURST + 1)]
    assert Counter(type(answer) for answer in answers) == {Go: BURST, Pause: 1}


def test_a_slot_that_is_reserved_is_not_paid_for_twice(store: Store):
    claimed = store.claim(store.sale())
    for _ in range(BURST):
        assert isinstance(store.announce(claimed, interval_ms=9_000.0), Go)
    pause = store.announce(claimed, interval_ms=9_000.0)
    assert isinstance(pause, Pause)
    assert pause.reserved
    assert 0 < pause.seconds <= 9
    before = store.client.get(f"b:{ACCOUNT}")
    assert isinstance(store.announce(claimed, interval_ms=9_000.0, reserved=True), Go)
    assert store.client.get(f"b:{ACCOUNT}") == before


def test_waiting_for_a_slot_announces_nothing_and_keeps_the_lease(store: Store):
    other = store.claim(store.sale("order:2"))
    for _ in range(BURST):
        store.announce(other, interval_ms=9_000.0)
    claimed = store.claim(store.sale())
    pause = store.announce(claimed, "log_sale 1", interval_ms=9_000.0)
    assert isinstance(pause, Pause)
    assert pause.seconds > 4
    assert "fs" not in store.row()
    seconds = store.client.time()[0]
    assert float(store.field(claimed.id, "le")) / 1000 - seconds > pause.seconds + 28


def test_whoever_would_wait_too_long_reserves_nothing_and_comes_later(store: Store):
    claimed = store.claim(store.sale())
    interval = LONGEST_WAIT_MS / 2.5
    answers = [store.announce(claimed, interval_ms=interval) for _ in range(BURST + 2)]
    before = store.client.get(f"b:{ACCOUNT}")
    pause = store.announce(claimed, interval_ms=interval)
    assert isinstance(pause, Pause)
    assert not pause.reserved
    assert pause.seconds * 1000 > LONGEST_WAIT_MS
    assert store.client.get(f"b:{ACCOUNT}") == before
    assert all(isinstance(answer, Go) or answer.reserved for answer in answers)


def test_without_a_rate_nothing_is_counted(store: Store):
    claimed = store.claim(store.sale())
    assert all(isinstance(store.announce(claimed), Go) for _ in range(20))
    assert store.client.exists(f"b:{ACCOUNT}") == 0


def test_the_budget_is_forgotten_when_it_no_longer_matters(store: Store):
    claimed = store.claim(store.sale())
    slot(store, claimed)
    assert 0 < store.client.pttl(f"b:{ACCOUNT}") <= MINUTE + INTERVAL + 1


class TestTheCrmsOwnCount:
    """X-Rate-Limit-Remaining and -Reset: somebody else may use the account too."""

    @pytest.mark.parametrize(
        ("remaining", "reset"), [(LOW_WATER + 1, 30.0), (None, 30.0), (0, None), (170, 1.0)]
    )
    def test_enough_changes_nothing(self, store: Store, remaining: int | None, reset: float | None):
        Budget(store.client).observe(ACCOUNT, remaining, reset, interval_ms=INTERVAL)
        assert store.client.exists(f"b:{ACCOUNT}") == 0

    def test_nothing_left_waits_for_the_reset(self, store: Store):
        claimed = store.claim(store.sale())
        Budget(store.client).observe(ACCOUNT, 0, 8.0, interval_ms=INTERVAL)
        pause = store.announce(claimed, interval_ms=INTERVAL)
        assert isinstance(pause, Pause)
        assert 4 < pause.seconds <= 8.1

    def test_little_left_is_spread_to_the_reset(self, store: Store):
        claimed = store.claim(store.sale())
        Budget(store.client).observe(ACCOUNT, 1, 8.0, interval_ms=INTERVAL)
        pause = store.announce(claimed, interval_ms=INTERVAL)
        assert isinstance(pause, Pause)
        assert 2 < pause.seconds <= 4.1

    def test_a_slot_further_away_is_not_brought_nearer(self, store: Store):
        store.client.set(f"b:{ACCOUNT}", 10**13, px=MINUTE)
        Budget(store.client).observe(ACCOUNT, 0, 8.0, interval_ms=INTERVAL)
        assert store.client.get(f"b:{ACCOUNT}") == b"10000000000000"
