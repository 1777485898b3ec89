"""UltraCart's answers of any shape are read without an error, and never as more than they say."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import FailureClass
from app.http.answers import Answer, Call
from app.ultracart.client_answers import read_one, read_page, read_reply
from app.ultracart.client_failures import failure_of

NOW = datetime(2026, 3, 4, tzinfo=UTC)
READ = Call("GET", "/item/items")
WRITE = Call("POST", "/webhook/webhooks", {}, repeatable=False)


def reply(document, status=200, **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_reply(Answer(status, named, body, sent=True))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["success", "error", "metadata", "result_set", "items", "more", "next_offset"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.integers(100, 599))
def test_any_answer_is_read(value, status):
    found = reply(value, status)
    failure = failure_of(READ, found, NOW)
    assert (failure is None) == found.succeeded
    read_one(found, "items")
    page = read_page(found, "items", 0, 100)
    assert page is None or page.next_offset >= 0


@given(st.binary(max_size=80))
def test_any_bytes_are_read(body):
    assert failure_of(READ, reply(body), NOW) is None or reply(body).message == ""


@pytest.mark.parametrize(
    "body",
    [
        b'{"items": [{"cost": 1e9999999999999999999999}]}',
        b'{"items": [{"cost": 1e999999}]}',
        b'{"items": [{"cost": NaN}]}',
        b'{"items": [{"cost": ' + b"9" * 5000 + b"}]}",
    ],
)
def test_one_absurd_number_does_not_cost_the_page(body):
    page = read_page(reply(body), "items", 0, 100)
    assert page is not None
    assert page.rows == ({"cost": None},)


def test_fractions_are_decimal():
    assert read_one(reply(b'{"item": {"cost": 19.99, "oid": 7}}'), "item") == {
        "cost": Decimal("19.99"),
        "oid": 7,
    }


@pytest.mark.parametrize(
    ("result_set", "rows", "expected"),
    [
        ({"more": True, "next_offset": 12}, 2, (True, 12)),
        ({"more": True}, 2, (True, 12)),
        ({"more": False, "next_offset": 12}, 2, (False, 12)),
        ({"more": True, "next_offset": 10}, 2, (True, 12)),
        ({"more": True, "next_offset": 10}, 0, (False, 10)),
        ({"more": "yes"}, 2, (True, 12)),
        ({"more": None}, 1, (False, 11)),
        ({}, 2, (True, 12)),
        ({}, 1, (False, 11)),
        (None, 0, (False, 10)),
        (["odd"], 2, (True, 12)),
    ],
)
def test_a_list_ends_and_never_stands_still(result_set, rows, expected):
    document = {"success": True, "metadata": {"result_set": result_set}, "items": [{}] * rows}
    page = read_page(reply(document), "items", 10, 2)
    assert page is not None
    assert (page.more, page.next_offset) == expected


def test_rows_that_are_no_objects_are_left_out_and_counted():
    page = read_page(reply({"items": [{"a": 1}, None, "x", {"b": 2}]}), "items", 0, 100)
    assert page is not None
    assert (page.rows, page.skipped, page.next_offset) == (({"a": 1}, {"b": 2}), 2, 4)


@pytest.mark.parametrize(
    ("status", "for_reads", "for_writes"),
    [
        (400, "invalid", "invalid"),
        (401, "auth", "auth"),
        (403, "auth", "auth"),
        (404, "gone", "gone"),
        (410, "auth", "auth"),
        (422, "invalid", "invalid"),
        (429, "throttled", "throttled"),
        (405, "invalid", "unknown"),
        (408, "retryable", "unknown"),
        (409, "retryable", "unknown"),
        (500, "retryable", "unknown"),
        (503, "retryable", "unknown"),
        (301, "retryable", "unknown"),
        (200, "retryable", "unknown"),
    ],
)
def test_the_class_of_a_failure(status, for_reads, for_writes):
    found = reply(b"<html>no</html>", status)
    for call, expected in ((READ, for_reads), (WRITE, for_writes)):
        failure = failure_of(call, found, NOW)
        assert failure is not None
        assert (failure.failure, failure.status) == (FailureClass(expected), status)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"success": False}, "retryable"),
        ({"success": False, "error": {"error_code": "404", "developer_message": "no such order"}}, "gone"),
        ({"success": False, "error": {"error_code": 400}}, "invalid"),
        ({"success": True, "error": {"error_code": "429"}}, "throttled"),
        ({"error": {"error_code": "500"}}, "retryable"),
        ({"error": "odd"}, "retryable"),
        ({"success": False, "error": {"error_code": "E17"}}, "retryable"),
    ],
)
def test_a_failure_inside_a_200(error, expected):
    failure = failure_of(READ, reply(error), NOW)
    assert failure is not None
    assert failure.failure is FailureClass(expected)


def test_what_ultracart_says_is_told_without_personal_data():
    document = {"success": False, "error": {"developer_message": "No profile for jane@example.com"}}
    failure = failure_of(READ, reply(document, 400), NOW)
    assert failure is not None
    assert failure.reason == "UltraCart answered 400: No profile for …"
    failure = failure_of(READ, reply(document, 400, UC_REST_ERROR="bad  request"), NOW)
    assert failure is not None
    assert failure.reason == "UltraCart answered 400: bad request"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 60),
        ("7", 7),
        ("0", 1),
        ("90000", 3600),
        ("soon", 60),
        ("Wed, 04 Mar 2026 00:00:30 GMT", 30),
        ("Tue, 03 Mar 2026 00:00:30 GMT", 1),
    ],
)
def test_how_long_a_429_asks_to_wait(header, seconds):
    headers = {"Retry-After": header} if header else {}
    found = read_reply(Answer(429, headers, b"", sent=True))
    failure = failure_of(READ, found, NOW)
    assert failure is not None
    assert failure.wait_seconds == seconds
