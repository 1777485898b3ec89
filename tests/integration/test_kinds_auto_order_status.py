"""The status of auto orders on the contact: six words, the newest one, and what goes with it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from tests.contract.shops import ShopAt
from tests.integration.engine import ACCOUNT
from tests.integration.orders import Order
from tests.integration.relay import Relay
from tests.integration.snapshots import Told, auto_order, new_oid, paid

pytestmark = pytest.mark.server

RULES = """
auto_order_note = true
[merchants.DEMO.auto_order_tags]
"active" = "Subscriber"
"card declined" = "Card declined"
"""
FIELD = "Auto Order Status"
BEGIN = datetime.fromisoformat("2026-03-02T10:00:00-05:00")
ENDED: dict[str, Any] = {"status": "canceled", "enabled": False}


def on(day: int) -> str:
    """A time stamp so many days after the first order."""
    return (BEGIN + timedelta(days=day)).isoformat()


STATES: dict[str, tuple[str, dict[str, Any]]] = {
    "active": ("auto_order_create", {}),
    "card declined": ("auto_order_decline", {"failure_reason": "Do not honor", "credit_card_attempt": 1}),
    "cancelled upgrade": ("auto_order_cancel", {**ENDED, "canceled_dts": on(3), "cancel_upgrade": True}),
    "cancelled downgrade": ("auto_order_cancel", {**ENDED, "canceled_dts": on(3), "cancel_downgrade": True}),
    "cancelled": ("auto_order_cancel", {**ENDED, "canceled_dts": on(3), "cancel_reason": "Too dear"}),
    "terminated": ("auto_order_disable", {"status": "disabled", "enabled": False, "disabled_dts": on(3)}),
}


def status(relay: Relay, order: Order) -> str:
    """What the contact's field shows."""
    found: str = relay.contact(order.address)["fields"].get(FIELD, "")
    return found


def make_drop_down(relay: Relay, *words: str) -> None:
    """An empty account whose owner made the field himself, and a relay that has not seen it yet."""
    relay.sandbox.reset()
    relay.services.client.delete(f"f:{ACCOUNT}")
    field = {"alias": FIELD, "type": "drop", "options": {"add": words}}
    requests.post(
        f"{relay.sandbox.base}/ontraport/1/objects/fieldeditor",
        json={"objectID": 0, "name": "Mine", "description": "", "fields": [[field]]},
        headers={"Api-Appid": "sandbox", "Api-Key": "sandbox"},
        timeout=10,
    ).raise_for_status()


@pytest.mark.parametrize("word", STATES)
def test_the_six_words(relay: Relay, word: str):
    name, fields = STATES[word]
    one, oid = Order(), new_oid()
    relay.settle(paid(one))
    relay.settle(auto_order(name, oid, one, on(3), **fields))
    assert status(relay, one) == word
    [note] = relay.contact(one.address)["notes"]
    assert note.startswith(f"Auto order AO{oid} of order {one.id} (BONE): {word}.")


def test_an_order_brings_the_status_of_its_auto_order(relay: Relay):
    one = Order()
    inside = {"auto_order_oid": new_oid(), "status": "active", "enabled": True, "original_order_id": one.id}
    relay.settle(paid(one, auto_order=inside))
    assert status(relay, one) == "active"


def test_an_older_snapshot_changes_nothing_and_an_equal_one_costs_nothing(relay: Relay):
    one, oid = Order(), new_oid()
    cancelled = auto_order("auto_order_cancel", oid, one, on(3), **ENDED, canceled_dts=on(3))
    relay.settle(paid(one), cancelled)
    before = relay.requests()
    relay.settle(auto_order("auto_order_rebill", oid, one, on(2)))
    relay.settle(("auto_order_update", cancelled[1]))
    assert status(relay, one) == "cancelled"
    assert relay.requests() == before


