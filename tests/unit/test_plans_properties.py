"""Whatever a payload holds, a plan is made, skipped, or refused in words; nothing else is raised."""

import copy
import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import DeliveryFailure, FailureClass
from app.events import Event, Kind, Rule, Skipped
from app.relay.facts import facts
from app.settings import MappingRules
from app.ultracart.identity import object_key
from tests.unit import payloads
from tests.unit.golden import PLANNERS, RULES, Planner

NAMES = [
    "order_create__paid",
    "order_create__rebill",
    "order_create__kit_and_components_priced",
    "order_refund__partial",
    "order_refund__some_lines",
    "order_reject__paid",
    "order_ship__two_parcels",
    "order_delete__paid",
    "chargeback_create__of_order",
    "auto_order_cancel__by_customer",
    "auto_order_rebill__person_of_rebill",
    "auto_order_decline__by_name_alone",
    "customer_update__default_address",
    "customer_update__agreed",
    "item_create__priced",
    "affiliate_update__active",
]
JUNK: list[Any] = [
    *(None, "", " ", "abc", "NaN", "Infinity", "-5", "true", "\x00", "ü" * 300, "a@b", "1 Main St"),
    *(0, -1, 3.0000001, 1e15, -1e15, 10**18, True, False, Decimal("1E+15"), Decimal("-0.004"), float("nan")),
    *([], [None], [[]], ["x"], [{}], {}, {"value": None}, {"value": -5}, {"value": "NaN"}, {"value": [1]}),
    *("yesterday", "2026-99-99T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"),
    *({"value": 10**18}, {"value": 0.001}, "Refunded", "Voided", "Rejected", "canceled", "dormant"),
]


def paths(node: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a payload."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path for key, child in children for path in [(*here, key), *paths(child, (*here, key))]]


PLACES = {name: paths(payloads.payload(name)) for name in NAMES}


def changed(payload: Any, path: tuple[Any, ...], value: Any) -> None:
    """Puts `value` at the place, where that still exists."""
    for key in path[:-1]:
        payload = payload[key] if has(payload, key) else None
    if has(payload, path[-1]):
        payload[path[-1]] = value


def has(node: Any, key: Any) -> bool:
    if isinstance(node, dict):
        return key in node
    return isinstance(node, list) and isinstance(key, int) and key < len(node)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from(NAMES))
    payload: Any = copy.deepcopy(payloads.payload(name))
    for path in draw(st.lists(st.sampled_from(PLACES[name]), min_size=1, max_size=4)):
        changed(payload, path, copy.deepcopy(draw(st.sampled_from(JUNK))))
    return name.split("__")[0], payload


def check(name: str, payload: dict[str, Any], rules: MappingRules) -> None:
    event = Event(name, "DEMO", object_key(name, payload), payload, b"", b"")
    for fact in facts(event, "account"):
        assert fact.rule is not Rule.GROW or int(fact.value) == int(fact.value)
        assert fact.rule is not Rule.STATE or re.fullmatch(r"[0-9a-f]{16}(@[1-9]\d*)?", fact.value)
        assert fact.version >= 0
        assert abs(fact.amount) <= 10**15
    for planner in PLANNERS.values():
        said = outcome(planner, name, payload, rules)
        assert said == "" or (" " in said and len(said) < 400), said


def outcome(planner: Planner, name: str, payload: dict[str, Any], rules: MappingRules) -> str:
    """What a merchant is told; empty for a plan."""
    try:
        plan = planner(name, payload, rules)
    except DeliveryFailure as failure:
        return failure.reason if failure.failure is FailureClass.MAPPING else failure.failure
    return plan.reason if isinstance(plan, Skipped) else ""


@settings(max_examples=400, deadline=None)
@given(damaged())
def test_no_payload_is_too_odd(found):
    name, payload = found
    check(name, payload, RULES)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rules", [MappingRules(), RULES], ids=["default", "everything"])
def test_each_part_of_each_payload_may_be_missing(name, rules):
    for path in PLACES[name]:
        payload: Any = copy.deepcopy(payloads.payload(name))
        changed(payload, path, None)
        check(name.split("__")[0], payload, rules)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_payload_is_no_failure_of_ours(name):
    check(name.split("__")[0], {}, RULES)


def test_ten_thousand_items():
    order = dict(payloads.payload("order_refund__partial"))
    order["items"] = [
        {"merchant_item_id": f"I{n}", "quantity": 1, "cost": {"value": 1}, "quantity_refunded": 1}
        for n in range(10_000)
    ]
    order["summary"] = {"total": {"value": 10_000}}
    check("order_refund", order, RULES)
    (_, refund) = facts(Event("order_refund", "DEMO", "DEMO-1", order, b"", b""), "account")
    assert (refund.kind, refund.value) == (Kind.REFUND, "1000000")
