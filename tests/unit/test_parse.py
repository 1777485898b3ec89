"""Deliveries: envelopes, what cannot be read, what is kept."""

import base64
import gzip
import json
from decimal import Decimal

import pytest

from app.events import Event, Unreadable
from app.ultracart.parse import parse_delivery, read_payload

GOOD = b'{"order_create":{"merchant_id":"DEMO","order_id":"DEMO-1"}}'
OTHER = b'{"item_update":{"merchant_item_oid":12,"merchant_item_id":"BONE"}}'


def parse(body, merchant="DEMO", **limits):
    return parse_delivery(body, merchant, **limits)


def only(body):
    (found,) = parse(body)
    return found


def keys(found):
    return [event.object_key if isinstance(event, Event) else None for event in found]


def wrapped(*events):
    return b'{"events":[' + b",".join(events) + b"]}"


def packed(data):
    return base64.b64encode(gzip.compress(data))


@pytest.mark.parametrize(
    "body",
    [
        wrapped(GOOD, OTHER),
        b"[" + GOOD + b",\n " + OTHER + b"]",
        b'{"request_id":7,"events":[' + GOOD + b"," + OTHER + b'],"more":{"events":1}}',
        b"\xef\xbb\xbf \n" + wrapped(GOOD, OTHER) + b"\n",
        json.dumps({"events": packed(b"[" + GOOD + b"," + OTHER + b"]").decode()}).encode(),
        json.dumps({"events": packed(wrapped(GOOD, OTHER)).decode()}).encode(),
        packed(wrapped(GOOD, OTHER)),
        b'"' + packed(wrapped(GOOD, OTHER)) + b'"',
    ],
    ids=[
        "wrapped",
        "bare",
        "more keys",
        "mark",
        "packed list",
        "packed envelope",
        "packed",
        "packed, quoted",
    ],
)
def test_envelopes(body):
    found = parse(body)
    assert [(event.name, event.object_key) for event in found] == [
        ("order_create", "DEMO-1"),
        ("item_update", "12"),
    ]
    assert all(event.merchant_id == "DEMO" and len(event.digest) == 16 for event in found)


def test_a_single_event_without_envelope():
    assert keys(parse(GOOD)) == ["DEMO-1"]
    assert keys(parse(b'{"events":' + GOOD + b"}")) == ["DEMO-1"]


def test_no_events_are_no_events():
    assert parse(b'{"events":[]}') == parse(b"[]") == parse(b"[ ]") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"null",
        b"5",
        b'"text"',
        b"{}",
        b'{"a":1,"b":2}',
        b'{"events":5}',
        b'{"events":null}',
        b'{"events":"H4sIbroken"}',
        b"H4sI\xff\xff",
        b'{"events":[' + GOOD,
        b'{"events":[' + GOOD + b"]",
        b'{"events":[' + GOOD + b"]}}",
        b'{"events":[' + GOOD + b"]} and more",
        b"[" + GOOD + b"][" + OTHER + b"]",
        wrapped(GOOD) + wrapped(OTHER),
        b'{"events":[{"order_create":{]}}]}',
        b'{"events":[{"order_create":{"order_id":"DEMO-1}}]}',
        b'{"events":[' + GOOD + b'],"events":[]}',
        b"\xff\xfe" + "[]".encode("utf-16-le"),
        b"[" * 100_000,
        b"]",
        b'{"a" 1}',
        b"order_create=1&x=2",
    ],
)
def test_what_cannot_be_cut_is_kept_whole(body):
    found = only(body)
    assert isinstance(found, Unreadable)
    assert found.body == body
    assert found.reason.startswith("The ")


