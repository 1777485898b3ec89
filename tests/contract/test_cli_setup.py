"""`relay setup` against the stand-ins: what it writes, that it is idempotent, and what it says."""

import json

import pytest
from click.testing import CliRunner

from app.cli.calls import CommandCall
from app.cli.main import main
from app.cli.setup import field_names
from app.settings import MappingRules
from tests.contract.shops import ShopAt

pytestmark = pytest.mark.server

ACCOUNT = "ontraport:DEMO"
FIELDS = field_names(MappingRules())


@pytest.fixture
def shop(sandbox):
    return ShopAt(sandbox)


@pytest.fixture
def relay(services, environment, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PORT", "8123")

    def run(*arguments, code=0):
        done = CliRunner().invoke(main, ["setup", *arguments])
        assert done.exit_code == code, done.output
        return done.output

    return run


def steps(relay, *options, code=0):
    return [(one["what"], one["state"]) for one in json.loads(relay("--json", *options, code=code))]


def test_a_dry_run_writes_nothing(relay, shop, services):
    found = steps(relay, "--dry-run")
    assert ("webhook", "would") in found
    assert shop.rows("webhooks") == []
    assert "AffiliateId" not in services.ontraport[ACCOUNT].contact_fields(CommandCall())


def test_everything_is_set_up_once(relay, shop, services):
    assert steps(relay) == [
        ("webhook", "done"),
        *((f"custom field {name!r}", "done") for name in FIELDS),
    ]
    assert steps(relay) == [("webhook", "unchanged"), ("custom fields", "unchanged")]
    (webhook,) = shop.rows("webhooks")
    assert webhook["webhook_url"] == "http://127.0.0.1:8123/webhooks/ultracart/DEMO"
    assert (webhook["basic_username"], webhook["basic_password"]) == ("demo", "demo")
    assert (webhook["compress_events"], webhook["disabled"]) == (False, False)
    assert set(FIELDS) <= set(services.ontraport[ACCOUNT].contact_fields(CommandCall()))


def test_a_webhook_that_was_changed_is_repaired(relay, shop):
    relay()
    (webhook,) = shop.rows("webhooks")
    webhook["disabled"] = True
    webhook["event_categories"] = [
        one for one in webhook["event_categories"] if one["event_category"] != "item"
    ]
    shop.fill(webhooks=[webhook])
    text = relay()
    assert "disabled: true becomes false" in text
    assert "item_update: subscribed" in text
    assert steps(relay) == [("webhook", "unchanged"), ("custom fields", "unchanged")]
    assert len(shop.rows("webhooks")) == 1


def test_a_refused_key_keeps_nothing_else_back(relay, shop, monkeypatch):
    monkeypatch.setenv("ULTRACART_SIMPLE_KEY", "wrong")
    monkeypatch.setenv("ULTRACART_BASE_URL", shop.rest)
    found = steps(relay, code=1)
    assert found[0] == ("webhook", "failed")
    assert found[1:] == [(f"custom field {name!r}", "done") for name in FIELDS]


def test_fields_of_the_merchants_own_rules_are_made(relay, tmp_path, monkeypatch):
    config = tmp_path / "relay.toml"
    config.write_text('[merchants.DEMO.order_statuses.shipped]\nfield = "Shipping state"\n')
    monkeypatch.setenv("RELAY_CONFIG", str(config))
    assert ("custom field 'Shipping state'", "done") in steps(relay)


def test_the_password_is_not_printed(relay, monkeypatch):
    monkeypatch.setenv("WEBHOOK_PASSWORD", "very-secret-word")
    assert "very-secret-word" not in relay("--json")
