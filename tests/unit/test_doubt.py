"""Look-first mode: what is older than the loss is looked up before it is written; what is younger is not."""

from decimal import Decimal

import pytest

from app.delivery.notes import write_note
from app.delivery.refunds import LoggedSale, refund_in_full
from app.errors import DeliveryFailure
from app.relay.contacts import ContactPlan
from app.relay.refunds import RefundPlan
from app.store.records import milliseconds
from tests.attempts import PAID_AT, ROW, Desk, logged
from tests.unit.test_logged_sales import log

LOST = milliseconds(PAID_AT)
LONG_BEFORE = LOST - 5 * 60_000


def refund(desk: Desk, look_first_ms: int) -> None:
    """Refunds invoice 42, which the shop did at PAID_AT."""
    plan = RefundPlan(
        order_id="DEMO-1", contact=ContactPlan("", {}, 0), refunded=Decimal(10), total=Decimal(10), full=True,
        happened_at=PAID_AT, currency="USD",
    )  # fmt: skip
    refund_in_full(desk.attempt(look_first_ms=look_first_ms), plan, LoggedSale("7", "42"))


class TestSale:
    def test_one_that_is_there_is_adopted(self) -> None:
        desk = Desk()
        desk.crm.listed = [logged(id="41")]
        assert log(desk, attempt={"look_first_ms": LOST}) == "41"
        assert desk.crm.names() == ["transactions"]

    def test_one_that_is_not_is_logged_after_one_look(self) -> None:
        desk = Desk()
        assert log(desk, attempt={"look_first_ms": LOST}) == "42"
        assert desk.crm.names() == ["transactions", "log_sale"]

    def test_a_list_without_a_sale_that_is_known_is_for_a_person(self) -> None:
        desk = Desk()
        desk.lookups.is_proven, desk.lookups.known = False, {"contact": "7", "invoice": "1"}
        with pytest.raises(DeliveryFailure) as raised:
            log(desk, attempt={"look_first_ms": LOST})
        assert raised.value.person
        assert "log_sale" not in desk.crm.names()

    def test_a_later_one_costs_no_look(self) -> None:
        desk = Desk()
        assert log(desk, attempt={"look_first_ms": LONG_BEFORE}) == "42"
        assert desk.crm.names() == ["log_sale"]


class TestRefund:
    @pytest.mark.parametrize(
        ("status", "calls"), [("2", ["transactions"]), ("1", ["transactions", "refund"])]
    )
    def test_it_is_made_unless_the_sale_is_refunded(self, status: str, calls: list[str]) -> None:
        desk = Desk()
        desk.crm.listed = [logged(id="42", status=status)]
        refund(desk, LOST)
        assert desk.crm.names() == calls
        assert desk.ledger.rows[ROW]["x:refund"] == "42"

    def test_a_later_one_costs_no_look(self) -> None:
        desk = Desk()
        refund(desk, LONG_BEFORE)
        assert desk.crm.names() == ["refund"]


class TestNote:
    @pytest.mark.parametrize(
        ("told_ms", "written"), [(LOST - 1, False), (0, True), (LOST + 6 * 60_000, True)]
    )
    def test_one_of_before_cannot_be_looked_up_and_is_left_out(self, told_ms: int, written: bool) -> None:
        desk = Desk()
        attempt = desk.attempt(look_first_ms=LONG_BEFORE if told_ms == 0 else LOST)
        assert write_note(attempt, "7", "shipped", [(ROW, "x:noted", "1")], told_ms=told_ms) == written
        assert desk.crm.names() == (["add_note"] if written else [])
        assert desk.ledger.rows[ROW]["x:noted"] == "1"
