"""An attempt's way to the CRM and back: the permission for each request, and the record of what it did."""

from typing import Any

import pytest

from app.delivery import attempt as attempts
from app.errors import LeaseLost, Postponed, StoreUnavailable
from app.ontraport.context import RateLimit, boot_seconds
from app.store.ledger import CALL_SECONDS, GateClosed, Pause
from tests.attempts import ROW, Desk


class TestPermission:
    """Gate, budget, lease and shutdown, before each request."""

    def test_a_call_ends_well_before_its_lease(self):
        desk = Desk()
        before = boot_seconds()
        call = desk.attempt().permit()
        assert before + CALL_SECONDS - 1 < call.deadline <= boot_seconds() + CALL_SECONDS
        call.check()

    def test_a_process_that_was_frozen_for_too_long_does_not_send(self):
        call = Desk().attempt().permit()
        call.deadline = boot_seconds() - 0.1
        with pytest.raises(LeaseLost):
            call.check()

    def test_a_reserved_slot_is_waited_for(self):
        desk = Desk()
        desk.ledger.answers = [Pause(1.5, reserved=True)]
        desk.attempt().permit(ROW, "log_sale 7")
        assert desk.slept == [1.5]
        assert desk.ledger.asked == [("log_sale 7", False), ("log_sale 7", True)]

    @pytest.mark.parametrize(
        ("answer", "seconds"), [(Pause(20.0, reserved=False), 20.0), (GateClosed(), 1.0)]
    )
    def test_otherwise_the_work_goes_back_to_the_line(self, answer: Any, seconds: float):
        desk = Desk()
        desk.ledger.answers = [answer]
        with pytest.raises(Postponed) as raised:
            desk.attempt().permit(ROW, "log_sale 7")
        assert raised.value.seconds == seconds
        assert ROW not in desk.ledger.rows

    def test_a_worker_that_stops_announces_nothing(self):
        desk = Desk()
        attempt = desk.attempt()
        attempt.stopping = lambda: True
        with pytest.raises(Postponed):
            attempt.permit(ROW, "log_sale 7")
        assert desk.ledger.asked == []

    def test_a_worker_that_is_stopped_while_it_waits_announces_nothing(self):
        desk = Desk()
        desk.ledger.answers = [Pause(1.5, reserved=True)]
        attempt = desk.attempt()
        attempt.stopping = lambda: bool(desk.slept)
        with pytest.raises(Postponed):
            attempt.permit(ROW, "log_sale 7")
        assert ROW not in desk.ledger.rows

    def test_the_crms_count_reaches_the_budget(self):
        desk = Desk()
        desk.attempt().permit().observe(RateLimit(180, 2, 30.0))
        assert desk.observed == [
            (("ontraport:DEMO", 2, 30.0), {"interval_ms": pytest.approx(352.94, abs=0.01)})
        ]


class TestTheStoreIsAway:
    """What was done is recorded as soon as the store is back; a lost lease is the end."""

    def test_recording_is_tried_again(self):
        desk = Desk()
        desk.ledger.failing = [StoreUnavailable("away")] * 3
        desk.attempt().complete([(ROW, "x:sale", "42")])
        assert desk.ledger.rows[ROW]["x:sale"] == "42"
        assert len(desk.slept) == 3

    def test_but_not_for_ever(self, monkeypatch: pytest.MonkeyPatch):
        desk = Desk()
        desk.ledger.failing = [StoreUnavailable("away")] * 1000
        seconds = iter(range(1000))
        monkeypatch.setattr(attempts, "boot_seconds", lambda: float(next(seconds)))
        with pytest.raises(StoreUnavailable):
            desk.attempt().complete()
        assert len(desk.slept) <= attempts.STORE_RETRY_SECONDS + 1

    def test_a_lost_lease_is_not_tried_again(self):
        desk = Desk()
        desk.ledger.failing = [LeaseLost("gone")]
        with pytest.raises(LeaseLost):
            desk.attempt().complete()
        assert desk.slept == []


def test_a_row_that_somebody_writes_is_waited_for():
    desk = Desk()
    desk.ledger.busy = {"c:row"}
    with pytest.raises(Postponed, match="this contact"):
        desk.attempt().acquire("c:row", "this contact")
