"""The table of policies: what becomes of each failure, kind by kind."""

from datetime import UTC, datetime, timedelta

import pytest

from app.errors import FailureClass
from app.events import Kind
from app.policies import POLICIES, Bury, Policy, Retry, Wait, decide

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
F = FailureClass
FOREVER = timedelta(days=3650)

NEVER_AGAIN = set(F) - {F.THROTTLED, F.AUTH, F.RETRYABLE, F.UNKNOWN}
ACCOUNT = {F.THROTTLED, F.AUTH}


def middle() -> float:
    """The jitter that leaves a delay as it stands in the table."""
    return 0.5


def word(kind: Kind, failure: F, attempt: int, age: timedelta, wait: float | None = None) -> str:
    """A decision as one reads it: `bury`, `wait 60` or `retry 5`."""
    decision = decide(kind, failure, attempt, age, NOW, wait_seconds=wait, jitter=middle)
    if isinstance(decision, Bury):
        return "bury"
    seconds = round((decision.at - NOW).total_seconds())
    return f"{'retry' if isinstance(decision, Retry) else 'wait'} {seconds}"


# failure, attempt, age in hours, seconds that somebody else named: what becomes of a sale
SALES = [
    (F.RETRYABLE, 1, 0, None, "retry 5"),
    (F.RETRYABLE, 2, 0, None, "retry 30"),
    (F.RETRYABLE, 3, 0, None, "retry 120"),
    (F.RETRYABLE, 4, 0, None, "retry 600"),
    (F.RETRYABLE, 5, 1, None, "retry 1800"),
    (F.RETRYABLE, 6, 1, None, "retry 3600"),
    (F.RETRYABLE, 7, 2, None, "retry 7200"),
    (F.RETRYABLE, 8, 4, None, "retry 18000"),
    (F.RETRYABLE, 9, 9, None, "retry 36000"),
    (F.RETRYABLE, 10, 19, None, "retry 36000"),
    (F.RETRYABLE, 50, 71, None, "retry 36000"),
    (F.RETRYABLE, 1, 0, 90.0, "retry 90"),
    (F.RETRYABLE, 4, 0, 90.0, "retry 600"),
    # Given up after three days, if it had its attempts: a closed gate may have kept it for as long.
    (F.RETRYABLE, 10, 72, None, "bury"),
    (F.RETRYABLE, 1, 72, None, "retry 5"),
    (F.RETRYABLE, 9, 400, None, "retry 36000"),
    # A write in doubt is looked up when it was said, and that counts no attempt.
    (F.UNKNOWN, 1, 0, 5.0, "wait 5"),
    (F.UNKNOWN, 40, 71, 60.0, "wait 60"),
    (F.UNKNOWN, 1, 0, None, "retry 5"),
    (F.UNKNOWN, 1, 72, 60.0, "bury"),
    # The account's own trouble is nobody's attempt, however long it lasts.
    (F.THROTTLED, 1, 0, 30.0, "wait 30"),
    (F.THROTTLED, 1, 0, None, "wait 1"),
    (F.THROTTLED, 99, 9999, 30.0, "wait 30"),
    (F.AUTH, 1, 0, None, "wait 1"),
    (F.AUTH, 99, 9999, None, "wait 1"),
    # It would fail again in the same way.
    (F.PERMISSION, 1, 0, None, "bury"),
    (F.INVALID, 1, 0, None, "bury"),
    (F.GONE, 1, 0, None, "bury"),
    (F.MAPPING, 1, 0, None, "bury"),
    (F.POISON, 1, 0, None, "bury"),
]


@pytest.mark.parametrize(("failure", "attempt", "hours", "wait", "expected"), SALES)
def test_a_sale(failure: F, attempt: int, hours: float, wait: float | None, expected: str):
    assert word(Kind.SALE, failure, attempt, hours * HOUR, wait) == expected


