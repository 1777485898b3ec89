"""One logged sale per order: what is sent, how it is recognised, and when a person has to decide."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.delivery.contacts import Contact
from app.delivery.logged_sales import MOST_INVOICES, Sent, is_this_sale, log_sale
from app.errors import DeliveryFailure, FailureClass
from tests.attempts import ACCOUNT, BEGIN, PAID_AT, ROW, Desk, failure, logged, plan

CONTACT_ROW = f"c:{ACCOUNT}:jane"
SENT = Sent.of(plan(), "7")
KNOWN = f"known:{ACCOUNT}"


def contact(desk: Desk, contact_id: str = "7") -> Contact:
    """The contact as its row stands."""
    return Contact(CONTACT_ROW, desk.ledger.rows.get(CONTACT_ROW, {}), contact_id)


def log(desk: Desk, contact_id: str = "7", attempt: dict[str, Any] | None = None, **changes: Any) -> str:
    """One attempt to log the sale."""
    return log_sale(desk.attempt(**attempt or {}), plan(**changes), contact(desk, contact_id), {"BONE": "3"})


def in_doubt(**changes: Any) -> Desk:
    """A sale that was sent, and nobody knows whether it was taken."""
    desk = Desk()
    desk.crm.endings["log_sale"] = [failure()]
    with pytest.raises(DeliveryFailure):
        log(desk, **changes)
    return desk


class TestSent:
    """What is announced is what the sale is recognised by."""

    def test_the_announcement_can_be_read_again(self):
        assert Sent.read(SENT.step) == SENT

    @pytest.mark.parametrize("total", ["0.01", "1000000.00", "100.00"])
    def test_the_total_survives_to_the_cent(self, total: str):
        sent = Sent.of(plan(total=Decimal(total)), "7")
        assert Sent.read(sent.step).total == Decimal(total)
        assert "E" not in sent.step

    def test_a_second_is_whole(self):
        assert Sent.of(plan(paid_at=PAID_AT + timedelta(milliseconds=999)), "7").seconds == SENT.seconds


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, True),
        ({"total": Decimal("10")}, True),
        ({"total": Decimal("11.00")}, True),
        ({"date": PAID_AT + timedelta(days=1)}, True),
        ({"date": PAID_AT + timedelta(milliseconds=400)}, True),
        ({"total": None}, True),
        ({"date": None}, True),
        ({"total": Decimal("11.00"), "date": PAID_AT + timedelta(days=1)}, False),
        ({"total": None, "date": None}, False),
        ({"external_order_id": ""}, True),
        ({"external_order_id": "0"}, True),
        ({"external_order_id": "0", "total": Decimal("10.01")}, False),
        ({"external_order_id": "0", "date": PAID_AT + timedelta(seconds=1)}, False),
        ({"external_order_id": "0", "date": None}, False),
        ({"external_order_id": "0", "contact_id": ""}, False),
        ({"external_order_id": "0", "contact_id": "8"}, False),
        ({"external_order_id": "DEMO-2"}, False),
        ({"external_order_id": "DEMO-11"}, False),
        ({"external_order_id": "demo-1"}, False),
    ],
)
def test_a_row_of_the_crm_is_this_sale(row: dict[str, Any], expected: bool):
    """By its order id and its total or its time; without the id by total, time and contact."""
    assert is_this_sale(logged(**row), "DEMO-1", SENT) is expected


def test_a_first_sale_is_logged_without_a_look():
    desk = Desk()
    assert log(desk) == "42"
    assert desk.crm.names() == ["log_sale"]
    assert desk.ledger.rows[ROW] == {"x:sale": "42", "x:contact": "7", "x:total": "10.00"}
    assert desk.ledger.rows[CONTACT_ROW]["inv"] == "42"
    assert desk.ledger.rows[KNOWN] == {"contact": "7", "invoice": "42"}


def test_the_invoices_of_a_contact_are_remembered_up_to_a_number():
    desk = Desk()
    numbers = [str(n) for n in range(MOST_INVOICES)]
    desk.ledger.rows[CONTACT_ROW] = {"inv": " ".join(numbers)}
    log(desk)
    assert desk.ledger.rows[CONTACT_ROW]["inv"].split() == [*numbers[1:], "42"]


class TestInDoubt:
    """The write's outcome is unknown: the CRM is looked at first."""

    def test_the_sale_is_adopted_and_the_look_proven(self):
        desk = in_doubt()
        desk.lookups.is_proven = False
        desk.crm.listed = [logged(id="41")]
        assert log(desk) == "41"
        assert desk.crm.names() == ["log_sale", "transactions"]
        assert desk.ledger.rows[ROW] == {"x:sale": "41", "x:contact": "7", "x:total": "10.00"}
        assert desk.lookups.is_proven

    def test_a_sale_that_belongs_to_another_order_of_ours_is_left_alone(self):
        desk = in_doubt()
        desk.ledger.rows[CONTACT_ROW] = {"inv": "40 41"}
        desk.crm.listed = [logged(id="41", external_order_id="0")]
        with pytest.raises(DeliveryFailure) as raised:
            log(desk)
        assert raised.value.looked
        desk.crm.listed.append(logged(id="43", external_order_id="0"))
        assert log(desk) == "43"

    def test_it_is_looked_for_as_it_was_sent_then(self):
        """A newer snapshot told of another contact, total and time meanwhile."""
        desk = in_doubt()
        desk.crm.listed = [logged(id="41")]
        newer: dict[str, Any] = {"total": Decimal("12.00"), "paid_at": PAID_AT + timedelta(hours=1)}
        assert log(desk, "8", **newer) == "41"
        assert ("transactions", "7") in desk.crm.sent
        assert desk.ledger.rows[ROW] == {"x:sale": "41", "x:contact": "7", "x:total": "10.00"}
        assert desk.ledger.rows[KNOWN] == {"contact": "7", "invoice": "41"}

    def test_the_same_order_with_another_total_and_time_is_for_a_person(self):
        desk = in_doubt()
        other = {"total": Decimal("99.00"), "date": PAID_AT - timedelta(days=30)}
        desk.crm.listed = [logged(id="41", **other)]
        with pytest.raises(DeliveryFailure) as raised:
            log(desk)
        assert raised.value.person
        assert raised.value.failure is FailureClass.UNKNOWN
        assert "invoice 41" in raised.value.reason
        assert desk.ledger.rows[ROW]["fs"] == SENT.step

    def test_it_is_found_where_its_contact_was_merged_into(self):
        desk = in_doubt()
        desk.crm.contact_of_email = "9"
        desk.crm.listed = [logged(id="41", contact_id="9")]
        assert log(desk) == "41"
        assert desk.ledger.rows[ROW] == {"x:sale": "41", "x:contact": "9", "x:total": "10.00"}

    def test_after_two_empty_looks_it_is_logged_again_with_what_is_true_now(self):
        desk = in_doubt()
        for seconds in (100, 16):
            desk.ledger.move(seconds)
            if seconds == 100:
                with pytest.raises(DeliveryFailure):
                    log(desk)
        assert log(desk, "8", total=Decimal("12.00")) == "42"
        assert desk.crm.names().count("log_sale") == 2
        assert desk.ledger.rows[ROW] == {"x:sale": "42", "x:contact": "8", "x:total": "12.00"}


