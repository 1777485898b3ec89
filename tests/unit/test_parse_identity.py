"""What an event is called, and when two events are the same."""

import json

import pytest

from app.events import Event
from app.ultracart.catalogue import EVENT_NAMES, EVENTS, category
from app.ultracart.parse import parse_delivery
from tests.unit import payloads


def only(body):
    (found,) = parse_delivery(body, "DEMO")
    assert isinstance(found, Event)
    return found


@pytest.mark.parametrize(
    ("name", "payload", "key"),
    [
        ("order_ship", {"order_id": " DEMO-1 "}, "DEMO-1"),
        ("order_ship", {"order_id": 17}, "17"),
        ("fulfillment_hold", {"order_id": "DEMO-1"}, "DEMO-1"),
        ("auto_order_cancel", {"auto_order_oid": 77, "original_order_id": "DEMO-1"}, "77"),
        ("customer_create", {"customer_profile_oid": 900}, "900"),
        ("item_update", {"merchant_item_oid": 12, "merchant_item_id": "BONE"}, "12"),
        ("item_update", {"merchant_item_id": "BONE"}, "BONE"),
        ("affiliate_create", {"affiliate_oid": 5}, "5"),
        ("user_login", {"user_id": 5}, ""),
        ("item_update", {"merchant_item_oid": True, "merchant_item_id": None}, ""),
        ("brand_new", {"order_id": "DEMO-1"}, ""),
    ],
)
def test_object_key(name, payload, key):
    assert only(json.dumps({name: payload}).encode()).object_key == key


def digest(name="order_update", merchant="DEMO", **payload):
    body = json.dumps({name: {"order_id": "A"} | payload}).encode()
    (found,) = parse_delivery(body, merchant)
    assert isinstance(found, Event)
    return found.digest


def test_the_same_content_has_the_same_digest():
    plain = digest(total={"value": 5.5}, items=[{"a": 1}])
    assert plain == digest(items=[{"a": 1}], total={"value": 5.5})
    assert plain == digest(items=[{"a": 1, "b": None}], total={"value": 5.5, "x": None}, payment=None)
    assert plain == digest(
        items=[{"a": 1, "actual_cogs": {"value": 3}}],
        total={"value": 5.5, "exchange_rate": 1.1, "localized": 5.0, "localized_formatted": "5"},
        emails=[{"subject": "x"}],
        fraud_score={"score": 1},
    )
    assert digest(management={}) == digest(management={"update_billing_url": "https://example.com"})
    assert plain == digest(merchant="demo", items=[{"a": 1}], total={"value": 5.5})


def test_a_card_that_is_not_kept_still_tells_events_apart():
    visa, other = ({"credit_card": {"card_number": number}} for number in ("XXXX1", "XXXX2"))
    assert len({digest(payment=visa), digest(payment=other), digest(payment={"credit_card": {}})}) == 3
    assert digest(payment=visa) == digest(payment={"credit_card": {"card_number": "XXXX1", "x": None}})
    assert digest(payment={}) == digest(payment={"credit_card": None}) != digest(payment={"credit_card": {}})
    assert digest(payment=visa) != digest(customer_profile=visa)


def test_digests_stay_what_they_were():
    """Those of the last days lie in stores: another one would make news of every repetition."""
    steady = {"summary": {"total": {"value": 5.5}}, "payment": {"credit_card": {"card_type": "Visa"}}}
    moving = {"emails": [], "total": {"value": 5.0, "localized": 4.1}, "payment": {"echeck": {"x": None}}}
    told = digest(**steady), digest(**moving), digest(**steady | moving), digest("item_update", a=[None, {}])
    assert [one.hex() for one in told] == [
        "e62844be0456b465f5bc32978451a7b0",
        "9172aaac39b92ff841b1de4ff0154fc7",
        "135e057ae5c8506544aa377e4ef0b73c",
        "3a869511e08e2c821f799d4ee7a21ce3",
    ]


def test_whatever_else_a_delivery_holds_an_event_has_one_digest():
    plain, moving = {"order_id": "A", "items": [{"a": 1}]}, {"order_id": "B", "fraud_score": {"score": 1}}
    alone = only(json.dumps([{"order_update": plain}]).encode())
    beside, _ = parse_delivery(
        json.dumps([{"order_update": plain}, {"order_update": moving}]).encode(), "DEMO"
    )
    assert alone == beside


def test_other_content_has_another_digest():
    digests = [
        digest(),
        digest("order_create"),
        digest(order_id="B"),
        digest(total={"value": 5.5}),
        digest(total={"value": 5.6}),
        digest(total={}),
        digest(items=[]),
        digest(items=[1, 2]),
        digest(items=[2, 1]),
        digest(note="localized"),
        digest(merchant="OTHER"),
    ]
    assert len(set(digests)) == len(digests)


def test_a_delivery_rendered_anew_has_the_same_digest():
    body = payloads.body("order_update__rendered_anew").replace(b"order_update", b"order_create")
    assert only(body).digest == payloads.event("order_create__paid").digest


def test_catalogue():
    assert {"order_create", "auto_order_rebill", "affiliate_update", "screen_recording"} <= EVENT_NAMES
    assert len(EVENTS["order"]) == 15
    assert category("auto_order_cancel") == "auto_order"
    assert category("order_of_the_phoenix") == "order"
    assert category("loyalty_update") == ""
