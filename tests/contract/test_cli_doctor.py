"""`relay doctor` on real stand-ins: a healthy relay, and each ailment with its line and exit code."""

import json

import pytest
import requests
from click.testing import CliRunner

from app.cli.calls import CommandCall
from app.cli.main import main
from tasks.affiliate_polling import poll_affiliates
from tasks.item_polling import poll_items
from tests.contract.shops import ShopAt, item

pytestmark = pytest.mark.server

ACCOUNT = "ontraport:DEMO"


@pytest.fixture
def relay(services, environment, monkeypatch, valkey):
    for name, value in {**environment, "ONTRAPORT_RATE_PER_MINUTE": "170"}.items():
        monkeypatch.setenv(name, value)
    valkey.client.config_set("maxmemory", 1 << 30)

    def run(*arguments, code=0):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == code, done.output
        return done.output

    yield run
    valkey.client.config_set("maxmemory", 0)


@pytest.fixture
def healthy(relay, services, sandbox):
    merchant = services.settings.merchants["DEMO"]
    relay("setup")
    poll_items(services, merchant)
    poll_affiliates(services, merchant)
    return relay


def verdicts(relay, code=0):
    document = json.loads(relay("doctor", "--json", code=code))
    assert document["ok"] is (code == 0)
    return {check["about"]: check for check in document["checks"]}


def wrong(relay):
    found = verdicts(relay, code=1)
    return {about: check for about, check in found.items() if check["verdict"] == "wrong"}


def test_a_healthy_relay(healthy):
    found = verdicts(healthy)
    assert {about for about, check in found.items() if check["verdict"] != "ok"} == {"DEMO look-up of sales"}
    assert {
        "settings",
        "Redis version",
        "Redis append-only file",
        "Redis eviction",
        "clock",
        "workers",
    } <= set(found)
    assert {"DEMO ONTRAPORT keys", "DEMO custom fields", "DEMO UltraCart key", "DEMO webhook"} <= set(found)


def test_lines_for_people(healthy):
    lines = healthy("doctor").splitlines()
    assert any(line.startswith("ok     Redis version: ") for line in lines)
    assert any(line.startswith("warn   DEMO look-up of sales: ") for line in lines)
    assert any(line.startswith("       -> ") for line in lines)


def test_before_setup(relay):
    found = wrong(relay)
    assert list(found) == ["DEMO webhook"]
    assert found["DEMO webhook"]["advice"] == "Run `relay setup`"


def test_a_webhook_that_fails(healthy, sandbox):
    shop = ShopAt(sandbox)
    (webhook,) = shop.rows("webhooks")
    shop.fill(webhooks=[{**webhook, "disabled": True, "consecutive_failures": 4, "pending": 9}])
    text = healthy("doctor", code=1)
    for words in ("disabled by UltraCart", "the last 4 deliveries failed", "9 events wait"):
        assert words in text


def test_a_webhook_without_an_expansion(healthy, sandbox):
    shop = ShopAt(sandbox)
    (webhook,) = shop.rows("webhooks")
    for category in webhook["event_categories"]:
        for event in category["events"]:
            event["expansion"] = event["expansion"].replace("payment,payment.transaction,", "")
    shop.fill(webhooks=[webhook])
    assert "order_create lacks payment" in healthy("doctor", code=1)


def test_refused_ontraport_keys(healthy, sandbox):
    sandbox.faults({"match": {"path": "/Contacts"}, "do": {"kind": "answer", "status": 401}})
    found = wrong(healthy)
    assert "ONTRAPORT_API_KEY" in found["DEMO ONTRAPORT keys"]["advice"]


def test_a_refused_ultracart_key(healthy, sandbox, monkeypatch):
    monkeypatch.setenv("ULTRACART_SIMPLE_KEY", "wrong")
    monkeypatch.setenv("ULTRACART_BASE_URL", ShopAt(sandbox).rest)
    assert "DEMO UltraCart key" in wrong(healthy)


def test_a_drop_down_without_an_option(healthy, sandbox, services):
    client = services.ontraport[ACCOUNT]
    known = client.contact_fields(CommandCall())["Auto Order Status"]
    field = {"alias": "Auto Order Status", "type": "drop", "options": {"add": ["active"]}}
    body = {"objectID": 0, "name": "UltraCart", "fields": [[field]]}
    sandbox.reset()
    headers = {"Api-Appid": "sandbox", "Api-Key": "sandbox"}
    base = f"{sandbox.base}/ontraport/1"
    requests.post(f"{base}/objects/fieldeditor", json=body, headers=headers, timeout=10).raise_for_status()
    assert known.type == "text"
    assert "lacks card declined" in healthy("doctor", code=1)


