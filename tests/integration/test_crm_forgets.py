"""A CRM that no longer has what it had: what the relay learned of it is doubted when it is refused."""

import pytest
import requests

from tests.integration.engine import ACCOUNT, LOG, Engine, arrivals
from tests.integration.orders import Order
from tests.integration.relay import OPEN
from tests.integration.snapshots import Told, auto_order, delivery_of, item, new_oid, paid
from tests.servers import Sandbox, wait_until

pytestmark = pytest.mark.server
LISTS = "GET /Products"
SOON = {"app.delivery.attempt.QUIET_MS": 1_000}


def tell(engine: Engine, *told: Told) -> None:
    """Takes these events, and returns when nothing is on its way any more."""
    engine.inbox().admit(arrivals(delivery_of(told)), "DEMO")
    wait_until(lambda: not open_(engine), 30, "the end of all transmissions")


def open_(engine: Engine) -> int:
    """How many transmissions are on their way."""
    counts = engine.services.log.counts(ACCOUNT).states.values()
    return sum(states.get(state, 0) for states in counts for state in OPEN)


def product_of(engine: Engine, item_id: str) -> str:
    """The id of the one product of that item in the CRM."""
    [found] = [row for row in engine.sandbox.ledger()["products"] if row["external_id"] == item_id]
    return str(found["id"])


def sold(engine: Engine, order: Order) -> list[str]:
    """The products of the one sale of that order in the CRM."""
    [found] = [row for row in engine.sandbox.ledger()["transactions"] if row["external_order_id"] == order.id]
    return [line["product_id"] for line in found["lines"]]


def status_of(engine: Engine, order: Order) -> str:
    """What the contact's field shows, as people see it."""
    ledger = engine.sandbox.ledger()
    [key] = [key for key, alias in ledger["custom_fields"].items() if alias == "Auto Order Status"]
    [contact] = [row for row in ledger["contacts"] if row["email"] == order.address]
    return str(contact["fields"].get(key, ""))


def make_product(engine: Engine, name: str) -> str:
    """What a person makes in the CRM: the id of a product."""
    answer = requests.post(
        f"{engine.sandbox.base}/ontraport/1/Products",
        json={"name": name},
        headers={"Api-Appid": "sandbox", "Api-Key": "sandbox"},
        timeout=10,
    )
    return str(answer.json()["data"]["id"])


def forget(engine: Engine, how: str) -> None:
    """The CRM is empty from now on."""
    if how == "reset":
        engine.sandbox.reset()
    else:
        engine.sandbox.kill()
        engine.sandbox.start()


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """The relay with a CRM of its own, which may be killed."""
    own = Sandbox(engine.directory)
    engine.servers.append(own)
    own.start()
    engine.sandbox = own
    engine.environment["SANDBOX_PORT"] = str(own.port)
    return engine


@pytest.mark.parametrize("how", ["reset", "kill"])
def test_sales_go_on_when_the_crm_has_forgotten_products_and_contacts(engine: Engine, how: str):
    engine.worker(1, constants=SOON)
    engine.worker(2, constants=SOON)
    before = Order(email="jane@example.com")
    tell(engine, paid(before))
    old = product_of(engine, "BONE")
    forget(engine, how)
    later = [Order(email="jane@example.com"), *(Order() for _ in range(5))]
    tell(engine, *map(paid, later))
    engine.holds(*later)
    assert engine.count("dead") == 0
    new = product_of(engine, "BONE")
    assert new != old
    assert {tuple(sold(engine, order)) for order in later} == {(new,)}
    [jane] = [row for row in engine.sandbox.ledger()["contacts"] if row["email"] == "jane@example.com"]
    assert jane["fields"]["firstname"] == "Jane"


@pytest.mark.parametrize("how", ["reset", "kill"])
def test_items_go_on_when_the_crm_has_forgotten_them(engine: Engine, how: str):
    engine.worker(constants=SOON)
    one = f"ITEM-{new_oid()}"
    tell(engine, item(one, "2026-03-01T10:00:00-05:00", name="item_create"))
    old = product_of(engine, one)
    forget(engine, how)
    tell(engine, item(one, "2026-03-02T10:00:00-05:00", cost=12.5))
    assert product_of(engine, one) != old
    [found] = engine.sandbox.ledger()["products"]
    assert found["price"] == "12.50"


