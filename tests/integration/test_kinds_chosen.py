"""What a merchant may choose otherwise: partial refunds, rejections, commissions, words, exclusions."""

import pytest

from tests.integration.orders import Order
from tests.integration.relay import Relay
from tests.integration.snapshots import auto_order, new_oid, paid, refunded, rejected

pytestmark = pytest.mark.server

RULES = """
refund_partial = "ignore"
refund_on_reject = false
rerun_commission = true
auto_order_merged_word = "cancelled upgrade"
auto_order_completed_word = "cancelled"

[merchants.DEMO.order_statuses.rejected]
tag = "Order rejected"

[merchants.DEMO.exclude]
emails = ["*@marketplace.example.com"]
"""
COMMISSION = "PUT /transaction/rerunCommission"


def test_a_partial_refund_is_skipped_and_the_rest_ends_as_a_full_one(relay: Relay):
    one = Order(price=4000)
    relay.settle(paid(one))
    before = relay.requests()
    relay.settle(refunded(one, 10))
    last = relay.last("refund", f"order:{one.id}")
    assert (last["st"], last["r"]) == ("skipped", "partial refund of 10.00 ignored (REFUND_PARTIAL)")
    assert relay.requests() == before
    relay.settle(refunded(one, 40, at="2026-03-12T11:00:00-04:00"))
    assert relay.sale(one)["refunds"] == 1


def test_the_commission_follows_a_refund(relay: Relay):
    one = Order(price=4000)
    before = relay.requests(COMMISSION)
    relay.settle(refunded(one, 40))
    assert relay.requests(COMMISSION) - before == 1


def test_a_rejected_order_keeps_its_sale(relay: Relay):
    one = Order(price=4000)
    relay.settle(paid(one))
    relay.settle(rejected(one))
    assert relay.sale(one)["refunds"] == 0
    assert relay.contact(one.address)["tags"] == ["Order rejected"]
    assert relay.last("refund", f"order:{one.id}")["st"] == "skipped"


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"status": "merged", "merged_dts": "2026-03-04T10:00:00-05:00"}, "cancelled upgrade"),
        ({"completed": True}, "cancelled"),
    ],
)
def test_the_ends_without_a_word_have_the_merchants(relay: Relay, fields, word):
    one, oid = Order(), new_oid()
    relay.settle(paid(one))
    relay.settle(auto_order("auto_order_update", oid, one, "2026-03-04T10:00:00-05:00", **fields))
    assert relay.contact(one.address)["fields"]["Auto Order Status"] == word
    assert relay.contact(one.address)["notes"] == []


def test_who_is_excluded_is_skipped_with_the_reason_whatever_is_told(relay: Relay):
    one = Order(email=f"{new_oid()}@marketplace.example.com")
    before = relay.requests()
    relay.settle(
        paid(one), refunded(one, 10), auto_order("auto_order_create", new_oid(), one, "2026-03-04T10:00:00Z")
    )
    for kind in ("sale", "refund"):
        last = relay.last(kind, f"order:{one.id}")
        assert last["st"] == "skipped"
        assert "*@marketplace.example.com" in last["r"]
    assert relay.requests() == before