@pytest.mark.parametrize("kind", list(Kind))
class TestEveryKind:
    """What holds whatever the row says."""

    @pytest.fixture
    def policy(self, kind: Kind) -> Policy:
        """The kind's row."""
        return POLICIES[kind]

    @pytest.mark.parametrize("failure", sorted(NEVER_AGAIN))
    def test_what_would_fail_again_is_buried_at_once(self, kind: Kind, failure: F):
        assert word(kind, failure, 1, 0 * HOUR) == "bury"

    @pytest.mark.parametrize("failure", sorted(ACCOUNT))
    def test_the_accounts_trouble_counts_no_attempt_and_buries_nothing(self, kind: Kind, failure: F):
        assert word(kind, failure, 10**6, FOREVER, 30.0) == "wait 30"

    def test_a_passing_failure_is_retried_through_the_whole_row(self, kind: Kind, policy: Policy):
        found = [word(kind, F.RETRYABLE, attempt, 0 * HOUR) for attempt in range(1, len(policy.delays) + 3)]
        last = policy.delays[-1]
        assert found == [f"retry {round(delay)}" for delay in (*policy.delays, last, last)]

    def test_it_is_given_up_in_the_end_and_never_before_its_attempts(self, kind: Kind, policy: Policy):
        enough = len(policy.delays) + 1
        assert word(kind, F.RETRYABLE, enough, policy.max_age) == "bury"
        assert word(kind, F.RETRYABLE, enough, policy.max_age - timedelta(seconds=1)).startswith("retry")
        assert word(kind, F.RETRYABLE, enough - 1, FOREVER).startswith("retry")

    def test_a_write_in_doubt_keeps_its_own_times_until_max_age(self, kind: Kind, policy: Policy):
        assert word(kind, F.UNKNOWN, 1, policy.max_age - timedelta(seconds=1), 15.0) == "wait 15"
        assert word(kind, F.UNKNOWN, 1, policy.max_age, 15.0) == "bury"

    def test_the_row_makes_sense(self, kind: Kind, policy: Policy):
        assert policy.delays
        assert list(policy.delays) == sorted(policy.delays)
        assert policy.delays[0] > 0
        assert policy.blocks <= set(Kind)
        assert policy.reason.endswith(".")
        assert sum(policy.delays) < policy.max_age.total_seconds()


def test_every_kind_has_a_row_and_every_class_an_answer():
    assert set(POLICIES) == set(Kind)
    for kind in Kind:
        for failure in F:
            assert isinstance(decide(kind, failure, 1, 0 * HOUR, NOW), Retry | Bury | Wait)


def test_a_dead_letter_holds_back_the_money_that_builds_on_it_and_a_lesser_kind_never_holds_money():
    money = {kind for kind in Kind if POLICIES[kind].money}
    assert money == {Kind.SALE, Kind.REFUND}
    assert POLICIES[Kind.SALE].blocks >= {Kind.REFUND}
    assert POLICIES[Kind.REFUND].blocks == {Kind.REFUND}
    for kind in set(Kind) - money:
        assert not POLICIES[kind].blocks & money


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 4.0), (0.5, 5.0), (1.0, 6.0)])
def test_jitter_spreads_a_delay_by_a_fifth(jitter: float, seconds: float):
    decision = decide(Kind.SALE, F.RETRYABLE, 1, 0 * HOUR, NOW, jitter=lambda: jitter)
    assert decision == Retry(NOW + timedelta(seconds=seconds))


def test_what_somebody_else_named_is_a_floor_even_with_jitter():
    decision = decide(Kind.SALE, F.RETRYABLE, 1, 0 * HOUR, NOW, wait_seconds=5.5, jitter=lambda: 0.0)
    assert decision == Retry(NOW + timedelta(seconds=5.5))


def test_a_decision_depends_on_nothing_but_what_it_is_given():
    answers = {
        decide(Kind.SALE, F.RETRYABLE, 3, HOUR, NOW, wait_seconds=1.0, jitter=middle) for _ in range(100)
    }
    assert answers == {Retry(NOW + timedelta(seconds=120))}


def test_the_reason_is_in_plain_words():
    given_up = decide(Kind.SALE, F.RETRYABLE, 12, 80 * HOUR, NOW)
    assert given_up == Bury("retryable: given up after 12 attempts in 80 h")
