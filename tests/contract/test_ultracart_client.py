"""The UltraCart client against the sandbox, and on the wire against a server that answers by script."""

import importlib
import logging
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.errors import DeliveryFailure, FailureClass, LeaseLost
from app.sandbox.server import running_sandbox
from tests.contract.ontraport_client_server import (
    ScriptedServer,
    drip,
    hang_up,
    reply,
    reset,
    silence,
)
from tests.contract.ultracart_shop import KEY, Permits, Shop, client_of


@pytest.fixture(scope="module")
def sandbox():
    with running_sandbox(simple_key=KEY) as url:
        yield Shop(url)


@pytest.fixture
def shop(sandbox):
    sandbox.reset()
    return sandbox


@pytest.fixture
def client(shop):
    return client_of(shop.rest)


@pytest.fixture
def permits():
    return Permits()


@pytest.fixture
def server():
    scripted = ScriptedServer()
    yield scripted
    scripted.close()


def failure(call) -> DeliveryFailure:
    with pytest.raises(DeliveryFailure) as caught:
        call()
    return caught.value


def test_the_catalogue_comes_page_by_page(shop, client, permits):
    shop.fill(
        items=[
            {
                "merchant_item_id": f"I{n}",
                "pricing": {"cost": 19.99},
                "shipping": {},
                "last_modified_dts": f"2026-03-{n:02}T00:00:00-05:00",
            }
            for n in range(1, 8)
        ]
    )
    found: list[Any] = []
    offset, more = 0, True
    while more:
        page = client.items_page(permits(), offset=offset, limit=3, sort="-last_modified_dts")
        found += page.rows
        offset, more = page.next_offset, page.more
    assert [row["merchant_item_id"] for row in found] == [f"I{n}" for n in range(7, 0, -1)]
    assert found[0]["pricing"] == {"cost": Decimal("19.99")}
    assert "shipping" not in found[0]
    since = datetime(2026, 3, 6, 5, tzinfo=UTC)
    assert [row["merchant_item_id"] for row in client.items_page(permits(), since=since).rows] == ["I6", "I7"]
    assert client.get_item("I1", permits())["merchant_item_id"] == "I1"


def test_affiliates_come_by_status(shop, client, permits):
    shop.fill(
        affiliates=[{"status": "Active" if n % 2 else "Inactive", "email": f"a{n}@b.c"} for n in range(5)]
    )
    page = client.affiliates_page(permits(), status="Active", limit=1)
    assert (len(page.rows), page.more, page.next_offset) == (1, True, 1)
    assert [row["email"] for row in client.affiliates_page(permits(), status="Inactive").rows] == [
        "a0@b.c",
        "a2@b.c",
        "a4@b.c",
    ]


def test_single_objects_with_what_the_relay_needs_of_them(shop, client, permits):
    billing = {"email": "jane@example.com"}
    shop.fill(
        orders=[{"order_id": "DEMO-1", "billing": billing, "summary": {"total": {"value": 39.98}}}],
        auto_orders=[
            {
                "auto_order_oid": 77,
                "original_order_id": "DEMO-1",
                "original_order": {"order_id": "DEMO-1", "billing": billing},
            }
        ],
        customers=[
            {"customer_profile_oid": 900, "email": "jane@example.com", "billing": [{"city": "Austin"}]}
        ],
    )
    order = client.get_order("DEMO-1", permits())
    assert (order["billing"], order["summary"]["total"]["value"]) == (billing, Decimal("39.98"))
    assert "billing" not in client.get_order("DEMO-1", permits(), expand="")
    assert client.get_auto_order("77", permits())["original_order"]["billing"] == billing
    assert client.get_auto_order_by_order("DEMO-1", permits())["auto_order_oid"] == 77
    assert client.get_customer("900", permits())["billing"] == [{"city": "Austin"}]
    page = client.orders_page({"email": "jane@example.com"}, permits())
    assert [row["order_id"] for row in page.rows] == ["DEMO-1"]


