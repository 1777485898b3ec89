"""Answers of any shape are read without an error, and never as more than they say."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from app.errors import FailureClass
from app.http.answers import Answer, Call, as_decimal, as_text, read_json, without_personal_data
from app.ontraport.answers import (
    as_time,
    read_envelope,
    read_id,
    read_limits,
    read_message,
    read_rows,
    read_wait,
)
from app.ontraport.exchanges import exchange_of
from app.ontraport.failures import failure_of, is_success
from app.ontraport.schemas import load_transaction
from app.settings import OntraportAccount, Secret

NOW = datetime(2026, 3, 4, tzinfo=UTC)
TEXTS = {"invalid contact id": FailureClass.GONE}
WRITE = Call("POST", "/transaction/processManual", {}, repeatable=False)
READ = Call("GET", "/Contacts")
ACCOUNT = OntraportAccount(Secret("app-id"), Secret("the-key"), "http://127.0.0.1/1", 170)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["id", "data", "attrs"]), inner)
    ),
    max_leaves=8,
)
bodies = st.binary() | json_values.map(lambda value: json.dumps(value).encode())
envelopes = st.fixed_dictionaries({"code": json_values, "data": json_values})
header_values = st.text(max_size=12) | st.floats().map(str) | st.integers().map(str)
headers = st.dictionaries(
    st.sampled_from(["X-Rate-Limit-Reset", "x-rate-limit-remaining", "X-Rate-Limit-Limit", "Retry-After"]),
    header_values,
).map(CaseInsensitiveDict)
answers = st.builds(
    Answer,
    status=st.none() | st.integers(100, 999),
    headers=headers,
    body=bodies | envelopes.map(lambda value: json.dumps(value).encode()),
    error=st.sampled_from(["", "time-out"]),
    sent=st.booleans(),
)


@given(answers)
def test_no_answer_makes_a_write_repeatable_once_it_may_have_left(answer):
    failure = failure_of(WRITE, answer, TEXTS, NOW)
    if failure is None:
        assert is_success(answer)
    elif answer.sent and answer.status not in {200, 400, 401, 403, 404, 422, 429}:
        assert failure.failure is FailureClass.UNKNOWN
    elif answer.sent:
        assert failure.failure is not FailureClass.RETRYABLE


@given(answers)
def test_no_answer_to_a_repeatable_call_is_unknown(answer):
    failure = failure_of(READ, answer, TEXTS, NOW)
    assert failure is None or failure.failure is not FailureClass.UNKNOWN
    assert failure is None or len(failure.reason) < 500


@given(answers)
def test_every_answer_can_be_recorded(answer):
    exchange = exchange_of(READ, answer, ACCOUNT, NOW, 3)
    assert len(exchange.answer.encode()) <= 64_000
    assert "the-key" not in exchange.answer


@given(json_values)
def test_any_value_reads_as_text_or_nothing(value):
    assert isinstance(as_text(value), str)
    assert read_id(value) not in {"", "0"}
    number = as_decimal(value)
    assert number is None or number.is_finite()
    at = as_time(value)
    assert at is None or at.tzinfo is UTC
    assert load_transaction({"id": value, "total": value, "date": value, "external_order_id": value})


@given(headers)
def test_any_header_gives_a_wait_within_an_hour(values):
    assert 1 <= read_wait(values, NOW) <= 3600
    read_limits(values)


@pytest.mark.parametrize(
    ("body", "ok"),
    [
        (b'{"code":0,"data":{}}', True),
        (b'{"code":"0","data":{}}', True),
        (b'{"data":{"id":"1"}}', True),
        (b'{"code":1,"data":{}}', False),
        (b'{"code":null,"data":{}}', False),
        (b'{"code":false,"data":{}}', False),
        (b'{"code":"","data":{}}', False),
        (b'{"error":"x"}', None),
        (b'{"code":0,"data":{}', None),
        (b"[]", None),
        (b"null", None),
        (b"Object not found", None),
        (b"", None),
        (b"\xff\xfe", None),
    ],
)
def test_only_code_0_is_a_success(body, ok):
    envelope = read_envelope(Answer(200, body=body, sent=True))
    assert (envelope.ok if envelope else None) is ok


def test_a_body_that_broke_off_is_no_envelope_even_if_it_can_be_read():
    assert (
        read_envelope(Answer(200, body=b'{"code":0,"data":{"id":"1"}}', error="time-out", sent=True)) is None
    )


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        ([], []),
        (None, []),
        ("", []),
        ({}, []),
        ({"id": "1"}, [{"id": "1"}]),
        ({"1": {"id": "1"}, "2": {"id": "2"}}, [{"id": "1"}, {"id": "2"}]),
        ("none", None),
        (False, None),
        (0, None),
        ([1], None),
        ({"1": "x"}, None),
    ],
)
def test_a_list_is_read_or_refused(data, rows):
    assert read_rows(data) == rows


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"  Object\n not found ", "Object not found"),
        (b'"Object not found"', "Object not found"),
        (b'{"code":1,"data":"Object not found"}', "Object not found"),
        (b'{"error":{"zip":"too long"}}', "zip: too long"),
        (b'{"data":{"firstname":"Jane","email":"jane@example.com"}}', ""),
        (b"<html>Bad Gateway</html>", ""),
        (b"[1]", ""),
        (b"{broken", ""),
    ],
)
def test_the_message_is_what_is_meant_for_people(body, message):
    assert read_message(Answer(500, body=body)) == message


def test_numbers_and_times():
    assert as_decimal(" 24.980 ") == Decimal("24.98")
    assert as_decimal("NaN") is as_decimal("Infinity") is as_decimal("1,5") is as_decimal(True) is None
    assert len(as_text(Decimal("1e999999999"))) < 20
    assert as_time("1369820760") == as_time(1369820760000) == datetime(2013, 5, 29, 9, 46, tzinfo=UTC)
    assert as_time("-5") is as_time("9" * 40) is None


def test_personal_data_is_left_out_and_short_numbers_stay():
    assert (
        without_personal_data("Invalid Product ID 41 for <jane@example.com>")
        == "Invalid Product ID 41 for <…>"
    )
    assert without_personal_data("call 512-555-0100") == "call …"


def test_half_a_character_is_a_question_mark_and_everything_else_stands():
    body = rb'[{"d\ud83d": "cut \uD83D", "whole": "\ud83e\uddb4", "price": 1.10}, "\u00fc"]'
    assert read_json(body) == [{"d?": "cut ?", "whole": "\U0001f9b4", "price": Decimal("1.10")}, "\u00fc"]
