"""Where two documents differ: what one lacks and what is of another type comes first."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.relay.likeness import ABSENT, Difference, differences

LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
DOCUMENTS = st.recursive(
    LEAVES, lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text("abc", max_size=2), below)
)


@pytest.mark.parametrize(
    ("here", "there", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": None}, {}, []),
        ({"a": 1}, {"a": 2}, [Difference("a", "1", "2", False)]),
        ({"a": 1}, {"a": "1"}, [Difference("a", "1", '"1"', True)]),
        ({"a": 1, "b": 1}, {"a": 2}, [Difference("b", "1", ABSENT, True), Difference("a", "1", "2", False)]),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1}, {"b": 2}]}, [Difference("a.1.b", ABSENT, "2", True)]),
        ({"a": []}, {"a": [1]}, [Difference("a", "[]", ABSENT, True), Difference("a.0", ABSENT, "1", True)]),
        ({}, {"a": "é"}, [Difference("a", ABSENT, '"é"', True)]),
    ],
)
def test_field_by_field(here: Any, there: Any, found: list[Difference]):
    assert differences(here, there) == found


@given(DOCUMENTS)
def test_nothing_differs_from_itself(document: Any):
    assert differences(document, document) == []


@given(DOCUMENTS, DOCUMENTS)
def test_it_is_the_same_from_the_other_side(one: Any, other: Any):
    turned = [(d.field, d.there, d.here, d.in_kind) for d in differences(other, one)]
    assert [(d.field, d.here, d.there, d.in_kind) for d in differences(one, other)] == turned
