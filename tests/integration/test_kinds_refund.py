"""Refunds from end to end: in full on the sale, in part at the contact, in whatever order they are told."""

import pytest

from tests.integration.engine import ACCOUNT
from tests.integration.orders import Order
from tests.integration.relay import Relay
from tests.integration.snapshots import edited, paid, refunded, rejected

pytestmark = pytest.mark.server

REFUND = "PUT /transaction/refund"
PARTIAL = "Partial refund"
PAID, REFUNDED = "1", "2"


def order() -> Order:
    """One order of 40.00."""
    return Order(price=4000)


def test_a_full_refund_marks_the_sale_refunded(relay: Relay):
    one = order()
    relay.settle(paid(one))
    before = relay.requests(REFUND)
    relay.settle(refunded(one, 40))
    assert (relay.sale(one)["status"], relay.sale(one)["refunds"]) == (REFUNDED, 1)
    contact = relay.contact(one.address)
    assert contact["fields"]["Last Refund Amount"] == "40.00"
    assert contact["fields"]["Last Refund Order"] == one.id
    assert (contact["tags"], contact["notes"]) == ([], [])
    assert relay.last("refund", f"order:{one.id}")["st"] == "delivered"

    relay.settle(refunded(one, 40, at="2026-03-10T11:00:00-04:00"), refunded(one, 40, name="order_update"))
    assert relay.requests(REFUND) - before == 1


def test_a_partial_refund_is_told_at_the_contact_and_the_next_one_only_by_the_difference(relay: Relay):
    one = order()
    relay.settle(paid(one))
    relay.settle(refunded(one, 10))
    assert relay.sale(one)["status"] == PAID
    contact = relay.contact(one.address)
    assert contact["tags"] == [PARTIAL]
    assert contact["fields"]["Last Refund Amount"] == "10.00"
    assert contact["fields"]["Last Refund Date"] == "2026-03-09"
    assert contact["fields"]["Last Refund Order"] == one.id
    [note] = contact["notes"]
    assert f"Order {one.id}: 10.00 USD refunded on 2026-03-09, 10.00 of 40.00 so far." in note

    relay.settle(refunded(one, 25, at="2026-03-12T11:00:00-04:00"))
    contact = relay.contact(one.address)
    assert contact["fields"]["Last Refund Amount"] == "15.00"
    assert "15.00 USD refunded on 2026-03-12, 25.00 of 40.00 so far." in contact["notes"][1]

    relay.settle(refunded(one, 25, at="2026-03-13T11:00:00-04:00", name="order_update"))
    assert len(relay.contact(one.address)["notes"]) == 2
    assert relay.sale(one)["refunds"] == 0


def test_the_rest_ends_as_a_full_refund_and_nothing_partial_stays(relay: Relay):
    one = order()
    relay.settle(paid(one))
    relay.settle(refunded(one, 10))
    relay.settle(refunded(one, 40, at="2026-03-12T11:00:00-04:00"))
    assert (relay.sale(one)["status"], relay.sale(one)["refunds"]) == (REFUNDED, 1)
    contact = relay.contact(one.address)
    assert contact["tags"] == []
    assert contact["fields"]["Last Refund Amount"] == "40.00"
    assert contact["fields"]["Last Refund Date"] == "2026-03-12"


def test_the_tag_stays_while_another_order_is_refunded_in_part(relay: Relay):
    one = order()
    other = Order(email=one.address, price=3000)
    relay.settle(paid(one), paid(other))
    relay.settle(refunded(one, 10), refunded(other, 5, at="2026-03-10T11:00:00-04:00"))
    relay.settle(refunded(one, 40, at="2026-03-11T11:00:00-04:00"))
    assert relay.contact(one.address)["tags"] == [PARTIAL]
    relay.settle(refunded(other, 30, at="2026-03-12T11:00:00-04:00"))
    assert relay.contact(one.address)["tags"] == []


def test_the_fields_show_the_latest_refund_whatever_is_told_last(relay: Relay):
    one = order()
    other = Order(email=one.address, price=3000)
    relay.settle(paid(one), paid(other))
    relay.settle(refunded(other, 5, at="2026-03-12T11:00:00-04:00"))
    relay.settle(refunded(one, 10, at="2026-03-11T11:00:00-04:00"))
    contact = relay.contact(one.address)
    assert contact["fields"]["Last Refund Order"] == other.id
    assert len(contact["notes"]) == 2


@pytest.mark.parametrize("together", [True, False], ids=["one delivery", "two deliveries"])
def test_a_refund_that_is_told_before_its_sale_follows_it(relay: Relay, together: bool):
    one = order()
    told = [refunded(one, 40), paid(one)]
    if together:
        relay.settle(*told)
    else:
        for event in told:
            relay.settle(event)
    assert (relay.sale(one)["status"], relay.sale(one)["refunds"]) == (REFUNDED, 1)
    assert relay.sale(one)["total"] == "40.00"


def test_totals_in_the_wrong_order_end_right(relay: Relay):
    one = order()
    relay.settle(paid(one))
    relay.settle(refunded(one, 25, at="2026-03-12T11:00:00-04:00"))
    relay.settle(refunded(one, 10))
    contact = relay.contact(one.address)
    assert len(contact["notes"]) == 1
    assert "25.00 of 40.00" in contact["notes"][0]
    assert relay.row(f"order:{one.id}")["x:refunded"] == "25.00"


def test_totals_that_wait_together_go_out_as_one(relay: Relay):
    one = order()
    relay.settle(paid(one))
    with relay.held_back():
        for amount in (5, 10, 25):
            relay.tell(refunded(one, amount, at=f"2026-03-{amount:02}T11:00:00-04:00"))
    relay.settle()
    [note] = relay.contact(one.address)["notes"]
    assert "25.00 USD refunded on 2026-03-25, 25.00 of 40.00" in note


