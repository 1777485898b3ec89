"""A write that must happen once: announced, sent, and when in doubt looked for before it is made again."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from app.delivery import attempt as attempts
from app.delivery.attempt import Call
from app.errors import DeliveryFailure, FailureClass
from tests.attempts import ROW, Desk, failure

FLIGHT = {"fs", "fa", "ft", "fl"}


@dataclass
class Once:
    """One write through `Attempt.once`, attempt after attempt."""

    desk: Desk = field(default_factory=Desk)
    stands: str | None = None
    trusted: bool = True
    acts: list[Any] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    ends: list[Any] = field(default_factory=list)
    pages: int = 1
    work_before: float = 0

    def attempt(self, step: str = "log_sale 7", **changes: Any) -> str:
        """One attempt."""
        attempt = self.desk.attempt(**changes)
        if self.work_before:
            attempt.permit()
            self.desk.ledger.move(self.work_before)

        def act(call: Call) -> str:
            self.acts.append(call)
            ending = self.ends.pop(0) if self.ends else "42"
            if isinstance(ending, Exception):
                raise ending
            return str(ending)

        def look(announced: str) -> str | None:
            self.looks.append(announced)
            for _ in range(self.pages):
                attempt.permit()
                self.desk.ledger.move(0 if self.pages == 1 else 10)
            return self.stands

        return attempt.once(
            ROW,
            attempt.transmission.ledger,
            step,
            act=act,
            look=look,
            writes=lambda invoice: [(ROW, "x:sale", invoice)],
            trusted=lambda: self.trusted,
        )

    def wait(self, **changes: Any) -> float:
        """An attempt that stays in doubt; how long until the next look, which is waited for."""
        with pytest.raises(DeliveryFailure) as raised:
            self.attempt(**changes)
        assert raised.value.failure is FailureClass.UNKNOWN
        assert raised.value.looked
        seconds = raised.value.wait_seconds
        assert seconds is not None
        self.desk.ledger.move(seconds)
        return seconds

    @property
    def row(self) -> dict[str, str]:
        """The subject's row."""
        return self.desk.ledger.rows.get(ROW, {})


@pytest.fixture
def doubtful() -> Once:
    """A write whose outcome is unknown since now."""
    once = Once(ends=[failure()])
    with pytest.raises(DeliveryFailure) as raised:
        once.attempt()
    assert raised.value.wait_seconds == attempts.FIRST_LOOK_SECONDS
    assert not raised.value.looked
    return once


def test_a_write_is_announced_sent_and_recorded():
    once = Once()
    assert once.attempt() == "42"
    assert once.row == {"x:sale": "42"}
    assert once.desk.ledger.asked == [("log_sale 7", False)]
    assert once.looks == []


def test_an_unknown_outcome_keeps_its_announcement(doubtful: Once):
    assert doubtful.row["fs"] == "log_sale 7"
    assert doubtful.row.keys() >= FLIGHT


@pytest.mark.parametrize("kind", sorted(set(FailureClass) - {FailureClass.UNKNOWN}))
def test_any_other_failure_says_that_nothing_was_done(kind: FailureClass):
    desk = Desk()
    attempt = desk.attempt()

    def fails(call: Call) -> str:
        raise failure(kind)

    with pytest.raises(DeliveryFailure):
        attempt.once(
            ROW, {}, "log_sale 7", act=fails, look=lambda _: None, writes=lambda _: [], trusted=lambda: True
        )
    assert attempt.announced_row == ROW
    attempt.complete()
    assert not desk.ledger.rows[ROW]
    assert attempt.announced_row == ""


def test_what_is_found_at_once_is_adopted(doubtful: Once):
    doubtful.stands = "41"
    assert doubtful.attempt() == "41"
    assert doubtful.looks == ["log_sale 7"]
    assert doubtful.row == {"x:sale": "41"}
    assert len(doubtful.acts) == 1


def test_the_look_is_told_what_was_announced_then(doubtful: Once):
    doubtful.stands = "41"
    doubtful.attempt("log_sale 8")
    assert doubtful.looks == ["log_sale 7"]


def test_an_announcement_of_another_step_is_no_reason_to_look(doubtful: Once):
    assert doubtful.attempt("refund 42") == "42"
    assert doubtful.looks == []


