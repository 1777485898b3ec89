"""The shop is asked how its deliveries fare; alerts tell of it."""

from dataclasses import replace

import pytest

from app.alerts.rules import find_alerts
from app.services import Services
from tasks.webhook_polling import poll_webhook
from tests.contract.shops import ShopAt
from tests.servers import Sandbox

pytestmark = pytest.mark.server

HERE = "https://relay.example.com"


@pytest.fixture
def here(services: Services) -> Services:
    return replace(services, settings=replace(services.settings, relay_public_url=HERE))


def asked(here: Services, sandbox: Sandbox, **webhook: object) -> list[tuple[str, str]]:
    """The alerts after a poll of a shop with this webhook, and one of somebody else that is in trouble."""
    url = f"{HERE}/webhooks/ultracart/DEMO"
    other = {"webhook_oid": 2, "webhook_url": "https://example.com/hook", "disabled": True, "pending": 5}
    mine = {"webhook_oid": 1, "webhook_url": url, "disabled": False, **webhook}
    ShopAt(sandbox).fill(webhooks=[mine, other])
    assert poll_webhook(here, here.settings.merchants["DEMO"]).ending == "done"
    return [(alert.name, str(alert.severity)) for alert in find_alerts(here.survey.read())]


def test_deliveries_that_fail_and_a_webhook_that_was_given_up(here: Services, sandbox: Sandbox):
    assert asked(here, sandbox) == []
    assert asked(here, sandbox, consecutive_failures=3, pending=12) == [("webhook", "warn")]
    assert asked(here, sandbox, disabled=True, pending=12) == [("webhook", "page")]
    assert "12 events wait there" in find_alerts(here.survey.read())[0].what
    assert asked(here, sandbox) == []


def test_a_shop_that_refuses_the_key(here: Services, sandbox: Sandbox):
    refused = {"kind": "answer", "status": 401, "body": "no"}
    sandbox.faults({"match": {"path": "/webhook/webhooks"}, "do": refused})
    assert poll_webhook(here, here.settings.merchants["DEMO"]).ending == "failed"
    [alert] = find_alerts(here.survey.read())
    assert (alert.name, "webhook" in alert.what) == ("poll_failed", True)
