"""The stand-in shop, asked by UltraCart's own client and checked against UltraCart's own models."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from ultracart.api.affiliate_api import AffiliateApi
from ultracart.api.auto_order_api import AutoOrderApi
from ultracart.api.customer_api import CustomerApi
from ultracart.api.item_api import ItemApi
from ultracart.api.order_api import OrderApi
from ultracart.api.webhook_api import WebhookApi
from ultracart.api_client import ApiClient
from ultracart.configuration import Configuration
from ultracart.exceptions import ApiException
from ultracart.model.affiliate_query import AffiliateQuery
from ultracart.model.order_query import OrderQuery
from ultracart.model.webhook import Webhook
from ultracart.model.webhook_event_category import WebhookEventCategory
from ultracart.model.webhook_event_subscription import WebhookEventSubscription

from app.sandbox.server import running_sandbox
from tests.contract.ultracart_shop import KEY, Shop
from tests.payloads import models
from tests.servers import wait_until


@pytest.fixture(scope="module")
def sandbox():
    with running_sandbox(simple_key=KEY) as url:
        yield Shop(url)


@pytest.fixture
def shop(sandbox):
    sandbox.reset()
    return sandbox


@pytest.fixture
def official(sandbox):
    """UltraCart's own client, which refuses what its models do not allow."""
    configuration = Configuration(host=sandbox.rest, api_key={"ultraCartSimpleApiKey": KEY})
    with ApiClient(configuration, "X-UltraCart-Api-Version", "2017-03-01") as client:
        client.rest_client.pool_manager.connection_pool_kw["retries"] = False
        apis = (AffiliateApi, AutoOrderApi, CustomerApi, ItemApi, OrderApi, WebhookApi)
        names = ("affiliates", "auto_orders", "customers", "items", "orders", "webhooks")
        yield SimpleNamespace(**{name: api(client) for name, api in zip(names, apis, strict=True)})
        client.rest_client.pool_manager.clear()


ORDER = models.order(9104390).to_dict()


def refused(call) -> Any:
    with pytest.raises(ApiException) as caught:
        call()
    return caught.value


def test_items(shop, official):
    shop.fill(items=[{"merchant_item_id": f"I{n}", "pricing": {"cost": 9.99}} for n in range(3)])
    answer = official.items.get_items(limit=2, offset=0, expand="pricing,content", sort="merchant_item_id")
    assert [item.merchant_item_id for item in answer.items] == ["I0", "I1"]
    assert (answer.metadata.result_set.more, answer.metadata.result_set.next_offset) == (True, 2)
    item = official.items.get_item_by_merchant_item_id("I2", expand="pricing").item
    assert item.pricing.cost == 9.99
    assert official.items.get_item(item.merchant_item_oid).item.to_dict().keys() == {
        "merchant_item_id", "merchant_item_oid", "merchant_id", "creation_dts", "last_modified_dts",
    }  # fmt: skip


def test_an_item_put_in_again_is_the_same_one_changed(shop):
    shop.fill(items=[{"merchant_item_id": "BONE", "last_modified_dts": "2026-01-01T00:00:00-05:00"}])
    shop.fill(items=[{"merchant_item_id": "BONE", "description": "Bone"}])
    (bone,) = shop.rows("items")
    assert bone["description"] == "Bone"
    assert bone["last_modified_dts"] > "2026-01-01T00:00:00-05:00"


def test_affiliates(shop, official):
    shop.fill(affiliates=[{"affiliate_oid": 12, "email": "joe@example.com", "status": "Active"}])
    answer = official.affiliates.get_affiliates_by_query(AffiliateQuery(status="Active"))
    assert [one.affiliate_oid for one in answer.affiliates] == [12]
    assert official.affiliates.get_affiliate(12).affiliate.email == "joe@example.com"
    without = refused(lambda: official.affiliates.get_affiliates_by_query(AffiliateQuery()))
    assert without.status == 400
    assert "UC-REST-ERROR" in without.headers


