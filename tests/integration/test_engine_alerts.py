"""Alerts end to end: a real receiver, a real worker, a CRM that refuses, and somebody who listens."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

import pytest

from tests.integration.engine import ACCOUNT, Engine
from tests.integration.orders import Order, delivery
from tests.listeners import Listener, listening
from tests.servers import wait_until

pytestmark = pytest.mark.server

QUICK = {"workers.watch.LOOK_SECONDS": 0.2, "workers.watch.REST_SECONDS": 0.3}


@pytest.fixture
def listener(engine: Engine) -> Iterator[Listener]:
    with listening() as found:
        engine.environment["ALERT_WEBHOOK_URL"] = f"{found.url}/hook"
        yield found


def told(listener: Listener, name: str, status: str = "open") -> list[dict[str, object]]:
    """What was told of this alert, in all messages."""
    entries = (one for message in listener.at("/hook") for one in message["alerts"])
    return [one for one in entries if (one["name"], one["status"]) == (name, status)]


def await_rounds(engine: Engine, rounds: int = 3) -> None:
    """Returns when the watch has looked so many times more."""
    for _ in range(rounds):
        wait_until(partial(_judged_since, engine, engine.services.alerts.read().judged_at), what="a round")


def _judged_since(engine: Engine, before: datetime | None) -> bool:
    return engine.services.alerts.read().judged_at != before


def test_a_closed_gate_is_one_message_with_count_and_money_and_one_when_it_opens(
    engine: Engine, listener: Listener
):
    engine.environment["GATE_PROBE_SECONDS"] = "1"
    engine.services.gates.close(ACCOUNT, "auth", "closed before the worker starts", 0)
    engine.sandbox.faults({"do": {"kind": "answer", "status": 401, "body": "They do not authenticate."}})
    web = engine.web()
    orders = [Order() for _ in range(6)]
    web.deliver(delivery(*orders))
    for number in (1, 2):
        engine.worker(number, constants=QUICK)
    wait_until(lambda: told(listener, "keys_refused"), what="the alert")
    await_rounds(engine)
    [alert] = told(listener, "keys_refused")
    assert (alert["size"], alert["severity"]) == (6, "page")
    assert alert["money_cents"] == {"USD": int(sum(order.total for order in orders) * 100)}

    engine.sandbox.faults()
    engine.delivered(*orders)
    wait_until(lambda: told(listener, "keys_refused", "resolved"), what="the end")
    await_rounds(engine)
    assert len(told(listener, "keys_refused", "resolved")) == len(told(listener, "keys_refused")) == 1


def test_a_dead_sale_is_told_with_its_order(engine: Engine, listener: Listener):
    engine.worker(constants=QUICK)
    order = Order(email=None)
    engine.admit(order)
    wait_until(lambda: told(listener, "money_dead"), what="the alert")
    [alert] = told(listener, "money_dead")
    assert alert["subjects"] == [f"order:{order.id}"]
    assert alert["money_cents"] == {"USD": int(order.total * 100)}
