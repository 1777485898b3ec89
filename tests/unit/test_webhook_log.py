"""The shop's log of its deliveries: what failed, what came later, what a body that was cut still holds."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events import Event
from app.ultracart.parse import parse_delivery
from app.ultracart.webhook_log import body_of, came_later, first_events, read_entry

AT = "2026-11-20T07:00:00-05:00"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
names = (
    "request_id", "delivery_dts", "success", "status_code", "order_ids", "event_names", "request"
)  # fmt: skip


def entry(**fields: Any):
    row = {"request_id": "r", "delivery_dts": AT, "success": False, "order_ids": ["A"]}
    return read_entry({**row, "event_names": ["order_create"], **fields})


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(names, anything)))
def test_no_row_is_too_odd(row):
    found = read_entry(row)
    assert found.name
    assert isinstance(body_of(row), bytes)
    assert not came_later(found, [])


def test_a_row():
    found = entry(order_ids=["A", 7, None, "x" * 65, "\n"])
    assert found.at == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert (found.name, found.order_ids, found.succeeded) == ("r", ("A", "7"), False)


@pytest.mark.parametrize(
    ("fields", "succeeded"),
    [
        ({"success": True}, True),
        ({"success": None, "status_code": 200}, True),
        ({"success": None, "status_code": 503}, False),
        ({"success": None}, False),
        ({"success": False, "status_code": 200}, False),
    ],
)
def test_what_does_not_say_that_it_succeeded_failed(fields, succeeded):
    assert entry(**fields).succeeded is succeeded


@pytest.mark.parametrize(
    ("failed", "later", "known"),
    [
        ({}, {}, True),
        ({}, {"order_ids": ["B", "A"], "event_names": ["order_ship", "order_create"]}, True),
        ({}, {"success": False}, False),
        ({}, {"delivery_dts": "2026-11-20T06:59:59-05:00"}, False),
        ({}, {"delivery_dts": None}, False),
        ({}, {"order_ids": ["B"]}, False),
        ({}, {"event_names": ["order_update"]}, False),
        ({"order_ids": ["A", "B"]}, {}, False),
        ({"delivery_dts": None}, {}, False),
        ({"order_ids": []}, {"order_ids": []}, False),
        ({"event_names": []}, {}, False),
        # Whose customer it was, the list does not say.
        ({"event_names": ["order_create", "customer_update"]},) * 2 + (False,),
    ],
)
def test_whether_it_came_later(failed, later, known):
    assert came_later(entry(**failed), [entry(**{"success": True, **later})]) is known


@given(st.integers(0, 2000), st.booleans())
def test_a_body_that_is_cut_anywhere_holds_the_events_before_the_cut(place, enveloped):
    events = [{"order_update": {"order_id": f"A{n}", "note": 'a "[{,' + "é" * n}} for n in range(20)]
    body = json.dumps({"events": events} if enveloped else events, ensure_ascii=False).encode()
    part = body[:place]
    found = parse_delivery(first_events(part), "DEMO")
    assert [one.object_key for one in found if isinstance(one, Event)] == [f"A{n}" for n in range(len(found))]
    whole = part.count(b'"order_update"') - 1
    assert len(found) in (max(whole, 0), whole + 1)


def test_a_body_that_is_no_list_holds_nothing():
    assert first_events(b'"H4sIAAAAA') == first_events(b'{"orders":[{"a":1},') == b"[]"


def test_a_body_that_is_cut_within_an_emoji():
    assert body_of({"request": "[] \ud83d"}) == b"[] ?"
