"""The gate and the breaker of an account: what they keep, when they close, and who opens them."""

import pytest

from app.store.gates import BREAKER_FIRST_SECONDS, BREAKER_LONGEST_SECONDS, BREAKER_SUBJECTS
from app.store.ledger import GateClosed
from app.store.transmissions import Ending
from tests.stores import ACCOUNT, Store, arrival, fact

pytestmark = pytest.mark.server


def is_over(store: Store) -> None:
    """The time of the closed gate has passed."""
    store.client.hset(f"g:{ACCOUNT}", "until", 1)


def break_it(store: Store, first: int = 0) -> None:
    """As many different subjects fail as it takes."""
    for n in range(first, first + BREAKER_SUBJECTS):
        store.gates.failed(ACCOUNT, f"order:{n}", "503")


def test_a_closed_gate_keeps_what_comes_and_costs_nothing(store: Store):
    store.gates.close(ACCOUNT, "auth", "401", 300)
    tids = sorted(store.sale(f"order:{n}") for n in range(3))
    store.tick()
    assert store.waiting() == tids
    assert store.handed() == store.wake_ups() == []


def test_what_was_on_its_way_goes_back_to_its_place(store: Store):
    first, second = sorted([store.sale("order:1"), store.sale("order:2")])
    store.gates.close(ACCOUNT, "auth", "401", 300)
    assert store.refused(second) == store.refused(first) == "gate closed"
    assert store.waiting() == [first, second]
    assert store.handed() == []
    assert store.counts() == {"ready": 2}


def test_no_call_is_permitted_and_what_runs_waits_without_an_attempt(store: Store):
    claimed = store.claim(store.sale())
    store.gates.close(ACCOUNT, "auth", "401", 300)
    assert isinstance(store.announce(claimed, "log_sale 1"), GateClosed)
    assert "fs" not in store.row()
    store.settle(claimed, Ending.POSTPONED)
    store.pass_time(claimed.id)
    assert store.waiting() == [claimed.id]
    assert store.field(claimed.id, "n") == "0"


def test_other_accounts_go_on(store: Store):
    store.gates.close(ACCOUNT, "auth", "401", 300)
    event = store.inbox.admit([arrival(fact(account="ontraport:OTHER"))], "OTHER").ids[0]
    assert store.wake_ups() == [f"{event}.1"]


def test_an_open_gate_hands_out_what_it_kept(store: Store):
    store.gates.close(ACCOUNT, "auth", "401", 300)
    tids = sorted(store.sale(f"order:{n}") for n in range(3))
    store.gates.open(ACCOUNT)
    store.tick()
    assert store.handed() == store.wake_ups() == tids


def test_a_throttled_account_opens_by_itself_when_its_time_has_come(store: Store):
    store.gates.close(ACCOUNT, "throttled", "429", 20)
    tid = store.sale()
    assert store.tick().probes == ()
    assert store.waiting() == [tid]
    is_over(store)
    assert store.tick().probes == ()
    assert store.handed() == [tid]
    assert store.gates.read(ACCOUNT) is None


@pytest.mark.parametrize("reason", ["auth", "breaker"])
def test_other_gates_are_probed_by_one_process_and_stay_closed_until_that_succeeds(store: Store, reason: str):
    store.gates.close(ACCOUNT, reason, "no", 20)
    tid = store.sale()
    assert store.tick().probes == ()
    is_over(store)
    assert store.tick().probes == (ACCOUNT,)
    assert store.tick().probes == ()
    assert store.waiting() == [tid]
    store.gates.probe_failed(ACCOUNT)
    assert store.tick().probes == ()
    gate = store.gates.read(ACCOUNT)
    assert gate is not None
    assert gate.reason == reason
    is_over(store)
    assert store.tick().probes == (ACCOUNT,)
    store.gates.open(ACCOUNT)
    store.tick()
    assert store.handed() == [tid]


def test_a_probe_whose_process_died_is_made_by_another(store: Store):
    store.gates.close(ACCOUNT, "auth", "401", 20)
    store.sale()
    is_over(store)
    store.tick()
    assert 0 < store.client.pttl(f"probe:{ACCOUNT}") <= 90_000


