"""What UltraCart could not deliver: found in the webhook's log and taken once; nothing doubled or skipped."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.delivery.intake import understand
from app.services import Services
from app.settings import Secret
from tasks.webhook_polling import poll_webhook
from tests.contract.failing_webhooks import Failing, cut, named
from tests.contract.shops import ShopAt
from tests.integration.orders import Order, delivery

pytestmark = pytest.mark.server


@pytest.fixture
def failing(services: Services, shop: ShopAt) -> Failing:
    """The shop with its two webhooks."""
    return Failing.of(services, shop)


def events(*pairs: tuple[str, Mapping[str, object]]) -> bytes:
    """A delivery of these events."""
    return json.dumps({"events": [{name: value} for name, value in pairs]}).encode()


def customer(**fields: object) -> dict[str, object]:
    """A customer's profile without a date."""
    return {"merchant_id": "DEMO", "customer_profile_oid": 900, "email": "jane@example.com", **fields}


def test_the_body_of_a_failed_delivery_is_taken_as_backfill_once(failing):
    order = Order()
    failing.log(delivery(order))
    report = failing.poll()
    assert (report.ending, report.seen, report.failed, report.taken) == ("done", 1, 1, 1)
    assert failing.subjects() == named(order)
    [key] = failing.services.client.scan_iter("t:*")
    assert failing.services.ledger.read(key.decode())["o"] == "backfill"
    before = failing.shop.requests()
    assert failing.poll().failed == 0
    assert failing.shop.requests() == before + 2
    assert (failing.states(), failing.sums()) == ({"ready": 1}, {"failed": 1, "taken": 1})


def test_every_kind_of_event_comes_by_the_body(failing):
    order = Order().payload()
    auto_order = {"auto_order_oid": 77, "status": "active", "enabled": True, "original_order": order}
    item = {"merchant_item_id": "X", "last_modified_dts": "2026-03-01T12:00:00-05:00"}
    undated = {"merchant_item_id": "Y"}
    pairs = [("customer_update", customer()), ("auto_order_create", auto_order), ("order_ship", order)]
    failing.log(events(*pairs, ("item_update", item), ("item_update", undated)))
    assert (failing.poll().taken, failing.sums().get("incomplete")) == (5, None)
    found = [failing.subjects(kind) for kind in ("customer", "auto_order_status", "order_status", "item")]
    assert found == [["customer:900"], ["auto_order:77"], [f"order:{order['order_id']}"], ["item:X"]]


def test_without_a_body_the_orders_are_fetched(failing):
    there, gone = [Order(), Order()], Order()
    failing.shop.fill(orders=[one.payload() for one in there])
    failing.log_orders(*there)
    assert (failing.poll().taken, failing.subjects()) == (2, named(*there))
    failing.log_orders(there[0], gone)
    report = failing.poll()
    assert (report.failed, report.taken, report.incomplete) == (1, 0, 1)
    assert failing.states() == {"ready": 2}


@pytest.mark.parametrize(
    ("event_names", "incomplete"),
    [
        (["order_update", "order_refund", "order_s3_invoice"], 0),
        (["order_create", "item_update", "user_login", "never_heard_of"], 0),
        (["order_ship"], 1),
        (["order_create", "customer_update"], 1),
        (["auto_order_cancel"], 1),
        (None, 1),
    ],
)
def test_what_only_the_body_would_have_told_is_named(failing, event_names, incomplete):
    order = Order()
    failing.shop.fill(orders=[order.payload()])
    failing.log_orders(order, event_names=event_names)
    assert (failing.poll().incomplete, failing.subjects()) == (incomplete, named(order))


def test_what_the_list_says_came_later_is_not_fetched(failing):
    first, second = Order(), Order()
    failing.log(delivery(first))
    failing.log(delivery(second))
    failing.log(delivery(second, first), success=True, status_code=200)
    before = failing.shop.requests()
    report = failing.poll()
    assert (report.failed, report.arrived, report.taken, failing.states()) == (2, 2, 0, {})
    assert failing.shop.requests() == before + 3


def test_what_came_another_way_is_a_duplicate(failing):
    body = delivery(Order())
    merchant = failing.services.settings.merchants["DEMO"]
    failing.services.inbox.admit(understand(body, merchant), "DEMO")
    failing.log(body)
    report = failing.poll()
    assert (report.arrived, report.taken, failing.states()) == (1, 0, {"ready": 1})


def test_an_older_state_that_came_by_its_repetition_is_not_told_again(failing):
    merchant = failing.services.settings.merchants["DEMO"]
    bodies = [events(("customer_update", customer(email=f"{name}@example.com"))) for name in "ab"]
    for body in bodies:
        failing.services.inbox.admit(understand(body, merchant), "DEMO")
    failing.log(bodies[0])
    assert failing.poll().arrived == 1
    assert failing.states("customer") == {"ready": 1, "skipped": 1}


def test_of_a_body_that_the_log_has_cut_off_the_rest_is_fetched(failing):
    orders = [Order() for _ in range(60)]
    failing.shop.fill(orders=[one.payload() for one in orders[:-1]])
    ids = [one.id for one in orders]
    failing.log(cut(*orders), order_ids=ids, event_names=["order_create"])
    report = failing.poll()
    assert failing.subjects() == named(*orders[:-1])
    assert (report.incomplete, report.quarantined) == (1, 0)


