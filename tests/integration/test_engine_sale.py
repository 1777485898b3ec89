"""The way of a sale through receiver, store, worker and CRM: when nothing fails, when much comes at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.integration.engine import LOG, UPSERT, Engine
from tests.integration.orders import Order, delivery
from tests.servers import wait_until

pytestmark = pytest.mark.server


def test_an_order_becomes_one_contact_and_one_sale_and_posting_it_again_changes_nothing(engine: Engine):
    web, order = engine.web(), Order()
    engine.worker()
    first = web.post(delivery(order))
    assert (first.status_code, first.json()["accepted"]) == (200, 1)
    engine.delivered(order)

    for _ in range(2):
        again = web.post(delivery(order))
        assert (again.status_code, again.json()["duplicates"]) == (200, 1)
        assert again.json()["ids"] == first.json()["ids"]
    other = Order()
    web.post(delivery(other))
    engine.delivered(order, other)
    contact = engine.sandbox.ledger()["contacts"][0]
    assert (contact["email"], contact["fields"]["firstname"]) == (order.address, "Jane")


def test_later_events_of_a_sold_order_cost_no_request(engine: Engine):
    order = Order()
    engine.worker()
    engine.admit(order)
    engine.delivered(order)
    before = engine.requests()
    for event in ("order_payment_process", "order_stage_change", "order_update"):
        assert engine.admit(Order(order.number, event=event)).accepted == 1
    last = Order()
    engine.admit(last)
    engine.delivered(order, last)
    assert engine.requests() - before == 2


def test_the_first_sale_of_a_customer_costs_two_requests_and_the_next_one(engine: Engine):
    engine.worker()
    known = Order()
    engine.admit(known)
    engine.delivered(known)

    before = engine.requests()
    first = Order(email="repeat@example.com")
    engine.admit(first)
    engine.delivered(known, first)
    assert engine.requests() - before == 2

    second = Order(email="Repeat@Example.com ")
    engine.admit(second)
    engine.delivered(known, first, second)
    assert engine.requests() - before == 3
    assert (engine.requests(UPSERT), engine.requests(LOG)) == (2, 3)


def test_a_customer_who_moved_is_written_again_and_an_older_order_does_not_move_him_back(engine: Engine):
    engine.worker()
    first, last = Order(email="moves@example.com"), Order(email="moves@example.com")
    engine.admit(first)
    engine.delivered(first)
    moved = Order(email="moves@example.com", first_name="Moved", paid_at=datetime(2026, 4, 1, tzinfo=UTC))
    engine.admit(moved)
    engine.delivered(first, moved)
    engine.admit(last)
    engine.delivered(first, moved, last)
    assert engine.requests(UPSERT) == 2
    assert engine.sandbox.ledger()["contacts"][0]["fields"]["firstname"] == "Moved"


def test_the_same_delivery_posted_twenty_times_in_parallel_makes_one_sale(engine: Engine):
    web, order = engine.web(), Order()
    engine.worker()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: web.post(delivery(order)), range(20)))
    assert [answer.status_code for answer in answers] == [200] * 20
    assert sum(answer.json()["accepted"] for answer in answers) == 1
    assert len({tuple(answer.json()["ids"]) for answer in answers}) == 1
    engine.delivered(order)


def test_orders_of_one_new_customer_at_once_make_one_contact(engine: Engine):
    engine.sandbox.faults(
        {"match": {"path": "/Contacts/saveorupdate"}, "do": {"kind": "race", "seconds": 0.5}}
    )
    engine.worker(1, threads=8)
    engine.worker(2, threads=8)
    wait_until(lambda: engine.valkey.client.zcard("relay:processes") == 2, what="both workers")
    orders = [Order(email="family@example.com") for _ in range(6)]
    engine.admit(*orders)
    engine.delivered(*orders)
    assert engine.sandbox.ledger()["counts"]["contacts"] == 1
    assert engine.requests(UPSERT) == 1


def test_an_unknown_product_in_many_orders_at_once_is_made_once(engine: Engine):
    engine.sandbox.faults({"match": {"path": "/Products"}, "do": {"kind": "latency", "seconds": 0.3}})
    engine.worker(1, threads=8)
    engine.worker(2, threads=8)
    wait_until(lambda: engine.valkey.client.zcard("relay:processes") == 2, what="both workers")
    orders = [Order(item="BRAND-NEW") for _ in range(8)]
    engine.admit(*orders)
    engine.delivered(*orders)
    assert engine.sandbox.ledger()["counts"]["products"] == 1
