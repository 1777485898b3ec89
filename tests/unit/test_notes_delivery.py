"""A note is written at most once, and never takes the place of another write that is in doubt."""

import pytest

from app.delivery.notes import write_note
from app.errors import DeliveryFailure, FailureClass, LeaseLost
from tests.attempts import ROW, Desk, failure

WRITES = [(ROW, "x:refunded", "2.50")]


def test_a_note_is_written_and_recorded():
    desk = Desk()
    assert write_note(desk.attempt(), "7", "2.50 refunded", WRITES)
    assert desk.crm.sent == [("add_note", ("7", "2.50 refunded"))]
    assert desk.ledger.rows[ROW] == {"x:refunded": "2.50"}


def test_one_of_unknown_outcome_counts_as_written():
    desk = Desk()
    desk.crm.endings["add_note"] = [failure()]
    assert not write_note(desk.attempt(), "7", "2.50 refunded", WRITES)
    assert desk.ledger.rows[ROW] == {"x:refunded": "2.50"}


def test_one_whose_worker_died_counts_as_written():
    desk = Desk()
    desk.crm.endings["add_note"] = [LeaseLost("died")]
    with pytest.raises(LeaseLost):
        write_note(desk.attempt(), "7", "2.50 refunded", WRITES)
    assert not write_note(desk.attempt(), "7", "2.50 refunded", WRITES)
    assert desk.crm.names() == ["add_note"]


def test_one_that_was_refused_is_written_again():
    desk = Desk()
    desk.crm.endings["add_note"] = [failure(FailureClass.INVALID)]
    attempt = desk.attempt()
    with pytest.raises(DeliveryFailure):
        write_note(attempt, "7", "2.50 refunded")
    attempt.complete()
    assert write_note(desk.attempt(), "7", "2.50 refunded")


def test_another_transmissions_note_in_doubt_is_no_reason_to_leave_out_this_one():
    desk = Desk()
    desk.crm.endings["add_note"] = [LeaseLost("died")]
    with pytest.raises(LeaseLost):
        write_note(desk.attempt(id="other.1"), "7", "shipped")
    assert write_note(desk.attempt(), "7", "2.50 refunded")


def test_a_dead_sale_in_doubt_keeps_its_announcement():
    """Or whoever sends it again would log it twice."""
    desk = Desk()
    flight = {"fs": "log_sale 7 10.00 1", "fa": "1", "ft": "sale.1", "fl": "0"}
    desk.ledger.rows[ROW] = dict(flight)
    write_note(desk.attempt(id="status.1"), "7", "shipped")
    assert desk.ledger.rows[ROW] == flight
