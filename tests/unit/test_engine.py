"""Claim, handle, settle: how each end of a handler is settled, and what it means for the whole account."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from app.delivery.attempt import Attempt
from app.errors import DeliveryFailure, FailureClass, LeaseLost, Postponed, StoreUnavailable
from app.events import Delivered, Kind, Outcome, Skipped, Transmission
from app.services import Services
from app.store.records import milliseconds
from app.store.transmissions import Ending, Nothing, Settlement
from tests.attempts import BEGIN, ROW, SUBJECT, Desk, failure, transmission
from workers.engine import Engine, Result
from workers.process import Process

F = FailureClass


@dataclass
class FakeGates:
    """Writes down what an account is told."""

    told: list[tuple[Any, ...]] = field(default_factory=list)

    def close(self, account: str, reason: str, text: str, seconds: float) -> None:
        """Closed for so long."""
        self.told.append(("close", reason, seconds))

    def close_for_keys(self, account: str, text: str) -> None:
        """The key is refused."""
        self.told.append(("close", "auth"))

    def failed(self, account: str, subject: str, text: str) -> None:
        """One subject failed."""
        self.told.append(("failed", subject))

    def succeeded(self, account: str) -> None:
        """One call went well."""
        self.told.append(("succeeded",))


@dataclass
class FakeTransmissions:
    """Gives what it is told to give, and writes down how it was settled."""

    answers: list[Transmission | Nothing] = field(default_factory=list)
    claims: list[bool] = field(default_factory=list)
    settled: list[Settlement] = field(default_factory=list)
    failing: list[Exception] = field(default_factory=list)

    def claim(
        self, tid: str, token: str, process: str, slots: int, *, alone: bool = False
    ) -> Transmission | Nothing:
        """The next answer, else a first attempt."""
        self.claims.append(alone)
        return self.answers.pop(0) if self.answers else transmission(token=token)

    def settle(self, tid: str, token: str, settlement: Settlement, exchanges: Sequence[bytes]) -> None:
        """Settled, unless something is to fail."""
        if self.failing:
            raise self.failing.pop(0)
        self.settled.append(settlement)


@dataclass
class Bench:
    """An engine whose handler does what the test says."""

    desk: Desk = field(default_factory=Desk)
    gates: FakeGates = field(default_factory=FakeGates)
    store: FakeTransmissions = field(default_factory=FakeTransmissions)
    process: Process = field(default_factory=lambda: Process(slots=1))

    @property
    def services(self) -> Services:
        """The desk's services with gates and transmissions."""
        services = self.desk.services
        vars(services).update(gates=self.gates, transmissions=self.store)
        return services

    def run(self, handler: Callable[[Attempt], Outcome]) -> Result:
        """One attempt with this handler."""
        engine = Engine(self.services, dict.fromkeys(Kind, handler), self.process, self.desk.slept.append)
        return engine.attempt("event.1")

    def end(self, ending: Outcome | Exception) -> Settlement:
        """How an attempt is settled whose handler ends like that."""

        def handler(attempt: Attempt) -> Outcome:
            if isinstance(ending, Exception):
                raise ending
            return ending

        result = self.run(handler)
        (settlement,) = self.store.settled
        assert result == Result(settlement.ending, settlement.reason)
        return settlement


@pytest.fixture
def bench() -> Bench:
    """An engine at work on one sale."""
    return Bench()


def test_what_is_delivered_is_settled_and_the_breaker_forgets(bench: Bench):
    assert bench.end(Delivered("invoice 42")) == Settlement(Ending.DELIVERED, "invoice 42")
    assert bench.gates.told == [("succeeded",)]


@pytest.mark.parametrize(
    ("ended", "settlement"),
    [
        (Skipped("test order"), Settlement(Ending.SKIPPED, "test order")),
        (Postponed(2.5, "busy"), Settlement(Ending.POSTPONED, "busy", delay_seconds=2.5)),
    ],
)
def test_what_is_skipped_or_postponed_says_nothing_of_the_account(
    bench: Bench, ended: Outcome | Exception, settlement: Settlement
):
    assert bench.end(ended) == settlement
    assert bench.gates.told == []


@pytest.mark.parametrize(
    ("ended", "ending", "told"),
    [
        (failure(F.RETRYABLE), Ending.RETRYING, [("failed", SUBJECT)]),
        (failure(F.UNKNOWN, wait_seconds=5.0), Ending.POSTPONED, [("failed", SUBJECT)]),
        (failure(F.UNKNOWN, wait_seconds=60.0, looked=True), Ending.POSTPONED, []),
        (failure(F.UNKNOWN, person=True), Ending.DEAD, []),
        (failure(F.RETRYABLE, person=True), Ending.DEAD, []),
        (failure(F.THROTTLED, wait_seconds=20.0), Ending.POSTPONED, [("close", "throttled", 20.0)]),
        (failure(F.THROTTLED), Ending.POSTPONED, [("close", "throttled", 60.0)]),
        (failure(F.AUTH), Ending.POSTPONED, [("close", "auth")]),
        (failure(F.INVALID), Ending.DEAD, []),
        (failure(F.GONE), Ending.DEAD, []),
        (failure(F.MAPPING), Ending.DEAD, []),
        (failure(F.PERMISSION), Ending.DEAD, []),
    ],
)
def test_each_failure_has_its_settlement_and_its_word_to_the_account(
    bench: Bench, ended: DeliveryFailure, ending: Ending, told: list[Any]
):
    settlement = bench.end(ended)
    assert settlement.ending is ending
    assert settlement.failure == ended.failure
    assert bench.gates.told == told


