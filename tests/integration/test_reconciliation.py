"""The receiver was off while orders came: reconciled from the shop, each is in the CRM once, with proof."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.delivery.shop_orders import Span
from tasks.reconciliation import begin
from tests.contract.shops import ShopAt
from tests.contract.test_shadow import log
from tests.integration.engine import Engine
from tests.integration.orders import Order, delivery, money
from tests.servers import REAL, ROOT, wait_until

pytestmark = pytest.mark.server

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SPAN = ("--since", "2026-11-20", "--until", "2026-11-20")


def orders(number: int, begin: datetime) -> list[Order]:
    """That many orders, one every thirty seconds."""
    return [Order(paid_at=begin + timedelta(seconds=30 * n)) for n in range(number)]


def relay(engine: Engine, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One `relay` command on the engine's store."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=engine.directory,
        env={"PYTHONPATH": str(ROOT), **engine.environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def reconcile(engine: Engine, *more: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report."""
    done = relay(engine, "reconcile", *SPAN, "--json", *more)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def refunded(order: Order, amount: float) -> dict[str, Any]:
    """The order as the shop tells of it after a refund of the same day."""
    payload = order.payload()
    payload["summary"]["total_refunded"] = money(amount)
    payload["refund_dts"] = (NOON + timedelta(hours=5)).isoformat()
    return payload


def test_what_came_while_the_receiver_was_off_is_delivered_once_and_proven(engine: Engine):
    before, missed = orders(5, NOON - timedelta(hours=1)), orders(60, NOON)
    shop = ShopAt(engine.sandbox)
    web = engine.web()
    engine.worker()
    web.deliver(delivery(*before))
    engine.delivered(*before)
    web.kill()
    back = missed[7]
    rows = [refunded(one, float(one.total)) if one is back else one.payload() for one in (*before, *missed)]
    shop.fill(orders=rows)

    code, report = reconcile(engine)
    assert (code, report["complete"], report["admitted"]) == (1, False, 61)
    assert (report["sales"]["shop"], report["sales"]["ledger"]) == (65, 5)
    assert {one["order_id"] for one in report["differences"]} == {one.id for one in missed}
    assert all(one["admitted"] for one in report["differences"])

    engine.delivered(*before, *missed, seconds=60)
    wait_until(lambda: count(engine, "refund") == 1, 30, "the refund")
    sent = engine.requests()
    code, report = reconcile(engine)
    assert (code, report["completeness"], report["admitted"], report["differences"]) == (0, 100.0, 0, [])
    assert (report["sales"]["ledger"], report["refunds"]["ledger"]) == (65, 1)
    assert money_of(report, "sale") == f"{sum(one.total for one in (*before, *missed)):.2f}"
    assert engine.requests() == sent
    engine.holds(*before, *missed)
    text = next((engine.directory / "var" / "reports").glob("*.txt")).read_text()
    assert "100.00 % complete: sales 65 of 65; refunds 1 of 1" in text


def test_the_late_webhooks_of_what_was_reconciled_change_nothing(engine: Engine):
    missed = orders(6, NOON)
    ShopAt(engine.sandbox).fill(orders=[one.payload() for one in missed])
    assert reconcile(engine)[1]["admitted"] == 6
    engine.worker()
    web = engine.web()
    web.deliver(delivery(*missed))
    engine.delivered(*missed)
    web.deliver(delivery(*missed))
    assert reconcile(engine, "--crm")[0] == 0
    engine.holds(*missed)


def test_what_the_crm_does_not_hold_is_said_and_not_sent_again(engine: Engine):
    (order,) = missed = orders(1, NOON)
    ShopAt(engine.sandbox).fill(orders=[order.payload()])
    reconcile(engine)
    engine.worker()
    engine.delivered(*missed)
    engine.sandbox.reset()
    ShopAt(engine.sandbox).fill(orders=[order.payload()])
    code, report = reconcile(engine, "--crm")
    (difference,) = report["differences"]
    assert (code, difference["verdict"], difference["admitted"]) == (1, "differs", False)
    assert "no such contact" in difference["why"]


def test_without_a_key_it_says_so(engine: Engine):
    engine.environment |= REAL
    engine.valkey.client.set("mode", "live")
    done = relay(engine, "reconcile", "--json")
    assert done.returncode == 2
    assert "ULTRACART_SIMPLE_KEY" in json.loads(done.stdout)["error"]


def count(engine: Engine, kind: str) -> int:
    """How many of this kind are delivered."""
    return engine.services.log.counts("ontraport:DEMO").states.get(kind, {}).get("delivered", 0)


def money_of(report: dict[str, Any], kind: str) -> str:
    """What the ledger holds, of the one day."""
    (day,) = [one for one in report["days"] if one["kind"] == kind]
    found: str = day["ledger"]["money"]
    return found


def test_a_backfill_brings_the_history_once_and_adopts_what_another_has_logged(engine: Engine):
    history = orders(4, NOON)
    shop, theirs = ShopAt(engine.sandbox), history[0]
    log(engine.sandbox, theirs, theirs.total, NOON)
    shop.fill(orders=[one.payload() for one in history])
    engine.worker()
    first = relay(engine, "backfill", *SPAN, "--json")
    assert (first.returncode, json.loads(first.stdout)["admitted"]) == (1, 4)
    engine.delivered(*history)
    again = relay(engine, "backfill", *SPAN)
    assert again.returncode == 0, again.stdout
    assert "100.00 % complete: sales 4 of 4" in again.stdout
    engine.holds(*history)


def test_an_unfinished_backfill_is_gone_on_with_or_begun_anew_but_never_forgotten(engine: Engine):
    ShopAt(engine.sandbox).fill(orders=[one.payload() for one in orders(3, NOON)])
    merchant = engine.services.settings.merchants["DEMO"]
    span = Span(NOON - timedelta(hours=12), NOON + timedelta(hours=12))
    begin(engine.services, merchant, "backfill", span, history=True)
    other = relay(engine, "backfill", "--since", "2026-11-01", "--until", "2026-11-02")
    assert (other.returncode, "is unfinished" in other.stderr) == (2, True)
    on = json.loads(relay(engine, "backfill", *SPAN, "--json").stdout)
    assert on["admitted"] == 3