def test_a_total_that_went_down_is_for_a_person(relay: Relay):
    one = order()
    relay.settle(paid(one))
    relay.settle(refunded(one, 25))
    relay.settle(refunded(one, 10, at="2026-03-12T11:00:00-04:00"))
    letter = relay.services.dead_letters.show(relay.last("refund", f"order:{one.id}")["id"])
    assert letter is not None
    assert letter.failure == "decreased"
    assert "went down from 25.00 to 10.00" in letter.reason
    assert len(relay.contact(one.address)["notes"]) == 1

    relay.settle(refunded(one, 40, at="2026-03-14T11:00:00-04:00"))
    assert relay.sale(one)["refunds"] == 1
    assert relay.services.dead_letters.show(letter.id) is None


def test_a_paid_order_that_is_rejected_is_refunded(relay: Relay):
    one = order()
    relay.settle(paid(one))
    relay.settle(rejected(one))
    assert (relay.sale(one)["status"], relay.sale(one)["refunds"]) == (REFUNDED, 1)
    relay.settle(refunded(one, 40, at="2026-03-14T11:00:00-04:00"))
    assert relay.sale(one)["refunds"] == 1


def test_a_paid_order_that_is_voided_or_deleted_is_refunded(relay: Relay):
    one, other = order(), order()
    relay.settle(paid(one), paid(other))
    _, payload = edited(one, 40)
    payload["payment"]["payment_status"] = "Voided"
    relay.settle(("order_update", payload), ("order_delete", other.payload()))
    assert [relay.sale(each)["refunds"] for each in (one, other)] == [1, 1]


@pytest.mark.parametrize("name", ["order_delete", "order_reject"])
def test_what_ended_without_a_word_of_its_payment_is_refunded_if_it_was_sold(relay: Relay, name: str):
    sold, other = order(), order()
    relay.settle(paid(sold))
    for one in (sold, other):
        told = {key: value for key, value in one.payload().items() if key != "payment"}
        relay.settle((name, told))
    assert (relay.sale(sold)["status"], relay.sale(sold)["refunds"]) == (REFUNDED, 1)
    assert relay.sales(other) == []
    unsold = relay.last("refund", f"order:{other.id}")
    assert (unsold["st"], unsold["r"]) == ("skipped", "not paid, so there is nothing to refund")

    bare = {"merchant_id": "DEMO", "order_id": sold.id}
    relay.settle((name, bare))
    assert relay.last("refund", f"order:{sold.id}")["st"] in ("delivered", "skipped")
    assert relay.sale(sold)["refunds"] == 1


def test_a_sold_order_that_ended_without_its_sums_is_for_a_person(relay: Relay):
    one = order()
    relay.settle(paid(one))
    relay.settle(("order_delete", {"merchant_id": "DEMO", "order_id": one.id}))
    letter = relay.services.dead_letters.show(relay.last("refund", f"order:{one.id}")["id"])
    assert letter is not None
    assert letter.failure == "mapping"
    assert one.id in letter.reason
    assert "`summary`" in letter.reason


def test_a_chargeback_refunds_its_order(relay: Relay):
    one = order()
    relay.settle(paid(one))
    dispute = {
        "merchant_id": "DEMO", "chargeback_dispute_oid": 5, "order_id": one.id, "order": one.payload(),
        "chargeback_dts": "2026-03-20T11:00:00-04:00", "reason_code": "10.4",
    }  # fmt: skip
    relay.settle(("chargeback_create", dispute))
    assert relay.sale(one)["refunds"] == 1


def test_more_than_the_whole_is_not_refunded_twice(relay: Relay):
    one = order()
    relay.settle(paid(one))
    relay.settle(refunded(one, 40))
    relay.settle(refunded(one, 45, at="2026-03-12T11:00:00-04:00"))
    assert relay.sale(one)["refunds"] == 1
    assert relay.row(f"order:{one.id}")["x:refunded"] == "45.00"


def without_sale(one: Order) -> tuple[str, dict[str, object]]:
    """A refund of an order whose payment the shop no longer tells, so that there is no sale to make."""
    name, payload = refunded(one, 40)
    payload["payment"] = {"payment_status": "Refunded"}
    return name, payload


def test_a_sale_that_another_tool_logged_is_found_and_refunded(relay: Relay):
    one, other = order(), order()
    relay.settle(paid(one))
    for key in (f"l:{ACCOUNT}:order:{one.id}", f"t:{relay.last('sale', f'order:{one.id}')['id']}"):
        relay.services.client.delete(key)
    relay.settle(without_sale(one), without_sale(other))
    assert (relay.sale(one)["status"], relay.sale(one)["refunds"]) == (REFUNDED, 1)
    assert relay.sales(other) == []
    last = relay.last("refund", f"order:{other.id}")
    assert (last["st"], last["r"]) == (
        "skipped",
        "its sale was not logged by the relay and is not in ONTRAPORT",
    )


def test_a_contact_that_was_merged_away_is_looked_up_once(relay: Relay):
    one = order()
    relay.settle(paid(one))
    gone = relay.contact(one.address)["id"]
    other = Order(email=one.address)
    relay.sandbox.remove_contact(gone)
    relay.settle(paid(other))
    relay.settle(refunded(one, 10))
    contact = relay.contact(one.address)
    assert contact["id"] != gone
    assert len(contact["notes"]) == 1
    assert relay.row(f"order:{one.id}")["x:contact"] == contact["id"]
