"""Whatever is delivered, it is read or kept: nothing raises, nothing is lost."""

import json

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from app.events import Event, Unreadable
from app.relay.facts import facts
from app.ultracart.catalogue import EVENT_NAMES
from app.ultracart.parse import parse_delivery, read_payload

quietly = settings(derandomize=True, deadline=None, max_examples=300)

names = st.sampled_from(sorted(EVENT_NAMES)) | st.text(max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["DEMO", "DEMO-1", "Processed", "2026-03-02T09:15:00-05:00", 'a":', "\ud83e", "H4sI"])
)
keys = st.text(max_size=6) | st.sampled_from(
    [
        "order_id",
        "merchant_id",
        "payment",
        "payment_dts",
        "payment_status",
        "summary",
        "total",
        "value",
        "items",
    ]
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)
events = st.dictionaries(names, st.dictionaries(keys, values, max_size=6), max_size=2)


def check(found):
    for one in found:
        assert isinstance(one, Event | Unreadable)
        if isinstance(one, Unreadable):
            assert one.reason
            continue
        assert len(one.digest) == 16
        assert one.object_key.isprintable()
        assert isinstance(read_payload(one.raw), dict)
        for fact in facts(one, "ontraport:DEMO"):
            subject, _, key = fact.subject.partition(":")
            assert key or subject != "order"
            assert fact.version >= 0
            assert fact.amount.is_finite()


@quietly
@given(st.binary(max_size=200))
def test_any_bytes(body):
    found = parse_delivery(body, "DEMO", 1000)
    check(found)
    assert found or body.strip().replace(b" ", b"") in (b"[]", b'{"events":[]}')


@quietly
@given(st.text(alphabet='[]{}",:\\ 01eE.-nulHsI4u2events', max_size=60))
def test_anything_that_looks_like_json(text):
    found = parse_delivery(text.encode(), "DEMO", 1000)
    check(found)
    unreadable = [one for one in found if isinstance(one, Unreadable)]
    try:
        orjson.loads(text)
    except ValueError:
        assert unreadable, "what is no JSON must be kept"


@quietly
@given(values)
def test_any_json(value):
    check(parse_delivery(json.dumps(value).encode(), "DEMO", 1000))


@quietly
@given(st.lists(events | values, max_size=6), st.booleans(), st.booleans())
def test_one_result_for_each_element_in_order(elements, bare, ascii_only):
    body = json.dumps(elements if bare else {"events": elements}, ensure_ascii=ascii_only)
    found = parse_delivery(body.encode("utf-8", "replace"), "DEMO", 1000)
    check(found)
    assert len(found) == len(elements)
    for element, one in zip(elements, found, strict=True):
        if isinstance(one, Event):
            assert list(element) == [one.name]


@quietly
@given(st.dictionaries(keys, values, max_size=6), st.dictionaries(keys, values, max_size=6))
def test_an_order_keeps_its_readable_content(payload, other):
    clean = json.loads(json.dumps({"order_id": "A", "x": other} | payload).replace("\\ud83e", "?"))
    try:
        body = orjson.dumps({"item_update": clean})
    except (TypeError, ValueError):
        return
    (one,) = parse_delivery(body, "DEMO", 1000)
    if isinstance(one, Event):
        assert one.payload == orjson.loads(body)["item_update"]


@quietly
@given(st.binary(max_size=120), st.integers(0, 3))
def test_a_broken_body_never_hides_its_neighbour_in_silence(junk, where):
    """Whatever stands among the events, each of the good ones is read, or the whole is kept."""
    good = [f'{{"order_create":{{"order_id":"DEMO-{n}"}}}}'.encode() for n in range(3)]
    body = b'{"events":[' + b",".join([*good[:where], junk, *good[where:]]) + b"]}"
    found = parse_delivery(body, "DEMO", 1000)
    check(found)
    read = {one.object_key for one in found if isinstance(one, Event)}
    kept_whole = any(isinstance(one, Unreadable) and one.body == body for one in found)
    assert kept_whole or {"DEMO-0", "DEMO-1", "DEMO-2"} <= read