def test_webhooks_are_made_changed_and_removed(shop, client, permits):
    body = {
        "webhook_url": "https://relay.example/webhooks/ultracart",
        "authentication_type": "basic",
        "basic_username": "shop",
        "basic_password": "secret-of-the-hook",
        "maximum_events": 10,
        "event_categories": [
            {
                "event_category": "order",
                "events": [{"event_name": "order_create", "subscribed": True, "expansion": "item,payment"}],
            }
        ],
    }
    made = client.insert_webhook(body, permits())
    oid = str(made["webhook_oid"])
    assert made["event_categories"] == body["event_categories"]
    client.update_webhook(oid, dict(made) | {"maximum_events": 20}, permits())
    (found,) = client.webhooks_page(permits()).rows
    assert (found["maximum_events"], found["pending"], found["disabled"]) == (20, 0, False)
    shop.fill(
        webhook_logs=[
            {
                "webhook_oid": int(oid),
                "request_id": f"r{n}",
                "success": n > 0,
                "status_code": 200 if n else 503,
            }
            for n in range(3)
        ]
    )
    failed = client.webhook_logs_page(oid, permits(), success=False)
    assert [row["request_id"] for row in failed.rows] == ["r0"]
    names = {one["event_category"] for one in client.webhook_event_categories(permits())}
    assert {"order", "auto_order", "customer", "item"} <= names
    client.delete_webhook(oid, permits())
    assert failure(lambda: client.delete_webhook(oid, permits())).failure is FailureClass.GONE
    texts = "".join(one.request + one.answer for one in permits.attempt.exchanges)
    assert "secret-of-the-hook" not in texts
    assert KEY not in texts


def test_refusals_have_their_class(shop, client, permits):
    def kind(call):
        return failure(call).failure

    assert kind(lambda: client.get_order("DEMO-404", permits())) is FailureClass.GONE
    assert kind(lambda: client_of(shop.rest, "wrong-key").webhooks_page(permits())) is FailureClass.AUTH
    assert kind(lambda: client.orders_page({}, permits())) is FailureClass.INVALID
    assert kind(lambda: client.get_order("DEMO-1", permits(), expand="prices")) is FailureClass.GONE
    shop.fill(orders=[{"order_id": "DEMO-1"}])
    refused = failure(lambda: client.get_order("DEMO-1", permits(), expand="prices"))
    assert refused.reason == "UltraCart answered 400: Invalid expansion: prices"
    shop.fault({"kind": "answer", "status": 410, "body": ""})
    assert kind(lambda: client.webhooks_page(permits())) is FailureClass.AUTH
    shop.fault({"kind": "answer", "body": {"success": False, "error": {"error_code": "500"}}})
    assert kind(lambda: client.webhooks_page(permits())) is FailureClass.RETRYABLE
    shop.fault({"kind": "no_id"})
    assert kind(lambda: client.get_order("DEMO-1", permits())) is FailureClass.RETRYABLE
    assert kind(lambda: client.items_page(permits())) is FailureClass.RETRYABLE


def test_a_used_up_allowance_says_how_long(shop, client, permits):
    shop.limits(an_hour=2)
    client.items_page(permits())
    client.items_page(permits())
    throttled = failure(lambda: client.items_page(permits()))
    assert throttled.failure is FailureClass.THROTTLED
    assert throttled.wait_seconds is not None
    assert 3500 < throttled.wait_seconds <= 3600
    assert "rate of 2 per 3600" in throttled.reason


UNFINISHED = [
    {"kind": "reset", "commit": True},
    {"kind": "hang", "seconds": 3, "commit": True},
    {"kind": "drip", "seconds": 0.3},
    {"kind": "no_id"},
    {"kind": "answer", "status": 502, "commit": True},
]


@pytest.mark.parametrize("fault", UNFINISHED)
def test_a_webhook_that_may_have_been_added_is_unknown(shop, permits, fault):
    shop.fault(fault)
    client = client_of(shop.rest, call_seconds=0.6)
    body = {"webhook_url": "https://relay.example/"}
    assert failure(lambda: client.insert_webhook(body, permits())).failure is FailureClass.UNKNOWN
    assert len(shop.rows("webhooks")) == 1


@pytest.mark.parametrize("fault", UNFINISHED)
def test_a_list_that_did_not_come_is_asked_for_again(shop, permits, fault):
    shop.fault(fault)
    client = client_of(shop.rest, call_seconds=0.6)
    assert failure(lambda: client.webhooks_page(permits())).failure is FailureClass.RETRYABLE


def test_requests_carry_the_key_the_version_and_no_more(server, permits):
    server.steps = [reply(200, {"success": True, "order": {"order_id": "A/B"}})]
    client = client_of(server.base + "/")
    assert client.get_order("A/B", permits(), expand="item,payment") == {"order_id": "A/B"}
    (request,) = server.requests
    assert (request.method, request.target) == ("GET", "/1/order/orders/A%2FB?_expand=item%2Cpayment")
    assert request.headers["x-ultracart-simple-key"] == KEY
    assert request.headers["x-ultracart-api-version"] == "2017-03-01"
    assert request.body == b""


@pytest.mark.parametrize("identifier", ["", " ", ".", ".."])
def test_what_is_no_id_is_not_asked_for(server, permits, identifier):
    assert (
        failure(lambda: client_of(server.base).get_order(identifier, permits())).failure
        is FailureClass.MAPPING
    )
    assert server.requests == []


