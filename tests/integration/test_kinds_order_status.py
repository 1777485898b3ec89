"""Shipped and rejected orders at the contact, as the merchant configured it."""

import pytest

from tests.contract.shops import ShopAt
from tests.integration.orders import Order
from tests.integration.relay import Relay
from tests.integration.snapshots import paid, rejected, shipped

pytestmark = pytest.mark.server

RULES = """
[merchants.DEMO.order_statuses.shipped]
tag = "Order shipped"
note = true
field = "Last Order Status"
tracking_field = "Tracking Numbers"
"""


def test_a_shipped_order_has_field_tag_note_and_tracking_numbers(relay: Relay):
    one = Order()
    relay.settle(paid(one))
    relay.settle(shipped(one, "1Z999", "1Z998"))
    contact = relay.contact(one.address)
    wanted = {"Last Order Status": "shipped", "Tracking Numbers": "1Z999, 1Z998"}
    assert contact["fields"].items() >= wanted.items()
    assert contact["tags"] == ["Order shipped"]
    assert contact["notes"] == [f"Order {one.id} was shipped. Tracking: 1Z999, 1Z998."]
    before = relay.requests()
    relay.settle(shipped(one, "1Z999", "1Z998", at="2026-03-05T10:00:00-05:00"))
    assert relay.requests() == before


def test_another_parcel_is_told_too(relay: Relay):
    one = Order()
    relay.settle(paid(one))
    relay.settle(shipped(one, "1Z999"))
    relay.settle(shipped(one, "1Z999", "1Z998", at="2026-03-05T10:00:00-05:00"))
    contact = relay.contact(one.address)
    assert contact["fields"]["Tracking Numbers"] == "1Z999, 1Z998"
    assert len(contact["notes"]) == 2


def test_another_parcel_without_a_date_of_its_own_is_asked_for(relay: Relay):
    one = Order()
    both, first = shipped(one, "1Z999", "1Z998"), shipped(one, "1Z999")
    ShopAt(relay.sandbox).fill(orders=[both[1]])
    relay.settle(paid(one), both)
    relay.settle(first)
    assert relay.contact(one.address)["fields"]["Tracking Numbers"] == "1Z999, 1Z998"


def test_shipped_before_its_sale_was_told(relay: Relay):
    one = Order()
    relay.settle(shipped(one, "1Z999"), paid(one))
    assert relay.sale(one)["total"] == f"{one.total:.2f}"
    assert relay.contact(one.address)["fields"]["Last Order Status"] == "shipped"


def test_a_dead_sale_does_not_hold_back_the_parcel(relay: Relay):
    one = Order()
    name, payload = shipped(one, "1Z999")
    payload["summary"]["total"] = None
    relay.settle((name, payload))
    assert relay.last("sale", f"order:{one.id}")["st"] == "dead"
    assert relay.contact(one.address)["notes"] == [f"Order {one.id} was shipped. Tracking: 1Z999."]


def test_the_field_shows_the_order_that_was_shipped_last(relay: Relay):
    one = Order()
    other = Order(email=one.address)
    relay.settle(paid(one), paid(other))
    relay.settle(shipped(other, "LATER", at="2026-03-06T10:00:00-05:00"))
    relay.settle(shipped(one, "EARLIER", at="2026-03-05T10:00:00-05:00"))
    contact = relay.contact(one.address)
    assert contact["fields"]["Tracking Numbers"] == "LATER"
    assert len(contact["notes"]) == 2


def test_nothing_configured_is_skipped_with_that_reason(relay: Relay):
    one = Order()
    relay.settle(rejected(one))
    last = relay.last("order_status", f"order:{one.id}")
    assert (last["st"], last["r"]) == (
        "skipped",
        "nothing is configured for order_reject (order_statuses in the settings)",
    )


def test_a_parcel_of_nobody_is_a_letter_in_plain_words(relay: Relay):
    one = Order(email=None)
    name, payload = shipped(one, "1Z999")
    payload["payment"] = {"payment_status": "Unprocessed"}
    relay.settle((name, payload))
    last = relay.last("order_status", f"order:{one.id}")
    assert (last["st"], last["f"]) == ("dead", "mapping")
    assert "no e-mail address" in last["r"]