def test_orders(shop, official):
    shop.fill(orders=[ORDER])
    order_id = ORDER["order_id"]
    bare = official.orders.get_order(order_id).order.to_dict()
    assert {"billing", "payment", "summary", "items"}.isdisjoint(bare)
    whole = official.orders.get_order(order_id, expand="billing,item,payment,summary,customer_profile").order
    assert whole.billing.email == "Jane.Doe@example.com"
    assert whole.items[0].merchant_item_id == "BONE"
    begin, end = "2026-03-02T00:00:00-05:00", "2026-03-03T00:00:00-05:00"
    query = OrderQuery(payment_date_begin=begin, payment_date_end=end)
    assert [one.order_id for one in official.orders.get_orders_by_query(query).orders] == [order_id]
    assert official.orders.get_orders(creation_date_begin=end).orders == []
    assert refused(lambda: official.orders.get_orders()).status == 400
    assert refused(lambda: official.orders.get_order("DEMO-404")).status == 404


def test_auto_orders_and_customers(shop, official):
    shop.fill(
        auto_orders=[
            {
                "auto_order_oid": 77,
                "original_order_id": ORDER["order_id"],
                "status": "active",
                "enabled": True,
                "original_order": ORDER,
            }
        ],
        customers=[
            {"customer_profile_oid": 900, "email": "jane@example.com", "privacy": {"marketing": True}}
        ],
    )
    bare = official.auto_orders.get_auto_order(77).auto_order
    assert (bare.status, "original_order" in bare) == ("active", False)
    whole = official.auto_orders.get_auto_order_by_reference_order_id(
        ORDER["order_id"], expand="original_order,original_order.billing"
    ).auto_order
    assert whole.original_order.billing.last_name == "Doe"
    assert "items" not in whole.original_order
    assert official.auto_orders.get_auto_orders(status="active").auto_orders[0].auto_order_oid == 77
    assert official.customers.get_customer(900, expand="privacy").customer.privacy.marketing is True
    assert official.customers.get_customer_by_email("jane@example.com").customer.customer_profile_oid == 900


def subscription(**event: Any) -> Webhook:
    events = [WebhookEventSubscription(**({"event_name": "order_create", "subscribed": True} | event))]
    return Webhook(
        webhook_url="https://relay.example/webhooks/ultracart",
        authentication_type="basic",
        maximum_events=10,
        event_categories=[WebhookEventCategory(event_category="order", events=events)],
    )


def test_webhooks(shop, official):
    hooks = official.webhooks
    made = hooks.insert_webhook(subscription(expansion="item,payment")).webhook
    assert made.basic_password
    assert (made.pending, made.consecutive_failures, made.disabled) == (0, 0, False)
    made.maximum_events = 50
    assert hooks.update_webhook(made.webhook_oid, made).webhook.maximum_events == 50
    (listed,) = hooks.get_webhooks(placeholders=True).webhooks
    order = next(one for one in listed.event_categories if one.event_category == "order")
    assert (order.any_subscribed, order.subscribed) == (True, False)
    assert "payment.transaction" in order.available_expansions
    assert {event.event_name for event in order.events if event.subscribed} == {"order_create"}
    log = {"webhook_oid": made.webhook_oid, "request_id": "r1", "success": False, "status_code": 503}
    shop.fill(webhook_logs=[log | {"request": "[]", "delivery_dts": "2026-03-02T09:15:00-05:00"}])
    summaries = hooks.get_webhook_log_summaries(made.webhook_oid, success=False).webhook_log_summaries
    assert [one.request_id for one in summaries] == ["r1"]
    assert hooks.get_webhook_log(made.webhook_oid, "r1").webhook_log.request == "[]"
    assert hooks.resend_event(made.webhook_oid, "item_update").reflow.queued is True
    hooks.delete_webhook(made.webhook_oid)
    assert hooks.get_webhooks().webhooks == []
    categories = hooks.get_webhook_event_categories().event_categories
    assert "affiliate" not in {one.event_category for one in categories}