def test_a_closed_gate(healthy, services):
    services.gates.close_for_keys(ACCOUNT, "the keys are refused")
    assert "the keys are refused" in wrong(healthy)["DEMO ONTRAPORT gate"]["text"]


def test_a_conflict_in_the_mapping(healthy):
    healthy("map", "set", "A", "One", "--id", "5")
    healthy("map", "set", "B", "Two", "--id", "5")
    assert "A, B" in wrong(healthy)["DEMO mapping"]["text"]


def test_a_poll_that_failed(healthy, services):
    services.polling.report("DEMO", "items", {"ending": "failed", "reason": "Invalid authentication"})
    assert "DEMO poll of items" in wrong(healthy)


def test_deliveries_that_failed(healthy, services):
    assert "DEMO failed deliveries" not in verdicts(healthy)
    for sums, verdict in (({"failed": 2, "arrived": 2}, "ok"), ({"failed": 3, "incomplete": 1}, "warn")):
        services.polling.keep("DEMO", "webhook", {"sums": sums}, {})
        assert verdicts(healthy)["DEMO failed deliveries"]["verdict"] == verdict


def test_items_that_are_not_mapped_are_counted(healthy, services, sandbox):
    ShopAt(sandbox).fill(items=[item(1, last_modified_dts=services.clock().isoformat())])
    poll_items(services, services.settings.merchants["DEMO"])
    assert "1 of 1 items" in verdicts(healthy)["DEMO mapping"]["text"]


def test_a_store_that_may_forget(healthy, valkey):
    valkey.client.config_set("appendfsync", "everysec")
    valkey.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        text = healthy("doctor", code=1)
    finally:
        valkey.client.config_set("appendfsync", "always")
        valkey.client.config_set("maxmemory-policy", "noeviction")
    assert "appendfsync everysec" in text
    assert "wrong  Redis eviction: allkeys-lru" in text


def test_a_store_that_is_full(healthy, valkey):
    used = valkey.client.info("memory")["used_memory"]
    valkey.client.config_set("maxmemory", int(used * 1.08))
    assert "intake stops at 85 %" in healthy("doctor", code=1)


def test_a_store_that_is_away(healthy, monkeypatch):
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    assert list(wrong(healthy)) == ["Redis"]


def test_a_store_of_somebody_else(healthy, monkeypatch):
    monkeypatch.setenv("RELAY_INSTANCE", "another-relay")
    assert "instance mark" in wrong(healthy)


def test_a_wrong_setting(relay, monkeypatch):
    monkeypatch.setenv("WORKER_THREADS", "many")
    assert "WORKER_THREADS" in wrong(relay)["settings"]["text"]


def test_too_few_threads_for_the_rate(healthy, monkeypatch):
    monkeypatch.setenv("WORKER_THREADS", "1")
    check = verdicts(healthy)["workers"]
    assert (check["verdict"], "3 threads are needed" in check["advice"]) == ("warn", True)


def test_a_pixel_without_a_host(healthy, monkeypatch):
    monkeypatch.setenv("ONTRAPORT_METHOD", "both")
    assert "no theme has a host" in wrong(healthy)["DEMO pixel"]["text"]


def test_a_look_up_is_proven_by_a_known_sale(healthy, services):
    client = services.ontraport[ACCOUNT]
    contact = client.upsert_contact({"email": "jane@example.com"}, CommandCall())
    product = client.create_product({"name": "Bone", "price": "9.99"}, CommandCall())
    body = {
        "contact_id": int(contact),
        "chargeNow": "chargeLog",
        "offer": {
            "products": [{"id": product, "quantity": 1, "type": "single", "price": [{"price": "9.99"}]}]
        },
    }
    invoice = client.log_sale(body, CommandCall())
    services.client.hset(f"known:{ACCOUNT}", mapping={"contact": contact, "invoice": "999999"})
    assert "is not listed" in wrong(healthy)["DEMO look-up of sales"]["text"]
    services.client.hset(f"known:{ACCOUNT}", mapping={"contact": contact, "invoice": invoice})
    assert verdicts(healthy)["DEMO look-up of sales"]["text"] == "proven now: a sale was read back"
    assert services.lookups.proven(ACCOUNT)