@pytest.mark.parametrize("how", ["reset", "kill"])
@pytest.mark.parametrize("customer", ["known", "new"])
def test_an_auto_orders_status_stands_though_the_crm_has_forgotten_its_fields(
    engine: Engine, how: str, customer: str
):
    engine.worker(constants=SOON)
    one = Order()
    tell(engine, paid(one), auto_order("auto_order_create", 7, one, "2026-03-02T10:00:00-05:00"))
    assert status_of(engine, one) == "active"
    forget(engine, how)
    other = one if customer == "known" else Order()
    ended = {"canceled_dts": "2026-03-05T10:00:00-05:00", "cancel_reason": "Too dear"}
    at = "2026-03-05T10:00:00-05:00"
    tell(engine, auto_order("auto_order_cancel", 8, other, at, "canceled", enabled=False, **ended))
    assert status_of(engine, other) == "cancelled"
    tell(engine, paid(other, "order_update"), paid(Order(email=other.address)))
    [contact] = engine.sandbox.ledger()["contacts"]
    assert contact["fields"]["firstname"] == "Jane"
    assert not any(engine.sandbox.ledger()["duplicates"].values())


def test_a_product_that_a_person_named_by_its_id_is_not_replaced(engine: Engine):
    engine.worker(constants=SOON)
    products = engine.services.product_map
    products.set(ACCOUNT, "DEMO", "BONE", "Bone", "999", by_hand=True)
    order = Order()
    tell(engine, paid(order))
    for _ in range(2):
        [letter] = engine.services.dead_letters.list(ACCOUNT)
        assert letter.failure == "mapping"
        assert "Item BONE is mapped to product 999 by hand" in letter.reason
        assert "relay map set BONE" in letter.reason
        assert engine.sandbox.ledger()["products"] == []
        engine.services.dead_letters.replay(letter.id)
        wait_until(lambda: not open_(engine), 30, "the end of the replay")
    mine = make_product(engine, "Mine")
    products.set(ACCOUNT, "DEMO", "BONE", "Mine", mine, by_hand=True)
    engine.services.dead_letters.replay(letter.id)
    engine.delivered(order)
    assert sold(engine, order) == [mine]


def test_a_sale_that_is_refused_for_itself_costs_one_look_and_forgets_nothing(engine: Engine):
    engine.worker(constants=SOON)
    tell(engine, paid(Order()))
    old, looks = product_of(engine, "BONE"), engine.requests(LISTS)
    refused = {"kind": "answer", "status": 422, "body": "Invalid price"}
    engine.sandbox.faults({"match": {"path": LOG.split()[1]}, "do": refused})
    tell(engine, paid(Order()))
    [letter] = engine.services.dead_letters.list(ACCOUNT)
    assert (letter.failure, "Invalid price" in letter.reason) == ("invalid", True)
    assert (engine.requests(LISTS), product_of(engine, "BONE")) == (looks + 1, old)


def test_what_is_not_surely_refused_is_no_reason_to_doubt_a_product(engine: Engine):
    engine.worker(constants=SOON)
    tell(engine, paid(Order()))
    looks = engine.requests(LISTS)
    failed = {"kind": "answer", "status": 500, "body": "Invalid Product ID"}
    engine.sandbox.faults({"match": {"path": LOG.split()[1]}, "do": failed})
    engine.admit(Order())
    wait_until(lambda: engine.count("retrying") or engine.requests("GET /Transactions"), what="the doubt")
    assert engine.requests(LISTS) == looks


def test_a_product_that_was_made_just_now_and_is_not_listed_yet_is_not_made_twice(engine: Engine):
    engine.worker(constants={"app.delivery.attempt.QUIET_MS": 2_000})
    # By external_id, by name, and when the sale was refused; then by both again, should it be forgotten.
    lag = {"match": {"method": "GET", "path": "/Products"}, "times": 5, "do": {"kind": "lag", "seconds": 60}}
    refused = {"match": {"path": LOG.split()[1]}, "times": 1, "do": {"kind": "answer", "status": 422}}
    engine.sandbox.faults(lag, refused)
    order = Order()
    engine.admit(order)
    engine.delivered(order)
    assert [rule["fired"] for rule in engine.sandbox.fired()] == [3, 1]
    assert sold(engine, order) == [product_of(engine, "BONE")]
