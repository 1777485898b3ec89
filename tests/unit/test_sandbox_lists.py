"""Conditions, sort and pages of the sandbox's lists."""

import json

import pytest

from app.sandbox.lists import read_query, select
from app.sandbox.refusals import Refused

ROWS = [
    {"id": "1", "name": "Bone", "price": "9.99", "sku": ""},
    {"id": "2", "name": "Ball", "price": "10.00", "sku": "BALL"},
    {"id": "10", "name": "ball", "price": "1.50", "sku": "ball-2"},
]
KNOWN = frozenset(ROWS[0])


def term(field, op, value):
    return {"field": {"field": field}, "op": op, "value": value}


def ids(condition=(), **args):
    query = read_query({"condition": json.dumps(list(condition))} | args)
    return [row["id"] for row in select(ROWS, query, KNOWN)]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ([term("name", "=", {"value": "BALL"})], ["2", "10"]),
        ([term("name", "<>", {"value": "ball"})], ["1"]),
        ([term("price", ">", {"value": "9.99"})], ["2"]),
        ([term("price", "<=", {"value": 9.99})], ["1", "10"]),
        ([term("price", ">=", {"value": 10})], ["2"]),
        ([term("price", "<", {"value": "2"})], ["10"]),
        ([term("id", "IN", {"list": [{"value": 1}, {"value": "10"}]})], ["1", "10"]),
        ([term("id", "NOT IN", {"list": [{"value": 1}]})], ["2", "10"]),
        ([term("sku", "IS", "NULL")], ["1"]),
        ([term("name", "LIKE", {"value": "b%l"})], ["2", "10"]),
        ([term("id", "=", {"value": "1"}), "OR", term("id", "=", {"value": "2"})], ["1", "2"]),
        (
            [
                term("id", "=", {"value": "1"}),
                "OR",
                term("name", "=", {"value": "ball"}),
                "AND",
                term("price", "<", {"value": "2"}),
            ],
            ["1", "10"],
        ),
    ],
)
def test_condition(condition, expected):
    assert ids(condition) == expected


@pytest.mark.parametrize(
    "condition", [[term("nmae", "=", {"value": "x"})], [{"op": "="}], [term("name", "~", {"value": "x"})]]
)
def test_a_condition_that_makes_no_sense_is_refused(condition):
    with pytest.raises(Refused):
        ids(condition)


def test_numbers_sort_as_numbers_and_ids_by_default():
    assert ids(sort="price") == ["10", "1", "2"]
    assert ids(sortDir="desc") == ["10", "2", "1"]


def test_pages():
    assert ids(start="1", range="1") == ["2"]
    assert ids(start="5") == []


@pytest.mark.parametrize("args", [{"range": "many"}, {"start": "-1"}])
def test_a_page_that_makes_no_sense_is_refused(args):
    with pytest.raises(Refused):
        ids(**args)


def test_list_fields_always_bring_the_id():
    rows = select(ROWS, read_query({"listFields": "name"}), KNOWN)
    assert rows[0] == {"id": "1", "name": "Bone"}
