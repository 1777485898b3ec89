"""Money: whole cents, and lines that add up to the total whatever the order looks like."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.relay.bodies import processmanual_body
from app.relay.lines import sale_lines
from app.relay.money import amount, apportion, cents
from app.relay.sales import SalePlan, plan_sale
from app.settings import MappingRules
from app.ultracart.schemas import load_order

quietly = settings(derandomize=True, deadline=None, max_examples=400)
RULES = MappingRules()

prices = st.decimals(0, 5000, places=2) | st.decimals(0, 100, places=4) | st.just(Decimal(0))
small = st.just(Decimal(0)) | st.decimals(0, 60, places=2)
quantities = st.integers(0, 40).map(Decimal) | st.decimals(0, 20, places=3) | st.none()


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        ("0", 0),
        ("0.005", 1),
        ("0.0049", 0),
        ("19.99", 1999),
        ("19.995", 2000),
        ("-5.00", -500),
        ("1E+3", 100000),
    ],
)
def test_cents(value, whole):
    assert cents(Decimal(value)) == whole


@pytest.mark.parametrize(
    ("whole", "text"), [(0, "0.00"), (5, "0.05"), (1999, "19.99"), (100000000, "1000000.00")]
)
def test_amount(whole, text):
    assert str(amount(whole)) == text


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (100, ["1", "1", "1"], [34, 33, 33]),
        (200, ["1", "1", "1"], [67, 67, 66]),
        (999, ["333.3", "333.3", "333.3"], [333, 333, 333]),
        (1000, ["333.3", "333.3", "333.3"], [334, 333, 333]),
        (3000, ["1000", "2000", "333"], [900, 1800, 300]),
        (0, ["5", "3"], [0, 0]),
        (7, ["0", "0"], [7, 0]),
        (7, ["0", "3"], [0, 7]),
        (0, [], []),
    ],
)
def test_apportion(total, weights, parts):
    assert apportion(total, [Decimal(weight) for weight in weights]) == parts


@quietly
@given(st.integers(0, 10**9), st.lists(prices, min_size=1, max_size=30))
def test_apportion_leaves_nothing_over(total, weights):
    parts = apportion(total, weights)
    assert sum(parts) == total
    assert min(parts) >= 0
    whole = sum(weights)
    for part, weight in zip(parts, weights, strict=True):
        assert not whole or abs(part - weight * total / whole) < Decimal("1.000001")


def money(value: Decimal | None) -> dict[str, Any] | None:
    return None if value is None else {"value": value, "currency_code": "USD"}


@st.composite
def lines(draw: st.DrawFn, count: int) -> list[dict[str, Any]]:
    made = []
    for index in range(1, count + 1):
        quantity, unit = draw(quantities), draw(prices)
        total = (unit * (1 if quantity is None else quantity)).quantize(
            Decimal(draw(st.sampled_from(["0.01", "0.0001"])))
        )
        line: dict[str, Any] = {
            "merchant_item_id": f"ITEM-{draw(st.integers(1, 5))}",
            "item_index": index,
            "quantity": quantity,
            "cost": money(unit),
            "total_cost_with_discount": money(draw(st.sampled_from([total, None, -total]))),
        }
        if draw(st.booleans()) and draw(st.booleans()):
            line |= {"kit_component": True, "parent_item_index": draw(st.integers(1, count))}
        made.append(line)
    return made


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    items = draw(lines(draw(st.integers(0, 8))))
    parts = {
        name: draw(small)
        for name in (
            "tax",
            "shipping_handling_total",
            "shipping_handling_total_discount",
            "subtotal_discount",
            "internal_gift_certificate_amount",
        )
    }
    goods = sum(((item["total_cost_with_discount"] or item["cost"])["value"] for item in items), Decimal(0))
    explained = goods + parts["tax"] + parts["shipping_handling_total"]
    total = draw(
        st.sampled_from([explained, explained - parts["subtotal_discount"]])
        | st.decimals("0.01", 9999, places=2)
    )
    return {
        "order_id": "DEMO-1",
        "creation_dts": "2026-03-02T09:15:21-05:00",
        "billing": {"email": "jane@example.com"},
        "items": items,
        "payment": {"payment_status": "Processed", "surcharge": money(draw(small))},
        "summary": {name: money(value) for name, value in parts.items()} | {"total": money(total)},
    }


@quietly
@given(orders())
@example(
    {
        "order_id": "DEMO-1",
        "creation_dts": "2026-03-02T09:15:21-05:00",
        "billing": {"email": "jane@example.com"},
        "items": [],
        "payment": {"payment_status": "Processed"},
        "summary": {"total": {"value": Decimal("0.01")}},
    }
)
def test_whatever_the_order_its_sale_adds_up(order):
    if cents(order["summary"]["total"]["value"]) <= 0:
        return
    plan = plan_sale("order_create", order, RULES, None)
    assert isinstance(plan, SalePlan)
    assert plan.total == amount(cents(order["summary"]["total"]["value"]))
    assert sum(line.price * line.quantity for line in plan.lines) == plan.total
    for line in plan.lines:
        assert type(line.quantity) is int
        assert line.quantity >= 1
        assert line.price >= 0
        assert line.price.as_tuple().exponent == -2
    body = processmanual_body(plan, "27", {line.item_id: "1" for line in plan.lines})
    sent = sum(Decimal(one["price"][0]["price"]) * one["quantity"] for one in body["offer"]["products"])
    assert sent == Decimal(body["offer"]["grandTotal"]) == plan.total


@quietly
@given(st.lists(st.tuples(st.decimals("0.01", 900, places=2), st.integers(1, 30)), min_size=1, max_size=8))
def test_lines_that_add_up_are_left_as_they_are(bought):
    items = [
        {
            "merchant_item_id": "A",
            "item_index": n,
            "quantity": quantity,
            "total_cost_with_discount": money(price * quantity),
        }
        for n, (price, quantity) in enumerate(bought, start=1)
    ]
    total = sum((price * quantity for price, quantity in bought), Decimal(0))
    made, remarks = sale_lines(load_order({"items": items, "summary": {}}), total, RULES)
    assert [(line.price, line.quantity) for line in made] == bought
    assert remarks == []
