"""What was polled, all the way into ONTRAPORT: items as products, affiliates as contacts."""

from functools import partial

import pytest

from app.services import utc_now
from tasks.affiliate_polling import poll_affiliates
from tasks.item_polling import poll_items
from tests.contract.shops import ShopAt, affiliate, item
from tests.integration.engine import ACCOUNT
from tests.servers import wait_until

pytestmark = pytest.mark.server


def products(engine):
    return {one["external_id"]: one["name"] for one in engine.sandbox.ledger()["products"]}


def settled(engine, kind, number):
    states = engine.services.log.counts(ACCOUNT).states.get(kind, {})
    return states.get("delivered", 0) == number and not states.get("dead")


def test_items_become_products_and_follow_their_mapping(engine):
    services, shop = engine.services, ShopAt(engine.sandbox)
    merchant = services.settings.merchants["DEMO"]
    shop.fill(items=[item(1), item(2)])
    engine.worker()
    poll_items(services, merchant)
    wait_until(lambda: settled(engine, "item", 2), 30, "two products")
    assert products(engine) == {"ITEM-0001": "ITEM-0001", "ITEM-0002": "ITEM-0002"}
    poll_items(services, merchant)
    services.product_map.set(ACCOUNT, "DEMO", "ITEM-0001", "Chew bone")
    poll_items(services, merchant)
    wait_until(lambda: settled(engine, "item", 3), 30, "the renamed product")
    assert products(engine) == {"ITEM-0001": "Chew bone", "ITEM-0002": "ITEM-0002"}
    assert services.catalogue.states(ACCOUNT, ["ITEM-0001"]) == {"ITEM-0001": "delivered"}


def test_affiliates_become_contacts_each_time_they_change(engine):
    services, shop = engine.services, ShopAt(engine.sandbox)
    merchant = services.settings.merchants["DEMO"]
    engine.worker()
    for number, status in enumerate(("Active", "Inactive", "Active"), 1):
        shop.fill(affiliates=[affiliate(1, status=status)])
        poll_affiliates(services, merchant)
        wait_until(partial(settled, engine, "affiliate_signup", number), 30, f"{status} affiliate")
        ledger = engine.sandbox.ledger()
        (contact,) = ledger["contacts"]
        told = {name: contact["fields"].get(key) for key, name in ledger["custom_fields"].items()}
        assert (told["AffiliateId"], told["Affiliate Approved"]) == ("701", str(status == "Active"))


def test_an_item_that_changed_is_sent_once(engine):
    services, shop = engine.services, ShopAt(engine.sandbox)
    merchant = services.settings.merchants["DEMO"]
    engine.worker()
    for text in ("One", "Two"):
        shop.fill(items=[item(1, description=text, last_modified_dts=utc_now().isoformat())])
        for _ in range(3):
            poll_items(services, merchant)
    wait_until(lambda: products(engine), 30, "the product")
    wait_until(lambda: engine.sandbox.ledger()["products"][0]["description"] == "Two", 30, "its last text")
    assert len(engine.sandbox.ledger()["products"]) == 1


def test_what_the_crm_refused_is_told_again_after_a_day_by_the_poll_itself(engine):
    services, shop = engine.services, ShopAt(engine.sandbox)
    merchant = services.settings.merchants["DEMO"]
    refused = {"kind": "answer", "status": 422, "body": "Invalid"}
    engine.sandbox.faults({"match": {"path": "/Contacts/saveorupdate"}, "times": 1, "do": refused})
    shop.fill(affiliates=[affiliate(1)])
    engine.worker()
    poll_affiliates(services, merchant)
    wait_until(lambda: services.dead_letters.count(ACCOUNT) == 1, 30, "the dead letter")
    poll_affiliates(services, merchant)
    [letter] = services.dead_letters.list(ACCOUNT)
    services.client.zincrby(f"dead:{ACCOUNT}", -25 * 3600 * 1000, letter.id)
    poll_affiliates(services, merchant)
    wait_until(lambda: settled(engine, "affiliate_signup", 1), 30, "its repair")
    assert services.dead_letters.list(ACCOUNT) == []
