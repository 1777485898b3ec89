"""The catalogue as ONTRAPORT products: made, kept in step, renamed by the mapping, never deleted."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.cli.calls import CommandCall
from app.services import utc_now
from app.settings import Merchant
from tasks.item_polling import poll_items
from tests.contract.shops import ShopAt
from tests.integration.engine import ACCOUNT
from tests.integration.orders import Order
from tests.integration.relay import Relay
from tests.integration.snapshots import item, new_oid, paid

pytestmark = pytest.mark.server

RULES = """
[merchants.DEMO.products]
MAPPED = "Chew bone, large"
"""


@pytest.fixture
def merchant(relay: Relay) -> Merchant:
    return relay.services.settings.merchants["DEMO"]


def item_id() -> str:
    """An id that no other item has."""
    return f"ITEM-{new_oid()}"


def on(day: int) -> str:
    """A day of March."""
    return f"2026-03-{day:02}T10:00:00-05:00"


def products(relay: Relay, name: str) -> list[dict[str, Any]]:
    """The products of that item, or of that name."""
    rows: list[dict[str, Any]] = relay.sandbox.ledger()["products"]
    return [row for row in rows if name in (row["external_id"], row["name"])]


def test_a_new_item_is_made_and_a_changed_one_kept_in_step(relay: Relay):
    one = item_id()
    relay.settle(item(one, on(1), name="item_create"))
    [made] = products(relay, one)
    assert (made["name"], made["price"], made["description"]) == (one, "9.99", f"The item {one}")
    relay.settle(item(one, on(2), cost=12.5, description="Now with stripes"))
    [changed] = products(relay, one)
    assert (changed["id"], changed["price"], changed["description"]) == (
        made["id"],
        "12.50",
        "Now with stripes",
    )


def test_an_unchanged_or_older_item_costs_nothing(relay: Relay):
    one = item_id()
    relay.settle(item(one, on(3)))
    before = relay.requests()
    relay.settle(item(one, on(4)), item(one, on(2), cost=1))
    assert relay.requests() == before
    assert products(relay, one)[0]["price"] == "9.99"


def test_a_mapped_item_takes_the_name_and_the_product_of_that_name(relay: Relay):
    relay.settle(item("MAPPED", on(1)))
    [made] = products(relay, "MAPPED")
    assert made["name"] == "Chew bone, large"
    relay.settle(paid(Order(item="MAPPED")))
    assert len(products(relay, "MAPPED")) == 1


def test_a_name_that_is_mapped_at_run_time_renames_the_product_and_sales_use_it(
    relay: Relay, merchant: Merchant
):
    one = item_id()
    shop = ShopAt(relay.sandbox)
    shop.fill(items=[item(one, on(1))[1]])
    assert poll_items(relay.services, merchant).ending == "done"
    relay.settle()
    [made] = products(relay, one)
    relay.services.product_map.set(ACCOUNT, "DEMO", one, "Stripes", made["id"])
    assert poll_items(relay.services, merchant).ending == "done"
    relay.settle()
    assert [row["name"] for row in products(relay, one)] == ["Stripes"]
    order = Order(item=one)
    relay.settle(paid(order))
    assert [line["product_id"] for line in relay.sale(order)["lines"]] == [made["id"]]


def test_a_product_that_bears_the_mapped_name_goes_before_the_one_that_was_made(
    relay: Relay, merchant: Merchant
):
    one, name = item_id(), f"Chew {item_id()}"
    ShopAt(relay.sandbox).fill(items=[item(one, utc_now().isoformat())[1]])
    poll_items(relay.services, merchant)
    relay.settle()
    [made] = products(relay, one)
    body = {"name": name, "price": "1.00"}
    merchants_own = relay.services.ontraport[ACCOUNT].create_product(body, CommandCall())
    relay.services.product_map.set(ACCOUNT, "DEMO", one, name)
    poll_items(relay.services, merchant)
    relay.settle()
    [named] = products(relay, name)
    assert (named["id"], named["price"]) == (merchants_own, "9.99")
    assert [row["name"] for row in products(relay, one)] == [one]
    order = Order(item=one)
    relay.settle(paid(order))
    assert [line["product_id"] for line in relay.sale(order)["lines"]] == [merchants_own]
    assert merchants_own != made["id"]


def test_without_a_product_of_the_mapped_name_the_items_own_one_takes_it(relay: Relay, merchant: Merchant):
    one = item_id()
    ShopAt(relay.sandbox).fill(items=[item(one, utc_now().isoformat())[1]])
    poll_items(relay.services, merchant)
    relay.settle()
    [made] = products(relay, one)
    relay.services.product_map.set(ACCOUNT, "DEMO", one, f"New {one}")
    poll_items(relay.services, merchant)
    relay.settle()
    assert [(row["id"], row["name"]) for row in products(relay, one)] == [(made["id"], f"New {one}")]


def test_a_dead_item_goes_again_after_the_days_full_poll(relay: Relay, merchant: Merchant):
    one = item_id()
    ShopAt(relay.sandbox).fill(items=[item(one, utc_now().isoformat())[1]])
    refusal = {"kind": "answer", "status": 422, "body": "Invalid price"}
    relay.sandbox.faults({"match": {"path": "/Products", "body_contains": one}, "times": 1, "do": refusal})
    poll_items(relay.services, merchant)
    relay.settle()
    dead = relay.last("item", f"item:{one}")["id"]
    assert relay.last("item", f"item:{one}")["st"] == "dead"
    poll_items(relay.services, merchant)
    relay.settle()
    assert products(relay, one) == []

    tomorrow = replace(relay.services, clock=lambda: utc_now() + timedelta(hours=25))
    for _ in range(2):
        assert poll_items(tomorrow, merchant).ending == "done"
        relay.settle()
    assert len(products(relay, one)) == 1
    assert relay.last("item", f"item:{one}")["st"] == "delivered"
    assert dead not in {letter.id for letter in relay.services.dead_letters.list(ACCOUNT)}
    before = relay.requests()
    poll_items(tomorrow, merchant)
    relay.settle()
    assert relay.requests() == before


def test_a_deleted_item_is_marked_and_its_product_stays(relay: Relay):
    one, never_met = item_id(), item_id()
    relay.settle(item(one, on(1)))
    before = relay.requests()
    relay.settle(item(one, on(2), name="item_delete"), item(never_met, on(2), name="item_delete"))
    assert relay.requests() == before
    assert len(products(relay, one)) == 1
    assert products(relay, never_met) == []
    known = relay.services.catalogue.item("DEMO", one)
    assert known is not None
    assert (known.deleted, known.active) == (True, False)
    last = relay.last("item", f"item:{one}")
    assert last["st"] == "skipped"
    assert "its product stays in ONTRAPORT" in last["r"]


def test_one_bad_item_does_not_stop_the_others(relay: Relay):
    bad, good = item_id(), item_id()
    relay.settle(item(bad, on(1), cost=-5), item(good, on(1)))
    last = relay.last("item", f"item:{bad}")
    assert (last["st"], last["f"]) == ("dead", "mapping")
    assert "negative" in last["r"]
    assert len(products(relay, good)) == 1
    relay.settle(item(bad, on(2), cost=5))
    assert products(relay, bad)[0]["price"] == "5.00"


def test_of_changes_that_wait_only_the_last_is_sent(relay: Relay):
    one = item_id()
    relay.settle(item(one, on(1)))
    before = relay.requests()
    with relay.held_back():
        for day in range(2, 8):
            relay.tell(item(one, on(day), cost=day))
    relay.settle()
    assert products(relay, one)[0]["price"] == "7.00"
    assert relay.requests() - before == 1
