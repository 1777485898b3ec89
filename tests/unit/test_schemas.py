"""How orders are read: leniently, and refused in plain words."""

from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.errors import DeliveryFailure, FailureClass
from app.ultracart.schemas import Order, load_order
from tests.unit import payloads


def test_a_full_order():
    order = load_order(payloads.payload("order_create__paid"))
    assert order.order_id == "DEMO-0009104401"
    assert order.creation_dts == datetime(2026, 3, 2, 14, 15, tzinfo=UTC)
    assert order.items
    assert order.items[0].quantity == Decimal("2.0")
    assert order.items[0].item_index == 1
    assert order.summary
    assert order.summary.total
    assert order.summary.total.value == Decimal("39.98")
    assert order.payment
    assert order.payment.test_order is False
    assert order.customer_profile
    assert order.customer_profile.customer_profile_oid == "900"


def test_absent_is_not_empty():
    absent = load_order({})
    assert (absent.items, absent.affiliates, absent.billing, absent.order_id) == (None, None, None, None)
    empty = load_order({"items": [], "affiliates": [None], "billing": {}, "order_id": "", "creation_dts": ""})
    assert (empty.items, empty.affiliates, empty.order_id, empty.creation_dts) == ((), (), "", None)
    assert empty.billing is not None
    assert load_order(dict.fromkeys(field.name for field in fields(Order))) == absent


@pytest.mark.parametrize(
    ("payload", "path", "value"),
    [
        ({"order_id": 17}, "order_id", "17"),
        ({"order_id": " A "}, "order_id", "A"),
        ({"billing": {"postal_code": 78758}}, "billing.postal_code", "78758"),
        ({"exchange_rate": "1.25"}, "exchange_rate", Decimal("1.25")),
        ({"exchange_rate": 0.1}, "exchange_rate", Decimal("0.1")),
        ({"payment": {"test_order": "true"}}, "payment.test_order", True),
        ({"payment": {"payment_status": "Brand New"}}, "payment.payment_status", "Brand New"),
        ({"creation_dts": "2026-01-02T03:04:05Z"}, "creation_dts", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ({"creation_dts": "2026-01-02T03:04:05"}, "creation_dts", datetime(2026, 1, 2, 8, 4, 5, tzinfo=UTC)),
        ({"creation_dts": "2026-07-02T03:04:05"}, "creation_dts", datetime(2026, 7, 2, 7, 4, 5, tzinfo=UTC)),
        ({"unknown": {"of": ["any"]}}, "order_id", None),
    ],
)
def test_lenient(payload, path, value):
    found: Any = load_order(payload)
    for name in path.split("."):
        found = getattr(found, name)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"order_id": ["A"]}, "order_id is no text"),
        ({"order_id": True}, "order_id is no text"),
        ({"items": {}}, "items is no list"),
        ({"items": [5]}, "items is no object"),
        ({"items": [{"quantity": "many"}]}, "items.quantity is no number"),
        ({"items": [{"quantity": True}]}, "items.quantity is no number"),
        ({"items": [{"item_index": 1.5}]}, "items.item_index is no whole number"),
        ({"summary": "x"}, "summary is no object"),
        ({"summary": {"total": 5}}, "summary.total is no object"),
        ({"summary": {"total": {"value": "NaN"}}}, "summary.total.value is an absurd number"),
        ({"summary": {"total": {"value": Decimal("1E+40")}}}, "summary.total.value is an absurd number"),
        ({"creation_dts": "yesterday"}, "creation_dts is no time stamp"),
        ({"creation_dts": 5}, "creation_dts is no time stamp"),
        ({"payment": {"test_order": "perhaps"}}, "payment.test_order is neither true nor false."),
    ],
)
def test_what_cannot_be_is_a_mapping_failure_in_plain_words(payload, words):
    with pytest.raises(DeliveryFailure) as caught:
        load_order(payload)
    assert caught.value.failure is FailureClass.MAPPING
    assert words in caught.value.reason


@pytest.mark.parametrize(
    ("stamp", "year"), [("0001-01-01T00:00:00+14:00", 1), ("9999-12-31T23:59:59-05:00", 9999)]
)
def test_a_date_that_its_offset_carries_out_of_time_is_the_last_one_within(stamp, year):
    read = load_order({"creation_dts": stamp}).creation_dts
    assert read is not None
    assert (read.year, read.tzinfo) == (year, UTC)