def left(store: Store) -> float:
    """For how many seconds the gate stays closed, by the store's clock."""
    gate = store.gates.read(ACCOUNT)
    assert gate is not None
    seconds, microseconds = store.client.time()
    return gate.until.timestamp() - seconds - microseconds / 1e6


def test_a_gate_says_since_when_and_until_when_it_is_closed(store: Store):
    store.gates.close(ACCOUNT, "auth", "401: bad key", 20)
    first = store.gates.read(ACCOUNT)
    store.gates.close(ACCOUNT, "auth", "401: still", 300)
    gate = store.gates.read(ACCOUNT)
    assert first is not None
    assert gate is not None
    assert (gate.since, gate.text) == (first.since, "401: still")
    assert 280 < left(store) <= 300


def test_an_account_that_is_refused_is_not_opened_by_a_late_429(store: Store):
    store.gates.close_for_keys(ACCOUNT, "401")
    store.gates.close(ACCOUNT, "throttled", "429", 1)
    gate = store.gates.read(ACCOUNT)
    assert gate is not None
    assert gate.reason == "auth"


def test_a_refused_key_is_told_even_if_the_account_is_throttled(store: Store):
    store.gates.close(ACCOUNT, "throttled", "429", 1)
    store.gates.close_for_keys(ACCOUNT, "401")
    gate = store.gates.read(ACCOUNT)
    assert gate is not None
    assert gate.reason == "auth"


class TestBreaker:
    """Different subjects failing one after the other, not one order's own retries."""

    def test_one_order_failing_for_ever_closes_nothing(self, store: Store):
        for _ in range(50):
            store.gates.failed(ACCOUNT, "order:1", "503")
        assert store.gates.read(ACCOUNT) is None

    def test_different_orders_close_it(self, store: Store):
        break_it(store)
        gate = store.gates.read(ACCOUNT)
        assert gate is not None
        assert (gate.reason, gate.text) == ("breaker", "503")
        assert (gate.until - gate.since).total_seconds() == BREAKER_FIRST_SECONDS

    def test_a_success_between_keeps_it_open(self, store: Store):
        for n in range(20):
            store.gates.failed(ACCOUNT, f"order:{n}", "503")
            if n % 3 == 0:
                store.gates.succeeded(ACCOUNT)
        assert store.gates.read(ACCOUNT) is None

    def test_failures_far_apart_keep_it_open(self, store: Store):
        store.gates.failed(ACCOUNT, "order:1", "503")
        assert 0 < store.client.ttl(f"breaker:{ACCOUNT}") <= 120

    def test_what_was_in_flight_when_it_closed_does_not_close_it_for_longer(self, store: Store):
        break_it(store)
        closed = store.gates.read(ACCOUNT)
        break_it(store, first=100)
        gate = store.gates.read(ACCOUNT)
        assert closed is not None
        assert gate is not None
        assert (gate.until - closed.until).total_seconds() < 1

    def test_each_failed_probe_doubles_its_time_up_to_five_minutes(self, store: Store):
        break_it(store)
        for span in [15, 30, 60, 120, 240, BREAKER_LONGEST_SECONDS, BREAKER_LONGEST_SECONDS]:
            assert span - 10 < left(store) <= span
            store.gates.probe_failed(ACCOUNT)

    def test_a_success_forgets_how_long_it_was(self, store: Store):
        break_it(store)
        store.gates.probe_failed(ACCOUNT)
        store.gates.open(ACCOUNT)
        store.gates.succeeded(ACCOUNT)
        break_it(store)
        gate = store.gates.read(ACCOUNT)
        assert gate is not None
        assert (gate.until - gate.since).total_seconds() == BREAKER_FIRST_SECONDS

    def test_a_refused_key_is_not_hidden_by_the_breaker(self, store: Store):
        store.gates.close_for_keys(ACCOUNT, "401")
        break_it(store)
        gate = store.gates.read(ACCOUNT)
        assert gate is not None
        assert gate.reason == "auth"
