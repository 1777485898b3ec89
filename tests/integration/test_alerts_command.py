"""`relay alerts`, `relay status` and `/metrics` on a real store: what is wrong, and when it clears."""

import json
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli.main import main
from app.cli.status import read_status
from app.services import Services
from app.settings import load_settings
from app.store.gates import Gates
from app.store.log import Log
from app.web.readings import StoreNumbers
from tests.integration.engine import ACCOUNT, arrivals
from tests.integration.orders import Order, delivery
from tests.listeners import Listener
from tests.servers import free_port
from workers.watch import Watch

pytestmark = pytest.mark.server


@pytest.fixture
def relay(services: Services, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == code, done.output
        return done.output

    return run


@pytest.fixture
def outage(services: Services) -> list[Order]:
    """Refused keys, and six sales behind the gate."""
    services.gates.close(ACCOUNT, "auth", "401", 300)
    orders = [Order() for _ in range(6)]
    services.inbox.admit(arrivals(delivery(*orders)), "DEMO")
    return orders


def test_nothing_is_wrong(relay: Any):
    assert relay("alerts").splitlines()[:2] == ["nothing is wrong", "end-to-end probe: none yet"]
    assert json.loads(relay("alerts", "--json"))["open"] == []


def test_what_is_wrong_how_much_money_it_holds_and_when_it_was_told(
    relay: Any, services: Services, outage: list[Order]
):
    [alert] = json.loads(relay("alerts", "--json", code=1))["open"]
    assert (alert["name"], alert["severity"], alert["size"]) == ("keys_refused", "page", 6)
    assert alert["money_cents"] == {"USD": int(sum(order.total for order in outage) * 100)}
    assert alert["told_at"] is None
    Watch(lambda: services).round()
    report = json.loads(relay("alerts", "--json", code=1))
    assert report["open"][0]["told_at"] is not None
    assert (report["channels"], report["unsent"]) == ([], [])
    text = relay("alerts", code=1)
    assert "PAGE keys_refused: ontraport:DEMO: gate closed since" in text
    assert "nobody is told" in text


def test_a_test_message_goes_through_every_channel(
    relay: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("ALERT_WEBHOOK_URL", f"{listener.url}/hook")
    monkeypatch.setenv("SMTP_URL", f"smtp://127.0.0.1:{free_port()}")
    monkeypatch.setenv("ALERT_EMAIL_TO", "a@example.com")
    monkeypatch.setenv("DEADMAN_URL", f"{listener.url}/ping/key")
    assert json.loads(relay("alerts", "test", "--json", code=1)) == {
        "webhook": {"taken": True, "problem": ""},
        "email": {"taken": False, "problem": "the server could not be used (ConnectionRefusedError)"},
        "dead man's switch": {"taken": True, "problem": ""},
    }
    assert listener.at("/hook")[0]["alerts"][0]["name"] == "test"


def test_without_a_channel_the_test_says_what_to_set(relay: Any):
    assert "ALERT_WEBHOOK_URL" in relay("alerts", "test", code=2)


def test_the_status_says_when_the_backlog_clears(relay: Any, services: Services, outage: list[Order]):
    report = json.loads(relay("status", "--json", code=1))
    account = report["accounts"][ACCOUNT]["capacity"]
    assert (account["waiting"], account["requests_per_fact"], account["clears_at"]) == (6, 3.0, None)
    assert report["alerts"] == [f"keys_refused:{ACCOUNT}"]
    assert report["memory"]["used"] > 0
    assert "6 wait: clears 0 s after the gate opens" in relay("status", code=1)
    services.gates.open(ACCOUNT)
    report = json.loads(relay("status", "--json", code=1))
    assert report["accounts"][ACCOUNT]["capacity"]["clears_at"] is not None
    assert "6 wait: clears at about" in relay("status", code=1)


def test_the_metrics_tell_the_same(services: Services, environment: dict[str, str], outage: list[Order]):
    Watch(lambda: services).round()
    found = {
        (one.name, *one.labels.values()): one.value for one in StoreNumbers(load_settings(environment))()
    }
    assert found["alert", "keys_refused", f"keys_refused:{ACCOUNT}", "page"] == 1
    assert found["backlog_clears_seconds", ACCOUNT] == pytest.approx(6 * 3 / 60_000 * 60)
    assert found["requests_per_fact", ACCOUNT] == 3.0
    assert found["alerts_unsent",] == 0
    assert found["redis_memory_bytes",] > 0
    assert found["alerts_judged_timestamp_seconds",] > 0


def test_status_and_metrics_count_the_deliveries_that_failed(
    relay: Any, services: Services, environment: dict[str, str]
):
    assert json.loads(relay("status", "--json"))["failed_deliveries"] == {}
    sums = {"failed": 4, "arrived": 1, "taken": 12, "quarantined": 1, "incomplete": 1}
    services.polling.keep("DEMO", "webhook", {"sums": sums}, {})
    assert json.loads(relay("status", "--json"))["failed_deliveries"] == {"DEMO": sums}
    told = " ".join(relay("status").split())
    assert "DEMO: UltraCart logged 4 failed deliveries, 1 had come another way, 12 events taken" in told
    assert "1 could not be fetched whole" in told
    readings = StoreNumbers(load_settings(environment))()
    found = {one.labels["what"]: one.value for one in readings if one.name == "failed_deliveries"}
    assert found == sums


@pytest.fixture
def compared(services: Services) -> None:
    """A comparison of last night that left a difference, and a backfill that has read a part."""
    now = services.clock().replace(microsecond=0)
    span = [(now - timedelta(days=1)).isoformat(), now.isoformat()]
    days = [{"shop": 500, "relay": 498}, {"shop": 100, "relay": 99}]
    plain = {"id": now.isoformat(), "span": span, "admitted": 2, "unreadable": 0, "days": days}
    services.reconciliations.begin("DEMO", "nightly", plain | {"unrepaired": 1, "ended_at": now.isoformat()})
    services.reconciliations.begin("DEMO", "backfill", plain | {"progress": 0.25, "ended_at": ""})


def test_the_status_tells_of_the_comparisons_with_the_shop(relay: Any, compared: None):
    report = json.loads(relay("status", "--json"))
    nightly, backfill = (report["shops"]["DEMO"][name] for name in ("nightly", "backfill"))
    assert (nightly["completeness"], nightly["unrepaired"], backfill["progress"]) == (99.5, 1, 0.25)
    assert (nightly["ended_at"] is None, backfill["ended_at"]) == (False, None)
    assert report["alerts"] == ["reconciliation:DEMO:nightly"]
    told = " ".join(relay("status").split())
    assert "99.50 % complete, 3 different, 2 admitted, 1 left to a person" in told
    assert "25% read, 2 admitted" in told


def test_the_metrics_tell_of_the_comparisons_with_the_shop(
    services: Services, environment: dict[str, str], compared: None
):
    found = {
        (one.name, one.labels.get("name")): one.value for one in StoreNumbers(load_settings(environment))()
    }
    assert found["reconciliation_completeness", "nightly"] == 0.995
    assert found["reconciliation_unrepaired", "nightly"] == 1
    assert (found["reconciliation_ended", "backfill"], found["reconciliation_progress", "backfill"]) == (
        0,
        0.25,
    )


def test_status_and_metrics_read_each_number_once(
    services: Services, environment: dict[str, str], outage: list[Order], monkeypatch: pytest.MonkeyPatch
):
    read: list[str] = []

    def counted(owner: type, name: str) -> None:
        whole = getattr(owner, name)

        def call(*arguments: Any) -> Any:
            read.append(name)
            return whole(*arguments)

        monkeypatch.setattr(owner, name, call)

    for owner, name in ((Log, "counts"), (Gates, "read"), (Log, "quarantined")):
        counted(owner, name)
    read_status(services)
    assert sorted(read) == ["counts", "quarantined", "read"]
    list(StoreNumbers(load_settings(environment))())
    assert sorted(read) == ["counts", "counts", "quarantined", "quarantined", "read", "read"]
