"""Amounts as the receiver reads them: quickly from a float, and always as the careful way would."""

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.relay.raw import whole_cents


@pytest.mark.parametrize(
    ("value", "cents"),
    [
        (75.32, 7532),
        (0.29, 29),
        (1.005, 101),
        (-1.005, -101),
        (2.675, 268),
        (0.005, 1),
        (-0.005, -1),
        (0.0049, 0),
        (0.0001, 0),
        (-0.0, 0),
        (3, 300),
        (10**12, 10**14),
        (1e12, 10**14),
        (10**12 + 1, None),
        (-1e13, None),
        (math.nan, None),
        (-math.inf, None),
        (True, None),
        (None, None),
        ("19.99", 1999),
        ("x", None),
    ],
)
def test_cents(value: object, cents: int | None) -> None:
    assert whole_cents(value) == cents


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.decimals(-(10**9), 10**9, places=3))
def test_a_float_is_worth_what_its_digits_say(amount: Decimal) -> None:
    assert whole_cents(float(amount)) == whole_cents(amount)