@pytest.mark.parametrize("probed", [F.PERMISSION, F.AUTH])
def test_a_403_of_everything_is_the_keys(bench: Bench, probed: F):
    bench.desk.crm.endings["probe"] = [failure(probed)] * 2
    settlement = bench.end(failure(F.PERMISSION, status=403, path="/transaction/processManual"))
    assert settlement.ending is Ending.POSTPONED
    assert settlement.failure == F.AUTH
    assert bench.gates.told == [("close", "auth")]
    asked = ["/Transactions", "/Contacts"] if probed is F.PERMISSION else ["/Transactions"]
    assert bench.desk.crm.sent == [("probe", path) for path in asked]


@pytest.mark.parametrize(
    ("called", "type_", "other", "words"),
    [
        ("/transaction/processManual", "/Transactions", "/Contacts", "transactions (sales)"),
        ("/Products", "/Products", "/Contacts", "products"),
        ("/Contacts/saveorupdate", "/Contacts", "/Products", "contacts"),
    ],
)
def test_a_403_of_one_type_of_object_is_a_dead_letter_that_names_it(
    bench: Bench, called: str, type_: str, other: str, words: str
):
    bench.desk.crm.endings["probe"] = [failure(F.PERMISSION)]
    settlement = bench.end(failure(F.PERMISSION, status=403, path=called))
    assert (settlement.ending, settlement.failure) == (Ending.DEAD, F.PERMISSION)
    assert f"the API key may not use {words} in ONTRAPORT" in settlement.reason
    assert "`relay dead replay`" in settlement.reason
    assert bench.gates.told == []
    assert bench.desk.crm.sent == [("probe", type_), ("probe", other)]


@pytest.mark.parametrize("second", [F.RETRYABLE, F.THROTTLED])
def test_a_403_whose_second_probe_tells_nothing_burns_nothing(bench: Bench, second: F):
    bench.desk.crm.endings["probe"] = [failure(F.PERMISSION), failure(second)]
    settlement = bench.end(failure(F.PERMISSION, status=403, path="/Products"))
    assert settlement.ending is not Ending.DEAD
    assert ("close", "auth") not in bench.gates.told


def test_a_403_that_cannot_be_weighed_now_is_met_again(bench: Bench):
    def handler(attempt: Attempt) -> Outcome:
        attempt.stopping = lambda: True
        raise failure(F.PERMISSION, status=403)

    bench.run(handler)
    (settlement,) = bench.store.settled
    assert settlement.ending is Ending.POSTPONED


def test_an_announcement_that_is_over_ends_with_the_attempt(bench: Bench):
    def handler(attempt: Attempt) -> Outcome:
        attempt.announced_row = ROW
        raise failure(F.RETRYABLE)

    bench.run(handler)
    assert bench.store.settled[0].announced_row == ROW


@pytest.mark.parametrize(
    "ended", [failure(F.UNKNOWN, wait_seconds=5.0), Postponed(1.0, "x"), ValueError("x")]
)
def test_an_announcement_in_doubt_stays(bench: Bench, ended: Exception):
    assert bench.end(ended).announced_row == ""


def test_a_fault_of_our_own_is_buried_as_one_with_nothing_of_the_payload(bench: Bench):
    settlement = bench.end(ValueError("jane@example.com"))
    assert (settlement.ending, settlement.failure) == (Ending.DEAD, F.POISON)
    assert "a fault of ours" in settlement.reason
    assert "jane" not in settlement.reason


def test_an_account_that_is_no_longer_in_the_settings_is_buried(bench: Bench):
    bench.store.answers = [transmission(account="ontraport:GONE")]
    settlement = bench.end(Delivered())
    assert (settlement.ending, settlement.failure) == (Ending.DEAD, F.MAPPING)
    assert "ontraport:GONE" in settlement.reason


@pytest.mark.parametrize(
    ("reason", "hint", "text"),
    [
        ("It failed", "", "It failed"),
        ("It failed.", "", "It failed"),
        ("It failed", "Mend it", "It failed. Mend it"),
        ("It failed.", "Mend it.", "It failed. Mend it"),
    ],
)
def test_a_dead_letter_says_why_and_what_to_do(bench: Bench, reason: str, hint: str, text: str):
    settlement = bench.end(DeliveryFailure(F.MAPPING, reason, hint))
    assert settlement.reason == text