def test_it_is_written_again_after_two_empty_looks_the_first_after_the_quiet_time(doubtful: Once):
    doubtful.desk.ledger.move(5)
    assert 85 <= doubtful.wait() < 86
    assert 15 <= doubtful.wait() < 16
    assert doubtful.attempt() == "42"
    assert len(doubtful.looks) == 3
    assert len(doubtful.acts) == 2
    assert doubtful.row == {"x:sale": "42"}


def test_looks_that_come_early_are_free_and_do_not_count(doubtful: Once):
    for _ in range(8):
        with pytest.raises(DeliveryFailure):
            doubtful.attempt()
        doubtful.desk.ledger.move(10)
    assert doubtful.row["fl"] == "0"
    assert len(doubtful.acts) == 1


def test_a_second_look_too_soon_does_not_count(doubtful: Once):
    doubtful.desk.ledger.move(100)
    with pytest.raises(DeliveryFailure):
        doubtful.attempt()
    doubtful.desk.ledger.move(14)
    assert doubtful.wait() < 2
    assert len(doubtful.acts) == 1
    doubtful.attempt()
    assert len(doubtful.acts) == 2


def test_what_appears_at_the_second_look_is_adopted(doubtful: Once):
    doubtful.desk.ledger.move(100)
    doubtful.wait()
    doubtful.stands = "41"
    assert doubtful.attempt() == "41"
    assert len(doubtful.acts) == 1


def test_a_look_of_many_pages_counts_from_its_first(doubtful: Once):
    """The newest are on the first page: what was read there before the quiet time is no proof."""
    doubtful.pages = 3
    doubtful.desk.ledger.move(75)
    with pytest.raises(DeliveryFailure):
        doubtful.attempt()
    assert doubtful.row["fl"] == "0"


def test_what_the_attempt_did_before_its_look_is_no_look(doubtful: Once):
    doubtful.work_before = 10
    doubtful.desk.ledger.move(85)
    with pytest.raises(DeliveryFailure):
        doubtful.attempt()
    assert doubtful.row["fl"] == "1"
    assert int(doubtful.row["fe"]) == doubtful.desk.ledger.ms


def test_a_second_doubt_begins_anew(doubtful: Once):
    doubtful.desk.ledger.move(100)
    doubtful.wait()
    doubtful.ends = [failure()]
    with pytest.raises(DeliveryFailure):
        doubtful.attempt()
    assert doubtful.row["fl"] == "0"
    assert doubtful.wait() > 89
    assert doubtful.wait() >= 15
    assert doubtful.attempt() == "42"
    assert len(doubtful.acts) == 3


class TestWhereTheListIsUnproven:
    """An empty list proves nothing: a person decides."""

    @pytest.fixture(autouse=True)
    def unproven(self, doubtful: Once) -> None:
        doubtful.trusted = False

    def test_it_waits_and_looks_for_as_long_as_it_takes(self, doubtful: Once):
        doubtful.desk.ledger.move(100)
        waits = [doubtful.wait() for _ in range(5)]
        assert waits[1:] == [60.0] * 4
        assert len(doubtful.acts) == 1

    def test_a_person_who_sends_it_again_is_believed_after_two_looks(self, doubtful: Once):
        doubtful.desk.ledger.move(200)
        replayed = doubtful.desk.ledger.ms
        doubtful.wait(replayed_ms=replayed)
        assert doubtful.attempt(replayed_ms=replayed) == "42"
        assert len(doubtful.acts) == 2

    def test_a_person_is_believed_for_one_write_only(self, doubtful: Once):
        doubtful.desk.ledger.move(200)
        replayed = doubtful.desk.ledger.ms
        doubtful.wait(replayed_ms=replayed)
        doubtful.ends = [failure()]
        with pytest.raises(DeliveryFailure):
            doubtful.attempt(replayed_ms=replayed)
        doubtful.desk.ledger.move(100)
        doubtful.wait(replayed_ms=replayed)
        assert doubtful.wait(replayed_ms=replayed) == 60.0
        assert len(doubtful.acts) == 2

    def test_what_is_found_is_adopted_all_the_same(self, doubtful: Once):
        doubtful.stands = "41"
        assert doubtful.attempt() == "41"
