"""What happens to an order after its sale was logged: edits, refunds of edited orders, a person's word."""

from datetime import UTC, datetime

import pytest

from app.store.letters import DeadLetter
from tests.contract.shops import ShopAt
from tests.integration.engine import LOG
from tests.integration.orders import Order
from tests.integration.relay import Relay
from tests.integration.snapshots import edited, paid

pytestmark = pytest.mark.server


def letter_of(relay: Relay, order: Order) -> DeadLetter:
    """The dead letter of an order's sale."""
    found = relay.services.dead_letters.show(relay.last("sale", f"order:{order.id}")["id"])
    assert found is not None
    return found


def test_a_total_that_changed_after_the_sale_is_a_note_and_a_letter_for_a_person(relay: Relay):
    one = Order(price=4000)
    relay.settle(paid(one))
    relay.settle(edited(one, 55))
    letter = letter_of(relay, one)
    assert letter.failure == "changed"
    assert "changed from 40.00 to 55.00" in letter.reason
    [note] = relay.contact(one.address)["notes"]
    assert f"Order {one.id}: its total changed from 40.00 to 55.00" in note
    assert relay.sale(one)["total"] == "40.00"

    relay.settle(edited(one, 55, at="2026-03-07T10:00:00-05:00"))
    assert len(relay.contact(one.address)["notes"]) == 1

    assert relay.services.dead_letters.replay(letter.id)
    relay.settle()
    assert relay.last("sale", f"order:{one.id}")["st"] == "delivered"
    assert len(relay.sales(one)) == 1


def test_a_total_that_changed_back_needs_no_person(relay: Relay):
    one = Order(price=4000)
    relay.settle(paid(one))
    relay.settle(edited(one, 55))
    relay.settle(edited(one, 40, at="2026-03-07T10:00:00-05:00"))
    assert relay.last("sale", f"order:{one.id}")["st"] == "delivered"
    assert len(relay.contact(one.address)["notes"]) == 1


@pytest.mark.parametrize("late", ["right", "wrong"])
def test_a_correction_without_a_date_is_asked_for_before_the_sale_goes_out(relay: Relay, late: str):
    one, usual = Order(price=4000), Order(price=4000)
    right = paid(one, "order_update", billing=one.payload()["billing"] | {"first_name": "Joan"})
    shop = ShopAt(relay.sandbox)
    shop.fill(orders=[right[1]])
    before = shop.requests()
    with relay.held_back():
        for name in ("order_create", "order_payment_process", "order_update"):
            relay.tell(paid(usual, name))
    relay.settle()
    assert shop.requests() == before
    with relay.held_back():
        for told in (paid(one), right) if late == "right" else (right, paid(one)):
            relay.tell(told)
    relay.settle()
    assert relay.contact(one.address)["fields"]["firstname"] == "Joan"
    assert "the shop was asked" in relay.last("sale", f"order:{one.id}")["r"]
    assert shop.requests() == before + 1


def test_a_total_that_changed_before_the_sale_went_out_is_simply_the_total(relay: Relay):
    one = Order(price=4000)
    with relay.held_back():
        relay.tell(paid(one))
        relay.tell(edited(one, 55))
        relay.tell(paid(one, name="order_update"))
    relay.settle()
    assert relay.sale(one)["total"] == "55.00"
    assert relay.contact(one.address)["notes"] == []


def test_a_stale_total_tells_nothing(relay: Relay):
    one = Order(price=4000)
    relay.settle(edited(one, 55))
    before = relay.requests()
    relay.settle(paid(one))
    assert relay.last("sale", f"order:{one.id}")["st"] == "delivered"
    assert relay.requests() == before


def test_a_changed_order_is_refunded_all_the_same(relay: Relay):
    one = Order(price=4000)
    relay.settle(paid(one))
    relay.settle(edited(one, 55))
    _, payload = edited(one, 55)
    payload["summary"]["total_refunded"] = payload["summary"]["total"]
    relay.settle(("order_refund", payload | {"refund_dts": "2026-03-09T11:00:00-04:00"}))
    assert relay.sale(one)["refunds"] == 1
    assert letter_of(relay, one).failure == "changed"


def test_a_merged_contact_is_looked_up_once_and_the_ledger_follows(relay: Relay):
    one = Order(price=4000)
    relay.settle(paid(one))
    gone = relay.contact(one.address)["id"]
    relay.sandbox.remove_contact(gone)
    before = relay.requests(LOG)
    other = Order(email=one.address)
    relay.settle(paid(other))
    assert relay.requests(LOG) - before == 2
    assert relay.sale(other)["contact_id"] == relay.contact(one.address)["id"] != gone
    third = Order(email=one.address)
    relay.settle(paid(third))
    assert relay.requests(LOG) - before == 3


def test_an_edit_that_was_taken_back_is_not_told_when_it_comes_late(relay: Relay):
    one = Order(price=4000)
    relay.settle(paid(one))
    relay.settle(edited(one, 40, at="2026-03-08T10:00:00-05:00"))
    relay.settle(edited(one, 55, at="2026-03-07T10:00:00-05:00"))
    assert relay.last("sale", f"order:{one.id}")["st"] == "delivered"
    assert relay.contact(one.address)["notes"] == []


@pytest.mark.parametrize("year", [2, 2099])
def test_an_order_that_was_paid_on_a_day_that_cannot_be_is_for_a_person(relay: Relay, year: int):
    one = Order(paid_at=datetime(year, 1, 1, tzinfo=UTC))
    relay.settle(paid(one))
    assert f"paid on {year:04}-01-01, which cannot be" in letter_of(relay, one).reason
    assert relay.sales(one) == []