@pytest.mark.parametrize("step", [reset, hang_up, silence, drip(b"x", b"HTTP/1.1 200 OK\r\n")])
def test_a_broken_answer_is_retried_and_recorded(server, permits, step):
    server.steps = [step]
    client = client_of(server.base, call_seconds=0.4)
    assert failure(lambda: client.items_page(permits())).failure is FailureClass.RETRYABLE
    (exchange,) = permits.attempt.exchanges
    assert exchange.status in {None, 200}
    assert exchange.error


def test_an_answer_without_end_is_given_up(server, permits):
    body = b'{"items": [' + b"{}," * 50_000 + b"{}]}"
    server.steps = [reply(200, body)]
    client = client_of(server.base, most_bytes=100_000)
    assert "too large" in failure(lambda: client.items_page(permits())).reason


def test_who_lost_the_permission_sends_nothing(server):
    permits = Permits(lost=True)
    with pytest.raises(LeaseLost):
        client_of(server.base).items_page(permits())
    assert server.requests == []
    assert permits.attempt.exchanges == []


def test_a_failure_passes_through_the_permit(server):
    class Seeing(Permits):
        def __call__(self):
            return self

        def __enter__(self):
            return self.attempt

        def __exit__(self, kind, error, trace):
            self.seen = error

    server.steps = [reply(429, b"", [("Retry-After", "7")])]
    permits = Seeing()
    caught = failure(lambda: client_of(server.base).items_page(permits()))
    assert permits.seen is caught
    assert caught.wait_seconds == 7


def test_nothing_secret_is_logged(server, permits, caplog):
    caplog.set_level(logging.DEBUG)
    server.steps = [reply(401, {"error": {"developer_message": f"key {KEY} of jane@example.com"}})]
    failure(lambda: client_of(server.base).get_order("DEMO-1", permits()))
    assert KEY not in caplog.text
    assert "example.com" not in caplog.text
    assert KEY not in permits.attempt.exchanges[0].answer


ENDPOINTS = {
    ("order_api", "get_order"): lambda c, p: c.get_order("1", p),
    ("order_api", "get_orders_by_query"): lambda c, p: c.orders_page({"order_id": "1"}, p),
    ("order_api", "get_orders_batch"): lambda c, p: c.orders_batch(["1"], p),
    ("auto_order_api", "get_auto_order"): lambda c, p: c.get_auto_order("1", p),
    ("auto_order_api", "get_auto_order_by_reference_order_id"): lambda c, p: c.get_auto_order_by_order(
        "1", p
    ),
    ("customer_api", "get_customer"): lambda c, p: c.get_customer("1", p),
    ("item_api", "get_item_by_merchant_item_id"): lambda c, p: c.get_item("1", p),
    ("item_api", "get_items"): lambda c, p: c.items_page(p, since=datetime(2026, 1, 1, tzinfo=UTC), sort="x"),
    ("affiliate_api", "get_affiliates_by_query"): lambda c, p: c.affiliates_page(p, status="Active"),
    ("webhook_api", "get_webhooks"): lambda c, p: c.webhooks_page(p),
    ("webhook_api", "insert_webhook"): lambda c, p: c.insert_webhook({}, p),
    ("webhook_api", "update_webhook"): lambda c, p: c.update_webhook("1", {}, p),
    ("webhook_api", "delete_webhook"): lambda c, p: c.delete_webhook("1", p),
    ("webhook_api", "get_webhook_event_categories"): lambda c, p: c.webhook_event_categories(p),
    ("webhook_api", "get_webhook_log_summaries"): lambda c, p: c.webhook_logs_page(
        "1", p, success=False, since=datetime(2026, 1, 1, tzinfo=UTC)
    ),
    ("webhook_api", "get_webhook_log"): lambda c, p: c.webhook_log("1", "1", p),
}


@pytest.mark.parametrize(("module", "operation"), ENDPOINTS)
def test_every_call_is_one_that_ultracart_documents(server, permits, module, operation):
    api = importlib.import_module(f"ultracart.api.{module}")
    name = "".join(part.title() for part in module.split("_"))
    endpoint = getattr(getattr(api, name)(), f"{operation}_endpoint")
    server.steps = [reply(400, {})]
    failure(lambda: ENDPOINTS[module, operation](client_of(server.base), permits()))
    (request,) = server.requests
    path, _, query = request.target.partition("?")
    parts = [("1" if one.startswith("{") else one) for one in endpoint.settings["endpoint_path"].split("/")]
    assert (request.method, path) == (endpoint.settings["http_method"], "/1" + "/".join(parts))
    known = {endpoint.attribute_map[key] for key, where in endpoint.location_map.items() if where == "query"}
    assert {one.partition("=")[0] for one in query.split("&") if one} <= known