def test_what_cannot_be_read_is_quarantined_once_and_its_orders_fetched(failing):
    order = Order()
    failing.shop.fill(orders=[order.payload()])
    for body in (b"<html>", b"<html>", b'{"events":[{"order_create":', b"[1,2]"):
        failing.log(body, order_ids=[order.id], event_names=["order_create"])
    assert failing.poll().quarantined == 4
    failing.log(b"<html>", order_ids=[order.id], event_names=["order_create"])
    assert failing.poll().quarantined == 0
    kept = sorted(one.body for one in failing.services.quarantine.find())
    assert kept == [b"1", b"2", b"<html>", b'{"events":[{"order_create":']
    assert failing.subjects() == named(order)


def test_an_event_of_another_merchant_is_quarantined_alone(failing):
    mine, theirs = Order(), Order()
    strange = theirs.payload() | {"merchant_id": "OTHER"}
    failing.log(events(("order_create", mine.payload()), ("order_create", strange)))
    failing.shop.fill(orders=[strange])
    report = failing.poll()
    assert (report.taken, report.quarantined, failing.subjects()) == (1, 1, named(mine))
    [kept] = failing.services.quarantine.find()
    assert "of another merchant" in kept.reason


def test_an_entry_that_is_gone_is_made_good_by_its_orders(failing, sandbox):
    order = Order()
    failing.shop.fill(orders=[order.payload()])
    gone = failing.log(delivery(order))
    sandbox.faults(
        {"match": {"path": f"/logs/{gone}"}, "do": {"kind": "answer", "status": 404, "body": "{}"}}
    )
    assert (failing.poll().incomplete, failing.subjects()) == (0, named(order))


def test_a_body_larger_than_a_delivery_may_be_is_left_alone(failing):
    order = Order()
    failing.shop.fill(orders=[order.payload()])
    failing.log(delivery(order, Order()), order_ids=[order.id])
    settings = replace(failing.services.settings, webhook_max_bytes=1024)
    failing.services = replace(failing.services, settings=settings)
    failing.poll()
    assert failing.subjects() == named(order)


def test_a_shop_that_does_not_filter_its_list(failing, sandbox):
    old, new, came = Order(), Order(), Order()
    at = (failing.start - timedelta(days=3)).isoformat()
    ids = [
        failing.log(delivery(old), delivery_dts=at),
        failing.log(delivery(new), success=None, delivery_dts=None),
        failing.log(delivery(came), success=True),
        failing.log(delivery(came), success=None, status_code=200),
    ]
    rows = [row for row in failing.shop.rows("webhook_logs") if row["request_id"] in ids]
    body = {"success": True, "webhook_log_summaries": [*rows, 7, {}]}
    sandbox.faults({"match": {"path": "/logs"}, "do": {"kind": "answer", "body": body}})
    report = failing.poll()
    assert (report.failed, report.taken, report.skipped) == (2, 1, 1)
    assert (failing.subjects(), failing.poll().failed) == (named(new), 0)


def test_an_entry_that_succeeded_meanwhile_is_not_taken(failing, sandbox):
    failing.log(delivery(Order()), success=True)
    [row] = failing.shop.rows("webhook_logs")
    body = {"success": True, "webhook_log_summaries": [row | {"success": False}]}
    sandbox.faults({"match": {"path": "/logs"}, "do": {"kind": "answer", "body": body}})
    report = failing.poll()
    assert (report.arrived, report.taken, failing.states()) == (1, 0, {})


def test_only_what_was_sent_to_us(failing):
    mine, theirs = Order(), Order()
    failing.shop.fill(
        webhooks=[{"webhook_oid": 9, "webhook_url": "https://relay.example.com/webhooks/ultracart"}]
    )
    failing.log(delivery(theirs), webhook_oid=8)
    failing.log(delivery(mine), webhook_oid=9)
    assert (failing.poll().seen, failing.subjects()) == (2, named(mine))


def test_what_was_paid_before_the_switch_on_is_no_sale(failing):
    now = datetime.now(UTC)
    before, after = (Order(paid_at=now + timedelta(days=days)) for days in (-9, -1))
    vague = Order(paid_at=now - timedelta(days=9))
    untold = vague.payload()
    del untold["payment"]
    failing.shop.fill(orders=[vague.payload()])
    failing.services.__dict__["live_since"] = {"ontraport:DEMO": now - timedelta(days=5)}
    failing.log(events(*(("order_create", one) for one in (before.payload(), untold, after.payload()))))
    failing.poll()
    assert failing.subjects() == named(after)


def test_without_its_own_address_or_a_key_it_is_off(failing):
    merchant = failing.services.settings.merchants["DEMO"]
    nowhere = replace(failing.services, settings=replace(failing.services.settings, relay_public_url=""))
    assert "RELAY_PUBLIC_URL" in poll_webhook(nowhere, merchant).words()
    keyless = replace(merchant, ultracart_key=Secret())
    assert poll_webhook(failing.services, keyless).ending == "off"