BAD = {
    "repeated key": b'{"order_create":{"order_id":"A","order_id":"B"}}',
    "repeated key, escaped": b'{"order_create":{"order_id":"A","\\u006frder_id":"B"}}',
    "repeated key, hidden by a quote": b'{"order_create":{"order_id":"\\u0022\\u0022","x":1,"x":2}}',
    "repeated key, deep": b'{"order_create":{"order_id":"A","payment":{"a":[{"b":1,"b":1}]}}}',
    "repeated key, with a quote": b'{"order_create":{"order_id":"A","x\\"y":1,"x\\"y":2}}',
    "repeated key, in a card": b'{"order_create":{"order_id":"A","payment":{"credit_card":{"b":1,"b":1}}}}',
    "repeated card": b'{"order_create":{"order_id":"A","payment":{"credit_card":{},"credit_card":{}}}}',
    "NaN": b'{"order_create":{"order_id":"A","x":NaN}}',
    "infinity": b'{"order_create":{"order_id":"A","x":-Infinity}}',
    "400 digits": b'{"order_create":{"order_id":"A","x":' + b"9" * 400 + b"}}",
    "5000 digits": b'{"order_create":{"order_id":"A","x":' + b"9" * 5000 + b"}}",
    "400 decimals": b'{"order_create":{"order_id":"A","x":0.' + b"0" * 400 + b"}}",
    "too large for 64 bits": b'{"order_create":{"order_id":"A","x":18446744073709551616}}',
    "exponent": b'{"order_create":{"order_id":"A","x":1e999999}}',
    "exponent within floats": b'{"order_create":{"order_id":"A","x":[1E+300]}}',
    "tiny": b'{"order_create":{"order_id":"A","x":1e-300}}',
    "exponent beyond decimals": b'{"order_create":{"order_id":"A","x":1e99999999999999999999}}',
    "not UTF-8": b'{"order_create":{"order_id":"A\xff"}}',
    "deep": b'{"order_create":{"order_id":"A","x":' + b"[" * 5000 + b"]" * 5000 + b"}}",
    "a bit too deep": b'{"order_create":{"order_id":"A","x":' + b"[" * 300 + b"]" * 300 + b"}}",
    "no JSON": b'{"order_create":{"order_id":abc}}',
    "control sign": b'{"order_create":{"order_id":"A\nB"}}',
    "list": b"[1,2]",
    "number": b"5",
    "null": b"null",
    "text": b'"order_create"',
    "no key": b"{}",
    "two keys": b'{"order_create":{"order_id":"A"},"order_update":{"order_id":"A"}}',
    "no object": b'{"order_create":[]}',
    "null object": b'{"order_create":null}',
    "no order id": b'{"order_create":{"merchant_id":"DEMO"}}',
    "empty order id": b'{"order_create":{"order_id":"  "}}',
    "order id of a list": b'{"order_create":{"order_id":["A"]}}',
    "endless order id": b'{"order_create":{"order_id":"' + b"A" * 65 + b'"}}',
    "unprintable order id": b'{"order_create":{"order_id":"A\\u0000B"}}',
    "other merchant": b'{"order_create":{"merchant_id":"OTHER","order_id":"A"}}',
    "other merchant, a number": b'{"order_create":{"merchant_id":7,"order_id":"A"}}',
    "nothing": b"",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("envelope", [wrapped, lambda *events: b"[" + b" , ".join(events) + b"]"])
def test_one_bad_event_leaves_its_neighbours(bad, envelope):
    first, middle, last = parse(envelope(GOOD, bad, OTHER))
    assert keys([first, last]) == ["DEMO-1", "12"]
    assert isinstance(middle, Unreadable)
    assert middle.body == bad.strip()


@pytest.mark.parametrize("bad", [bad for name, bad in BAD.items() if name.startswith("repeated")])
def test_one_of_twenty_repeats_a_key(bad):
    good = [GOOD.replace(b"DEMO-1", b"DEMO-%d" % n) for n in range(19)]
    found = parse(wrapped(*good[:12], bad, *good[12:]))
    assert keys(found) == [*(f"DEMO-{n}" for n in range(12)), None, *(f"DEMO-{n}" for n in range(12, 19))]
    assert found[12].body == bad
    assert "stands twice" in found[12].reason


def test_a_reason_names_the_cause():
    reasons = {name: only(wrapped(bad)).reason for name, bad in BAD.items() if bad}
    assert "'order_id' stands twice" in reasons["repeated key"]
    assert "NaN" in reasons["NaN"]
    assert "absurd number" in reasons["400 digits"]
    assert "absurd number" in reasons["exponent beyond decimals"]
    assert "UTF-8" in reasons["not UTF-8"]
    assert "nested deeper" in reasons["a bit too deep"]
    assert "another merchant" in reasons["other merchant"]
    assert "no order_id" in reasons["no order id"]


@pytest.mark.parametrize(
    "event",
    [
        b'{"order_create":{"order_id":"A","x":1.0E7}}',
        b'{"order_create":{"order_id":"A","x":"he said \\u0022x\\u0022: 1"}}',
        b'{"order_create":{"order_id":"A","x":"c0e12345678901234567890","y":",123456789012345678901"}}',
        b'{"order_create":{"order_id":"A","x":18446744073709551615,"y":-9223372036854775808}}',
        b'{"order_create":{"order_id":"A","x":1234567890123456.78901}}',
        b'{"order_create":{"order_id":"A","x":' + b"[" * 150 + b"]" * 150 + b"}}",
        '{"order_create":{"order_id":"A","x":"Zo\u00eb \U0001f9b4 \\/ \\ud83e\\uddb4"}}'.encode(),
    ],
)
def test_what_only_looks_doubtful_is_read(event):
    assert keys(parse(wrapped(event, GOOD))) == ["A", "DEMO-1"]


def test_half_an_emoji_does_not_cost_the_order():
    found = only(b'{"order_create":{"order_id":"A","name":"Jane \\ud83e"}}')
    assert found.payload["name"] == "Jane ?"


def test_packed_events_have_a_limit():
    bomb = packed(wrapped(GOOD) + b" " * 5_000_000)
    assert isinstance(parse(bomb, max_inflated=1_000_000)[0], Unreadable)
    assert keys(parse(bomb, max_inflated=6_000_000)) == ["DEMO-1"]


@pytest.mark.parametrize(
    "body",
    [
        packed(packed(wrapped(GOOD))),
        packed(wrapped(GOOD))[:-12],
        packed(b"no list"),
        packed(wrapped(GOOD) + b"x"),
        base64.b64encode(gzip.compress(wrapped(GOOD)) + gzip.compress(wrapped(OTHER))),
    ],
    ids=["packed twice", "cut off", "text", "more text", "two members"],
)
def test_packed_events_that_cannot_be_read_are_kept_whole(body):
    assert only(body) == Unreadable(only(body).reason, body)


def test_the_merchant_may_be_absent_or_written_differently():
    assert keys(
        parse(b'[{"order_create":{"order_id":"A"}},{"order_create":{"merchant_id":"demo","order_id":"B"}}]')
    )
    assert isinstance(parse(GOOD, "OTHER")[0], Unreadable)
    assert parse(GOOD, "demo")[0].merchant_id == "demo"


def test_kept_money_is_exact():
    body = b'{"order_create":{"order_id":"A","a":0.1,"b":19.990,"c":1234567890123.45,"d":1.0E7,"e":3}}'
    kept = read_payload(only(body).raw)
    assert kept == {
        "order_id": "A",
        "a": Decimal("0.1"),
        "b": Decimal("19.99"),
        "c": Decimal("1234567890123.45"),
        "d": Decimal("10000000"),
        "e": 3,
    }


def test_card_and_account_numbers_are_not_kept():
    secret = {"card_number": "XXXXXXXXXXXX1111"}
    account = {"bank_account_number": "XXXX1111"}
    order = {
        "order_id": "A",
        "payment": {"payment_status": "Processed", "credit_card": secret, "echeck": account},
        "customer_profile": {"email": "a@example.com", "cards": [secret]},
    }
    auto = {"auto_order_oid": 7, "original_order": order, "rebill_orders": [order, None]}
    for name, payload in [
        ("order_create", order),
        ("auto_order_update", auto),
        ("customer_update", {"cards": [secret]}),
    ]:
        event = only(json.dumps({name: payload}).encode())
        assert b"1111" not in event.raw
        assert b"1111" not in json.dumps(event.payload).encode()
    assert read_payload(only(json.dumps({"order_create": order}).encode()).raw)["payment"] == {
        "payment_status": "Processed"
    }
