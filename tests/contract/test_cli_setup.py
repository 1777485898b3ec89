"""`relay setup` against the stand-ins: what it writes, that it is idempotent, and what it says."""

import json

import pytest
from click.testing import CliRunner

from app.cli.calls import CommandCall
from app.cli.main import main
from app.cli.setup import field_names
from app.services import utc_now
from app.settings import MappingRules
from app.store.records import milliseconds

pytestmark = pytest.mark.server

ACCOUNT = "ontraport:DEMO"
FIELDS = field_names(MappingRules())


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


ROW = f"l:{ACCOUNT}:custom_field:AffiliateId"
STEP = "custom field 'AffiliateId'"


def made(services):
    return list(services.ontraport[ACCOUNT].contact_fields(CommandCall())).count("AffiliateId")


def test_a_field_that_a_worker_is_making_is_left_to_it(relay, services):
    with services.holds.hold(ROW) as held:
        assert held is not None
        assert (STEP, "failed") in steps(relay, code=1)
        assert made(services) == 0
    assert (STEP, "done") in steps(relay)


@pytest.mark.parametrize("row", [{"fs": "create_field"}, {"x:made": milliseconds(utc_now())}])
def test_a_field_that_may_have_been_made_is_not_made_again(relay, services, row):
    services.client.hset(ROW, mapping=row)
    assert (STEP, "failed") in steps(relay, code=1)
    assert made(services) == 0


def test_a_field_of_unknown_outcome_counts_as_made_until_it_is_listed(relay, services, sandbox):
    refusal = {"kind": "reset", "commit": True}
    sandbox.faults({"match": {"path": "/objects/fieldeditor"}, "times": 1, "do": refusal})
    relay(code=1)
    assert services.ledger.read(ROW)["x:made"] != "0"
    assert STEP not in [what for what, _ in steps(relay)]
    assert made(services) == 1


def test_a_refused_field_may_be_made_by_whoever_comes_next(relay, services, sandbox):
    refusal = {"kind": "answer", "status": 403, "body": "No permission"}
    sandbox.faults({"match": {"path": "/objects/fieldeditor"}, "times": 1, "do": refusal})
    relay(code=1)
    assert services.ledger.read(ROW)["x:made"] == "0"
    assert (STEP, "done") in steps(relay)


def test_the_password_is_not_printed(relay, monkeypatch):
    monkeypatch.setenv("WEBHOOK_PASSWORD", "very-secret-word")
    assert "very-secret-word" not in relay("--json")