def test_of_ten_changes_that_wait_only_the_last_is_sent(relay: Relay):
    one, oid = Order(), new_oid()
    relay.settle(paid(one))
    before = len(relay.contact(one.address)["notes"])
    ids = []
    with relay.held_back():
        for day in range(10):
            name, fields = STATES["card declined"] if day % 2 else STATES["active"]
            relay.tell(auto_order(name, oid, one, on(day), **fields))
            ids.append(relay.last("auto_order_status", f"auto_order:{oid}")["id"])
    relay.settle()
    states = [relay.services.ledger.read(f"t:{tid}") for tid in ids]
    assert [(one["st"], one["r"]) for one in states[:-1]] == [("skipped", "superseded")] * 9
    assert states[-1]["st"] == "delivered"
    assert status(relay, one) == "card declined"
    assert len(relay.contact(one.address)["notes"]) - before == 1


def test_the_field_shows_the_most_recent_change_of_several_auto_orders(relay: Relay):
    one, first, second = Order(), new_oid(), new_oid()
    relay.settle(paid(one))
    relay.settle(auto_order("auto_order_create", first, one, on(1)))
    declined = STATES["card declined"][1]
    relay.settle(auto_order("auto_order_decline", second, one, on(5), **declined))
    relay.settle(auto_order("auto_order_cancel", first, one, on(4), **ENDED, canceled_dts=on(4)))
    contact = relay.contact(one.address)
    assert contact["fields"][FIELD] == "card declined"
    assert contact["tags"] == ["Card declined"]
    assert [f"AO{oid}" in note for oid, note in zip((first, second, first), contact["notes"], strict=True)]
    assert "shows a later change" in relay.last("auto_order_status", f"auto_order:{first}")["r"]


def test_a_status_has_one_tag_at_a_time(relay: Relay):
    one, oid = Order(), new_oid()
    relay.settle(paid(one))
    told: list[tuple[Told, list[str]]] = [
        (auto_order("auto_order_create", oid, one, on(1)), ["Subscriber"]),
        (auto_order("auto_order_decline", oid, one, on(2), **STATES["card declined"][1]), ["Card declined"]),
        (auto_order("auto_order_rebill", oid, one, on(3)), ["Subscriber"]),
        (auto_order("auto_order_cancel", oid, one, on(4), **ENDED, canceled_dts=on(4)), []),
    ]
    for event, tags in told:
        relay.settle(event)
        assert relay.contact(one.address)["tags"] == tags


def test_without_a_date_the_order_of_arrival_counts(relay: Relay):
    one, oid = Order(), new_oid()
    relay.settle(paid(one))
    bare: dict[str, Any] = {"logs": []}
    for name, word in (
        ("auto_order_create", "active"),
        ("auto_order_decline", "card declined"),
        ("auto_order_rebill", "active"),
    ):
        fields = STATES[word][1]
        relay.settle(auto_order(name, oid, one, on(0), **fields | bare))
        assert status(relay, one) == word


def at_the_shop(relay: Relay, told: Told, **changed: Any) -> ShopAt:
    """The shop has the auto order that was told, but for what `changed` since."""
    shop = ShopAt(relay.sandbox)
    shop.fill(auto_orders=[told[1] | changed])
    return shop


@pytest.mark.parametrize("dated", [True, False])
@pytest.mark.parametrize("first", ["active", "card declined"])
def test_where_no_date_tells_the_shop_is_asked(relay: Relay, dated: bool, first: str):
    one, oid = Order(), new_oid()
    bare: dict[str, Any] = {} if dated else {"logs": []}
    told = {
        word: auto_order(STATES[word][0], oid, one, on(1), **STATES[word][1] | bare)
        for word in ("active", "card declined")
    }
    shop = at_the_shop(relay, told["card declined"])
    relay.settle(paid(one), told.pop(first))
    before = shop.requests()
    relay.settle(*told.values())
    assert status(relay, one) == "card declined"
    assert shop.requests() == before + 1
    last = relay.last("auto_order_status", f"auto_order:{oid}")
    assert (last["st"], "the shop was asked" in last["r"]) == ("delivered", True)
    # The same words cost nothing from now on, also as an order's snapshot without a date shows them.
    requests_before = relay.requests()
    relay.settle(
        ("auto_order_update", auto_order("", oid, one, on(1), **STATES["card declined"][1] | bare)[1])
    )
    inside = {"auto_order_oid": oid, "status": "active", "enabled": True, "failure_reason": "Do not honor"}
    relay.settle(paid(one, "order_update", auto_order=inside))
    assert (shop.requests(), relay.requests()) == (before + 1, requests_before)


