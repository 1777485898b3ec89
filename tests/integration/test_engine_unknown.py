"""Writes whose outcome is not known: adopted when they stand in the CRM, made again when they do not."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.engine import LOG, Engine, breaks
from tests.integration.orders import Order

COMMITTED: Mapping[str, Mapping[str, Any]] = {
    "reset after the write": {"kind": "reset", "commit": True},
    "502 after the commit": {"kind": "answer", "status": 502, "body": "Bad Gateway", "commit": True},
    "200 without id": {"kind": "no_id"},
    "garbage": {"kind": "answer", "body": "<html>well done</html>", "commit": True},
}


@pytest.mark.server
def test_a_sale_that_the_crm_took_without_saying_so_is_adopted(engine: Engine):
    orders = [Order(email="same@example.com") for _ in COMMITTED]
    engine.sandbox.faults(
        *(breaks(order, **do) for order, do in zip(orders, COMMITTED.values(), strict=True))
    )
    engine.worker()
    engine.admit(*orders)
    engine.delivered(*orders, seconds=60)
    assert engine.requests(LOG) == len(orders)
    assert [engine.transmission(order)["n"] for order in orders] == ["1"] * len(orders)
    assert all(rule["fired"] == 1 for rule in engine.sandbox.fired())


@pytest.mark.server
def test_a_crm_that_keeps_only_numbers_as_order_id_is_looked_up_by_total_and_time(engine: Engine):
    order, twin = Order(email="same@example.com"), Order(email="same@example.com")
    numeric = {"do": {"kind": "numeric_external_order_id"}}
    engine.worker()
    engine.sandbox.faults(numeric)
    engine.admit(twin)
    engine.delivered(twin)
    engine.sandbox.faults(breaks(order, kind="reset", commit=True), numeric)
    engine.admit(order)
    engine.delivered(twin, order)
    assert {sale["stored_order_id"] for sale in engine.sandbox.ledger()["transactions"]} == {"0"}
    assert engine.requests(LOG) == 2


@pytest.mark.server
@pytest.mark.slow
def test_what_was_surely_not_taken_is_written_again_after_two_empty_looks(engine: Engine):
    """Resets and time-outs; and the customer's other sale of the same total and second is not adopted."""
    lost, hanging, silent = Order(), Order(), Order()
    twin, robbed = Order(email="twice@example.com", price=777), Order(email="twice@example.com", price=777)
    numeric = {"do": {"kind": "numeric_external_order_id"}}
    engine.worker(threads=8)
    engine.sandbox.faults(numeric)
    engine.admit(twin)
    engine.delivered(twin)
    engine.sandbox.faults(
        breaks(lost, kind="reset", commit=False),
        breaks(robbed, kind="reset", commit=False),
        breaks(silent, kind="hang", seconds=2, commit=False),
        breaks(hanging, kind="hang", seconds=100, commit=True),
        numeric,
    )
    orders = [lost, hanging, silent, robbed]
    engine.admit(*orders)
    engine.delivered(twin, *orders, seconds=150)
    assert engine.requests(LOG) == 1 + 4 + 3
    assert [engine.transmission(order)["n"] for order in orders] == ["1"] * 4
    exchanges = engine.services.log.exchanges(engine.transmission(lost)["id"])
    assert sum(exchange["path"].startswith("/Transactions") for exchange in exchanges) >= 3
