"""The feed over a real store: what was polled, with the product and the state of each item."""

from datetime import timedelta

import pytest

from app.services import utc_now
from app.web.catalogue import StoredItems, item_rows
from tasks.catalogue_notes import note_event
from tasks.item_polling import poll_items
from tests.contract.shops import ShopAt, item

pytestmark = pytest.mark.server


@pytest.fixture
def polled(services, sandbox):
    ShopAt(sandbox).fill(items=[item(n) for n in (3, 1, 2)])
    poll_items(services, services.settings.merchants["DEMO"])
    return services


def test_rows_are_ordered_and_paged(polled):
    read = StoredItems(polled.settings)
    rows, total = read("DEMO", 0, 2, 0)
    assert ([row["id"] for row in rows], total) == (["ITEM-0001", "ITEM-0002"], 3)
    rows, total = read("DEMO", 0, 2, 2)
    assert ([row["id"] for row in rows], total) == (["ITEM-0003"], 3)


def test_since_is_when_the_relay_noted_it(polled):
    read = StoredItems(polled.settings)
    soon = int((utc_now() + timedelta(minutes=1)).timestamp() * 1000)
    assert read("DEMO", soon, 10, 0) == ([], 0)
    assert read("DEMO", soon - 120_000, 10, 0)[1] == 3


def test_products_and_states_are_told(polled):
    account = "ontraport:DEMO"
    polled.product_map.set(account, "DEMO", "ITEM-0001", "Bone", "41")
    polled.client.hset(f"l:{account}:item:ITEM-0002", "f:item", "gone.1")
    polled.client.hset(f"l:{account}:item:ITEM-0003", "f:item", "here.1")
    polled.client.hset("t:here.1", "st", "dead")
    rows = item_rows(polled, "DEMO", polled.catalogue.read("DEMO"))
    assert (rows[0]["product_name"], rows[0]["product_id"]) == ("Bone", "41")
    assert rows[1]["product_name"] == "ITEM-0002"
    assert [row["sync"] for row in rows[1:]] == ["delivered", "dead"]


def test_an_item_event_is_noted(polled):
    note_event(polled, "DEMO", "item_update", {"merchant_item_id": "ITEM-0001", "description": "Other"})
    found = polled.catalogue.item("DEMO", "ITEM-0001")
    assert (found.description, found.price) == ("Item number 1", "9.99")
    changed = {**item(1), "description": "Other", "last_modified_dts": "2026-03-02T12:00:00-05:00"}
    del changed["pricing"]
    note_event(polled, "DEMO", "item_update", changed)
    found = polled.catalogue.item("DEMO", "ITEM-0001")
    assert (found.description, found.price) == ("Other", "9.99")


def test_a_deletion_is_noted_and_may_be_an_error(polled):
    note_event(polled, "DEMO", "item_delete", {"merchant_item_id": "ITEM-0001", "merchant_item_oid": 5001})
    assert polled.catalogue.item("DEMO", "ITEM-0001").deleted
    assert polled.polling.marks("DEMO", "items", ["5001"]) == {}