def test_what_the_shop_said_is_what_news_is_judged_by(relay: Relay):
    one, oid = Order(), new_oid()
    active = auto_order("auto_order_create", oid, one, on(1))
    declined = auto_order("auto_order_decline", oid, one, on(1), **STATES["card declined"][1])
    shop = at_the_shop(relay, active)
    relay.settle(paid(one), active)
    relay.settle(declined)
    assert status(relay, one) == "active"
    shop.fill(auto_orders=[declined[1]])
    relay.settle(("auto_order_update", declined[1]))
    assert status(relay, one) == "card declined"


def test_an_order_whose_auto_order_is_tied_is_asked_for_by_the_auto_orders_number(relay: Relay):
    one, oid = Order(), new_oid()
    told = auto_order("auto_order_create", oid, one, on(1))
    at_the_shop(relay, told, **STATES["cancelled"][1])
    relay.settle(paid(one), told)
    inside = {"auto_order_oid": oid, "failure_reason": "Do not honor", "enabled": True}
    relay.settle(paid(one, "order_update", auto_order=inside))
    assert status(relay, one) == "cancelled"


def test_a_shop_that_does_not_know_it_leaves_the_order_of_arrival(relay: Relay):
    one, oid = Order(), new_oid()
    relay.settle(paid(one), auto_order("auto_order_create", oid, one, on(1)))
    relay.settle(auto_order("auto_order_decline", oid, one, on(1), **STATES["card declined"][1]))
    assert status(relay, one) == "card declined"
    assert "the order of arrival decided" in relay.last("auto_order_status", f"auto_order:{oid}")["r"]


def test_a_shop_without_requests_left_leaves_the_order_of_arrival(relay: Relay):
    one, oid = Order(), new_oid()
    active = auto_order("auto_order_create", oid, one, on(1))
    shop = at_the_shop(relay, active)
    relay.settle(paid(one), active)
    before = shop.requests()
    relay.services.client.set("uc:rest:DEMO", "1", ex=600)
    relay.settle(auto_order("auto_order_decline", oid, one, on(1), **STATES["card declined"][1]))
    relay.services.client.delete("uc:rest:DEMO")
    assert status(relay, one) == "card declined"
    assert shop.requests() == before


def test_an_auto_order_of_nobody_says_what_is_missing(relay: Relay):
    oid = new_oid()
    name, payload = auto_order("auto_order_cancel", oid, Order(), on(1), **ENDED)
    relay.settle((name, payload | {"original_order": None}))
    last = relay.last("auto_order_status", f"auto_order:{oid}")
    assert (last["st"], last["f"]) == ("dead", "mapping")
    assert "original_order.billing" in last["r"]


def test_a_drop_down_is_written_by_its_option_ids(relay: Relay):
    make_drop_down(relay, *STATES)
    one = Order(item="NEW-ONE")
    relay.settle(paid(one))
    relay.settle(auto_order("auto_order_disable", new_oid(), one, on(3), **STATES["terminated"][1]))
    assert status(relay, one) == "6"
    assert list(relay.sandbox.ledger()["custom_fields"].values()) == [FIELD]


def test_a_word_that_the_drop_down_lacks_is_a_letter_in_plain_words(relay: Relay):
    make_drop_down(relay, "active")
    one, oid = Order(item="ANOTHER-NEW-ONE"), new_oid()
    relay.settle(auto_order("auto_order_cancel", oid, one, on(3), **ENDED, canceled_dts=on(3)))
    last = relay.last("auto_order_status", f"auto_order:{oid}")
    assert (last["st"], last["f"]) == ("dead", "mapping")
    assert "no option 'cancelled'" in last["r"]
    relay.settle(auto_order("auto_order_rebill", oid, one, on(4)))
    assert status(relay, one) == "1"