class TestTheListIsUnproven:
    """Whether an empty list means that nothing is there is proven with a sale that we know."""

    @pytest.fixture
    def desk(self) -> Desk:
        """Two empty looks ago."""
        desk = in_doubt()
        desk.lookups.is_proven = False
        desk.ledger.move(100)
        with pytest.raises(DeliveryFailure):
            log(desk)
        desk.ledger.move(16)
        return desk

    def test_before_the_first_sale_nobody_can_tell(self, desk: Desk):
        with pytest.raises(DeliveryFailure) as raised:
            log(desk)
        assert raised.value.wait_seconds == 60.0
        assert not raised.value.person

    def test_a_known_sale_that_is_listed_proves_it(self, desk: Desk):
        desk.lookups.known = {"contact": "5", "invoice": "30"}
        desk.crm.listed = [logged(id="30", contact_id="5", external_order_id="DEMO-0")]
        assert log(desk) == "42"
        assert desk.lookups.is_proven

    def test_a_known_sale_that_is_not_listed_leaves_it_to_a_person(self, desk: Desk):
        desk.lookups.known = {"contact": "5", "invoice": "30"}
        with pytest.raises(DeliveryFailure) as raised:
            log(desk)
        assert raised.value.person
        assert not desk.lookups.is_proven
        assert desk.crm.names().count("log_sale") == 1

    def test_the_sandbox_is_believed(self, desk: Desk):
        desk.sandbox = True
        assert log(desk) == "42"


class TestOlderThanTheLedger:
    """What may have been logged before the ledger began is looked for before the first write."""

    def test_the_sale_is_adopted(self):
        desk = Desk(born=BEGIN)
        desk.crm.listed = [logged(id="41")]
        assert log(desk) == "41"
        assert desk.crm.names() == ["transactions"]
        assert desk.ledger.rows[ROW]["x:sale"] == "41"

    def test_what_is_not_there_is_logged(self):
        desk = Desk(born=BEGIN)
        assert log(desk) == "42"
        assert desk.crm.names() == ["transactions", "log_sale"]

    def test_a_newer_order_is_not_looked_for(self):
        desk = Desk(born=PAID_AT - timedelta(seconds=1))
        assert log(desk) == "42"
        assert desk.crm.names() == ["log_sale"]

    def test_what_was_backfilled_is_looked_for_whatever_its_age(self):
        desk = Desk()
        desk.crm.listed = [logged(id="41")]
        assert log(desk, attempt={"backfill": True}) == "41"
        assert desk.crm.names() == ["transactions"]

    def test_another_total_and_time_is_for_a_person(self):
        desk = Desk(born=BEGIN)
        desk.crm.listed = [logged(total=Decimal(1), date=None)]
        with pytest.raises(DeliveryFailure) as raised:
            log(desk)
        assert raised.value.person
        assert "log_sale" not in desk.crm.names()
