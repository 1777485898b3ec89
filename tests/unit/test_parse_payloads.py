"""The payload files are what UltraCart's official models make, and each is read whole."""

import json

import pytest

from app.events import Event, Unreadable
from app.ultracart.catalogue import EVENT_NAMES, EVENTS, category
from app.ultracart.parse import parse_delivery, read_payload
from tests.payloads import build
from tests.unit import payloads

MADE = build.files()


def test_no_file_is_missing_or_left_over():
    assert sorted(MADE) == payloads.names()


@pytest.mark.parametrize("name", [name for name in payloads.names() if "packed" not in name])
def test_each_file_is_what_the_models_make(name):
    assert payloads.body(name) == MADE[name]


@pytest.mark.parametrize("name", payloads.names())
def test_each_file_is_read_the_same_when_it_is_kept(name):
    found = parse_delivery(payloads.body(name), payloads.MERCHANT)
    assert found
    for event in found:
        if isinstance(event, Event):
            (again,) = parse_delivery(json.dumps({event.name: event.payload}).encode(), payloads.MERCHANT)
            assert isinstance(again, Event)
            assert again._replace(digest=event.digest) == event
            assert read_payload(again.raw) == read_payload(event.raw)


def test_files_of_one_event_are_named_after_it():
    for name in payloads.names():
        kind = name.split("__")[0]
        if kind != "delivery":
            assert payloads.event(name).name == kind
            assert kind in EVENTS[category(kind)] <= EVENT_NAMES


def test_only_the_deliveries_made_for_it_hold_something_unreadable():
    unreadable = {
        name
        for name in payloads.names()
        for found in parse_delivery(payloads.body(name), payloads.MERCHANT)
        if isinstance(found, Unreadable)
    }
    assert unreadable == {"delivery__one_unreadable.json", "delivery__other_merchant.json"}


def test_the_plain_order_is_as_large_as_a_usual_one():
    assert 2600 < len(payloads.body("order_create__paid")) < 2900
    assert len(payloads.payload("order_create__large")["items"]) == 300