@pytest.mark.parametrize("wrong", [{"event_name": "order_made"}, {"expansion": "items"}])
def test_a_webhook_with_a_wrong_word_is_refused(official, wrong):
    assert refused(lambda: official.webhooks.insert_webhook(subscription(**wrong))).status == 400


@pytest.mark.parametrize("wrong", [{}, {"webhook_url": "x", "maximum_events": 1}])
def test_a_webhook_that_cannot_be_is_refused(shop, wrong):
    assert shop.ask("POST", "/webhook/webhooks", wrong).status_code == 400


def test_who_is_not_let_in(shop):
    assert shop.ask("GET", "/item/items", x_ultracart_simple_key="wrong").status_code == 401
    nameless = shop.ask("GET", "/item/items", X_UltraCart_Api_Version="")
    assert (nameless.status_code, nameless.json()["success"]) == (400, False)
    assert nameless.headers["UC-REST-ERROR"] == nameless.json()["error"]["developer_message"]
    assert shop.ask("GET", "/item/nothing").status_code == 404


def test_the_limits(shop):
    shop.limits(an_hour=1)
    assert shop.ask("GET", "/item/items").status_code == 200
    over = shop.ask("GET", "/item/items")
    assert over.status_code == 429
    assert over.headers["UC-REST-ERROR"] == "rate of 1 per 3600 second(s) exceeded."
    assert int(over.headers["Retry-After"]) > 3500
    assert shop.state()["requests"]["throttled"] == {"by_limit": 1, "by_fault": 0}


def test_no_two_requests_at_once(shop):
    shop.fault({"kind": "latency", "seconds": 30}, path="/item/items")
    slow = threading.Thread(target=shop.ask, args=("GET", "/item/items"))
    slow.start()
    wait_until(lambda: shop.state()["requests"]["total"] == 1, what="the slow request")
    second = shop.ask("GET", "/webhook/webhooks")
    assert (second.status_code, "concurrent" in second.headers["UC-REST-ERROR"]) == (429, True)
    shop.reset()
    slow.join(10)
    assert shop.ask("GET", "/webhook/webhooks").status_code == 200


def test_one_after_the_other_is_never_concurrent(shop):
    with requests.Session() as session:
        session.headers.update({"x-ultracart-simple-key": KEY, "X-UltraCart-Api-Version": "2017-03-01"})
        statuses = {session.get(f"{shop.rest}/item/items", timeout=5).status_code for _ in range(200)}
    assert statuses == {200}


def test_faults_match_by_path(shop):
    shop.fault({"kind": "answer", "status": 500, "body": "no"}, path="/item/items", times=1)
    assert shop.ask("GET", "/webhook/webhooks").status_code == 200
    assert shop.ask("GET", "/item/items").status_code == 500
    assert shop.ask("GET", "/item/items").status_code == 200
    shop.fault({"kind": "reset", "commit": True})
    with pytest.raises(requests.ConnectionError):
        shop.ask("POST", "/webhook/webhooks", {"webhook_url": "https://relay.example/"})
    assert len(shop.rows("webhooks")) == 1


def test_control_says_what_makes_no_sense(shop):
    wrongs: list[Any] = [{"colours": []}, {"items": {}}, [], {"items": ["x"]}]
    for wrong in wrongs:
        assert requests.post(f"{shop.url}/ultracart/fill", json=wrong, timeout=5).status_code == 400
    shop.fill(items=[{"merchant_item_id": "BONE"}])
    oid = shop.rows("items")[0]["merchant_item_oid"]
    assert requests.delete(f"{shop.url}/ultracart/rows/items/{oid}", timeout=5).status_code == 204
    assert requests.get(f"{shop.url}/ultracart/rows/colours", timeout=5).status_code == 404
    assert shop.rows("items") == []