def test_what_is_given_up_says_for_how_long_it_was_tried(bench: Bench):
    bench.store.answers = [transmission(attempt=12, created_at=BEGIN - timedelta(hours=80))]
    settlement = bench.end(failure(F.RETRYABLE))
    assert settlement.ending is Ending.DEAD
    assert settlement.reason == "it failed (retryable: given up after 12 attempts in 80 h)"


@pytest.mark.parametrize(
    ("announced_hours_ago", "replayed_hours_ago", "ending"),
    [
        (None, None, Ending.POSTPONED),
        (1, None, Ending.POSTPONED),
        (73, None, Ending.DEAD),
        (73, 1, Ending.POSTPONED),
        (73, 73, Ending.DEAD),
    ],
)
def test_a_doubt_is_as_old_as_its_announcement_or_its_replay(
    bench: Bench, announced_hours_ago: int | None, replayed_hours_ago: int | None, ending: Ending
):
    """Whatever the order's own age: it may have been parked for days before the write."""

    def ms(hours: int) -> int:
        return milliseconds(BEGIN - timedelta(hours=hours))

    changes: dict[str, Any] = {"created_at": BEGIN - timedelta(hours=200)}
    if announced_hours_ago is not None:
        changes["ledger"] = {"fs": "log_sale 7 10.00 1", "fa": str(ms(announced_hours_ago))}
    if replayed_hours_ago is not None:
        changes["replayed_ms"] = ms(replayed_hours_ago)
    bench.store.answers = [transmission(**changes)]
    assert bench.end(failure(F.UNKNOWN, wait_seconds=15.0, looked=True)).ending is ending


class TestWhoOwnsIt:
    """Nothing is settled that is not ours any more, and nothing is done that was not claimed."""

    def test_a_lost_lease_settles_nothing(self, bench: Bench):
        def handler(attempt: Attempt) -> Outcome:
            raise LeaseLost("gone")

        assert bench.run(handler).ending is None
        assert bench.store.settled == []

    def test_a_settlement_that_comes_too_late_is_no_fault(self, bench: Bench):
        bench.store.failing = [LeaseLost("gone")]
        assert bench.run(lambda attempt: Delivered()).ending is None

    def test_a_store_that_is_away_for_a_moment_is_waited_for(self, bench: Bench):
        bench.store.failing = [StoreUnavailable("away")] * 2
        assert bench.run(lambda attempt: Delivered()).ending is Ending.DELIVERED
        assert len(bench.desk.slept) == 2

    def test_a_store_that_is_away_within_the_work_breaks_it_off(self, bench: Bench):
        def handler(attempt: Attempt) -> Outcome:
            raise StoreUnavailable("away")

        with pytest.raises(StoreUnavailable):
            bench.run(handler)
        assert bench.store.settled == []
        assert bench.process.working() == {}
        assert list(bench.process.broken_off().values()) == ["event.1"]

    def test_what_is_not_ready_is_left_alone(self, bench: Bench):
        bench.store.answers = [Nothing("running")]
        assert bench.run(lambda attempt: Delivered()) == Result(None, "nothing to do: running")

    def test_a_suspect_is_claimed_again_alone(self, bench: Bench):
        bench.store.answers = [Nothing("suspect")]
        assert bench.run(lambda attempt: Delivered()).ending is Ending.DELIVERED
        assert bench.store.claims == [False, True]

    def test_a_suspect_that_somebody_else_took_is_left_alone(self, bench: Bench):
        bench.store.answers = [Nothing("suspect"), Nothing("running")]
        assert bench.run(lambda attempt: Delivered()).ending is None

    def test_while_it_runs_the_process_knows_of_it(self, bench: Bench):
        def handler(attempt: Attempt) -> Outcome:
            assert bench.process.working() == {attempt.transmission.token: "event.1"}
            return Delivered()

        assert bench.run(handler).ending is Ending.DELIVERED
        assert bench.process.working() == {}


@pytest.mark.parametrize(
    ("ended", "attempts", "condition", "sign"),
    [
        (failure(F.INVALID, status=422, field="price"), 1, "permanent", "422/price"),
        (failure(F.RETRYABLE, status=503), 12, "age", "503"),
        (failure(F.UNKNOWN, person=True), 1, "person", ""),
        (KeyError("x"), 1, "poison", "KeyError"),
    ],
)
def test_a_dead_letter_knows_why_it_was_given_up_and_what_tells_it_from_others(
    bench: Bench, ended: Exception, attempts: int, condition: str, sign: str
):
    bench.store.answers = [transmission(attempt=attempts, created_at=BEGIN - timedelta(hours=80))]
    settlement = bench.end(ended)
    assert settlement.ending is Ending.DEAD
    assert (settlement.condition, settlement.sign) == (condition, sign)
