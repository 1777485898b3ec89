"""SIGTERM to `relay run` while calls to the CRM are in flight."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from app.services import utc_now
from tests.integration.orders import Order, delivery
from tests.integration.test_supervisor_relay import Relay
from tests.servers import wait_until

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(180)]

LOG = "/transaction/processManual"


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    """A running one with its sandbox."""
    built = Relay(tmp_path)
    built.start()
    yield built
    if built.process:
        built.process.kill()
        built.process.wait()


def test_calls_that_end_are_finished_and_those_that_do_not_are_given_up(relay: Relay):
    """Nobody is killed: whose worker is killed again and again is held for poison."""
    sandbox = f"http://127.0.0.1:{relay.ports['SANDBOX_PORT']}"
    receiver = f"http://127.0.0.1:{relay.ports['PORT']}/webhooks/ultracart"
    short, long = (Order(paid_at=utc_now()) for _ in range(2))
    latency, hang = {"kind": "latency", "seconds": 14}, {"kind": "hang", "seconds": 70}
    faults = [
        {"match": {"path": LOG, "body_contains": order.id}, "do": do}
        for order, do in ((short, latency), (long, hang))
    ]
    requests.post(f"{sandbox}/faults", json=faults, timeout=10).raise_for_status()

    def taken() -> bool:
        return requests.post(receiver, data=delivery(short, long), auth=("demo", "demo"), timeout=10).ok

    def fired() -> int:
        return sum(fault["fired"] for fault in requests.get(f"{sandbox}/faults", timeout=10).json())

    wait_until(taken, what="a 200")
    wait_until(lambda: fired() == 2, what="both calls")
    assert relay.process is not None
    relay.process.send_signal(signal.SIGTERM)
    assert relay.process.wait(60) == 0
    text = relay.output.read_text()
    last_words = text.rpartition("| stopping")[2].splitlines()
    assert [line for line in last_words if '"ending":"delivered"' in line], last_words
    assert [line for line in last_words if "attempt.given_up" in line], last_words
    assert "killing it" not in text
